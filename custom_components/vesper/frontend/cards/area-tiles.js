import { createElement, isolated, setFocusKey } from "./dom.js";
import { statusIcon } from "./device-elements.js";
import { keepOneTabStop, moveFocus } from "./keyboard.js";
import { viewPath } from "./navigation.js";
import { STATUSES } from "./status.js";
import { categoryText, localize } from "./texts.js";

const WORST_FIRST = Object.keys(STATUSES).reverse();

/** Return the areas of rows, by name, with what is counted in them. */
function countAreas(hass, rows) {
  const areas = new Map();
  for (const { device, view } of rows) {
    const id = device.area in hass.areas ? device.area : null;
    if (!areas.has(id)) areas.set(id, { id, devices: 0, online: 0, statuses: {} });
    const area = areas.get(id);
    area.devices += 1;
    if (view.online) area.online += 1;
    // What is in maintenance is no trouble of its area.
    const status = view.maintenance ? "ok" : view.status;
    area.statuses[status] = (area.statuses[status] ?? 0) + 1;
  }
  const named = [...areas.values()].map((area) => ({
    ...area,
    name: area.id ? hass.areas[area.id].name : localize(hass, "no_area"),
    worst: WORST_FIRST.find((status) => area.statuses[status]),
  }));
  const { compare } = new Intl.Collator(hass.locale.language, { numeric: true });
  return named.sort(
    (one, other) => !one.id - !other.id || compare(one.name, other.name),
  );
}

/** A tile for each area of the devices; a tap opens the view of the area. */
export class AreaTiles {
  constructor() {
    this.list = createElement("ul", { className: "areas", role: "list" });
    this.heading = createElement("h3", {});
    this.element = createElement("section", { hidden: true }, this.heading, this.list);
    this.list.addEventListener("keydown", (event) => moveFocus(this.list, event));
  }

  update(hass, rows, fleet, config) {
    const areas = countAreas(hass, rows);
    const key = JSON.stringify([areas, fleet.dashboard, config.dashboard]);
    this.element.hidden = areas.length < 2;
    if (key === this.key) return;
    this.key = key;
    this.heading.textContent = localize(hass, "areas");
    this.list.ariaLabel = localize(hass, "areas");
    this.list.replaceChildren(
      ...areas.map((area) =>
        createElement(
          "li",
          {},
          this.tile(hass, area, viewPath(fleet, config, "area", area.id)),
        ),
      ),
    );
    keepOneTabStop(this.list);
  }

  tile(hass, { id, name, devices, online, worst, statuses }, href) {
    const count = statuses[worst];
    const trouble = ["ok", "unknown"].includes(worst)
      ? categoryText(hass, worst)
      : localize(hass, "status_count", { count, status: categoryText(hass, worst) });
    const tile = createElement(
      "a",
      { className: "area", ...(href && { href }) },
      statusIcon(worst),
      createElement("span", { className: "subsystem" }, isolated(name)),
      createElement(
        "span",
        { className: "words" },
        createElement("span", {}, localize(hass, "area_online", { online, devices })),
        createElement("span", { className: "note" }, trouble),
      ),
    );
    return setFocusKey(tile, `area/${id}`);
  }
}
