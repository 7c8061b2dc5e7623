import { createElement } from "./dom.js";
import { durationText, periodText } from "./durations.js";
import { percentText } from "./numbers.js";
import { createStatusBar } from "./status-bar.js";
import { localize, resetReasonText } from "./texts.js";
import { absoluteTime, endTime, shortTime } from "./times.js";

/** The periods in hours, by their names in the report. */
const PERIODS = { day: 24, week: 7 * 24, month: 30 * 24 };

/** More outages and restarts than this are shown on demand. */
const MAX_SHOWN = 5;

/** Create how reliable a device is: percentages, status bars, outages and restarts. */
export function createAvailability({ history, insight, device }) {
  const heading = createElement("h3");
  const rows = Object.entries(PERIODS).map(([name, hours]) =>
    createRow(createStatusBar(history, device, hours), name, hours),
  );
  const past = createPast();
  const element = createElement("section", {}, heading, ...rows, past);
  element.update = (hass, current) => {
    heading.textContent = localize(hass, "availability");
    for (const row of rows) row.update(hass, insight.report);
    past.update(hass, insight.report);
    // Of a device that is not observed, nothing is known.
    element.hidden = !current.entities.connectivity && !insight.report;
  };
  return element;
}

/** Create the percentage and the status bar of a period. */
function createRow(bar, name, hours) {
  const label = createElement("span", { className: "note" });
  const value = createElement("span", { className: "percent" });
  const words = createElement("div", { className: "period-words" }, label, value);
  const row = createElement("div", { className: "period" }, words, bar);
  row.update = (hass, report) => {
    const percentage = report?.availability[name];
    const isKnown = typeof percentage === "number";
    label.textContent = periodText(hass, hours);
    value.textContent = isKnown
      ? percentText(hass, percentage / 100, 2)
      : localize(hass, "not_known_yet");
    value.className = isKnown ? "percent" : "percent note";
    bar.share = isKnown ? percentage / 100 : undefined;
    bar.update(hass);
  };
  return row;
}

/** Create the list of the outages and restarts of the last 30 days. */
function createPast() {
  const heading = createElement("h4");
  const list = createElement("ul", { className: "past", role: "list" });
  const rest = createElement("ul", { className: "past", role: "list" });
  const summary = createElement("summary");
  const more = createElement("details", {}, summary, rest);
  const none = createElement("p", { className: "none note" });
  const className = "history";
  const element = createElement("div", { className }, heading, none, list, more);
  element.update = (hass, report) => {
    element.hidden = !report;
    if (!report) return;
    const events = pastEvents(hass, report);
    heading.textContent = localize(hass, "past");
    none.textContent = localize(hass, "past_none");
    none.hidden = events.length > 0;
    list.replaceChildren(
      ...events.slice(0, MAX_SHOWN).map((event) => item(hass, event)),
    );
    rest.replaceChildren(...events.slice(MAX_SHOWN).map((event) => item(hass, event)));
    more.hidden = events.length <= MAX_SHOWN;
    const count = events.length - MAX_SHOWN;
    summary.textContent = localize(hass, "past_more", { count });
  };
  return element;
}

/** Return the outages and restarts of a report, the newest first. */
function pastEvents(hass, { last_outages: outages, last_restarts: restarts }) {
  const first = Date.now() - PERIODS.month * 3_600_000;
  return [
    ...outages.map((outage) => ({
      time: outage.start,
      icon: "mdi:lan-disconnect",
      text: outageText(hass, outage),
      reason: causeText(hass, outage.cause),
    })),
    ...restarts.map(({ time, reason }) => ({
      time,
      icon: "mdi:restart",
      text: localize(hass, "past_restart", { time: shortTime(hass, time) }),
      reason: resetReasonText(hass, reason) || localize(hass, "reason_unknown"),
    })),
  ]
    .filter(({ time }) => Date.parse(time) >= first)
    .sort((one, other) => Date.parse(other.time) - Date.parse(one.time));
}

function outageText(hass, { start, end }) {
  if (!end) return localize(hass, "offline_since", { time: shortTime(hass, start) });
  const seconds = (Date.parse(end) - Date.parse(start)) / 1000;
  return localize(hass, "past_outage", {
    start: shortTime(hass, start),
    end: endTime(hass, start, end),
    duration: durationText(hass, seconds),
  });
}

const causeText = (hass, cause) =>
  ({
    device: localize(hass, "cause_device"),
    fleet_outage: localize(hass, "cause_fleet_outage"),
  })[cause] ?? localize(hass, "cause_unknown");

const item = (hass, { time, icon, text, reason }) =>
  createElement(
    "li",
    { title: absoluteTime(hass, time) },
    createElement("ha-icon", { icon, ariaHidden: "true" }),
    createElement(
      "span",
      { className: "words" },
      createElement("span", {}, text),
      createElement("span", { className: "note" }, reason),
    ),
  );
