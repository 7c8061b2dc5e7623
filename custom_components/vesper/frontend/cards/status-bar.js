import { createElement } from "./dom.js";
import { durationText, periodText } from "./durations.js";
import { percentText } from "./numbers.js";
import { joinSegments, onlineShare } from "./segments.js";
import { localize } from "./texts.js";
import { absoluteTime, endTime, shortTime } from "./times.js";

const HOUR = 3_600_000;

/** A bar is drawn again when it is this share of its period older. */
const STEP = 1 / 480;

/** How many outages are named for screen readers; of more, the last one is. */
const MAX_NAMED = 3;

/** The styles of status bars. */
export const STATUS_BAR_STYLES = new CSSStyleSheet();
STATUS_BAR_STYLES.replaceSync(`
  .status-bar {
    display: flex; align-items: center; block-size: 10px; overflow: hidden;
    border-radius: 3px; background: var(--divider-color); forced-color-adjust: none;
  }
  /* The times of the user's language run from its start to its end. */
  .status-bar > span { flex: 1 1 0; min-inline-size: 0; block-size: 6px; }
  .status-bar > .online { background: var(--success-color); }
  /* Never too short to be seen, and higher than all else: not by color alone. */
  .status-bar > .offline { min-inline-size: 2px; block-size: 10px; background: var(--error-color); }
  .status-bar > .maintenance { min-inline-size: 1px; background: var(--info-color); }
  .status-bar > .unknown { background: var(--secondary-text-color); opacity: 0.8; }
`);

/**
 * Create the status bar of a device: when it was online, like that of a status page.
 *
 * Call `update(hass)` when it is added to the page and when the states of the device have
 * changed; `VesperCard.updateTimes` does it for all bars of a card, every few seconds. That
 * requests the history when it is missing or old, and draws only what has changed. The bar
 * is hidden if the device has no history. Its height is 10 px, its width that of its
 * parent.
 *
 * @param {import("./history.js").HistoryLoader} history One for all bars of the card, that
 * calls `updateTimes` when something was loaded.
 * @param {object} device A device of `getFleet`.
 * @param {number} [hours] At most those of the history.
 * @returns {HTMLElement & { update: (hass: object) => void, share?: number }} `share` is
 * the online share that is told to screen readers; without it that of the segments.
 */
export function createStatusBar(history, device, hours = history.hours) {
  const bar = createElement("div", { className: "status-bar" });
  let drawn;
  bar.update = (hass) => {
    history.request(hass, device);
    const segments = history.segments(hass, device, hours);
    bar.hidden = segments?.length === 0;
    if (!segments?.length) return;
    const now = Math.floor(Date.now() / (hours * HOUR * STEP));
    // The first one always begins at another time.
    const changes = segments.map(({ state, start }, at) => [state, at && start]);
    const current = JSON.stringify([now, bar.share, hass.locale, changes]);
    if (current === drawn) return;
    drawn = current;
    // Until it is drawn, it is no image: one needs a label.
    bar.setAttribute("role", "img");
    bar.ariaLabel = describeSegments(hass, segments, hours, bar.share);
    bar.replaceChildren(...drawSegments(hass, segments));
  };
  return bar;
}

/** Draw segments; returns their elements. */
const drawSegments = (hass, segments) =>
  joinSegments(segments).map((segment) => {
    const { state, start, end } = segment;
    const title = segmentText(hass, segment);
    const element = createElement("span", { className: state, title });
    element.style.flexGrow = end - start;
    return element;
  });

/** Return what a segment shows: the state, the times and how long. */
function segmentText(hass, { state, start, end, offline, outages }) {
  const times = {
    start: absoluteTime(hass, start),
    end: absoluteTime(hass, end),
    duration: durationText(hass, (outages > 1 ? offline : end - start) / 1000),
  };
  return outages > 1
    ? localize(hass, "segment_outages", { outages, ...times })
    : localize(hass, "segment", { state: stateText(hass, state), ...times });
}

const stateText = (hass, state) =>
  ({
    online: localize(hass, "online"),
    offline: localize(hass, "offline"),
    maintenance: localize(hass, "maintenance"),
    unrecorded: localize(hass, "not_recorded"),
  })[state] ?? localize(hass, "unknown");

/** Return segments as text. */
function describeSegments(hass, segments, hours, share = onlineShare(segments)) {
  const period = periodText(hass, hours);
  if (share === undefined) return localize(hass, "bar_unknown", { period });
  const texts = [
    localize(hass, "bar_online", { period, share: percentText(hass, share) }),
  ];
  const outages = segments.filter(({ state }) => state === "offline");
  if (outages.length > MAX_NAMED) {
    const last = outageText(hass, outages.at(-1), segments.at(-1));
    texts.push(localize(hass, "bar_outages", { count: outages.length, last }));
  } else {
    for (const outage of outages) {
      texts.push(outageText(hass, outage, segments.at(-1)));
    }
  }
  return texts.reduce((first, second) =>
    localize(hass, "sentences", { first, second }),
  );
}

/** Return when an outage was, or since when it is. */
function outageText(hass, outage, last) {
  const start = shortTime(hass, outage.start);
  const end = endTime(hass, outage.start, outage.end);
  return outage === last
    ? localize(hass, "bar_offline_since", { start })
    : localize(hass, "bar_offline", { start, end });
}
