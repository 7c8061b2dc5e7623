import { getFleet } from "./fleet.js";
import { openMoreInfo } from "./home-assistant.js";

/** What a tap on a device can do, the first by default. */
export const TAP_ACTIONS = ["device_view", "device_page", "more_info", "none"];

/** Return the path of the Vesper dashboard of a card, undefined if there is none. */
export function dashboardPath(fleet, { dashboard } = {}) {
  const path = dashboard || fleet.dashboard;
  return path && `/${path.replace(/^\//, "")}`;
}

/** Return the path of the dashboard that is open. */
export const currentDashboard = () => location.pathname.split("/")[1];

/**
 * Return the path of the view of a device, a site or an area; without an id, of no area.
 *
 * The view of an area shows the devices of one site only if the card does.
 */
export function viewPath(fleet, config, view, id) {
  const dashboard = dashboardPath(fleet, config);
  const parameters = new URLSearchParams({ id: id ?? "" });
  if (view === "area" && config.entry) parameters.set("entry", config.entry);
  return dashboard && `${dashboard}/${view}?${parameters}`;
}

/** Return the path that a tap on a device leads to, undefined if it leads to none. */
export function devicePath(hass, device, config = {}) {
  const { tap_action: action = "device_view" } = config;
  const view = viewPath(getFleet(hass), config, "device", device.id);
  if (action === "device_view" && view) return view;
  // Only administrators can open the page of a device.
  return ["device_view", "device_page"].includes(action) && hass.user?.is_admin
    ? `/config/devices/device/${device.id}`
    : undefined;
}

/** Open the more-info dialog of a device: of its health, if it has that entity. */
export const openDevice = (element, { entities }) =>
  openMoreInfo(element, entities.health ?? entities.connectivity);
