import { createElement, isolated, setFocusKey } from "./dom.js";
import { statusIcon } from "./device-elements.js";
import { isEnabled, sortByName } from "./fleet.js";
import { keepOneTabStop, moveFocus } from "./keyboard.js";
import { viewPath } from "./navigation.js";
import { STATUSES } from "./status.js";
import { categoryText, localize } from "./texts.js";

const WORST_FIRST = Object.keys(STATUSES).reverse();

/** Count the devices of rows by the place that a function returns. */
function countPlaces(rows, placeOf) {
  const places = new Map();
  for (const { device, view } of rows) {
    const id = placeOf(device);
    if (!places.has(id))
      places.set(id, { devices: 0, known: 0, online: 0, statuses: {} });
    const place = places.get(id);
    place.devices += 1;
    if (view.online !== undefined) place.known += 1;
    if (view.online) place.online += 1;
    // What is in maintenance is no trouble of its place.
    const status = view.maintenance ? "ok" : view.status;
    place.statuses[status] = (place.statuses[status] ?? 0) + 1;
  }
  return places;
}

/** Return the areas of rows, by name, with what is counted in them. */
export function countAreas(hass, rows) {
  const counts = countPlaces(rows, ({ area }) => (area in hass.areas ? area : null));
  const none = counts.get(null);
  counts.delete(null);
  const areas = [...counts].map(([id, count]) => ({
    id,
    name: hass.areas[id].name,
    ...count,
  }));
  return [
    ...sortByName(hass, areas),
    ...(none ? [{ id: null, name: localize(hass, "no_area"), ...none }] : []),
  ];
}

/** Return sites, with what is counted in them. */
export function countSites(hass, rows, sites) {
  const counts = countPlaces(rows, ({ site }) => site);
  return sites.map((site) => ({
    id: site.id,
    name: site.name,
    note: siteNote(hass, site, counts.get(site)),
    ...counts.get(site),
  }));
}

/** Return why nothing is known of a site, undefined if something is. */
function siteNote(hass, site, count) {
  const link = hass.states[site.entities.mqtt_link];
  if (!isEnabled(site) || link?.state === "unavailable")
    return localize(hass, "not_running");
  return count ? undefined : localize(hass, "no_devices_short");
}

/** A tile for each area or site of the devices; a tap opens its view. */
export class PlaceTiles {
  /** Set the name of the view. */
  constructor(view) {
    this.view = view;
    this.list = createElement("ul", { className: "places", role: "list" });
    this.heading = createElement("h3", {});
    this.element = createElement("section", { hidden: true }, this.heading, this.list);
    this.list.addEventListener("keydown", (event) => moveFocus(this.list, event));
  }

  /** Show places under a heading; one alone says no more than the list of devices. */
  update(hass, heading, places, fleet, config) {
    const shown = places.length > 1 ? places : [];
    this.element.hidden = !shown.length;
    const tiles = shown.map((place) => ({
      ...place,
      href: viewPath(fleet, config, this.view, place.id),
    }));
    const key = JSON.stringify([heading, hass.locale, tiles]);
    if (key === this.key) return;
    this.key = key;
    this.heading.textContent = this.list.ariaLabel = heading;
    this.list.replaceChildren(
      ...tiles.map((tile) => createElement("li", {}, this.createTile(hass, tile))),
    );
    keepOneTabStop(this.list);
  }

  createTile(hass, { id, name, href, note, devices, known, online, statuses = {} }) {
    const worst = WORST_FIRST.find((status) => statuses[status]) ?? "unknown";
    const isPlain = ["ok", "unknown"].includes(worst);
    const status = categoryText(hass, worst);
    const trouble = isPlain
      ? status
      : localize(hass, "status_count", { count: statuses[worst], status });
    const tile = createElement(
      "a",
      { className: "place", ...(href && { href }) },
      statusIcon(worst),
      createElement("span", { className: "subsystem" }, isolated(name)),
      createElement(
        "span",
        { className: "words" },
        // Without a link to the broker, none may be online, or all of them.
        known > 0 &&
          createElement("span", {}, localize(hass, "area_online", { online, devices })),
        createElement("span", { className: "note" }, note ?? trouble),
      ),
    );
    return setFocusKey(tile, `${this.view}/${id}`);
  }
}
