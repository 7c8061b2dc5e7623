import { createElement } from "./dom.js";

/** At most as many values are drawn: of several in one place the lowest. */
const MAX_VALUES = 60;

/** The lowest value is drawn at this share of the height. */
const LOW = 0.2;

/** Create a graph of numeric states over time, undefined if there are too few. */
export function createSparkline(points, start, end) {
  const values = lowest(points, start, end);
  if (values.length < 2) return undefined;
  const all = values.map(([, value]) => value);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const height = (value) =>
    high > low ? LOW + ((value - low) / (high - low)) * (1 - LOW) : 0.5;
  const corner = (x, y) => `${(100 * x).toFixed(1)}% ${(100 * (1 - y)).toFixed(1)}%`;
  const corners = [
    corner(values[0][0], 0),
    ...values.map(([x, value]) => corner(x, height(value))),
    // The last value is still true.
    corner(1, height(all.at(-1))),
    corner(1, 0),
  ];
  const element = createElement("span", { className: "sparkline", ariaHidden: "true" });
  element.style.clipPath = `polygon(${corners.join()})`;
  return element;
}

/** Return the lowest value of each place, with the share of the time at which it is. */
function lowest(points, start, end) {
  const places = new Map();
  for (const { at, state } of points) {
    const value = Number.parseFloat(state);
    const share = (Math.max(at, start) - start) / (end - start);
    if (Number.isNaN(value) || share > 1) continue;
    const place = Math.floor(share * MAX_VALUES);
    const known = places.get(place);
    if (!known || value < known[1]) places.set(place, [share, value]);
  }
  return [...places.values()];
}
