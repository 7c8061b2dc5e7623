import { RETRY_MILLISECONDS } from "./history.js";

/** A set of all devices, for administrators. */
const ALL = { has: () => true };

const known = new WeakMap();

/**
 * Return the ids of the devices that the user may control.
 *
 * Home Assistant's frontend only knows who is an administrator, so it is asked once for
 * each change of the registries. While Vesper is not running it does not know either, and
 * no actions are offered.
 */
export function controllableDevices(hass, fleet) {
  if (hass.user?.is_admin !== false) return ALL;
  if (!known.has(fleet)) known.set(fleet, ask(hass));
  return known.get(fleet);
}

/** Ask until there is an answer. */
async function ask(hass) {
  for (;;) {
    try {
      const answer = await hass.callWS({ type: "vesper/controllable_devices" });
      return new Set(answer.device_ids);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }
}
