import { DOMAIN } from "./home-assistant.js";
import { localize } from "./texts.js";

/**
 * The actions that the cards offer.
 *
 * `devices` is a list of the devices of `getFleet`. Each function returns the response of
 * the action, by device id of Vesper, or throws what `errorText` describes: Home Assistant
 * shows no toast, so that the cards can show the error where the user is looking.
 */

/** Perform an action on devices. */
async function perform(hass, service, devices, data, returnsResponse = true) {
  const target = { device_id: devices.map(({ id }) => id) };
  const call = [DOMAIN, service, data, target, false, returnsResponse];
  const result = await hass.callService(...call);
  return result?.response;
}

/** Select one subsystem, a list of them, or all where there is none. */
const select = (subsystem) => (subsystem ? { subsystem } : {});

/** Acknowledge the alerts of a subsystem, or all; returns the subsystems by device. */
export const acknowledge = (hass, devices, subsystem, note) =>
  perform(hass, "acknowledge_alert", devices, {
    ...select(subsystem),
    ...(note && { note }),
  });

/** Clear the alerts of a subsystem, or all; returns the subsystems by device. */
export const clear = (hass, devices, subsystem) =>
  perform(hass, "clear_alert", devices, select(subsystem));

/** Take back the acknowledgement of an alert, or of being offline without a subsystem. */
export const unacknowledge = (hass, devices, subsystem) =>
  updateItems(hass, devices, "needs_action", subsystem);

/** Acknowledge that devices are offline. */
export const acknowledgeOffline = (hass, devices) =>
  updateItems(hass, devices, "completed");

/** Update items of the to-do list of each site: there are no actions of our own for these. */
async function updateItems(hass, devices, status, subsystem) {
  for (const { id, site } of devices) {
    const target = { entity_id: site.entities.problems };
    const identifiers = hass.devices[id]?.identifiers ?? [];
    const [, name] = identifiers.find(([domain]) => domain === DOMAIN) ?? [];
    const item = subsystem ? `${name}/alert/${subsystem}` : `${name}/connectivity`;
    await hass.callService("todo", "update_item", { item, status }, target, false);
  }
}

/** Set devices in maintenance until a time, which is a `Date` or milliseconds. */
export function setMaintenance(hass, devices, until) {
  // Zero would end it; the action refuses what is shorter than a minute.
  const seconds = Math.max(1, Math.round((Number(until) - Date.now()) / 1000));
  return perform(hass, "set_maintenance", devices, { duration: { seconds } }, false);
}

/** End the maintenance of devices. */
export const endMaintenance = (hass, devices) =>
  perform(hass, "set_maintenance", devices, { duration: { seconds: 0 } }, false);

/** Run a health check; returns for each device whether it has answered, and its alerts. */
export const runHealthCheck = (hass, devices) =>
  perform(hass, "run_health_check", devices, {});

/** Return the text of an error of an action: what is wrong, and what to do. */
export async function errorText(hass, error) {
  if (error?.code === "unauthorized") return localize(hass, "action_not_permitted");
  const { translation_domain: domain, translation_key: key } = error ?? {};
  if (domain && key) {
    const localizeError = await hass.loadBackendTranslation("exceptions", domain);
    const path = `component.${domain}.exceptions.${key}.message`;
    const text = localizeError(path, error.translation_placeholders);
    if (text) return text;
  }
  return error?.message || localize(hass, "action_no_connection");
}
