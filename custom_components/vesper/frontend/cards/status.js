/** Rank and icon of each status of a device or an alert; a higher rank is worse. */
export const STATUSES = {
  ok: { rank: 0, icon: "mdi:check-circle" },
  unknown: { rank: 1, icon: "mdi:help-circle" },
  warning: { rank: 2, icon: "mdi:alert" },
  offline: { rank: 3, icon: "mdi:minus-circle" },
  critical: { rank: 4, icon: "mdi:alert-octagon" },
  failed: { rank: 5, icon: "mdi:close-octagon" },
};

/** Return the status of a state; a state that is not in the table is unknown. */
export const toStatus = (state) => (Object.hasOwn(STATUSES, state) ? state : "unknown");
