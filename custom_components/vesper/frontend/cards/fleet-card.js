import { VesperCard } from "./base-card.js";
import { DEVICE_FILTER, cardForm } from "./card-form.js";
import { alertList, deviceHeader } from "./device-elements.js";
import { VIEW_KEYS, deviceView } from "./device-view.js";
import {
  badge,
  createElement,
  preserveFocus,
  secondaryText,
  timeElement,
} from "./dom.js";
import { sortByName } from "./fleet.js";
import { DOMAIN } from "./home-assistant.js";
import { STATUSES } from "./status.js";
import { localize, maintenanceText, playingText, statusText } from "./texts.js";

/** How far outside the visible area rows are rendered, so that scrolling shows no gaps. */
const RENDER_MARGIN = "400px";

/** The devices of the fleet, the worst first, with their active alerts. */
export class VesperFleetCard extends VesperCard {
  constructor() {
    super();
    this.rows = new Map();
    this.heading = createElement("h2");
    this.summary = createElement("p", { className: "summary", role: "status" });
    this.list = createElement("ul", { className: "devices", role: "list" });
    this.empty = createElement("p", { className: "empty" });
    this.card.append(this.heading, this.summary, this.list, this.empty);
    this.observer = new IntersectionObserver(
      (entries) => this.updateVisibility(entries),
      { rootMargin: RENDER_MARGIN, scrollMargin: RENDER_MARGIN },
    );
  }

  static getStubConfig() {
    return {};
  }

  static getConfigForm() {
    return cardForm([
      { name: "title", selector: { text: {} } },
      {
        name: "devices",
        selector: { device: { multiple: true, filter: DEVICE_FILTER } },
      },
      { name: "area", selector: { area: { device: { integration: DOMAIN } } } },
      { name: "troubled_only", selector: { boolean: {} } },
      { name: "compact", selector: { boolean: {} } },
    ]);
  }

  getCardSize() {
    return 2 + this.list.childElementCount;
  }

  /** Return the devices that the configuration selects. */
  selectedDevices() {
    const { devices, area } = this.config;
    const selected = devices?.length ? new Set([devices].flat()) : undefined;
    return [...this.fleet.devices.values()].filter(
      (device) =>
        (!selected || selected.has(device.id)) && (!area || device.area === area),
    );
  }

  /** Render the rows of devices with a changed entity, or all rows. */
  update(hass, rebuild) {
    if (rebuild) this.updateRows(hass);
    const changed = [];
    for (const row of this.rows.values()) {
      const { entityIds } = row;
      if (!rebuild && entityIds.every((id, at) => hass.states[id] === row.states[at])) {
        continue;
      }
      const previousRank = row.view?.rank;
      row.states = entityIds.map((id) => hass.states[id]);
      row.view = deviceView(hass, row.device);
      row.rankChanged = row.view.rank !== previousRank;
      changed.push(row);
    }
    const link = hass.states[this.fleet.entities.mqtt_link]?.state;
    if (!rebuild && !changed.length && link === this.link) return;
    this.link = link;
    preserveFocus(this.shadowRoot, () => {
      if (rebuild || changed.some((row) => row.rankChanged)) this.renderList(hass);
      this.renderSummary(hass);
      for (const row of changed) this.renderRow(hass, row);
    });
  }

  /** Create the rows of new devices, and drop those of devices that are gone. */
  updateRows(hass) {
    const previous = this.rows;
    this.rows = new Map();
    for (const device of sortByName(hass, this.selectedDevices())) {
      const row = previous.get(device.id) ?? this.createRow();
      const entityIds = VIEW_KEYS.map((key) => device.entities[key]).filter(Boolean);
      this.rows.set(device.id, Object.assign(row, { device, entityIds }));
    }
    for (const [id, row] of previous) {
      if (!this.rows.has(id)) this.observer.unobserve(row.element);
    }
  }

  createRow() {
    const row = { element: createElement("li"), visible: false };
    row.element.row = row;
    this.observer.observe(row.element);
    return row;
  }

  /** Sort the rows, the worst first and then by name; move only changed ones. */
  renderList(hass) {
    const { title, compact, troubled_only: troubledOnly } = this.config;
    const shown = [...this.rows.values()]
      .filter(({ view }) => !troubledOnly || view.rank > STATUSES.ok.rank)
      .sort((one, other) => other.view.rank - one.view.rank);
    this.heading.textContent = title ?? "";
    this.heading.hidden = !title;
    this.list.className = compact ? "devices compact" : "devices";
    this.list.ariaLabel = localize(hass, "devices");
    this.empty.hidden = shown.length > 0;
    const emptyKey = this.rows.size ? "no_trouble" : "no_devices";
    this.empty.textContent = localize(hass, emptyKey);
    const elements = new Set(shown.map(({ element }) => element));
    for (const element of [...this.list.children]) {
      if (!elements.has(element)) element.remove();
    }
    // Rows whose rank is the same stay where they are.
    let next = this.list.firstElementChild;
    for (const { element } of shown) {
      while (next?.row.rankChanged) next = next.nextElementSibling;
      if (element === next) next = next.nextElementSibling;
      else this.list.insertBefore(element, next);
    }
    for (const { row } of elements) row.rankChanged = false;
  }

  /** Render the summary, only if it has changed: screen readers read it out. */
  renderSummary(hass) {
    const texts = this.summaryTexts(hass);
    if (texts.join("\n") === this.summaryText) return;
    this.summaryText = texts.join("\n");
    this.summary.replaceChildren(
      ...texts.map((text) => createElement("span", {}, text)),
    );
  }

  summaryTexts(hass) {
    if (!this.rows.size) return [];
    const views = [...this.rows.values()].map(({ view }) => view);
    const worst = views.reduce((one, other) => (other.rank > one.rank ? other : one));
    const [status] = Object.entries(STATUSES).find(
      ([, { rank }]) => rank === worst.rank,
    );
    const worstText = localize(hass, "summary_worst", {
      status: statusText(hass, status),
    });
    // Without the MQTT link it is unknown which devices are online.
    if (this.link === "off") return [localize(hass, "link_down"), worstText];
    const devices = views.filter((view) => view.online !== undefined).length;
    const online = views.filter((view) => view.online).length;
    const count = views.length - devices;
    return [
      devices > 0 && localize(hass, "summary_online", { online, devices }),
      count > 0 && localize(hass, "summary_unknown", { count }),
      worstText,
    ].filter(Boolean);
  }

  /** Render rows that became visible, and empty those that left the visible area. */
  updateVisibility(entries) {
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      const { row } = target;
      row.visible = isIntersecting;
      // An empty row keeps its height, so that the list does not jump.
      const { height } = boundingClientRect;
      target.style.minHeight = isIntersecting || !height ? "" : `${height}px`;
    }
    preserveFocus(this.shadowRoot, () => {
      for (const { target } of entries) this.renderRow(this._hass, target.row);
    });
  }

  renderRow(hass, row) {
    const { element, device, view } = row;
    const focused = element.contains(this.shadowRoot.activeElement);
    if (!row.visible && !focused) {
      // The name stays for the page search and screen readers.
      if (element.className && element.textContent === device.name) return;
      element.className = "waiting";
      element.replaceChildren(device.name);
      return;
    }
    const { compact } = this.config;
    const notes = [
      ...(compact ? this.alertNotes(hass, view) : []),
      view.lastSeen && secondaryText(timeElement(hass, view.lastSeen, "last_seen")),
      view.playing && secondaryText(playingText(hass, view)),
      view.unstable && badge(localize(hass, "unstable")),
      view.maintenance &&
        badge(compact ? localize(hass, "maintenance") : maintenanceText(hass, view)),
    ].filter(Boolean);
    element.className = "";
    element.replaceChildren(deviceHeader(hass, device, view, ...notes));
    if (view.alerts.length && !compact) {
      element.append(alertList(this.getHass, device, view));
    }
  }

  /** Create the notes that stand for the list of alerts in a compact row. */
  alertNotes(hass, { alerts }) {
    const count = alerts.length;
    return [
      count > 0 && secondaryText(localize(hass, "alert_count", { count })),
      count > 0 &&
        alerts.every((alert) => alert.acknowledged) &&
        badge(localize(hass, "acknowledged")),
      alerts.some((alert) => alert.confirmed === false) &&
        badge(localize(hass, "unconfirmed")),
    ];
  }
}
