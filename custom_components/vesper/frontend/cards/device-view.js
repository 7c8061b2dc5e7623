import { STATUSES, toStatus } from "./status.js";

/** The keys of the entities that a view is made of. */
export const VIEW_KEYS = [
  "connectivity",
  "health",
  "active_alerts",
  "playing",
  "melody",
  "maintenance",
];

/** Return whether an entity has a state that is known. */
export const isKnown = (state) =>
  state && !["unknown", "unavailable"].includes(state.state);

/** Return what the cards show of a device in its current state. */
export function deviceView(hass, device) {
  const state = (key) => hass.states[device.entities[key]];
  const connectivity = state("connectivity")?.state;
  const severity = toStatus(state("health")?.state);
  let status = severity;
  if (connectivity === "off") status = "offline";
  // A device that may be offline is never shown as OK.
  else if (connectivity !== "on" && severity === "ok") status = "unknown";
  const alerts = state("active_alerts")?.attributes.alerts;
  return {
    state,
    status,
    rank: Math.max(STATUSES[status].rank, STATUSES[severity].rank),
    alerts: Array.isArray(alerts) ? alerts : [],
    // Undefined where it is unknown.
    online: { on: true, off: false }[connectivity],
    lastSeen: state("connectivity")?.attributes.last_seen,
    unstable: Boolean(state("connectivity")?.attributes.unstable?.length),
    playing: state("playing")?.state === "on",
    melody: isKnown(state("melody")) ? state("melody").state : undefined,
    maintenance:
      state("maintenance")?.state === "on" ? state("maintenance") : undefined,
  };
}
