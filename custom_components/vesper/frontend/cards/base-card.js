import { createElement } from "./dom.js";
import { getFleet } from "./fleet.js";
import { checkOptions } from "./options.js";
import { controllableDevices } from "./permissions.js";
import { STATUS_BAR_STYLES } from "./status-bar.js";
import { STYLES } from "./styles.js";
import { localize } from "./texts.js";

const TIME_UPDATE_MILLISECONDS = 15_000;

/** The elements of Home Assistant that show a sample of a card, which is short there. */
const SAMPLE_HOSTS = ["hui-card-picker", "hui-suggestion-card"];

/**
 * Base of the cards.
 *
 * A card implements `update(hass, rebuild)`, which is called for each `hass`; `rebuild`
 * is true if its configuration, the registries, the translations or the user's language
 * and format of times have changed. If it calls `updatePermissions`, it implements
 * `refresh()` too, which is called when these are known later. The options of a card are
 * in its static `schema`.
 */
export class VesperCard extends HTMLElement {
  constructor(tag = "ha-card") {
    super();
    this.config = {};
    this.card = createElement(tag);
    this.attachShadow({ mode: "open" }).append(this.card);
    this.shadowRoot.adoptedStyleSheets = [STYLES, STATUS_BAR_STYLES];
    this.getHass = () => this._hass;
    this.seen = () => {
      this.show();
      this.updateTimes();
    };
  }

  setConfig(config) {
    checkOptions(this.constructor.schema, config);
    this.config = { ...config };
    this.needsRebuild = true;
    // Otherwise the card is as high as what it shows, and the page scrolls.
    const isFixed = typeof config.grid_options?.rows === "number";
    this.card.classList.toggle("scrolls", isFixed);
    this.show();
  }

  set hass(hass) {
    this.latestHass = hass;
    this.show();
  }

  /** Render what has changed; a hidden page waits until it is seen again. */
  show() {
    const hass = this.latestHass;
    if (!hass || document.hidden) return;
    const fleet = getFleet(hass);
    this.needsRebuild ||=
      fleet !== this.fleet ||
      hass.localize !== this._hass?.localize ||
      hass.locale !== this._hass.locale ||
      hass.config.time_zone !== this._hass.config.time_zone;
    this._hass = hass;
    this.fleet = fleet;
    // Nothing is shown until the texts are loaded.
    if (!localize(hass, "online")) return;
    this.update(hass, this.needsRebuild);
    if (this.needsRebuild) this.updateTimes();
    this.needsRebuild = false;
  }

  /** Ask which devices the user may control, and offer the actions on these. */
  async updatePermissions(hass) {
    const { fleet } = this;
    const permissions = controllableDevices(hass, fleet);
    // Administrators get the actions with the first picture.
    if (!(permissions instanceof Promise)) {
      this.permissions = permissions;
      return;
    }
    const ids = await permissions;
    if (fleet !== this.fleet) return;
    this.permissions = ids;
    this.refresh();
  }

  connectedCallback() {
    this.timer = setInterval(() => this.updateTimes(), TIME_UPDATE_MILLISECONDS);
    document.addEventListener("visibilitychange", this.seen);
    const { host } = this.getRootNode();
    this.toggleAttribute("sample", SAMPLE_HOSTS.includes(host?.localName));
    this.updateTimes();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.seen);
  }

  /** Update the times and the status bars. */
  updateTimes() {
    if (document.hidden) return;
    for (const element of this.shadowRoot.querySelectorAll("time, .status-bar")) {
      element.update(this._hass);
    }
  }

  getGridOptions() {
    return { columns: 12, min_columns: 6 };
  }
}
