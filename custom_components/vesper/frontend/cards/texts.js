import { DOMAIN, currentHass } from "./home-assistant.js";

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

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

/** Return the heading of a list of alerts. */
export const alertsHeading = (hass) => entityName(hass, "sensor", "active_alerts");

/** Return the text of a running maintenance, with its end if there is one. */
export function maintenanceText(hass, { maintenance }) {
  return maintenance.attributes.until
    ? localize(hass, "maintenance_until", {
        time: hass.formatEntityAttributeValue(maintenance, "until"),
      })
    : localize(hass, "maintenance");
}

/** Return the text of a device that plays, with the melody if it is known. */
export function playingText(hass, { melody }) {
  return melody
    ? localize(hass, "playing_melody", { melody })
    : localize(hass, "playing");
}

/** Return how long ago a time was; less than a minute is "now". */
export function relativeTime(hass, time) {
  const { language } = hass.locale;
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  const [unit, size] = UNITS.find((unit) => seconds >= unit[1]) ?? [];
  return unit
    ? new Intl.RelativeTimeFormat(language).format(-Math.floor(seconds / size), unit)
    : new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
}

/** Load the texts; each later `hass` has them. */
async function loadTexts() {
  while (!currentHass()?.loadBackendTranslation) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
  await currentHass().loadBackendTranslation("common", DOMAIN);
}

/** Resolved when the texts are loaded. */
export const textsLoaded = loadTexts();
