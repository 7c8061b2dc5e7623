import { REFRESH_MILLISECONDS, RETRY_MILLISECONDS } from "./history.js";

/**
 * Loads how reliable a device is, every five minutes while the page is visible.
 *
 * `onLoad` is called after that. `report` stays undefined while it is not known.
 */
export class InsightLoader {
  constructor(onLoad) {
    this.onLoad = onLoad;
    this.due = 0;
  }

  /** Load the report again with the next request. */
  expire() {
    this.due = 0;
  }

  /** Load the report of a device, unless it is loaded. Call it as often as you like. */
  async request(hass, device) {
    if (device.id !== this.deviceId) {
      Object.assign(this, { deviceId: device.id, report: undefined, due: 0 });
    }
    if (document.hidden || Date.now() < this.due) return;
    this.due = Infinity;
    const command = { type: "vesper/insight", device_ids: [device.id] };
    let devices;
    try {
      ({ devices } = await hass.callWS(command));
    } catch {
      // The integration may not be loaded: what is known stays.
    }
    if (device.id !== this.deviceId) return;
    this.due = Date.now() + (devices ? REFRESH_MILLISECONDS : RETRY_MILLISECONDS);
    this.report = devices?.[device.id] ?? this.report;
    this.onLoad();
  }
}
