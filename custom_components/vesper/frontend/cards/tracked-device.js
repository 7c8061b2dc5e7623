import { VIEW_KEYS, deviceView } from "./device-view.js";

/** A device whose view is worked out again when one of its states has changed. */
export class TrackedDevice {
  /** Set the device; its entities may have changed. */
  setDevice(device) {
    this.device = device;
    this.entityIds = VIEW_KEYS.map((key) => device.entities[key]).filter(Boolean);
    this.states = undefined;
  }

  /** Work out the view, if a state has changed; returns whether one has. */
  update(hass) {
    const isSame = this.states?.every(
      (state, at) => state === hass.states[this.entityIds[at]],
    );
    if (isSame) return false;
    this.states = this.entityIds.map((id) => hass.states[id]);
    this.view = deviceView(hass, this.device);
    return true;
  }
}
