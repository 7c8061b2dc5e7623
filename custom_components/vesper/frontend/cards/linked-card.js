import { createElement } from "./dom.js";
import { DEVICE_CARD, FLEET_CARD } from "./home-assistant.js";
import { currentDashboard } from "./navigation.js";

const LOG_HEIGHT = "640px";

/**
 * A card about the device or area that the address of the page names.
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
    if (this.card) this.card.hass = hass;
    else if (this.isConnected) this.createCard();
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
    const id = new URLSearchParams(location.search).get("id") ?? "";
    if (id === this.shownId || !location.pathname.endsWith(`/${this.config.view}`))
      return;
    // While Home Assistant starts, there is no logbook yet.
    const isLog = this.config.card === "log";
    if (!this._hass || (isLog && !this._hass.config.components.includes("logbook")))
      return;
    this.shownId = id;
    const config = CONFIGS[this.config.card](this._hass, id);
    const { createCardElement } = await window.loadCardHelpers();
    if (id !== this.shownId) return;
    this.card = createCardElement(config);
    this.card.hass = this._hass;
    // The logbook card has no height of its own.
    const frame = createElement("div", {}, this.card);
    if (isLog) frame.style.blockSize = LOG_HEIGHT;
    this.replaceChildren(frame);
  }

  getCardSize() {
    return 6;
  }

  getGridOptions() {
    return { columns: "full" };
  }
}

/** The configurations of the cards that can be linked to. */
const CONFIGS = {
  device: (_hass, device) => ({ type: `custom:${DEVICE_CARD}`, device }),
  log: (_hass, id) => ({ type: "logbook", target: { device_id: id } }),
  area: (hass, id) => ({
    type: `custom:${FLEET_CARD}`,
    title: hass.areas[id]?.name,
    dashboard: currentDashboard(),
    ...(id ? { area: id } : { without_area: true }),
  }),
};
