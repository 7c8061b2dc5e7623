import { unitText } from "./numbers.js";

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Return how long something takes, in its two largest units. */
export function durationText(hass, seconds) {
  const total = Math.round(seconds);
  const at = UNITS.findIndex(([, size]) => total >= size);
  if (at < 0) return unitText(hass, total, "second", "short");
  let rest = total;
  const texts = UNITS.slice(at, at + 2).map(([unit, size]) => {
    const value = Math.floor(rest / size);
    rest -= value * size;
    return value && unitText(hass, value, unit, "short");
  });
  const list = new Intl.ListFormat(hass.locale.language, {
    type: "unit",
    style: "narrow",
  });
  return list.format(texts.filter(Boolean));
}

/** Return a period of whole hours, or of whole days if there are several. */
export const periodText = (hass, hours) =>
  hours > 24
    ? unitText(hass, hours / 24, "day", "long")
    : unitText(hass, hours, "hour", "long");
