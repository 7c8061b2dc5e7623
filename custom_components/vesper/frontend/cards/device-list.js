import { GROUPS, causeOf, compareKeys } from "./device-view.js";
import { createElement, setFocusKey } from "./dom.js";
import { statusIcon } from "./device-elements.js";
import { toStatus } from "./status.js";
import { localize, statusText } from "./texts.js";

/** Up to how many devices those that are OK are listed one by one. */
const MAX_LISTED = 12;

const byKey = (one, other) => compareKeys(one.key, other.key);

/** Return rows in the order of a list; without one by name, as they are. */
const inOrder = (rows, sort) => (sort === "name" ? rows : [...rows].sort(byKey));

/** Return the devices of each cause that several devices have. */
export function findCauses(rows) {
  const causes = new Map();
  for (const row of rows) {
    const { placed, device } = row;
    const isGrouped = placed.group <= GROUPS.acknowledged;
    const cause = isGrouped ? causeOf(placed, device) : undefined;
    if (!cause) continue;
    if (!causes.has(cause)) causes.set(cause, []);
    causes.get(cause).push(row);
  }
  return new Map([...causes].filter(([, { length }]) => length > 1));
}

/**
 * Divide rows into sections, each with a key, rows in their order, and a heading or none.
 *
 * `options` are `causes`, those to group by, `all`, true to list all devices, and `sort`,
 * which is `name` to keep the order of the rows.
 */
export function divide(hass, rows, { causes = new Map(), all = false, sort }) {
  const caused = new Set([...causes.values()].flat());
  const isCollapsed = ({ placed }) =>
    !all && rows.length > MAX_LISTED && placed.group >= GROUPS.unknown;
  const isLater = ({ placed }) => causes.size > 0 && placed.group > GROUPS.trouble;
  const listed = rows.filter((row) => !caused.has(row) && !isCollapsed(row));
  const now = listed.filter((row) => !isLater(row));
  const sections = [{ key: "now", rows: inOrder(now, sort) }];
  for (const [cause, of] of causes) {
    const sorted = inOrder(of, sort);
    sections.push({
      key: `cause/${cause}`,
      rows: sorted,
      heading: causeHeading(hass, sorted),
    });
  }
  const trouble = sections.filter((section) => section.rows.length);
  trouble.sort((one, other) => byKey(one.rows[0], other.rows[0]));
  const later = inOrder(listed.filter(isLater), sort);
  if (later.length) trouble.push({ key: "later", rows: later });
  const collapsed = rows.filter((row) => !caused.has(row) && isCollapsed(row));
  for (const status of ["unknown", "ok"]) {
    const of = collapsed.filter(({ placed }) => placed.group === GROUPS[status]);
    const values = { count: of.length, status: statusText(hass, status) };
    const heading = { status, text: localize(hass, "status_count", values) };
    if (of.length) trouble.push({ key: status, rows: of, heading });
  }
  return trouble;
}

/** Return the heading of devices with the same cause. */
function causeHeading(hass, rows) {
  const { status, alerts } = rows[0].placed;
  const withCount = (cause) =>
    localize(hass, "cause_count", { cause, count: rows.length });
  if (status === "offline") {
    const text = withCount(statusText(hass, status));
    const site = rows[0].siteName;
    return { status, text: site ? localize(hass, "of_site", { site, text }) : text };
  }
  const { subsystem, message, state } = alerts[0];
  return {
    status: toStatus(String(state).toLowerCase()),
    text: withCount(
      message ? localize(hass, "cause_alert", { subsystem, message }) : subsystem,
    ),
  };
}

/** The sections of a list of devices, and their rows. */
export class DeviceList {
  constructor(onchange) {
    this.onchange = onchange;
    this.expanded = new Set();
    this.sections = new Map();
    this.element = createElement("div", { className: "sections" });
  }

  /** Show sections with at most so many rows in each, and move only changed rows. */
  update(hass, sections, { maxRows, columns, compact }) {
    const previous = this.sections;
    this.sections = new Map();
    let next = this.element.firstElementChild;
    for (const section of sections) {
      const parts = previous.get(section.key) ?? this.createSection(section.key);
      this.sections.set(section.key, parts);
      const { element, list, heading, more } = parts;
      parts.rows = section.rows;
      list.className = compact ? "devices compact" : "devices";
      list.style.setProperty("--columns", columns ?? "");
      list.ariaLabel = section.heading?.text ?? localize(hass, "devices");
      const isOpen = !section.heading || this.expanded.has(section.key);
      if (section.heading) this.renderHeading(heading, section.heading, isOpen);
      const limit = this.expanded.has(`more/${section.key}`) ? undefined : maxRows;
      const rows = isOpen ? section.rows.slice(0, limit || undefined) : [];
      const hidden = isOpen ? section.rows.length - rows.length : 0;
      more.hidden = !hidden;
      more.textContent = localize(hass, "more_devices", { count: hidden });
      placeRows(list, rows);
      if (element === next) next = next.nextElementSibling;
      else this.element.insertBefore(element, next);
    }
    for (const [key, { element }] of previous) {
      if (!this.sections.has(key)) element.remove();
    }
  }

  createSection(key) {
    const heading = createElement("button", { className: "section", type: "button" });
    const list = createElement("ul", { role: "list" });
    const more = createElement("button", { className: "more", type: "button" });
    heading.onclick = () => this.toggle(key);
    heading.hidden = true;
    more.onclick = () => this.toggle(`more/${key}`);
    setFocusKey(heading, `section/${key}`);
    const element = createElement("section", {}, heading, list, more);
    return { element, heading, list, more };
  }

  renderHeading(heading, { status, text }, isOpen) {
    heading.hidden = false;
    heading.ariaExpanded = String(isOpen);
    heading.replaceChildren(
      statusIcon(status),
      createElement("span", { className: "label" }, text),
      createElement("ha-icon", {
        icon: isOpen ? "mdi:chevron-up" : "mdi:chevron-down",
        ariaHidden: "true",
      }),
    );
  }

  /** Expand or collapse a section, or show all of its rows. */
  toggle(key) {
    if (!this.expanded.delete(key)) this.expanded.add(key);
    this.onchange();
  }

  /**
   * Move the focus on from a row that is no longer shown.
   *
   * `following` are the rows that were below it. Without any, the focus goes to what shows
   * the row again: the line that it has been collapsed into, for example.
   */
  focusAfter(hass, row, following) {
    const shown = new Set(this.rows);
    const next = following.find((one) => shown.has(one));
    const section = [...this.sections.values()].find(({ rows }) => rows.includes(row));
    if (next) next.focus(hass, { preventScroll: true });
    else if (section) {
      const { heading, more } = section;
      (heading.hidden ? more : heading).focus({ preventScroll: true });
    } else [...shown].at(-1)?.focus(hass, { preventScroll: true });
  }

  /** Return the rows that are shown, in their order. */
  get rows() {
    return [...this.sections.values()].flatMap(({ list }) =>
      [...list.children].map(({ row }) => row),
    );
  }
}

/** Put rows into a list; those that have not moved stay where they are. */
function placeRows(list, rows) {
  const elements = new Set(rows.map(({ element }) => element));
  for (const element of [...list.children]) {
    if (!elements.has(element)) element.remove();
  }
  let next = list.firstElementChild;
  for (const { element } of rows) {
    while (next?.row.hasMoved) next = next.nextElementSibling;
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
}
