import { isKnown } from "./device-view.js";
import { createElement, timeElement } from "./dom.js";
import { createSparkline } from "./sparkline.js";
import { entityName, localize, playingText } from "./texts.js";

const HOUR = 3_600_000;

/** Create the terms and values of a device: playback, free heap, last restart. */
export function createFacts({ heap, sections }) {
  const element = createElement("dl");
  element.update = (hass, device, view) => {
    const { state } = view;
    const facts = [
      sections.has("playback") && state("playing") && playback(hass, view),
      sections.has("heap") &&
        isKnown(state("heap_free")) && [
          entityName(hass, "sensor", "heap_free"),
          hass.formatEntityState(state("heap_free")),
          heapLine(hass, device, heap),
        ],
      sections.has("restarts") && lastRestart(hass, view),
    ].filter(Boolean);
    element.hidden = !facts.length;
    element.replaceChildren(
      ...facts.flatMap(([term, ...values]) => {
        const known = values.filter(Boolean);
        const shown = known.length ? known : [localize(hass, "unknown")];
        const wrapped = shown.map((value) => createElement("span", {}, value));
        return [
          createElement("dt", {}, term),
          createElement("dd", { className: "words" }, ...wrapped),
        ];
      }),
    );
  };
  return element;
}

function playback(hass, view) {
  const texts = { on: playingText(hass, view), off: localize(hass, "not_playing") };
  return [localize(hass, "playback"), texts[view.state("playing").state]];
}

/** Draw the free heap of the last hours, if the recorder has it. */
function heapLine(hass, device, heap) {
  heap.request(hass, device);
  if (!heap.isRecorded(hass, device)) return undefined;
  const end = Date.now();
  const points = heap.points(hass, device, "heap_free");
  return createSparkline(points, end - heap.hours * HOUR, end);
}

function lastRestart(hass, { state }) {
  if (!state("boot_time") && !state("reset_reason")) return undefined;
  return [
    localize(hass, "last_restart"),
    isKnown(state("boot_time")) && timeElement(hass, state("boot_time").state),
    isKnown(state("reset_reason")) && hass.formatEntityState(state("reset_reason")),
  ];
}
