import { createActionButton, createResult } from "./action-button.js";
import { ActionsPanel } from "./actions-panel.js";
import { createElement } from "./dom.js";
import { DOMAIN } from "./home-assistant.js";
import { localize } from "./texts.js";

/** Create the buttons of a device: its actions, and what administrators can open. */
export function createButtons({ getHass }) {
  let target;
  const actions = new ActionsPanel(getHass, () => [target]);
  const page = createElement("ha-button", { size: "s", appearance: "plain" });
  const result = createResult();
  const diagnostics = createActionButton(
    getHass,
    (hass) => downloadDiagnostics(hass, target.device),
    result,
    "plain",
  );
  const links = createElement(
    "div",
    { className: "actions" },
    page,
    diagnostics,
    result,
  );
  const element = createElement(
    "section",
    { className: "buttons" },
    actions.element,
    links,
  );
  element.update = (hass, device, view) => {
    target = { device, view };
    actions.element.hidden = !view.canControl;
    actions.update();
    links.hidden = !hass.user?.is_admin;
    page.href = `/config/devices/device/${device.id}`;
    page.textContent = localize(hass, "open_device_page");
    diagnostics.hidden = !hass.config.components.includes("diagnostics");
    diagnostics.textContent = localize(hass, "download_diagnostics");
  };
  return element;
}

/** Download the diagnostics of a device, as its page in Home Assistant does. */
async function downloadDiagnostics(hass, { id }) {
  const { config_entries: entries, primary_config_entry: primary } = hass.devices[id];
  const entry = primary ?? entries[0];
  const { path } = await hass.callWS({
    type: "auth/sign_path",
    path: `/api/diagnostics/config_entry/${entry}/device/${id}`,
  });
  const name = `${DOMAIN}-${id}.json`;
  const link = createElement("a", { href: path, download: name, target: "_blank" });
  document.body.append(link);
  link.click();
  link.remove();
}
