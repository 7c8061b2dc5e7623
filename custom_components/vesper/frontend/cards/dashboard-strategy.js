import { DOMAIN, FLEET_CARD, LINKED_CARD, currentHass } from "./home-assistant.js";
import { currentDashboard } from "./navigation.js";
import { localize, textsLoaded } from "./texts.js";

/** Over how many columns of a view the list of devices extends. */
const COLUMNS = 4;

const section = (card, span = 1) => ({
  type: "grid",
  column_span: span,
  cards: [{ ...card, grid_options: { columns: "full" } }],
});

/** Return a card about what the address of a view names. */
const linked = (view, card = view) => ({ type: `custom:${LINKED_CARD}`, view, card });

/** A dashboard of all devices: the list, and a view for any site, area and device. */
export class VesperDashboardStrategy extends HTMLElement {
  static noEditor = true;

  static getCreateSuggestions(hass) {
    return { title: localize(hass, "dashboard"), icon: "mdi:bell" };
  }

  /** The cards follow all changes by themselves, and keep what the user has typed. */
  static shouldRegenerate() {
    return false;
  }

  static async generate() {
    await textsLoaded;
    const page = currentHass();
    const list = {
      type: `custom:${FLEET_CARD}`,
      areas: true,
      dashboard: currentDashboard(),
    };
    const subview = { type: "sections", subview: true };
    return {
      title: localize(page, "dashboard"),
      views: [
        {
          title: localize(page, "overview"),
          path: "overview",
          type: "sections",
          max_columns: COLUMNS,
          sections: [section(list, COLUMNS)],
        },
        {
          ...subview,
          title: localize(page, "site"),
          path: "site",
          max_columns: COLUMNS,
          sections: [section(linked("site"), COLUMNS)],
        },
        {
          ...subview,
          title: localize(page, "area"),
          path: "area",
          max_columns: COLUMNS,
          sections: [section(linked("area"), COLUMNS)],
        },
        {
          ...subview,
          title: localize(page, "device"),
          path: "device",
          max_columns: 2,
          sections: [section(linked("device")), section(linked("device", "log"))],
        },
      ],
    };
  }
}

/**
 * Generate the dashboard that the page shows again.
 *
 * Home Assistant waits 5 s for a strategy, and then shows an error until the page is
 * reloaded. Call it when the strategy is defined: what is shown by then is the error.
 */
export function regenerateDashboard() {
  const page = document.querySelector("home-assistant")?.shadowRoot;
  const main = page?.querySelector("home-assistant-main")?.shadowRoot;
  const panel = main?.querySelector("ha-panel-lovelace");
  if (panel?.lovelace?.rawConfig.strategy?.type !== `custom:${DOMAIN}`) return;
  const root = panel.shadowRoot.querySelector("hui-root");
  // What the menu of the dashboard does under Refresh.
  root?.dispatchEvent(new CustomEvent("config-refresh"));
}
