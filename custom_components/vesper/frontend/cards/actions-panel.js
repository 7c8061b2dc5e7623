import {
  acknowledge,
  acknowledgeOffline,
  clear,
  endMaintenance,
  errorText,
  runHealthCheck,
  setMaintenance,
} from "./device-actions.js";
import { createElement } from "./dom.js";
import { localize } from "./texts.js";
import { absoluteTime, fromInput, toInput } from "./times.js";

const HOUR = 3_600_000;

const sum = (response) =>
  Object.values(response ?? {}).reduce((count, { length }) => count + length, 0);

const hasNewAlerts = ({ view }) => view.alerts.some((alert) => !alert.acknowledged);
const isNewOffline = ({ view }) =>
  view.status === "offline" && !view.offlineAcknowledged;

/** Set maintenance, and return the text that says until when. */
async function maintain(hass, devices, until) {
  await setMaintenance(hass, devices, until);
  const time = absoluteTime(hass, new Date(until).toISOString());
  return localize(hass, "maintenance_until", { time });
}

/**
 * The actions by key.
 *
 * `applies` selects those of the targets that an action does something to. `run` is
 * called with their devices, and the targets; it returns the text of the result.
 */
const ACTIONS = {
  acknowledge: {
    icon: "mdi:check",
    applies: (target) => hasNewAlerts(target) || isNewOffline(target),
    async run(hass, _devices, targets) {
      const devicesOf = (test) => targets.filter(test).map(({ device }) => device);
      const alerting = devicesOf(hasNewAlerts);
      const offline = devicesOf(isNewOffline);
      const count = alerting.length ? sum(await acknowledge(hass, alerting)) : 0;
      await acknowledgeOffline(hass, offline);
      return localize(hass, "acknowledged_count", { count: count + offline.length });
    },
  },
  clear: {
    icon: "mdi:bell-off",
    applies: ({ view }) => view.alerts.length > 0,
    run: async (hass, devices) =>
      localize(hass, "cleared_count", { count: sum(await clear(hass, devices)) }),
  },
  maintenance_1h: {
    icon: "mdi:wrench",
    applies: () => true,
    run: (hass, devices) => maintain(hass, devices, Date.now() + HOUR),
  },
  maintenance_4h: {
    icon: "mdi:wrench",
    applies: () => true,
    run: (hass, devices) => maintain(hass, devices, Date.now() + 4 * HOUR),
  },
  end_maintenance: {
    icon: "mdi:wrench-check",
    applies: ({ view }) => Boolean(view.maintenance),
    async run(hass, devices) {
      await endMaintenance(hass, devices);
      return localize(hass, "maintenance_ended");
    },
  },
  run_health_check: {
    icon: "mdi:stethoscope",
    applies: ({ view }) => Boolean(view.online),
    async run(hass, devices) {
      const responses = Object.values(await runHealthCheck(hass, devices));
      const answered = responses.filter((response) => response.answered).length;
      if (responses.length > 1) {
        const values = { answered, devices: responses.length };
        return localize(hass, "answered_count", values);
      }
      return localize(hass, answered ? "answered" : "not_answered");
    },
  },
};

/** The keys that perform an action on the row that has the focus. */
export const KEYS = { a: "acknowledge", c: "clear", h: "run_health_check" };

/**
 * The actions on one device, or on several that are selected.
 *
 * `getTargets` returns their devices and views. The result, or the error, is shown
 * beside the buttons.
 */
export class ActionsPanel {
  constructor(getHass, getTargets) {
    this.getHass = getHass;
    this.getTargets = getTargets;
    this.buttons = new Map();
    for (const [key, { icon }] of Object.entries(ACTIONS)) {
      this.buttons.set(
        key,
        this.createButton(icon, () => this.run(key)),
      );
    }
    this.until = createElement("input", { type: "datetime-local" });
    this.untilButton = this.createButton("mdi:calendar-clock", () => this.runUntil());
    this.result = createElement("p", { className: "result", role: "status" });
    this.element = createElement(
      "div",
      { className: "panel", role: "group" },
      ...this.buttons.values(),
      createElement("span", { className: "until" }, this.until, this.untilButton),
      this.result,
    );
  }

  createButton(icon, onclick) {
    const button = createElement("button", { className: "action", type: "button" });
    button.append(
      createElement("ha-icon", { icon, ariaHidden: "true" }),
      createElement("span"),
    );
    button.onclick = onclick;
    return button;
  }

  /** Show the actions that can be performed on the targets, in the user's language. */
  update() {
    const hass = this.getHass();
    const targets = this.getTargets();
    this.element.ariaLabel = localize(hass, "actions");
    for (const [key, button] of this.buttons) {
      button.lastChild.textContent = localize(hass, `action_${key}`);
      button.hidden = !targets.some(ACTIONS[key].applies);
    }
    this.until.ariaLabel = localize(hass, "maintenance_end");
    this.until.min = toInput(hass, Date.now());
    this.until.value ||= toInput(hass, Date.now() + 24 * HOUR);
    this.untilButton.lastChild.textContent = localize(hass, "action_maintenance_until");
    this.untilButton.hidden = this.until.hidden = !targets.length;
  }

  /** Perform an action, if there is anything that it applies to. */
  run(key) {
    const { applies, run } = ACTIONS[key];
    return this.perform(applies, run);
  }

  /** Set maintenance until the time that was entered. */
  runUntil() {
    const hass = this.getHass();
    const until = fromInput(hass, this.until.value);
    if (!(until > Date.now())) {
      this.showError(localize(hass, "maintenance_end_passed"));
      return undefined;
    }
    return this.perform(
      () => true,
      (hass, devices) => maintain(hass, devices, until),
    );
  }

  /** Call a function with the targets that it applies to, and show what it returns. */
  async perform(applies, run) {
    const hass = this.getHass();
    const targets = this.getTargets().filter(applies);
    if (this.isRunning || !targets.length) return;
    this.isRunning = true;
    this.element.ariaBusy = "true";
    this.showResult(localize(hass, "action_running"));
    try {
      const devices = targets.map(({ device }) => device);
      this.showResult(await run(hass, devices, targets));
    } catch (error) {
      this.showError(await errorText(hass, error));
    } finally {
      this.isRunning = false;
      this.element.ariaBusy = "false";
    }
  }

  showResult(text) {
    this.result.className = "result";
    this.result.textContent = text;
  }

  showError(text) {
    this.result.className = "result error";
    this.result.textContent = text;
  }
}
