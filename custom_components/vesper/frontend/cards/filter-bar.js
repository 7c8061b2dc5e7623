import { createElement } from "./dom.js";
import { keepOneTabStop, moveFocus } from "./keyboard.js";
import { CATEGORIES } from "./status.js";
import { categoryText, listText, localize } from "./texts.js";

/** From how many devices on there is a field to search them. */
const MIN_SEARCHED = 12;

/**
 * What selects the devices of a list: a chip for each status, and a search.
 *
 * `onchange` is called when the user has changed it.
 */
export class FilterBar {
  constructor(onchange) {
    this.onchange = onchange;
    this.category = undefined;
    this.chips = new Map();
    this.chipList = createElement("div", { className: "chips", role: "toolbar" });
    this.chipList.addEventListener("keydown", (event) =>
      moveFocus(this.chipList, event),
    );
    for (const [category, icon] of Object.entries(CATEGORIES)) {
      this.chips.set(category, this.createChip(category, icon));
    }
    this.chipList.append(...this.chips.values());
    this.search = createElement("input", { type: "search", className: "search" });
    this.search.oninput = () => this.onchange();
    this.grouped = this.createToggle("mdi:format-list-group");
    this.selecting = this.createToggle("mdi:checkbox-multiple-marked-outline");
    this.status = createElement("p", { className: "hidden-text", role: "status" });
    this.element = createElement(
      "div",
      { className: "filters" },
      this.chipList,
      createElement(
        "div",
        { className: "tools" },
        this.search,
        this.grouped,
        this.selecting,
      ),
      this.status,
    );
  }

  createChip(category, icon) {
    const chip = createElement("button", { className: "chip", type: "button" });
    const iconElement = createElement("ha-icon", {
      className: `dot ${category}`,
      icon,
      ariaHidden: "true",
    });
    chip.append(iconElement, createElement("span"));
    chip.onclick = () => {
      this.category = this.category === category ? undefined : category;
      this.onchange();
    };
    return chip;
  }

  createToggle(icon) {
    const toggle = createElement("button", { className: "tool", type: "button" });
    toggle.append(createElement("ha-icon", { icon, ariaHidden: "true" }));
    toggle.ariaPressed = "false";
    toggle.onclick = () => {
      toggle.ariaPressed = String(toggle.ariaPressed !== "true");
      this.onchange();
    };
    return toggle;
  }

  get isGrouped() {
    return this.grouped.ariaPressed === "true" && !this.grouped.hidden;
  }

  get isSelecting() {
    return this.selecting.ariaPressed === "true" && !this.selecting.hidden;
  }

  /** Return what is searched for, in lower case. */
  get text() {
    return this.search.hidden ? "" : this.search.value.trim().toLowerCase();
  }

  /** Return whether not all devices are selected. */
  get isActive() {
    return Boolean(this.category || this.text);
  }

  /** Return whether a row is selected. */
  selects(hass, row) {
    const { category, text } = this;
    if (category && row.placed.category !== category) return false;
    return !text || row.matches(hass, text);
  }

  /** Select all devices. */
  clear() {
    this.category = undefined;
    this.search.value = "";
    this.onchange();
  }

  /**
   * Show how many devices have which status.
   *
   * `can` says what the list offers: to group, and to select several.
   */
  update(hass, views, can) {
    const counts = {};
    this.element.hidden = !views.length;
    for (const { category } of views) counts[category] = (counts[category] ?? 0) + 1;
    const texts = [];
    this.chipList.ariaLabel = localize(hass, "filter");
    for (const [category, chip] of this.chips) {
      const count = counts[category] ?? 0;
      const isPressed = category === this.category;
      const status = categoryText(hass, category);
      const text = localize(hass, "status_count", { count, status });
      chip.ariaPressed = String(isPressed);
      chip.hidden = !count && !isPressed;
      chip.lastChild.textContent = chip.hidden ? "" : text;
      if (count) texts.push(text);
    }
    keepOneTabStop(this.chipList);
    this.search.hidden = views.length < MIN_SEARCHED;
    this.search.placeholder = this.search.ariaLabel = localize(hass, "search");
    this.grouped.hidden = !can.group;
    this.selecting.hidden = !can.select;
    this.grouped.title = this.grouped.ariaLabel = localize(hass, "group_by_cause");
    this.selecting.title = this.selecting.ariaLabel = localize(hass, "select");
    const status = listText(hass, texts);
    if (this.status.textContent !== status) this.status.textContent = status;
  }
}
