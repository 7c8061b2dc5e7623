import { VesperCard } from "./base-card.js";
import { DEVICE_FILTER, cardForm } from "./card-form.js";
import { alertList, deviceHeader } from "./device-elements.js";
import { deviceView, isKnown } from "./device-view.js";
import {
  badge,
  createElement,
  preserveFocus,
  secondaryText,
  timeElement,
} from "./dom.js";
import { getFleet, sortByName } from "./fleet.js";
import { DOMAIN, ENTITY_NAME } from "./home-assistant.js";
import {
  alertsHeading,
  entityName,
  localize,
  maintenanceText,
  playingText,
} from "./texts.js";

/** One device: its alerts, its facts, a graph of its free heap and a health check. */
export class VesperDeviceCard extends VesperCard {
  constructor() {
    super();
    this.body = createElement("div");
    this.graph = createElement("div", { className: "graph" });
    this.result = createElement("span", { role: "status" });
    this.resultTime = createElement("span", { className: "note" });
    this.button = createElement("ha-button", { size: "small", appearance: "filled" });
    this.button.onclick = () => this.runHealthCheck();
    const actions = [this.button, this.result, this.resultTime];
    this.actions = createElement("div", { className: "actions" }, ...actions);
    this.card.append(this.body, this.graph, this.actions);
  }

  static getStubConfig(hass) {
    const [device] = sortByName(hass, getFleet(hass).devices.values());
    return { device: device?.id ?? "" };
  }

  static getConfigForm() {
    return cardForm([
      {
        name: "device",
        required: true,
        selector: { device: { filter: DEVICE_FILTER } },
      },
    ]);
  }

  getCardSize() {
    return 6;
  }

  /** Render the card if an entity of the device has changed. */
  update(hass, rebuild) {
    const device = this.fleet.devices.get(this.config.device);
    const entityIds = Object.values(device?.entities ?? {});
    const changed = entityIds.some((id, at) => hass.states[id] !== this.states?.[at]);
    if (rebuild || changed) {
      if (device?.id !== this.device?.id) this.showResult();
      this.states = entityIds.map((id) => hass.states[id]);
      this.device = device;
      preserveFocus(this.shadowRoot, () => this.render(hass, device));
    }
    if (this.chart) this.chart.hass = hass;
  }

  render(hass, device) {
    this.renderGraph(device?.entities.heap_free);
    this.actions.hidden = true;
    if (!device) {
      const key = this.config.device ? "device_gone" : "device_missing";
      const alert = createElement("ha-alert", {}, localize(hass, key));
      this.body.replaceChildren(createElement("div", { className: "empty" }, alert));
      return;
    }
    const view = deviceView(hass, device);
    this.body.replaceChildren(
      createElement("div", { className: "device" }, deviceHeader(hass, device, view)),
      ...(view.state("active_alerts") ? this.alerts(hass, device, view) : []),
      createElement("dl", {}, ...this.facts(hass, view)),
    );
    // Only a device that is online can answer.
    this.actions.hidden = !view.online;
    this.button.textContent = entityName(hass, "button", "run_health_check");
  }

  /** Create the heading and the list of the alerts. */
  alerts(hass, device, view) {
    const none = isKnown(view.state("active_alerts"))
      ? localize(hass, "no_alerts")
      : localize(hass, "unknown");
    return [
      createElement("h3", {}, alertsHeading(hass)),
      view.alerts.length
        ? alertList(this.getHass, device, view)
        : createElement("p", { className: "none note" }, none),
    ];
  }

  /** Create the terms and values of a device; those without an entity are skipped. */
  facts(hass, view) {
    const { state } = view;
    const formatted = (key) =>
      isKnown(state(key)) && hass.formatEntityState(state(key));
    const online = { true: "online", false: "offline" }[view.online] ?? "unknown";
    const playing = {
      on: playingText(hass, view),
      off: localize(hass, "not_playing"),
    };
    const facts = [
      state("connectivity") && [
        entityName(hass, "binary_sensor", "connectivity"),
        localize(hass, online),
        view.lastSeen && secondaryText(timeElement(hass, view.lastSeen, "last_seen")),
      ],
      state("playing") && [localize(hass, "playback"), playing[state("playing").state]],
      (state("boot_time") || state("reset_reason")) && [
        localize(hass, "last_restart"),
        isKnown(state("boot_time")) && timeElement(hass, state("boot_time").state),
        formatted("reset_reason"),
      ],
      (view.maintenance || view.unstable) && [
        localize(hass, "state"),
        view.maintenance && maintenanceText(hass, view),
        view.unstable && badge(localize(hass, "unstable")),
      ],
    ];
    return facts.filter(Boolean).flatMap(([name, ...values]) => {
      const known = values
        .filter(Boolean)
        .map((value) => createElement("span", {}, value));
      const shown = known.length ? known : [localize(hass, "unknown")];
      return [
        createElement("dt", {}, name),
        createElement("dd", { className: "words" }, ...shown),
      ];
    });
  }

  /** Render the free heap with Home Assistant's sensor card, which updates itself. */
  async renderGraph(entity) {
    if (entity === this.chartEntity) return;
    this.chartEntity = entity;
    this.chart = undefined;
    this.graph.replaceChildren();
    if (!entity) return;
    const { createCardElement } = await window.loadCardHelpers();
    if (entity !== this.chartEntity) return;
    this.chart = createCardElement({
      type: "sensor",
      entity,
      graph: "line",
      ...ENTITY_NAME,
    });
    this.chart.hass = this._hass;
    this.graph.replaceChildren(this.chart);
  }

  /** Run a health check on the device, and show whether it has answered. */
  async runHealthCheck() {
    if (this.button.loading) return;
    const { id } = this.device;
    this.button.loading = true;
    this.showResult();
    try {
      const { response } = await this._hass.callService(
        DOMAIN,
        "run_health_check",
        {},
        { device_id: id },
        true,
        true,
      );
      if (this.device?.id !== id) return;
      const [{ answered }] = Object.values(response);
      this.showResult(answered ? "answered" : "not_answered");
    } catch {
      // Home Assistant shows the error itself.
    } finally {
      this.button.loading = false;
    }
  }

  /** Show the result of a health check; screen readers don't read out its time. */
  showResult(key) {
    this.result.textContent = key ? localize(this._hass, key) : "";
    this.resultTime.replaceChildren(
      ...(key ? [timeElement(this._hass, new Date().toISOString())] : []),
    );
  }
}
