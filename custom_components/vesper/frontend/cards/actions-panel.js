import {
  acknowledge,
  acknowledgeOffline,
  clear,
  endMaintenance,
  errorText,
  runHealthCheck,
  setMaintenance,
  unacknowledge,
} from "./device-actions.js";
import { isKnown } from "./device-view.js";
import { createElement } from "./dom.js";
import { localize } from "./texts.js";
import { fromInput, shortTime, toInput } from "./times.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long maintenance can be, as the action has it. */
const MAX_MAINTENANCE = 30 * DAY;

const sum = (response) =>
  Object.values(response ?? {}).reduce((count, { length }) => count + length, 0);

const isAcknowledged = (alert) => Boolean(alert.acknowledged);
const hasNewAlerts = ({ view }) => !view.alerts.every(isAcknowledged);

/** Return whether a device is newly offline, which a to-do list is needed to acknowledge. */
const isNewOffline = ({ device, view }, hass) =>
  view.status === "offline" &&
  !view.offlineAcknowledged &&
  hasProblemList(hass, device);

/** Return whether there is the to-do list of problems, which a user may have disabled. */
const hasProblemList = (hass, { site }) => isKnown(hass.states[site.entities.problems]);

/** Set maintenance, and return the text that says until when. */
async function maintain(hass, devices, until) {
  await setMaintenance(hass, devices, until);
  const time = shortTime(hass, new Date(until).toISOString());
  return localize(hass, "maintenance_until", { time });
}

const maintainFor = (hours) => ({
  icon: "mdi:wrench",
  applies: ({ view }) => !view.maintenance,
  run: (hass, devices) => maintain(hass, devices, Date.now() + hours * HOUR),
});

/**
 * The actions by key.
 *
 * `applies` selects those of the targets that an action does something to. `run` is
 * called with their devices, and the targets; it returns the text of the result.
 */
const ACTIONS = {
  acknowledge: {
    icon: "mdi:check",
    applies: (target, hass) => hasNewAlerts(target) || isNewOffline(target, hass),
    async run(hass, _devices, targets) {
      const devicesOf = (found) => found.map(({ device }) => device);
      const alerting = devicesOf(targets.filter(hasNewAlerts));
      const offline = devicesOf(targets.filter((target) => isNewOffline(target, hass)));
      const count = alerting.length ? sum(await acknowledge(hass, alerting)) : 0;
      await acknowledgeOffline(hass, offline);
      return localize(hass, "acknowledged_count", { count: count + offline.length });
    },
  },
  unacknowledge: {
    icon: "mdi:undo",
    applies: ({ device, view }, hass) =>
      view.acknowledged && hasProblemList(hass, device),
    async run(hass, _devices, targets) {
      for (const { device, view } of targets) {
        for (const { subsystem } of view.alerts) {
          await unacknowledge(hass, [device], subsystem);
        }
        if (view.offlineAcknowledged) await unacknowledge(hass, [device]);
      }
      return localize(hass, "unacknowledged");
    },
  },
  clear: {
    icon: "mdi:bell-off",
    applies: ({ view }) => view.alerts.length > 0,
    run: async (hass, devices) =>
      localize(hass, "cleared_count", { count: sum(await clear(hass, devices)) }),
  },
  run_health_check: {
    icon: "mdi:stethoscope",
    // Only a device that is online can answer.
    applies: ({ view }) => Boolean(view.online),
    async run(hass, devices) {
      const responses = Object.values(await runHealthCheck(hass, devices));
      const answered = responses.filter((response) => response.answered).length;
      if (responses.length > 1) {
        const values = { answered, devices: responses.length };
        return localize(hass, "answered_count", values);
      }
      return answered ? localize(hass, "answered") : localize(hass, "not_answered");
    },
  },
  maintenance_1h: maintainFor(1),
  maintenance_4h: maintainFor(4),
  end_maintenance: {
    icon: "mdi:wrench-check",
    applies: ({ view }) => Boolean(view.maintenance),
    async run(hass, devices) {
      await endMaintenance(hass, devices);
      return localize(hass, "maintenance_ended");
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
    this.until = this.createButton("mdi:calendar-clock", () => this.toggleForm());
    this.end = createElement("input", { type: "datetime-local" });
    this.set = this.createButton("mdi:check", () => this.runUntil());
    this.form = createElement("span", { className: "until", hidden: true });
    this.form.append(this.end, this.set);
    this.result = createElement("p", { className: "result", role: "status" });
    this.element = createElement(
      "div",
      { className: "panel", role: "group" },
      ...this.buttons.values(),
      this.until,
      this.form,
      this.result,
    );
  }

  createButton(icon, onclick) {
    const button = createElement("button", {
      className: "action",
      type: "button",
      onclick,
    });
    button.append(
      createElement("ha-icon", { icon, ariaHidden: "true" }),
      createElement("span"),
    );
    return button;
  }

  /** Show the actions that can be performed on the targets, in the user's language. */
  update() {
    const hass = this.getHass();
    const targets = this.getTargets();
    const hadFocus = this.element.matches(":focus-within");
    this.element.ariaLabel = localize(hass, "actions");
    for (const [key, button] of this.buttons) {
      button.lastChild.textContent = localize(hass, `action_${key}`);
      button.hidden = !targets.some((target) => ACTIONS[key].applies(target, hass));
    }
    this.until.hidden = !targets.length;
    this.until.ariaExpanded = String(!this.form.hidden);
    this.until.lastChild.textContent = localize(hass, "action_maintenance_until");
    this.end.ariaLabel = localize(hass, "maintenance_end");
    this.set.lastChild.textContent = localize(hass, "set_end");
    // The button that was pressed may no longer apply.
    if (hadFocus && !this.element.matches(":focus-within")) this.until.focus();
  }

  /** Show the field for the end of maintenance, or hide it. */
  toggleForm() {
    const hass = this.getHass();
    const minute = Math.ceil(Date.now() / MINUTE) * MINUTE;
    this.end.min = toInput(hass, minute + MINUTE);
    this.end.max = toInput(hass, minute + MAX_MAINTENANCE - MINUTE);
    this.end.value ||= toInput(hass, minute + DAY);
    this.form.hidden = !this.form.hidden;
    this.update();
    if (!this.form.hidden) this.end.focus();
  }

  /** Perform an action, if there is anything that it applies to. */
  run(key) {
    const { applies, run } = ACTIONS[key];
    return this.perform(applies, run);
  }

  /** Set maintenance until the time that was entered. */
  runUntil() {
    const hass = this.getHass();
    const until = fromInput(hass, this.end.value);
    if (!(until > Date.now())) {
      this.showResult(localize(hass, "maintenance_end_passed"), true);
      return undefined;
    }
    return this.perform(
      () => true,
      async (hass, devices) => {
        const text = await maintain(hass, devices, until);
        this.form.hidden = true;
        return text;
      },
    );
  }

  /** Call a function with the targets that it applies to, and show what it returns. */
  async perform(applies, run) {
    const hass = this.getHass();
    const targets = this.getTargets().filter((target) => applies(target, hass));
    if (this.isRunning || !targets.length) return;
    this.isRunning = true;
    this.element.ariaBusy = "true";
    this.showResult(localize(hass, "action_running"));
    try {
      const devices = targets.map(({ device }) => device);
      this.showResult(await run(hass, devices, targets));
    } catch (error) {
      this.showResult(await errorText(hass, error), true);
    } finally {
      this.isRunning = false;
      this.element.ariaBusy = "false";
      this.update();
    }
  }

  showResult(text, isError = false) {
    this.result.classList.toggle("error", isError);
    this.result.textContent = text;
  }
}
