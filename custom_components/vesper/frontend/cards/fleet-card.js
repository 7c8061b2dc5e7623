import { ActionsPanel } from "./actions-panel.js";
import { VesperCard } from "./base-card.js";
import { cardForm } from "./card-form.js";
import { DeviceList, divide, findCauses } from "./device-list.js";
import { DeviceRow } from "./device-row.js";
import { createElement, preserveFocus } from "./dom.js";
import { FilterBar } from "./filter-bar.js";
import { FLEET_SCHEMA } from "./fleet-form.js";
import {
  isSiteGone,
  selectDevices,
  selectSites,
  selectedSite,
} from "./fleet-selection.js";
import { isEnabled, sortByName } from "./fleet.js";
import { HistoryLoader } from "./history.js";
import { DOCUMENTATION } from "./home-assistant.js";
import { INCIDENT_KEYS, IncidentBanner, findIncident } from "./incident-banner.js";
import { moveFocus, takesKeys } from "./keyboard.js";
import { PlaceTiles, countAreas, countSites } from "./place-tiles.js";
import { listText, localize } from "./texts.js";

/** How far outside the visible area rows are rendered, so that scrolling shows no gaps. */
const RENDER_MARGIN = "400px";

/** The devices of the fleet, those that need attention first. */
export class VesperFleetCard extends VesperCard {
  static schema = FLEET_SCHEMA;

  constructor() {
    super();
    this.rows = new Map();
    this.selected = new Set();
    this.history = new HistoryLoader({ onLoad: () => this.updateTimes() });
    this.heading = createElement("h2");
    this.banner = new IncidentBanner();
    this.filters = new FilterBar(() => this.refresh());
    this.siteTiles = new PlaceTiles("site");
    this.areaTiles = new PlaceTiles("area");
    this.list = new DeviceList(() => this.refresh());
    this.list.element.addEventListener("keydown", (event) => this.handleKey(event));
    this.empty = createElement("div", { className: "empty" });
    this.selectionPanel = new ActionsPanel(this.getHass, () => this.selectedRows());
    this.selectionBar = this.createSelectionBar();
    this.card.append(
      this.heading,
      this.banner.element,
      this.filters.element,
      this.siteTiles.element,
      this.areaTiles.element,
      this.selectionBar,
      this.list.element,
      this.empty,
    );
    this.observer = new IntersectionObserver(
      (entries) => this.updateVisibility(entries),
      { rootMargin: RENDER_MARGIN, scrollMargin: RENDER_MARGIN },
    );
  }

  setConfig(config) {
    // What the user has chosen stays if the title changes.
    if (config.group !== this.config.group) {
      this.filters.grouped.ariaPressed = String(Boolean(config.group));
    }
    super.setConfig(config);
  }

  static getStubConfig() {
    return {};
  }

  static getConfigForm() {
    return cardForm(FLEET_SCHEMA);
  }

  getCardSize() {
    return 3 + this.list.rows.length;
  }

  /** The ids of the selected devices, undefined while none can be selected. */
  get selection() {
    return this.filters.isSelecting ? this.selected : undefined;
  }

  selectedRows() {
    return [...this.selected].map((id) => this.rows.get(id)).filter(Boolean);
  }

  /** Render what has changed with the states, or everything. */
  update(hass, rebuild) {
    if (rebuild) this.updateRows(hass);
    const changed = [...this.rows.values()].filter((row) => row.update(hass));
    const incident = this.sites.flatMap(({ entities }) =>
      INCIDENT_KEYS.map((key) => hass.states[entities[key]]),
    );
    const isSame = incident.every((state, at) => state === this.incident?.[at]);
    if (!rebuild && !changed.length && isSame) return;
    this.incident = incident;
    this.preserveFocus(() => {
      this.renderFleet(hass);
      if (rebuild || changed.length) this.renderList(hass);
      for (const row of rebuild ? this.rows.values() : changed) row.render(hass);
    });
  }

  /** Render everything, as the user has changed what is selected. */
  refresh() {
    const hass = this._hass;
    this.preserveFocus(() => {
      this.renderFleet(hass);
      this.renderList(hass);
      for (const row of this.rows.values()) row.render(hass);
    });
  }

  /** Run a function that renders, and restore the focus; that of a row goes on. */
  preserveFocus(render) {
    const row = this.shadowRoot.activeElement?.closest(".devices > li")?.row;
    const before = row ? this.list.rows : [];
    preserveFocus(this.shadowRoot, render);
    if (!row || this.shadowRoot.activeElement) return;
    const following = before.slice(before.indexOf(row) + 1);
    this.list.focusAfter(this._hass, row, following);
  }

  /** Create the rows of new devices, and drop those of devices that are gone. */
  updateRows(hass) {
    const previous = this.rows;
    this.rows = new Map();
    const devices = selectDevices(hass, this.fleet.devices.values(), this.config);
    for (const device of sortByName(hass, devices)) {
      const row = previous.get(device.id) ?? this.createRow();
      row.setDevice(device);
      this.rows.set(device.id, row);
    }
    for (const [id, row] of previous) {
      if (this.rows.has(id)) continue;
      this.observer.unobserve(row.element);
      this.selected.delete(id);
    }
    this.sites = selectSites(this.fleet, this.config, devices);
    this.isSiteGone = isSiteGone(this.fleet, this.config);
    this.updatePermissions(hass);
  }

  createRow() {
    const row = new DeviceRow(this);
    this.observer.observe(row.element);
    return row;
  }

  /** Render what is about all devices. */
  renderFleet(hass) {
    const rows = [...this.rows.values()];
    const views = rows.map(({ view }) => view);
    const { compact } = this.config;
    const title = this.config.title ?? selectedSite(this.fleet, this.config)?.name;
    this.causes = findCauses(rows);
    this.heading.textContent = title ?? "";
    this.heading.hidden = !title;
    const incident = this.isSiteGone ? undefined : findIncident(hass, this.sites, rows);
    this.banner.update(hass, incident);
    this.filters.update(hass, views, {
      group: !compact && this.causes.size > 0,
      select:
        rows.length > 1 && rows.some(({ device }) => this.permissions?.has(device.id)),
    });
    this.renderTiles(hass, rows);
  }

  /** Render the tiles of the sites and areas. */
  renderTiles(hass, rows) {
    const { fleet, config, sites } = this;
    for (const [tiles, heading, count] of [
      [this.siteTiles, localize(hass, "sites"), countSites],
      [this.areaTiles, localize(hass, "areas"), countAreas],
    ]) {
      const places = config.areas ? count(hass, rows, sites) : [];
      tiles.update(hass, heading, places, fleet, config);
    }
  }

  /** Return the rows that the options and the user's filter select. */
  filteredRows(hass) {
    const { troubled_only: troubledOnly } = this.config;
    return [...this.rows.values()].filter(
      (row) =>
        (!troubledOnly || row.placed.isTroubled) && this.filters.selects(hass, row),
    );
  }

  /** Return the causes of filtered rows; those of all rows are known. */
  causesOf(rows) {
    return rows.length === this.rows.size ? this.causes : findCauses(rows);
  }

  /** Sort the rows of the filtered devices into the list. */
  renderList(hass) {
    const {
      troubled_only: troubledOnly,
      sort,
      max_rows: maxRows,
      columns,
      compact,
    } = this.config;
    const { filters } = this;
    const rows = this.filteredRows(hass);
    const sections = divide(hass, rows, {
      causes: filters.isGrouped ? this.causesOf(rows) : undefined,
      all: filters.isActive || troubledOnly || Boolean(this.selection),
      sort,
    });
    this.list.update(hass, sections, { maxRows, columns, compact });
    for (const row of this.rows.values()) row.hasMoved = false;
    this.renderEmpty(hass, rows.length);
    this.renderSelection(hass);
  }

  /** Say why no device is shown, and what to do. */
  renderEmpty(hass, count) {
    const isDisabled = !this.sites.some(isEnabled) && !this.isSiteGone;
    this.empty.hidden = count > 0 || isDisabled;
    if (this.empty.hidden) return;
    if (this.isSiteGone) {
      this.empty.replaceChildren(localize(hass, "site_gone"));
    } else if (!this.sites.some(({ devices }) => devices.length)) {
      const text = this.noDevicesText(hass);
      const href = `${DOCUMENTATION}/blob/main/docs/troubleshooting.md`;
      const label = localize(hass, "troubleshooting");
      const link = createElement(
        "a",
        { className: "link", href, target: "_blank" },
        label,
      );
      this.empty.replaceChildren(text, " ", link);
    } else if (!this.rows.size) {
      this.empty.replaceChildren(localize(hass, "no_selected"));
    } else if (this.filters.isActive) {
      const label = localize(hass, "clear_filter");
      const button = createElement(
        "button",
        { className: "action", type: "button" },
        label,
      );
      button.onclick = () => this.filters.clear();
      this.empty.replaceChildren(localize(hass, "no_match"), " ", button);
    } else {
      this.empty.replaceChildren(localize(hass, "no_trouble"));
    }
  }

  /** Return that no site has a device, with the prefixes that are waited for. */
  noDevicesText(hass) {
    const prefixes = this.sites
      .map(({ entities }) => hass.states[entities.mqtt_link]?.attributes.prefix)
      .filter(Boolean);
    return prefixes.length > 1
      ? localize(hass, "no_devices_sites", { prefixes: listText(hass, prefixes) })
      : localize(hass, "no_devices", { prefix: prefixes[0] ?? "vesper" });
  }

  createSelectionBar() {
    this.selectionCount = createElement("span", { role: "status" });
    this.selectAll = createElement("button", { className: "action", type: "button" });
    this.selectAll.onclick = () => {
      for (const { device } of this.filteredRows(this._hass)) {
        if (this.permissions.has(device.id)) this.selected.add(device.id);
      }
      this.refresh();
    };
    return createElement(
      "div",
      { className: "selection", hidden: true },
      createElement("div", { className: "line" }, this.selectionCount, this.selectAll),
      this.selectionPanel.element,
    );
  }

  renderSelection(hass) {
    this.selectionBar.hidden = !this.selection;
    if (!this.selection) {
      this.selected.clear();
      this.selectionPanel.showResult("");
      return;
    }
    const count = this.selected.size;
    const listed = this.filteredRows(hass).map(({ device }) => device.id);
    const hidden = count - listed.filter((id) => this.selected.has(id)).length;
    this.selectionCount.textContent = hidden
      ? localize(hass, "selected_hidden_count", { count, hidden })
      : localize(hass, "selected_count", { count });
    this.selectAll.textContent = localize(hass, "select_all");
    this.selectionPanel.update();
  }

  /** Select a device, or deselect it. */
  select(id, isSelected) {
    if (isSelected) this.selected.add(id);
    else this.selected.delete(id);
    this.renderSelection(this._hass);
  }

  renderRow(row) {
    preserveFocus(this.shadowRoot, () => row.render(this._hass));
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
      for (const { target } of entries) target.row.render(this._hass);
    });
  }

  /** Move between rows and in a row by the arrow keys, or perform an action. */
  handleKey(event) {
    const target = event.composedPath()[0];
    const item = target.closest("li:not(.alerts > li)");
    if (!item?.row || takesKeys(target)) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey;
    if (step) {
      const rows = this.list.rows;
      rows[rows.indexOf(item.row) + step]?.focus(this._hass);
      event.preventDefault();
    } else if (!moveFocus(item, event) && !hasModifier) {
      // Home Assistant has the same keys: A opens Assist, and C a list of commands.
      if (item.row.handleKey(event.key.toLowerCase())) event.stopPropagation();
    }
  }
}
