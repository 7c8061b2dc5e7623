import {
  badge,
  createElement,
  secondaryText,
  setFocusKey,
  timeElement,
} from "./dom.js";
import { openMoreInfo } from "./home-assistant.js";
import { STATUSES, toStatus } from "./status.js";
import { alertsHeading, localize, statusText } from "./texts.js";

/** Create the icon of a status; its shape differs too, not only its color. */
const statusIcon = (status) =>
  createElement("ha-icon", {
    className: `dot ${status}`,
    icon: STATUSES[status].icon,
    ariaHidden: "true",
  });

/** Create the name and status of a device, with notes; a click opens the device. */
export function deviceHeader(hass, device, view, ...notes) {
  const label = createElement(
    "span",
    { className: "label" },
    createElement("span", { className: "name" }, device.name),
    createElement("span", {}, statusText(hass, view.status)),
    notes.length > 0 && createElement("span", { className: "notes" }, ...notes),
  );
  const parts = [statusIcon(view.status), label];
  if (hass.user?.is_admin) {
    const href = `/config/devices/device/${device.id}`;
    const link = createElement("a", { className: "head", href }, ...parts);
    return setFocusKey(link, device.id);
  }
  // Only administrators can open the page of a device.
  const button = createElement(
    "button",
    { className: "head", type: "button" },
    ...parts,
  );
  button.onclick = () =>
    openMoreInfo(button, device.entities.health ?? device.entities.connectivity);
  return setFocusKey(button, device.id);
}

/** Create the list of the active alerts of a device. */
export function alertList(getHass, device, view) {
  return createElement(
    "ul",
    { className: "alerts", role: "list", ariaLabel: alertsHeading(getHass()) },
    ...view.alerts.map((alert) => alertItem(getHass, device, alert)),
  );
}

/** Create the item of an alert; a click opens its entity. */
function alertItem(getHass, device, alert) {
  const hass = getHass();
  const severity = toStatus(String(alert.state).toLowerCase());
  const button = createElement(
    "button",
    { className: "alert", type: "button" },
    statusIcon(severity),
    createElement(
      "span",
      { className: "words" },
      createElement("span", { className: "subsystem" }, alert.subsystem),
      secondaryText(statusText(hass, severity)),
      alert.updated_at && secondaryText(timeElement(hass, alert.updated_at)),
      alert.acknowledged && badge(localize(hass, "acknowledged")),
      alert.confirmed === false && badge(localize(hass, "unconfirmed")),
      alert.note && secondaryText(alert.note),
      alert.message && createElement("span", { className: "message" }, alert.message),
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
function alertEntity(hass, device, alert) {
  // By attribute: users may rename the sensor.
  const isOfAlert = (entityId) =>
    hass.states[entityId]?.attributes.subsystem === alert.subsystem;
  return device.alertSensors.find(isOfAlert) ?? device.entities.active_alerts;
}
