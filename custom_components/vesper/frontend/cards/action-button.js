import { errorText } from "./device-actions.js";
import { createElement } from "./dom.js";

/**
 * Create a button that performs an action.
 *
 * `run(hass)` returns what is shown in the element for results, nothing or a list of texts
 * and elements; if it throws, the error is shown there.
 */
export function createActionButton(getHass, run, result, appearance = "filled") {
  const button = createElement("ha-button", { size: "s", appearance });
  const show = (content, isError = false) => {
    result.classList.toggle("error", isError);
    result.replaceChildren(...[content ?? []].flat());
  };
  button.onclick = async () => {
    if (button.loading) return;
    button.loading = true;
    show();
    try {
      show(await run(getHass()));
    } catch (error) {
      show(await errorText(getHass(), error), true);
    } finally {
      button.loading = false;
    }
  };
  return button;
}

/** Create the element that shows the results of one or several buttons. */
export const createResult = () =>
  createElement("span", { className: "result", role: "status" });
