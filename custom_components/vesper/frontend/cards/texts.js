import { DOMAIN, currentHass } from "./home-assistant.js";
import { shortTime } from "./times.js";

const POLL_MILLISECONDS = 100;

/** Return the text of a key of `common` in the translations of the integration. */
export const localize = (hass, key, values) =>
  hass.localize(`component.${DOMAIN}.common.${key}`, values);

/** Return the translated name of an entity. */
export const entityName = (hass, platform, key) =>
  hass.localize(`component.${DOMAIN}.entity.${platform}.${key}.name`);

/** Return the text of a status, which is that of the health sensor if it has one. */
export const statusText = (hass, status) =>
  hass.localize(`component.${DOMAIN}.entity.sensor.health.state.${status}`) ||
  localize(hass, status);

/** Return the text of what devices are counted and filtered by. */
export const categoryText = (hass, category) =>
  category === "maintenance" ? localize(hass, category) : statusText(hass, category);

/** Return the heading of a list of alerts. */
export const alertsHeading = (hass) => entityName(hass, "sensor", "active_alerts");

/** Return that something is acknowledged, and by whom if it was a user. */
export const acknowledgedText = (hass, user) =>
  user ? localize(hass, "acknowledged_by", { user }) : localize(hass, "acknowledged");

/** Return the text of the reason of a restart, which is empty if it is not known. */
export const resetReasonText = (hass, reason) =>
  hass.localize(`component.${DOMAIN}.entity.sensor.reset_reason.state.${reason}`);

/** Return the text of a running maintenance, with its end if there is one. */
export function maintenanceText(hass, { maintenance }) {
  return maintenance.attributes.until
    ? localize(hass, "maintenance_until", {
        time: shortTime(hass, maintenance.attributes.until),
      })
    : localize(hass, "maintenance");
}

/** Return the text of a device that plays, with the melody if it is known. */
export function playingText(hass, { melody }) {
  return melody
    ? localize(hass, "playing_melody", { melody })
    : localize(hass, "playing");
}

/** Return the name of a device, or another one, with its site if that is to be said. */
export const nameAtSite = (hass, name, site) =>
  site ? localize(hass, "at_site", { name, site }) : name;

/** Return texts as a list in the user's language. */
export const listText = (hass, texts) =>
  new Intl.ListFormat(hass.locale.language).format(texts);

/** Load the texts; each later `hass` has them. */
async function loadTexts() {
  while (!currentHass()?.loadBackendTranslation) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
  const hass = currentHass();
  // The automation editor loads these itself, but shows keys if they arrive late.
  hass.loadBackendTranslation("selector", DOMAIN);
  await hass.loadBackendTranslation("common", DOMAIN);
}

/** Resolved when the texts are loaded. */
export const textsLoaded = loadTexts();
