import {
  badge,
  createElement,
  isolated,
  secondaryText,
  setFocusKey,
  timeElement,
} from "./dom.js";
import { shownSite } from "./fleet-selection.js";
import { openMoreInfo } from "./home-assistant.js";
import { devicePath, openDevice } from "./navigation.js";
import { STATUSES, toStatus } from "./status.js";
import { localize, statusText } from "./texts.js";

/** Create the icon of a status; its shape differs too, not only its color. */
export const statusIcon = (status) =>
  createElement("ha-icon", {
    className: `dot ${status}`,
    icon: STATUSES[status].icon,
    ariaHidden: "true",
  });

/** Create the name and status of a device, with notes; a tap does what `config` says. */
export function deviceHeader(hass, device, view, notes, config) {
  const site = shownSite(device, config);
  const label = createElement(
    "span",
    { className: "label" },
    createElement(
      "span",
      { className: "name" },
      isolated(device.name),
      ...(site
        ? [" ", createElement("span", { className: "site" }, isolated(site))]
        : []),
    ),
    createElement("span", {}, statusText(hass, view.status)),
    notes.length > 0 && createElement("span", { className: "notes" }, ...notes),
  );
  const parts = [statusIcon(view.status), label];
  const className = "head";
  if (config.tap_action === "none")
    return createElement("div", { className }, ...parts);
  const href = devicePath(hass, device, config);
  if (href) {
    const link = createElement("a", { className, href }, ...parts);
    return setFocusKey(link, device.id);
  }
  const button = createElement("button", { className, type: "button" }, ...parts);
  button.onclick = () => openDevice(button, device);
  return setFocusKey(button, device.id);
}

/** Create the item of an alert; a click opens its entity. */
export function alertItem(getHass, device, alert) {
  const hass = getHass();
  const severity = toStatus(String(alert.state).toLowerCase());
  const since = alert.raised_at ?? alert.updated_at;
  const button = createElement(
    "button",
    { className: "alert", type: "button" },
    statusIcon(severity),
    createElement(
      "span",
      { className: "words" },
      createElement("span", { className: "subsystem" }, isolated(alert.subsystem)),
      secondaryText(statusText(hass, severity)),
      since && secondaryText(timeElement(hass, since)),
      alert.acknowledged && badge(localize(hass, "acknowledged")),
      alert.confirmed === false && badge(localize(hass, "unconfirmed")),
      alert.note && secondaryText(isolated(alert.note)),
      alert.message &&
        createElement("span", { className: "message" }, isolated(alert.message)),
    ),
  );
  button.onclick = () => openMoreInfo(button, alertEntity(getHass(), device, alert));
  return createElement(
    "li",
    {},
    setFocusKey(button, `${device.id}/${alert.subsystem}`),
  );
}

/** Return the entity of an alert, or that of all active alerts. */
export function alertEntity(hass, device, alert) {
  // By attribute: users may rename the sensor.
  const isOfAlert = (entityId) =>
    hass.states[entityId]?.attributes.subsystem === alert.subsystem;
  return device.alertSensors.find(isOfAlert) ?? device.entities.active_alerts;
}
