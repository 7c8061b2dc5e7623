import { createElement } from "./dom.js";
import { getFleet } from "./fleet.js";
import { DEVICE_CARD, FLEET_CARD } from "./home-assistant.js";
import { currentDashboard } from "./navigation.js";
import { localize, nameAtSite } from "./texts.js";

const LOG_HEIGHT = "640px";

/**
 * A card about the device, site or area that the address of the page names.
 *
 * So one view serves all of them: Home Assistant would build all views again with each
 * device that is added or renamed, and lose what the user has typed or selected.
 */
export class VesperLinkedCard extends HTMLElement {
  constructor() {
    super();
    this.update = () => this.createCard();
  }

  setConfig(config) {
    this.config = config;
  }

  set hass(hass) {
    this._hass = hass;
    if (this.card) {
      this.updateConfig();
      this.card.hass = hass;
    } else if (this.isConnected) this.createCard();
  }

  connectedCallback() {
    window.addEventListener("location-changed", this.update);
    window.addEventListener("popstate", this.update);
    this.update();
  }

  disconnectedCallback() {
    window.removeEventListener("location-changed", this.update);
    window.removeEventListener("popstate", this.update);
  }

  /** Create the card, unless it is about the same as before. */
  async createCard() {
    const parameters = new URLSearchParams(location.search);
    const id = parameters.get("id") ?? "";
    const entry = parameters.get("entry") ?? undefined;
    const { shown } = this;
    const isSame = shown?.id === id && shown.entry === entry;
    if (isSame || !location.pathname.endsWith(`/${this.config.view}`)) return;
    // While Home Assistant starts, there is no logbook yet.
    const isLog = this.config.card === "log";
    if (!this._hass || (isLog && !this._hass.config.components.includes("logbook")))
      return;
    const next = { id, entry, dashboard: currentDashboard() };
    this.shown = next;
    this.card = undefined;
    const { createCardElement } = await window.loadCardHelpers();
    if (next !== this.shown) return;
    const config = this.cardConfig();
    this.shownConfig = JSON.stringify(config);
    this.card = createCardElement(config);
    this.card.hass = this._hass;
    // The logbook card has no height of its own.
    const frame = createElement("div", {}, this.card);
    if (isLog) frame.style.blockSize = LOG_HEIGHT;
    this.replaceChildren(frame);
  }

  cardConfig() {
    return CONFIGS[this.config.card](this._hass, this.shown);
  }

  /** Update the title of the card, as what it shows may be renamed. */
  updateConfig() {
    const config = this.cardConfig();
    const text = JSON.stringify(config);
    if (text === this.shownConfig) return;
    this.shownConfig = text;
    this.card.setConfig(config);
  }

  getCardSize() {
    return 6;
  }

  getGridOptions() {
    return { columns: "full" };
  }
}

const siteName = (hass, id) =>
  getFleet(hass).sites.find((site) => site.id === id)?.name;

/** The configurations of the cards that can be linked to. */
const CONFIGS = {
  device: (_hass, { id }) => ({ type: `custom:${DEVICE_CARD}`, device: id }),
  log: (_hass, { id }) => ({ type: "logbook", target: { device_id: id } }),
  site: (_hass, { id, dashboard }) => ({
    type: `custom:${FLEET_CARD}`,
    areas: true,
    entry: id,
    dashboard,
  }),
  area: (hass, { id, entry, dashboard }) => {
    const name = id ? hass.areas[id]?.name : localize(hass, "no_area");
    return {
      type: `custom:${FLEET_CARD}`,
      title: name && nameAtSite(hass, name, siteName(hass, entry)),
      entry,
      dashboard,
      ...(id ? { area: id } : { without_area: true }),
    };
  },
};
