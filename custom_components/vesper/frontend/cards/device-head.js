import { statusIcon } from "./device-elements.js";
import { badge, createElement, isolated, secondaryText, timeElement } from "./dom.js";
import { openDevice } from "./navigation.js";
import { acknowledgedText, localize, maintenanceText, statusText } from "./texts.js";
import { shortTime } from "./times.js";

/** Create the head of a device: which one it is, where it is and how it is. */
export function createHead({ insight }) {
  const element = createElement("div", { className: "device" });
  let head;
  let wasAdmin;
  element.update = (hass, device, view) => {
    const isAdmin = Boolean(hass.user?.is_admin);
    // Made once, so that it keeps the focus.
    if (!head || isAdmin !== wasAdmin) {
      head = isAdmin ? createElement("a") : createElement("button", { type: "button" });
      element.replaceChildren(head);
      wasAdmin = isAdmin;
    }
    head.className = "head";
    if (isAdmin) head.href = `/config/devices/device/${device.id}`;
    // Only administrators can open the page of a device.
    else head.onclick = () => openDevice(head, device);
    const notes = headNotes(hass, device, view, insight.report);
    const label = createElement(
      "span",
      { className: "label" },
      createElement("span", { className: "name" }, isolated(device.name)),
      createElement("span", {}, statusText(hass, view.status)),
      createElement("span", { className: "notes" }, ...notes),
    );
    head.replaceChildren(statusIcon(view.status), label);
  };
  return element;
}

function headNotes(hass, device, view, report) {
  const { firmware } = device;
  const area = hass.areas[device.area]?.name;
  const seen = view.lastSeen ?? lastSeen(view);
  const by = view.state("connectivity")?.attributes.acknowledged_by;
  return [
    device.siteName && createElement("span", {}, isolated(device.siteName)),
    area && createElement("span", {}, isolated(area)),
    firmware && secondaryText(localize(hass, "firmware", { version: firmware })),
    createElement("span", {}, connectivityText(hass, view, report)),
    seen && secondaryText(timeElement(hass, seen, "last_seen")),
    view.offlineAcknowledged && badge(acknowledgedText(hass, by)),
    view.unstable && badge(localize(hass, "unstable")),
    view.maintenance && badge(maintenanceText(hass, view)),
  ].filter(Boolean);
}

/** Return the time of the sensor, which a user has to enable. */
function lastSeen(view) {
  const time = view.state("last_seen")?.state;
  return Number.isNaN(Date.parse(time)) ? undefined : time;
}

/** Return whether a device is online, and since when as far as that is known. */
function connectivityText(hass, view, report) {
  if (view.online === undefined) return localize(hass, "connectivity_unknown");
  if (view.online) {
    // Not the time of the state, which begins with each start of Home Assistant.
    const since = report?.last_outages[0]?.end;
    return since
      ? localize(hass, "online_since", { time: shortTime(hass, since) })
      : localize(hass, "online");
  }
  return view.lastSeen
    ? localize(hass, "offline_since", { time: shortTime(hass, view.lastSeen) })
    : localize(hass, "offline");
}
