import { ActionsPanel, KEYS } from "./actions-panel.js";
import { deviceHeader, alertItem } from "./device-elements.js";
import { compareKeys, sortKey } from "./device-view.js";
import { shownSite } from "./fleet-selection.js";
import {
  badge,
  createElement,
  secondaryText,
  setFocusKey,
  timeElement,
} from "./dom.js";
import { keepOneTabStop } from "./keyboard.js";
import { createStatusBar } from "./status-bar.js";
import { TrackedDevice } from "./tracked-device.js";
import {
  alertsHeading,
  localize,
  maintenanceText,
  nameAtSite,
  playingText,
} from "./texts.js";

/** How many alerts of a device are listed, the worst ones. */
const MAX_ALERTS = 3;

/**
 * The row of a device in a list.
 *
 * `card` is the fleet card, which has the options, and knows what is selected.
 */
export class DeviceRow extends TrackedDevice {
  constructor(card) {
    super();
    this.card = card;
    this.visible = false;
    this.head = createElement("div", { className: "line" });
    this.alerts = createElement("ul", { className: "alerts", role: "list" });
    this.element = createElement("li");
    this.element.row = this;
  }

  setDevice(device) {
    super.setDevice(device);
    const bar = createStatusBar(this.card.history, device);
    this.bar?.replaceWith(bar);
    this.bar = bar;
  }

  /** Return the name of the site, if the card shows several. */
  get siteName() {
    return shownSite(this.device, this.card.config);
  }

  /** Return the name of the device, which may be that of another one at another site. */
  nameText(hass) {
    return nameAtSite(hass, this.device.name, this.siteName);
  }

  update(hass) {
    if (!super.update(hass)) return false;
    this.updatePlace();
    return true;
  }

  /**
   * Take over the view by which the row is sorted and filtered.
   *
   * While its actions are shown, a device that gets better stays where it is: the result
   * of an action is shown there.
   */
  updatePlace() {
    const key = sortKey(this.view);
    const order = this.key ? compareKeys(this.key, key) : 1;
    if (this.panel && order < 0) return;
    this.hasMoved ||= order !== 0;
    this.key = key;
    this.placed = this.view;
    this.search = undefined;
  }

  /** Return whether the device contains a text in lower case. */
  matches(hass, text) {
    const { device, placed } = this;
    this.search ??= [
      device.name,
      hass.areas[device.area]?.name ?? "",
      device.siteName ?? "",
      device.firmware,
      ...placed.alerts.flatMap((alert) => [alert.subsystem, alert.message ?? ""]),
    ]
      .join("\n")
      .toLowerCase();
    return this.search.includes(text);
  }

  /** Render the row, or only its name while it is not in view. */
  render(hass) {
    const { element } = this;
    const hasFocus = element.matches(":focus-within");
    if (!this.visible && !hasFocus && !this.panel) {
      // The name stays for the page search and screen readers.
      const name = this.nameText(hass);
      if (this.isRendered === false && element.textContent === name) return;
      this.isRendered = false;
      element.className = "waiting";
      element.replaceChildren(name);
      return;
    }
    const { acknowledged, maintenance } = this.view;
    element.className = acknowledged || maintenance ? "dimmed" : "";
    this.renderHead(hass);
    this.renderAlerts(hass);
    if (!this.isRendered) {
      this.isRendered = true;
      element.replaceChildren(this.head, this.bar, this.alerts);
      if (this.panel) element.append(this.panel.element);
    }
    this.bar.update(hass);
    this.panel?.update();
    keepOneTabStop(element);
  }

  /** Set the focus on the tab stop of the row, which may not have been in view. */
  focus(hass, options) {
    this.visible = true;
    this.render(hass);
    this.element.querySelector("[tabindex='0']")?.focus(options);
  }

  renderHead(hass) {
    const { device, view, card } = this;
    const { compact } = card.config;
    const notes = [
      ...(compact ? this.alertNotes(hass) : []),
      view.status === "offline" &&
        view.lastSeen &&
        secondaryText(timeElement(hass, view.lastSeen, "last_seen")),
      view.playing && secondaryText(playingText(hass, view)),
      view.unstable && badge(localize(hass, "unstable")),
      view.acknowledged && badge(localize(hass, "acknowledged")),
      view.maintenance &&
        badge(compact ? localize(hass, "maintenance") : maintenanceText(hass, view)),
    ].filter(Boolean);
    this.head.replaceChildren(
      ...(card.selection ? [this.checkbox(hass)] : []),
      deviceHeader(hass, device, view, notes, card.config),
      ...(card.permissions?.has(device.id) ? [this.menuButton(hass)] : []),
    );
  }

  checkbox(hass) {
    const checkbox = createElement("input", {
      type: "checkbox",
      checked: this.card.selection.has(this.device.id),
      ariaLabel: localize(hass, "select_device", { name: this.nameText(hass) }),
      onchange: () => this.card.select(this.device.id, checkbox.checked),
    });
    return setFocusKey(checkbox, `${this.device.id}/ select`);
  }

  menuButton(hass) {
    const button = createElement("button", {
      className: "menu",
      type: "button",
      title: localize(hass, "actions"),
      ariaLabel: localize(hass, "actions_of", { name: this.nameText(hass) }),
      ariaExpanded: String(Boolean(this.panel)),
      onclick: () => this.toggleActions(),
    });
    button.append(
      createElement("ha-icon", { icon: "mdi:dots-vertical", ariaHidden: "true" }),
    );
    return setFocusKey(button, `${this.device.id}/ menu`);
  }

  /** Show the actions, or hide them. */
  toggleActions() {
    if (this.panel) {
      this.panel.element.remove();
      this.panel = undefined;
      this.updatePlace();
    } else {
      this.openActions();
    }
    if (this.hasMoved) this.card.refresh();
    else this.card.renderRow(this);
  }

  openActions() {
    if (this.panel) return;
    const { card, device } = this;
    this.panel = new ActionsPanel(card.getHass, () => [{ device, view: this.view }]);
    this.element.append(this.panel.element);
  }

  /** Show the actions or perform one, if the user may; returns whether a key does that. */
  handleKey(key) {
    if (!this.card.permissions?.has(this.device.id)) return false;
    if (key === "m") this.toggleActions();
    else if (Object.hasOwn(KEYS, key)) this.runAction(KEYS[key]);
    else return false;
    return true;
  }

  async runAction(key) {
    this.openActions();
    this.card.renderRow(this);
    await this.panel.run(key);
  }

  renderAlerts(hass) {
    const { card, device, view } = this;
    const shown = card.config.compact ? [] : view.alerts.slice(0, MAX_ALERTS);
    const more = card.config.compact ? 0 : view.alerts.length - shown.length;
    this.alerts.hidden = !shown.length;
    this.alerts.ariaLabel = alertsHeading(hass);
    this.alerts.replaceChildren(
      ...shown.map((alert) => alertItem(card.getHass, device, alert)),
      ...(more > 0 ? [this.moreItem(hass, more)] : []),
    );
  }

  moreItem(hass, count) {
    const text = localize(hass, "more_alerts", { count });
    const button = createElement("button", { className: "more", type: "button" }, text);
    // It opens what the head opens.
    button.onclick = () => this.head.querySelector(".head").click();
    return createElement("li", {}, setFocusKey(button, `${this.device.id}/ more`));
  }

  /** Create the notes that stand for the list of alerts in a compact row. */
  alertNotes(hass) {
    const { alerts, since } = this.view;
    const count = alerts.length;
    return [
      count > 0 && secondaryText(localize(hass, "alert_count", { count })),
      count > 0 && since && secondaryText(timeElement(hass, since)),
      alerts.some((alert) => alert.confirmed === false) &&
        badge(localize(hass, "unconfirmed")),
    ];
  }
}
