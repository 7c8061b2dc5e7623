/** What has the focus by keyboard, in the order of the page. */
const FOCUSABLE = "a[href], button:not([hidden]), input";

const isShown = (element) => element.getClientRects().length > 0;

/** Return the elements of a container that can have the focus. */
const focusable = (container) =>
  [...container.querySelectorAll(FOCUSABLE)].filter(isShown);

/** Leave one tab stop in a container: the first element, or the one that has the focus. */
export function keepOneTabStop(container) {
  const elements = [...container.querySelectorAll(FOCUSABLE)];
  const current = elements.find((element) => element.matches(":focus")) ?? elements[0];
  for (const element of elements) element.tabIndex = element === current ? 0 : -1;
}

/** Return whether the keys of an element are its own, as those of a text field. */
export const takesKeys = (element) =>
  element.localName === "input" && element.type !== "checkbox";

/** Return how far an arrow key leads along a line of text: 1, -1, or undefined. */
function stepOf(element, key) {
  const isRightToLeft = getComputedStyle(element).direction === "rtl";
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  return step && isRightToLeft ? -step : step;
}

/** Move the focus in a container by the arrow keys, Home and End; return if it moved. */
export function moveFocus(container, event) {
  const elements = focusable(container);
  const target = event.composedPath()[0];
  const at = elements.findIndex(
    (element) => element === target || element.contains(target),
  );
  const last = elements.length - 1;
  const step = stepOf(container, event.key);
  const next = { Home: 0, End: last }[event.key] ?? (step && at + step);
  if (at < 0 || next === undefined || takesKeys(target)) return false;
  const element = elements[Math.min(Math.max(next, 0), last)];
  element.focus();
  event.preventDefault();
  return true;
}
