/**
 * Entry of the frontend: registers the cards and the dashboard strategy.
 *
 * All data comes from `hass`: states, registries, translations. Names and messages of
 * devices and users are shown as text nodes, never as markup.
 */

import { getFleet } from "./cards/fleet.js";
import {
  DASHBOARD_STRATEGY,
  DEVICE_CARD,
  DOCUMENTATION,
  DOMAIN,
  FLEET_BADGE,
  FLEET_CARD,
  FLEET_TILE,
  LINKED_CARD,
  currentHass,
} from "./cards/home-assistant.js";
import { localize } from "./cards/texts.js";

/** Define an element, unless the page has loaded another copy of this module. */
function defineElement(name, element) {
  if (!customElements.get(name)) customElements.define(name, element);
}

/** Add an item to a list of the page; its texts are looked up when they are shown. */
function addToList(list, key, item) {
  const items = (window[list] ??= []);
  if (items.some(({ type }) => type === item.type)) return;
  items.push(
    Object.defineProperties(
      { ...item, documentationURL: DOCUMENTATION },
      {
        name: { enumerable: true, get: () => localize(currentHass(), key) },
        description: {
          enumerable: true,
          get: () => localize(currentHass(), `${key}_description`),
        },
      },
    ),
  );
}

/** All modules, preloaded while Home Assistant starts. */
const MODULES = [
  "action-button",
  "actions-panel",
  "base-card",
  "card-form",
  "dashboard-strategy",
  "device-actions",
  "device-alerts",
  "device-availability",
  "device-buttons",
  "device-card",
  "device-elements",
  "device-facts",
  "device-head",
  "device-list",
  "device-row",
  "device-styles",
  "device-view",
  "dom",
  "durations",
  "filter-bar",
  "fleet",
  "fleet-card",
  "fleet-form",
  "fleet-selection",
  "fleet-summary",
  "history",
  "home-assistant",
  "incident-banner",
  "insight",
  "keyboard",
  "linked-card",
  "navigation",
  "numbers",
  "options",
  "permissions",
  "place-tiles",
  "segments",
  "sparkline",
  "status",
  "status-bar",
  "styles",
  "texts",
  "times",
  "tracked-device",
];

// Home Assistant waits 5 s for a dashboard strategy. With an empty cache and a latency of
// 300 ms it is defined 2.0 s after the page was opened; without preloading 7.6 s, as the
// modules would be requested after those of Home Assistant's panels.
for (const name of MODULES) {
  const { href } = new URL(`./cards/${name}.js`, import.meta.url);
  const link = { rel: "modulepreload", href };
  document.head.append(Object.assign(document.createElement("link"), link));
}

// Home Assistant may replace `HTMLElement` and `customElements` while it starts, and
// defines this element afterwards. Element classes must be created after that, so their
// modules are imported here: static imports would run before this line. The wait is in
// no module that is imported itself, as Safari fails to import such a module twice.
await customElements.whenDefined("home-assistant");

import("./state-colors.js");
import("./more-info.js").then(({ VesperMoreInfo }) =>
  defineElement("vesper-more-info", VesperMoreInfo),
);

const [
  { VesperFleetCard },
  { VesperDeviceCard },
  { VesperFleetBadge, VesperFleetTile },
  { VesperLinkedCard },
  { VesperDashboardStrategy, regenerateDashboard },
] = await Promise.all([
  import("./cards/fleet-card.js"),
  import("./cards/device-card.js"),
  import("./cards/fleet-summary.js"),
  import("./cards/linked-card.js"),
  import("./cards/dashboard-strategy.js"),
]);

defineElement(FLEET_CARD, VesperFleetCard);
defineElement(DEVICE_CARD, VesperDeviceCard);
defineElement(FLEET_BADGE, VesperFleetBadge);
defineElement(FLEET_TILE, VesperFleetTile);
defineElement(LINKED_CARD, VesperLinkedCard);
if (!customElements.get(DASHBOARD_STRATEGY)) {
  customElements.define(DASHBOARD_STRATEGY, VesperDashboardStrategy);
  regenerateDashboard();
}

/** Return what suggests a card for the entities of a fleet. */
const suggestFor = (type) => (hass, entityId) => {
  const { sites } = getFleet(hass);
  const site = sites.find(({ entities }) => Object.values(entities).includes(entityId));
  const entry = sites.length > 1 ? { entry: site?.id } : {};
  return site ? { config: { type: `custom:${type}`, ...entry } } : null;
};

addToList("customCards", "fleet_card", {
  type: FLEET_CARD,
  preview: true,
  getEntitySuggestion: suggestFor(FLEET_CARD),
});
addToList("customCards", "device_card", {
  type: DEVICE_CARD,
  preview: true,
  getEntitySuggestion: (hass, entityId) => {
    const device = hass.entities[entityId]?.device_id;
    return getFleet(hass).devices.has(device)
      ? { config: { type: `custom:${DEVICE_CARD}`, device } }
      : null;
  },
});
addToList("customCards", "fleet_tile", {
  type: FLEET_TILE,
  preview: true,
  getEntitySuggestion: suggestFor(FLEET_TILE),
});
addToList("customBadges", "fleet_badge", { type: FLEET_BADGE, preview: true });
addToList("customStrategies", "dashboard", {
  type: DOMAIN,
  strategyType: "dashboard",
});
