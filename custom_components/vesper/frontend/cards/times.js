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
  // Undefined is that of the browser.
  const timeZone = locale.time_zone === "local" ? undefined : config.time_zone;
  const clock = {
    hour: amPm ? "numeric" : "2-digit",
    minute: "2-digit",
    hourCycle: amPm ? "h12" : "h23",
    timeZone,
  };
  const numbers = { year: "numeric", month: "numeric", day: "numeric", timeZone };
  cached = {
    locale,
    serverZone: config.time_zone,
    absolute: new Intl.DateTimeFormat(language, {
      ...clock,
      year: "numeric",
      month: "long",
      day: "numeric",
      second: "2-digit",
    }),
    clock: new Intl.DateTimeFormat(language, clock),
    day: new Intl.DateTimeFormat(language, {
      month: "short",
      day: "numeric",
      timeZone,
    }),
    parts: new Intl.DateTimeFormat("en-US", {
      ...numbers,
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
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

/** Return a time of today as hours and minutes, any other one with its date. */
export function shortTime(hass, time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "";
  const { day, clock } = formatters(hass);
  const isToday = day.format(date) === day.format(new Date());
  return isToday ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

/** Return the year, month... of a time in the user's time zone, as if it were UTC. */
function asUtc(hass, time) {
  const parts = formatters(hass).parts.formatToParts(time);
  const part = (type) => Number(parts.find((part) => part.type === type).value);
  const [year, month, day] = [part("year"), part("month"), part("day")];
  return Date.UTC(year, month - 1, day, part("hour"), part("minute"));
}

/** Return a time, in milliseconds, as the value of an input of a date and time. */
export const toInput = (hass, time) =>
  new Date(asUtc(hass, time)).toISOString().slice(0, 16);

/** Return the milliseconds of the value of an input, NaN if it is empty. */
export function fromInput(hass, value) {
  const wanted = Date.parse(`${value}Z`);
  if (Number.isNaN(wanted)) return wanted;
  // A second step, as the offset may differ: the clocks may change in between.
  const first = wanted - (asUtc(hass, wanted) - wanted);
  return first + (wanted - asUtc(hass, first));
}

/** Return the end of a time: as hours and minutes, if its date is that of the start. */
export function endTime(hass, start, end) {
  const { day, clock } = formatters(hass);
  const isSameDay = day.format(new Date(start)) === day.format(new Date(end));
  return isSameDay ? clock.format(new Date(end)) : shortTime(hass, end);
}
