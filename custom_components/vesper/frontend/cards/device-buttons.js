import { createActionButton, createResult } from "./action-button.js";
import {
  acknowledgeOffline,
  endMaintenance,
  runHealthCheck,
  setMaintenance,
  unacknowledge,
} from "./device-actions.js";
import { isKnown } from "./device-view.js";
import { createElement, secondaryText, timeElement } from "./dom.js";
import { periodText } from "./durations.js";
import { getFleet } from "./fleet.js";
import { DOMAIN } from "./home-assistant.js";
import { entityName, localize } from "./texts.js";
import { fromInput, toInput } from "./times.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long the maintenance of the buttons is, in hours. */
const DURATIONS = [1, 4];
/** And how long it can be, as the action has it. */
const MAX_MAINTENANCE = 30 * DAY;

/** Create the buttons of a device. */
export function createButtons({ getHass }) {
  let shown;
  const devices = () => [shown];
  const checkResult = createResult();
  const check = createActionButton(
    getHass,
    async (hass) => {
      const [{ answered }] = Object.values(await runHealthCheck(hass, devices()));
      const text = answered ? localize(hass, "answered") : localize(hass, "not_answered");
      return [text, " ", secondaryText(timeElement(hass, new Date().toISOString()))];
    },
    checkResult,
  );
  const offlineResult = createResult();
  let isAcknowledged;
  const acknowledging = createActionButton(
    getHass,
    (hass) =>
      isAcknowledged ? unacknowledge(hass, devices()) : acknowledgeOffline(hass, devices()),
    offlineResult,
  );
  const maintenance = createMaintenance(getHass, devices);
  const page = createElement("ha-button", { size: "s", appearance: "plain" });
  const downloadResult = createResult();
  const diagnostics = createActionButton(
    getHass,
    (hass) => downloadDiagnostics(hass, shown),
    downloadResult,
    "plain",
  );
  const element = createElement(
    "section",
    { className: "buttons" },
    createElement("div", { className: "actions" }, check, checkResult),
    createElement("div", { className: "actions" }, acknowledging, offlineResult),
    maintenance,
    createElement("div", { className: "actions" }, page, diagnostics, downloadResult),
  );
  element.update = (hass, device, view) => {
    shown = device;
    // Only a device that is online can answer.
    check.parentElement.hidden = !view.canControl || !view.online;
    check.textContent = entityName(hass, "button", "run_health_check");
    // Acknowledged is what is ticked in the to-do list, which a user may have disabled.
    const list = hass.states[getFleet(hass).entities.problems];
    isAcknowledged = view.offlineAcknowledged;
    acknowledging.parentElement.hidden =
      !view.canControl || view.online !== false || !isKnown(list);
    acknowledging.textContent = isAcknowledged
      ? localize(hass, "unacknowledge")
      : localize(hass, "acknowledge_offline");
    maintenance.hidden = !view.canControl;
    maintenance.update(hass, view);
    const isAdmin = Boolean(hass.user?.is_admin);
    page.parentElement.hidden = !isAdmin;
    page.href = `/config/devices/device/${device.id}`;
    page.textContent = localize(hass, "open_device_page");
    diagnostics.hidden = !hass.config.components.includes("diagnostics");
    diagnostics.textContent = localize(hass, "download_diagnostics");
  };
  return element;
}

/** Create the buttons that begin and end the maintenance. */
function createMaintenance(getHass, devices) {
  const field = createElement("input", { type: "datetime-local", id: "until" });
  const label = createElement("label", { htmlFor: field.id });
  const result = createResult();
  const action = (run) => createActionButton(getHass, run, result);
  const until = createElement("ha-button", { size: "s", appearance: "filled" });
  const begin = async (hass, time) => {
    if (!(time > Date.now())) throw new Error(localize(hass, "maintenance_end_passed"));
    await setMaintenance(hass, devices(), time);
    form.hidden = true;
    // The button that was pressed will be hidden.
    until.focus();
  };
  const presets = DURATIONS.map((hours) =>
    action((hass) => begin(hass, Date.now() + hours * HOUR)),
  );
  const set = action((hass) => begin(hass, fromInput(hass, field.value)));
  const end = action(async (hass) => {
    await endMaintenance(hass, devices());
    until.focus();
  });
  const form = createElement("div", { className: "actions", hidden: true }, label, field);
  form.append(set);
  until.onclick = () => {
    const hass = getHass();
    const minute = Math.ceil(Date.now() / MINUTE) * MINUTE;
    field.min = toInput(hass, minute + MINUTE);
    field.max = toInput(hass, minute + MAX_MAINTENANCE - MINUTE);
    field.value ||= toInput(hass, minute + DAY);
    form.hidden = !form.hidden;
    if (!form.hidden) field.focus();
  };
  const buttons = [...presets, until, end];
  const name = createElement("span", { className: "note" });
  const row = createElement("div", { className: "actions", role: "group" }, name, ...buttons);
  const element = createElement("div", {}, row, form, result);
  element.update = (hass, { maintenance, state }) => {
    name.textContent = row.ariaLabel = entityName(hass, "switch", "maintenance");
    // Without the switch it is unknown whether it is on: all is offered.
    for (const preset of presets) preset.hidden = Boolean(maintenance);
    end.hidden = Boolean(state("maintenance")) && !maintenance;
    for (const [at, preset] of presets.entries()) {
      preset.textContent = periodText(hass, DURATIONS[at]);
    }
    until.textContent = localize(hass, "maintenance_until_time");
    end.textContent = localize(hass, "end_maintenance");
    label.textContent = localize(hass, "maintenance_end");
    set.textContent = localize(hass, "set_end");
  };
  return element;
}

/** Download the diagnostics of a device, as its page in Home Assistant does. */
async function downloadDiagnostics(hass, { id }) {
  const { config_entries: entries, primary_config_entry: primary } = hass.devices[id];
  const entry = primary ?? entries[0];
  const { path } = await hass.callWS({
    type: "auth/sign_path",
    path: `/api/diagnostics/config_entry/${entry}/device/${id}`,
  });
  const name = `${DOMAIN}-${id}.json`;
  const link = createElement("a", { href: path, download: name, target: "_blank" });
  document.body.append(link);
  link.click();
  link.remove();
}
