import { openMoreInfo } from "./home-assistant.js";

/** What a tap on a device can do, the first by default. */
export const TAP_ACTIONS = ["device_page", "device_view", "more_info", "none"];

/** Return the path of the dashboard that is open, or of another one. */
const dashboardPath = (dashboard) =>
  `/${dashboard?.replace(/^\//, "") || location.pathname.split("/")[1]}`;

/** Return the path of the view of a device or an area; without an id, of no area. */
export const viewPath = (view, id, dashboard) =>
  `${dashboardPath(dashboard)}/${view}?id=${encodeURIComponent(id ?? "")}`;

/** Return the path that a tap on a device leads to, undefined if it leads to none. */
export function devicePath(hass, device, { tap_action: action, dashboard } = {}) {
  if (action === "device_view") return viewPath("device", device.id, dashboard);
  // Only administrators can open the page of a device.
  const isPage = !action || action === "device_page";
  return isPage && hass.user?.is_admin
    ? `/config/devices/device/${device.id}`
    : undefined;
}

/** Open the more-info dialog of a device: of its health, if it has that entity. */
export const openDevice = (element, { entities }) =>
  openMoreInfo(element, entities.health ?? entities.connectivity);
