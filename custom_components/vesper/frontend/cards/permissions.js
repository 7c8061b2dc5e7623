/** A set of all devices, for administrators. */
const ALL = { has: () => true };

const known = new WeakMap();

/**
 * Return the ids of the devices that the user may control.
 *
 * Home Assistant's frontend only knows who is an administrator, so it is asked once for
 * each change of the registries. An answer that fails is none: the actions are offered,
 * and Home Assistant refuses what is not permitted.
 */
export function controllableDevices(hass, fleet) {
  if (hass.user?.is_admin !== false) return ALL;
  if (!known.has(fleet)) {
    known.set(
      fleet,
      hass
        .callWS({ type: "vesper/controllable_devices" })
        .then(({ device_ids: ids }) => new Set(ids))
        .catch(() => ALL),
    );
  }
  return known.get(fleet);
}
