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

/** How devices are grouped in a list: what needs attention first. */
export const GROUPS = {
  trouble: 0,
  acknowledged: 1,
  maintenance: 2,
  unknown: 3,
  ok: 4,
};

/** Return whether an entity has a state that is known. */
export const isKnown = (state) =>
  state && !["unknown", "unavailable"].includes(state.state);

/** Return what the cards show of a device in its current state. */
export function deviceView(hass, device) {
  const state = (key) => hass.states[device.entities[key]];
  const connectivity = state("connectivity");
  const severity = toStatus(state("health")?.state);
  let status = severity;
  if (connectivity?.state === "off") status = "offline";
  // A device that may be offline is never shown as OK.
  else if (connectivity?.state !== "on" && severity === "ok") status = "unknown";
  const attribute = state("active_alerts")?.attributes.alerts;
  const alerts = Array.isArray(attribute) ? attribute : [];
  const rank = Math.max(STATUSES[status].rank, STATUSES[severity].rank);
  const maintenance = maintenanceOf(state("maintenance"), connectivity);
  const lastSeen = connectivity?.attributes.last_seen;
  const offlineAcknowledged = Boolean(connectivity?.attributes.acknowledged);
  const troubled = rank > STATUSES.unknown.rank;
  const acknowledged =
    troubled &&
    (alerts.length > 0 || status === "offline") &&
    alerts.every((alert) => alert.acknowledged) &&
    (status !== "offline" || offlineAcknowledged);
  return {
    state,
    status,
    rank,
    alerts,
    // Undefined where it is unknown.
    online: { on: true, off: false }[connectivity?.state],
    lastSeen,
    offlineAcknowledged,
    since: status === "offline" ? lastSeen : newestOfWorst(alerts),
    unstable: Boolean(connectivity?.attributes.unstable?.length),
    playing: state("playing")?.state === "on",
    melody: isKnown(state("melody")) ? state("melody").state : undefined,
    maintenance,
    acknowledged,
    isTroubled: rank > STATUSES.ok.rank,
    category: maintenance ? "maintenance" : status,
    group: groupOf({ maintenance, acknowledged, troubled, status }),
  };
}

/** Return the maintenance, which is known without the entity of the switch too. */
function maintenanceOf(entity, connectivity) {
  if (entity?.state === "on") return entity;
  const until = connectivity?.attributes.maintenance_until;
  return !entity && until ? { attributes: { until } } : undefined;
}

/** Return since when the newest of the worst alerts is as severe as it is. */
function newestOfWorst(alerts) {
  const times = alerts
    .filter((alert) => alert.state === alerts[0].state)
    .map((alert) => alert.worsened_at ?? alert.updated_at)
    .filter(Boolean);
  return times.sort().at(-1);
}

function groupOf({ maintenance, acknowledged, troubled, status }) {
  if (maintenance) return GROUPS.maintenance;
  if (acknowledged) return GROUPS.acknowledged;
  if (troubled) return GROUPS.trouble;
  return status === "unknown" ? GROUPS.unknown : GROUPS.ok;
}

/** Return what the order in a list depends on: the worst and newest trouble first. */
export function sortKey({ group, rank, since }) {
  return [group, -rank, -(Date.parse(since) || 0)];
}

/** Compare two sort keys. */
export function compareKeys(one, other) {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at < 0 ? 0 : one[at] - other[at];
}

/** Return the cause of the worst trouble of a device, as text; an outage is of a site. */
export function causeOf({ status, alerts }, { site }) {
  const [worst] = alerts;
  if (status === "offline") return `offline\n${site.id}`;
  return worst && [worst.state, worst.subsystem, worst.message ?? ""].join("\n");
}
