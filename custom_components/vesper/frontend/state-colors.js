/**
 * Colors of Vesper's states in Home Assistant's history and activity.
 *
 * Home Assistant colors the states of an enum sensor by their position alone: OK would be
 * blue. It has no theme variable for a state of a sensor, and those of connectivity are
 * shared by all integrations. So only what shows Vesper's own entities is
 * colored (docs/development.md, Colors of states).
 */

import { DOMAIN, currentHass } from "./cards/home-assistant.js";

const HEALTH = {
  ok: "--green-color",
  warning: "--amber-color",
  critical: "--deep-orange-color",
  failed: "--red-color",
  offline: "--grey-color",
};
const CONNECTIVITY = { on: "--green-color", off: "--grey-color" };

/** The theme variables of states, by translation key of the entity. */
const COLORS = {
  alert: HEALTH,
  connectivity: CONNECTIVITY,
  fleet_health: HEALTH,
  health: HEALTH,
  mqtt_link: CONNECTIVITY,
};

/** The entries of the activity that have a color of this module. */
const coloredEntries = new WeakSet();

/** Return the theme variables of an entity's states, undefined for other entities. */
function variablesOf(entityId) {
  const entity = currentHass()?.entities[entityId];
  return entity?.platform === DOMAIN ? COLORS[entity.translation_key] : undefined;
}

/** Return the theme variables by the name that a state has in a history. */
function variablesByName(history, variables) {
  return new Map(
    history.map(({ state, state_localize: name }) => [name, variables[state]]),
  );
}

/** Return black or white, whichever has more contrast on a color like `#4caf50`. */
function textColorOn(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** Color the bars of one entity. */
function colorBars(bars, history, variables, styles) {
  const byName = variablesByName(history, variables);
  for (const bar of bars) {
    const color = styles.getPropertyValue(byName.get(bar.value[3])).trim();
    if (!/^#[0-9a-f]{6}$/i.test(color)) continue;
    bar.value[4] = color;
    bar.value[5] = textColorOn(color);
    bar.itemStyle = { ...bar.itemStyle, color };
  }
}

/** Color the bars of Vesper's entities in a timeline that has just been computed. */
function colorTimeline(timeline) {
  const styles = getComputedStyle(timeline);
  for (const { id, data } of timeline._chartData) {
    const variables = variablesOf(id);
    if (!variables) continue;
    const { data: history } = timeline.data.find((row) => row.entity_id === id);
    colorBars(data, history, variables, styles);
  }
}

/** Color the dot of a state of Vesper's entities in the activity. */
function colorEntry(entry) {
  const { entity_id: entityId, state } = entry.item;
  const variable = variablesOf(entityId)?.[state];
  if (variable) entry.nodeColor = `var(${variable})`;
  else if (coloredEntries.has(entry)) entry.nodeColor = undefined;
  coloredEntries[variable ? "add" : "delete"](entry);
}

/**
 * Run a function whenever a property of an element of Home Assistant has changed.
 *
 * Home Assistant loads such an element when it is first shown. Where the element has
 * changed, so that the function fails, Home Assistant's own colors stay.
 */
async function onChange(tag, property, color) {
  await customElements.whenDefined(tag);
  const { prototype } = customElements.get(tag);
  const { willUpdate } = prototype;
  prototype.willUpdate = function (changed) {
    const previous = this[property];
    willUpdate.call(this, changed);
    if (this[property] === previous && !changed.has(property)) return;
    try {
      color(this);
    } catch {
      // See above.
    }
  };
}

onChange("state-history-chart-timeline", "_chartData", colorTimeline);
onChange("ha-logbook-entry", "item", colorEntry);
