import { localize } from "./texts.js";
import { absoluteTime, relativeTime } from "./times.js";

/** Create an element; strings among the children become text nodes, never markup. */
export function createElement(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter(Boolean));
  return element;
}

/** Create a text of a device or user, in the direction of its own language. */
export const isolated = (text) => createElement("bdi", {}, text);

/** Create a text in the secondary color. */
export const secondaryText = (...children) =>
  createElement("span", { className: "note" }, ...children);

/** Create a label with a border. */
export const badge = (...children) =>
  createElement("span", { className: "mark" }, ...children);

/**
 * Create a relative time, in the text of a key if there is one; its tooltip is the time.
 *
 * `update(hass)` updates it.
 */
export function timeElement(hass, time, key) {
  const element = createElement("time", {
    dateTime: time,
    update: (hass) => {
      const when = relativeTime(hass, time);
      element.textContent = key ? localize(hass, key, { when }) : when;
      element.title = absoluteTime(hass, time);
    },
  });
  element.update(hass);
  return element;
}

/** Set the key by which `preserveFocus` finds a focusable element. */
export function setFocusKey(element, key) {
  element.dataset.focus = key;
  return element;
}

/**
 * Run a function that replaces elements, and restore the focus.
 *
 * If the focused alert is gone, its device gets the focus.
 */
export function preserveFocus(root, render) {
  const key = root.activeElement?.dataset.focus;
  render();
  if (!key || root.activeElement) return;
  const find = (wanted) =>
    [...root.querySelectorAll("[data-focus]")].find(
      (element) => element.dataset.focus === wanted,
    );
  (find(key) ?? find(key.split("/")[0]))?.focus({ preventScroll: true });
}
