import { toSegments } from "./segments.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** After how many milliseconds what was loaded is loaded again. */
export const REFRESH_MILLISECONDS = 300_000;
/** And after an error. */
export const RETRY_MILLISECONDS = 30_000;

/** Return whether Home Assistant has a history. */
const hasHistory = ({ config }) =>
  ["history", "recorder"].every((component) => config.components.includes(component));

/**
 * Loads the history of devices from the recorder.
 *
 * All devices that are requested within one frame are loaded by one command. A device is
 * loaded again after five minutes, if it is still requested; never while the page is
 * hidden. What has changed since is taken from the states.
 */
export class HistoryLoader {
  /**
   * @param {object} options
   * @param {number} [options.hours] How far back.
   * @param {string[]} [options.keys] The keys of the entities.
   * @param {() => void} options.onLoad Called after devices were loaded.
   */
  constructor({ hours = 24, keys = ["connectivity", "maintenance"], onLoad }) {
    this.hours = hours;
    this.keys = keys;
    this.onLoad = onLoad;
    this.waiting = new Map();
    this.loaded = new Map();
  }

  /** Load a device of `getFleet`, unless it is loaded. Call it as often as you like. */
  request(hass, device) {
    if (!hasHistory(hass) || document.hidden) return;
    const known = this.loaded.get(device.id);
    if (known && Date.now() < known.due) return;
    this.loaded.set(device.id, { ...known, due: Infinity });
    this.waiting.set(device.id, device);
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.load(hass);
    });
  }

  /** Return whether a device has a history, undefined until that is known. */
  isRecorded(hass, device) {
    if (!hasHistory(hass)) return false;
    const { recorded } = this.loaded.get(device.id) ?? {};
    const entityId = device.entities[this.keys[0]];
    // The recorder forgets a state that is older than what it keeps, also the current one.
    const { last_changed: changed } = hass.states[entityId] ?? {};
    return (
      recorded && (recorded.has(entityId) || Date.now() - Date.parse(changed) > DAY)
    );
  }

  /**
   * Return the states of an entity of a device until now.
   *
   * @returns {import("./segments.js").Point[]}
   */
  points(hass, device, key) {
    const entityId = device.entities[key];
    const points = this.loaded.get(device.id)?.recorded?.get(entityId) ?? [];
    const { state, last_changed: changed } = hass.states[entityId] ?? {};
    const at = Date.parse(changed);
    const last = points.at(-1);
    return at > (last?.at ?? 0) && state !== last?.state
      ? [...points, { at, state }]
      : points;
  }

  /**
   * Return the segments of a device until now.
   *
   * @returns {import("./segments.js").Segment[]} Empty if it has no history, undefined
   * until it is loaded.
   */
  segments(hass, device, hours = this.hours) {
    const isRecorded = this.isRecorded(hass, device);
    if (!isRecorded) return isRecorded === undefined ? undefined : [];
    const end = Date.now();
    const [connectivity, maintenance] = ["connectivity", "maintenance"].map((key) =>
      this.points(hass, device, key),
    );
    return toSegments(connectivity, maintenance, end - hours * HOUR, end);
  }

  /** Load all devices that wait. */
  async load(hass) {
    const devices = [...this.waiting.values()];
    this.waiting.clear();
    const entityIds = devices.flatMap(({ entities }) =>
      this.keys.map((key) => entities[key]).filter(Boolean),
    );
    let response;
    try {
      response = await hass.callWS({
        type: "history/history_during_period",
        start_time: new Date(Date.now() - this.hours * HOUR).toISOString(),
        entity_ids: entityIds,
        minimal_response: true,
        no_attributes: true,
        significant_changes_only: false,
      });
    } catch {
      // What was loaded before stays; without that there is no history for now.
    }
    const wait = response ? REFRESH_MILLISECONDS : RETRY_MILLISECONDS;
    for (const device of devices) {
      const recorded = response
        ? toPoints(response, Object.values(device.entities))
        : (this.loaded.get(device.id)?.recorded ?? new Map());
      this.loaded.set(device.id, { recorded, due: Date.now() + wait });
    }
    this.onLoad();
  }
}

/** Return the points of those entities that have some in a response. */
function toPoints(response, entityIds) {
  const points = new Map();
  for (const entityId of entityIds) {
    const states = response[entityId];
    if (!states?.length) continue;
    // A time is in seconds, and that of the change is left out if it is the same.
    const toPoint = ({ s, lc, lu }) => ({ at: (lc ?? lu) * 1000, state: s });
    points.set(entityId, states.map(toPoint));
  }
  return points;
}
