/**
 * What a status bar is made of: times in which a device was in one state.
 *
 * All times are in milliseconds.
 *
 * @typedef {{ at: number, state: string }} Point A state of an entity, and since when.
 * @typedef {object} Segment
 * @property {"online"|"offline"|"unknown"|"maintenance"|"unrecorded"} state
 * @property {number} start
 * @property {number} end
 * @property {number} offline How long the device was offline in it.
 * @property {number} outages How many times it was offline in it.
 */

/** More segments than this are joined: they would be narrower than a pixel or two. */
const MAX_SEGMENTS = 120;

const STATES = { on: "online", off: "offline" };

/** Of segments that are joined, the first of these states is shown. */
const ORDER = ["offline", "maintenance", "unknown", "unrecorded", "online"];

/**
 * Return the segments of a period.
 *
 * @param {Point[]} connectivity The states of the entity, in order.
 * @param {Point[]} maintenance
 * @param {number} start
 * @param {number} end
 * @returns {Segment[]}
 */
export function toSegments(connectivity, maintenance, start, end) {
  const times = [...connectivity, ...maintenance]
    .map(({ at }) => at)
    .filter((at) => at > start && at < end);
  const bounds = [start, ...new Set(times.sort((one, other) => one - other)), end];
  const connectivityAt = reader(connectivity);
  const maintenanceAt = reader(maintenance);
  const segments = [];
  for (const [index, from] of bounds.slice(0, -1).entries()) {
    const until = bounds[index + 1];
    const known = connectivityAt(from);
    let state = known === undefined ? "unrecorded" : (STATES[known] ?? "unknown");
    if (maintenanceAt(from) === "on") state = "maintenance";
    const last = segments.at(-1);
    if (last?.state === state) last.end = until;
    else segments.push({ state, start: from, end: until });
  }
  return segments.map((segment) => {
    const isOffline = segment.state === "offline";
    const offline = isOffline ? segment.end - segment.start : 0;
    return { ...segment, offline, outages: Number(isOffline) };
  });
}

/** Return a function that returns the state at a time; the times must not decrease. */
function reader(points) {
  let next = 0;
  return (time) => {
    while (next < points.length && points[next].at <= time) next += 1;
    return points[next - 1]?.state;
  };
}

/** Join segments if there are too many to draw; an outage is never lost. */
export function joinSegments(segments, max = MAX_SEGMENTS) {
  if (segments.length <= max) return segments;
  const [{ start }] = segments;
  const size = (segments.at(-1).end - start) / max;
  const joined = [];
  for (const segment of segments) {
    // By their middle, so that no segment is in two cells.
    const cell = Math.floor(((segment.start + segment.end) / 2 - start) / size);
    const last = joined.at(-1);
    if (last?.cell === cell) joined[joined.length - 1] = join(last, segment);
    else joined.push({ ...segment, cell });
  }
  return joined;
}

/** Return two neighbors as one. */
const join = (one, other) => ({
  ...one,
  state: ORDER.find((state) => [one.state, other.state].includes(state)),
  end: other.end,
  offline: one.offline + other.offline,
  outages: one.outages + other.outages,
});

/**
 * Return the online share of the time in which it is known whether the device was online.
 *
 * Undefined if it is not known at all.
 */
export function onlineShare(segments) {
  let [online, offline] = [0, 0];
  for (const { state, start, end } of segments) {
    if (state === "online") online += end - start;
    if (state === "offline") offline += end - start;
  }
  return online + offline > 0 ? online / (online + offline) : undefined;
}
