/**
 * Times as the user has chosen them in their profile: language, time zone, 12 or 24 hours.
 *
 * The functions of Home Assistant's frontend for this are not available to cards.
 */

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

let cached = {};

/** Return whether the hours are from 1 to 12. */
function usesAmPm({ language, time_format: format }) {
  if (["12", "24"].includes(format)) return format === "12";
  const ten = new Date(2023, 0, 1, 22);
  return ten.toLocaleString(format === "system" ? undefined : language).includes("10");
}

/** Return the formatters, which take long to create, for the settings of the user. */
function formatters({ locale, config }) {
  if (cached.locale === locale && cached.serverZone === config.time_zone) return cached;
  const { language } = locale;
  const amPm = usesAmPm(locale);
  cached = {
    locale,
    serverZone: config.time_zone,
    absolute: new Intl.DateTimeFormat(language, {
      year: "numeric",
      month: "long",
      day: "numeric",
      hour: amPm ? "numeric" : "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: amPm ? "h12" : "h23",
      // Undefined is that of the browser.
      timeZone: locale.time_zone === "local" ? undefined : config.time_zone,
    }),
    relative: new Intl.RelativeTimeFormat(language),
    now: new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second"),
  };
  return cached;
}

/** Return a date and time, which is empty if it is not valid. */
export function absoluteTime(hass, time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : formatters(hass).absolute.format(date);
}

/** Return how long ago a time was; less than a minute is "now". */
export function relativeTime(hass, time) {
  const { relative, now } = formatters(hass);
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  const [unit, size] = UNITS.find((unit) => seconds >= unit[1]) ?? [];
  return unit ? relative.format(-Math.floor(seconds / size), unit) : now;
}
