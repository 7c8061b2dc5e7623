/** Numbers as the user has chosen them in their profile. */

const LOCALES = {
  comma_decimal: "en-US",
  decimal_comma: "de",
  none: "en-US",
  quote_decimal: "de-CH",
  space_comma: "fr",
  // That of the browser.
  system: undefined,
};

/** Return a number, with the options of `Intl.NumberFormat`. */
export function numberText({ locale }, value, options) {
  const { language, number_format: format } = locale;
  const own = Object.hasOwn(LOCALES, format) ? LOCALES[format] : language;
  return new Intl.NumberFormat(own, {
    useGrouping: format !== "none",
    ...options,
  }).format(value);
}

/**
 * Return a number of units, in whole numbers below a thousand.
 *
 * The format of numbers would give the unit in its own language.
 */
export const unitText = ({ locale }, value, unit, unitDisplay) =>
  new Intl.NumberFormat(locale.language, { style: "unit", unit, unitDisplay }).format(
    value,
  );

/** Return a share as a percentage; it is rounded down, so that only all is 100 %. */
export const percentText = (hass, share, digits = 1) =>
  numberText(hass, Math.floor(share * 100 * 10 ** digits + 1e-6) / 10 ** digits / 100, {
    style: "percent",
    maximumFractionDigits: digits,
  });
