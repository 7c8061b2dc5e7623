import { createActionButton, createResult } from "./action-button.js";
import { acknowledge, clear, unacknowledge } from "./device-actions.js";
import { alertEntity, statusIcon } from "./device-elements.js";
import { isKnown } from "./device-view.js";
import { badge, createElement, isolated, secondaryText, timeElement } from "./dom.js";
import { openMoreInfo } from "./home-assistant.js";
import { toStatus } from "./status.js";
import { acknowledgedText, alertsHeading, localize, statusText } from "./texts.js";

/** Create the active alerts of a device in full, each with what can be done about it. */
export function createAlerts({ getHass }) {
  const heading = createElement("h3", { tabIndex: -1 });
  const none = createElement("p", { className: "none note" });
  const list = createElement("ul", { className: "alerts", role: "list" });
  // Says what has become of an alert that is no longer in the list.
  const cleared = createElement("p", { className: "cleared note", role: "status" });
  const element = createElement("section", {}, heading, none, list, cleared);
  const rows = new Map();
  element.update = (hass, device, view) => {
    const sensor = view.state("active_alerts");
    element.hidden = !sensor;
    if (!sensor) return;
    heading.textContent = list.ariaLabel = alertsHeading(hass);
    none.textContent = isKnown(sensor)
      ? localize(hass, "no_alerts")
      : localize(hass, "unknown");
    none.hidden = view.alerts.length > 0;
    list.hidden = !none.hidden;
    const shown = view.alerts.map((alert) => {
      const { subsystem } = alert;
      if (!rows.has(subsystem)) {
        rows.set(subsystem, createRow(getHass, cleared));
        if (cleared.subsystem === subsystem) cleared.textContent = "";
      }
      const row = rows.get(subsystem);
      row.update(hass, device, view, alert);
      return row;
    });
    for (const [subsystem, row] of rows) {
      if (!shown.includes(row)) rows.delete(subsystem);
    }
    arrange(list, shown, heading);
  };
  return element;
}

/** Put rows into a list in their order; only those move that have another place. */
function arrange(list, rows, heading) {
  const focused = list.getRootNode().activeElement;
  const at = [...list.children].findIndex((row) => row.contains(focused));
  for (const row of [...list.children]) if (!rows.includes(row)) row.remove();
  for (const [index, row] of rows.entries()) {
    if (list.children[index] !== row)
      list.insertBefore(row, list.children[index] ?? null);
  }
  if (at < 0) return;
  // The focus goes on to the next alert if its own is gone.
  const next = (list.children[at] ?? list.lastElementChild)?.firstElementChild;
  const target = list.contains(focused) ? focused : (next ?? heading);
  target.focus({ preventScroll: true });
}

/** Create the row of an alert. */
function createRow(getHass, cleared) {
  let shown;
  const target = (hass) => [hass, [shown.device], shown.alert.subsystem];
  const button = createElement("button", { className: "alert", type: "button" });
  button.onclick = () =>
    openMoreInfo(button, alertEntity(getHass(), shown.device, shown.alert));
  const result = createResult();
  const acknowledging = createActionButton(
    getHass,
    async (hass) => {
      if (shown.alert.acknowledged) return void (await unacknowledge(...target(hass)));
      const changed = await acknowledge(...target(hass));
      if (Object.keys(changed ?? {}).length) return undefined;
      return localize(hass, "nothing_changed");
    },
    result,
    "plain",
  );
  const clearing = createActionButton(
    getHass,
    async (hass) => {
      const { subsystem } = shown.alert;
      cleared.textContent = "";
      await clear(...target(hass));
      cleared.subsystem = subsystem;
      cleared.textContent = localize(hass, "alert_cleared", { subsystem });
    },
    result,
    "plain",
  );
  const buttons = [acknowledging, clearing];
  const actions = createElement(
    "div",
    { className: "alert-actions" },
    ...buttons,
    result,
  );
  const row = createElement("li", {}, button, actions);
  row.update = (hass, device, view, alert) => {
    actions.hidden = !view.canControl;
    shown = { device, alert };
    const severity = toStatus(String(alert.state).toLowerCase());
    button.replaceChildren(statusIcon(severity), words(hass, alert, severity));
    acknowledging.textContent = alert.acknowledged
      ? localize(hass, "unacknowledge")
      : localize(hass, "acknowledge");
    // It is taken back in the to-do list, which a user may have disabled.
    acknowledging.hidden =
      Boolean(alert.acknowledged) &&
      !isKnown(hass.states[device.site.entities.problems]);
    clearing.textContent = localize(hass, "clear");
    // Tells the buttons of the alerts apart.
    for (const each of buttons) {
      const values = { sentence: each.textContent, detail: alert.subsystem };
      each.title = localize(hass, "sentence_detail", values);
    }
  };
  return row;
}

/** Create the words of an alert. */
function words(hass, alert, severity) {
  const { raised_at: raised, updated_at: updated, acknowledged_at: at } = alert;
  return createElement(
    "span",
    { className: "words" },
    createElement("span", { className: "subsystem" }, isolated(alert.subsystem)),
    secondaryText(statusText(hass, severity)),
    raised && secondaryText(timeElement(hass, raised, "raised")),
    updated &&
      updated !== raised &&
      secondaryText(timeElement(hass, updated, "updated")),
    alert.confirmed === false && badge(localize(hass, "unconfirmed")),
    alert.message &&
      createElement("span", { className: "message" }, isolated(alert.message)),
    alert.acknowledged &&
      badge(
        acknowledgedText(hass, alert.acknowledged_by),
        ...(at ? [" ", timeElement(hass, at)] : []),
      ),
    alert.note && secondaryText(isolated(alert.note)),
  );
}
