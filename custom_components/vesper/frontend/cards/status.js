/** Rank and icon of each status of a device or an alert; a higher rank is worse. */
export const STATUSES = {
  ok: { rank: 0, icon: "mdi:check-circle" },
  unknown: { rank: 1, icon: "mdi:help-circle" },
  warning: { rank: 2, icon: "mdi:alert" },
  offline: { rank: 3, icon: "mdi:minus-circle" },
  critical: { rank: 4, icon: "mdi:alert-octagon" },
  failed: { rank: 5, icon: "mdi:close-octagon" },
};

/** The icons of what devices are counted and filtered by; each device is counted once. */
export const CATEGORIES = {
  failed: STATUSES.failed.icon,
  critical: STATUSES.critical.icon,
  warning: STATUSES.warning.icon,
  offline: STATUSES.offline.icon,
  maintenance: "mdi:wrench",
  unknown: STATUSES.unknown.icon,
  ok: STATUSES.ok.icon,
};

/** Return the status of a state; a state that is not in the table is unknown. */
export const toStatus = (state) => (Object.hasOwn(STATUSES, state) ? state : "unknown");
