/**
 * What the dialog of an entity shows beside its state: the alerts, with their messages.
 *
 * Home Assistant creates the element that an entity names in `custom_ui_more_info`, and
 * sets `hass` and `stateObj`. Without this module the dialog shows the state alone.
 */

import { createElement } from "./cards/dom.js";

const STYLES = new CSSStyleSheet();
STYLES.replaceSync(`
  :host { display: block; }
  ul, dl, dd, p { margin: 0; padding: 0; }
  ul { list-style: none; }
  li + li { margin-block-start: 16px; }
  .message { font-size: 1.125rem; overflow-wrap: anywhere; }
  .subsystem, dt { color: var(--secondary-text-color); }
  .subsystem { overflow-wrap: anywhere; }
  dl {
    display: grid; grid-template-columns: minmax(96px, auto) 1fr;
    gap: 4px 16px; margin-block-start: 8px;
  }
  dd { overflow-wrap: anywhere; }
  .last { margin-block-end: 24px; }
`);

/** Attributes of an alert in the order shown, and when they say something. */
const ROWS = {
  updated_at: Boolean,
  confirmed: (confirmed) => confirmed === false,
  acknowledged: Boolean,
  acknowledged_by: Boolean,
  note: Boolean,
  closed_by: Boolean,
};

/** Create a text from a device, in the direction of its own language. */
const messageElement = (message) =>
  message && createElement("p", { className: "message", dir: "auto" }, message);

/** Return the state object with the alerts of the same device. */
function findActiveAlerts(hass, stateObj) {
  const { entities } = hass;
  const device = entities[stateObj.entity_id]?.device_id;
  const found = Object.values(entities).find(
    (entity) =>
      entity.device_id === device && entity.translation_key === "active_alerts",
  );
  return hass.states[found?.entity_id];
}

/** Create the details of the alert of one subsystem. */
function alertDetails(hass, stateObj) {
  const { attributes } = stateObj;
  const rows = Object.keys(ROWS).filter((name) => ROWS[name](attributes[name]));
  const list = rows.flatMap((name) => [
    createElement("dt", {}, hass.formatEntityAttributeName(stateObj, name)),
    createElement(
      "dd",
      { dir: "auto" },
      hass.formatEntityAttributeValue(stateObj, name),
    ),
  ]);
  return [
    messageElement(attributes.message),
    rows.length > 0 && createElement("dl", {}, ...list),
  ];
}

/** Create the list of all active alerts of a device. */
function alertList(hass, alerts) {
  const severityOf = ({ state }) =>
    hass.localize(`component.vesper.entity.sensor.health.state.${state.toLowerCase()}`);
  const items = alerts.map((alert) =>
    createElement(
      "li",
      {},
      createElement(
        "p",
        { className: "subsystem" },
        `${alert.subsystem} · ${severityOf(alert)}`,
      ),
      messageElement(alert.message),
    ),
  );
  return [items.length > 0 && createElement("ul", {}, ...items)];
}

/** The alerts of a sensor, or of the device that it belongs to. */
export class VesperMoreInfo extends HTMLElement {
  #content;
  #hass;
  #stateObj;
  #shown;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [STYLES];
  }

  /** Move the content from the end of the dialog to just below the state. */
  connectedCallback() {
    this.#setOrder("-2", "-1");
  }

  disconnectedCallback() {
    this.#setOrder("", "");
    this.#content = undefined;
  }

  #setOrder(stateOrder, contentOrder) {
    this.#content ??= this.getRootNode().host;
    const state = this.#content?.parentElement?.querySelector("state-card-content");
    if (!state) return;
    state.style.order = stateOrder;
    this.#content.style.order = contentOrder;
  }

  set hass(hass) {
    this.#hass = hass;
    this.#render();
  }

  set stateObj(stateObj) {
    this.#stateObj = stateObj;
    this.#render();
  }

  #render() {
    const hass = this.#hass;
    const stateObj = this.#stateObj;
    if (!hass || !stateObj) return;
    const isAlert = "subsystem" in stateObj.attributes;
    const source = isAlert ? stateObj : findActiveAlerts(hass, stateObj);
    // The formatters are replaced once the texts are loaded.
    const shown = [source, hass.localize, hass.formatEntityAttributeValue];
    if (this.#shown?.every((value, index) => value === shown[index])) return;
    this.#shown = shown;
    const content = isAlert
      ? alertDetails(hass, stateObj)
      : alertList(hass, source?.attributes.alerts ?? []);
    this.shadowRoot.replaceChildren(...content.filter(Boolean));
    this.shadowRoot.lastElementChild?.classList.add("last");
  }
}
