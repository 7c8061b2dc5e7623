import { VesperCard } from "./base-card.js";
import { DEVICE_FILTER, cardForm } from "./card-form.js";
import { createAlerts } from "./device-alerts.js";
import { createAvailability } from "./device-availability.js";
import { createButtons } from "./device-buttons.js";
import { createFacts } from "./device-facts.js";
import { createHead } from "./device-head.js";
import { DEVICE_STYLES } from "./device-styles.js";
import { deviceView } from "./device-view.js";
import { createElement } from "./dom.js";
import { getFleet, sortByName } from "./fleet.js";
import { HistoryLoader } from "./history.js";
import { currentHass } from "./home-assistant.js";
import { InsightLoader } from "./insight.js";
import { localize } from "./texts.js";

/** The sections that can be shown, in their order, with their names. */
const SECTIONS = {
  alerts: (hass) => localize(hass, "section_alerts"),
  availability: (hass) => localize(hass, "availability"),
  playback: (hass) => localize(hass, "playback"),
  heap: (hass) => localize(hass, "section_heap"),
  restarts: (hass) => localize(hass, "last_restart"),
  actions: (hass) => localize(hass, "actions"),
};

/** The options of the device card. */
const DEVICE_SCHEMA = [
  { name: "device", required: true, selector: { device: { filter: DEVICE_FILTER } } },
  {
    name: "sections",
    selector: {
      select: { multiple: true, mode: "list", options: Object.keys(SECTIONS) },
    },
  },
];

/** Return why there is no device to show, and what to do. */
function missingText(hass, id) {
  if (!id) return localize(hass, "device_missing");
  return id in hass.devices
    ? localize(hass, "device_disabled")
    : localize(hass, "device_gone");
}

/** One device: its alerts, availability and facts, and what can be done about it. */
export class VesperDeviceCard extends VesperCard {
  static schema = DEVICE_SCHEMA;

  constructor() {
    super();
    this.shadowRoot.adoptedStyleSheets.push(DEVICE_STYLES);
    this.sections = [];
    const onLoad = () => this.refresh();
    this.history = new HistoryLoader({ hours: 30 * 24, onLoad });
    this.heap = new HistoryLoader({ keys: ["heap_free"], onLoad });
    this.insight = new InsightLoader(onLoad);
  }

  static getStubConfig(hass) {
    const [device] = sortByName(hass, getFleet(hass).devices.values());
    return { device: device?.id ?? "" };
  }

  static getConfigForm() {
    return cardForm(DEVICE_SCHEMA, (_name, section) =>
      SECTIONS[section](currentHass()),
    );
  }

  getCardSize() {
    return 8;
  }

  setConfig(config) {
    this.shownId = undefined;
    super.setConfig(config);
  }

  /** Update the sections if an entity of the device has changed. */
  update(hass, rebuild) {
    const device = this.fleet.devices.get(this.config.device);
    const entityIds = Object.values(device?.entities ?? {});
    const isSame = entityIds.every((id, at) => hass.states[id] === this.states?.[at]);
    if (!rebuild && isSame) return;
    if (rebuild) this.updatePermissions(hass);
    this.states = entityIds.map((id) => hass.states[id]);
    this.device = device;
    const connectivity = hass.states[device?.entities.connectivity]?.state;
    // An outage has begun or ended, which the report does not have yet.
    if (connectivity !== this.connectivity) this.insight.expire();
    this.connectivity = connectivity;
    if (!device) this.showMissing(hass);
    else if (device.id !== this.shownId) this.createSections(device);
    this.shownId = device?.id;
    this.refresh();
    this.requestReport();
  }

  /** Update the times, and what is loaded every few minutes. */
  updateTimes() {
    super.updateTimes();
    this.requestReport();
  }

  requestReport() {
    if (!this.device || !this.isConnected) return;
    if (this.shown.has("availability")) this.insight.request(this._hass, this.device);
  }

  showMissing(hass) {
    const text = missingText(hass, this.config.device);
    const alert = createElement("ha-alert", {}, text);
    this.sections = [];
    this.card.replaceChildren(createElement("div", { className: "empty" }, alert));
  }

  /** Create the sections of a device; they stay, so that nothing loses its focus. */
  createSections(device) {
    const { getHass, history, heap, insight } = this;
    const { sections } = this.config;
    this.shown = new Set(sections?.length ? sections : Object.keys(SECTIONS));
    const context = { getHass, history, heap, insight, device, sections: this.shown };
    const shows = (name) => this.shown.has(name);
    this.sections = [
      createHead(context),
      shows("alerts") && createAlerts(context),
      shows("availability") && createAvailability(context),
      ["playback", "heap", "restarts"].some(shows) && createFacts(context),
      shows("actions") && createButtons(context),
    ].filter(Boolean);
    this.card.replaceChildren(...this.sections);
  }

  /** Render all sections. */
  refresh() {
    const { _hass: hass, device } = this;
    if (!device) return;
    const canControl = Boolean(this.permissions?.has(device.id));
    const view = { ...deviceView(hass, device), canControl };
    for (const section of this.sections) section.update(hass, device, view);
  }
}
