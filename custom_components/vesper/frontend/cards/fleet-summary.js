import { VesperCard } from "./base-card.js";
import { cardForm } from "./card-form.js";
import { createElement } from "./dom.js";
import {
  SELECTION_SCHEMA,
  isSiteGone,
  selectDevices,
  selectSites,
  selectedSite,
} from "./fleet-selection.js";
import { openMoreInfo } from "./home-assistant.js";
import { dashboardPath, viewPath } from "./navigation.js";
import { CATEGORIES } from "./status.js";
import { categoryText, localize } from "./texts.js";
import { TrackedDevice } from "./tracked-device.js";

/** The options of what shows a fleet in a word. */
const SUMMARY_SCHEMA = [
  { name: "title", selector: { text: {} } },
  ...SELECTION_SCHEMA,
  { name: "dashboard", selector: { text: {} } },
];

/** Base of what shows a fleet in a word: how many devices are in which state. */
class VesperFleetSummary extends VesperCard {
  static schema = SUMMARY_SCHEMA;

  static getStubConfig() {
    return {};
  }

  static getConfigForm() {
    return cardForm(SUMMARY_SCHEMA);
  }

  update(hass, rebuild) {
    if (rebuild) this.track(hass);
    const changed = this.tracked.filter((one) => one.update(hass));
    if (rebuild || changed.length) this.render(hass, this.countCategories());
  }

  track(hass) {
    const devices = selectDevices(hass, this.fleet.devices.values(), this.config);
    this.sites = selectSites(this.fleet, this.config, devices);
    this.tracked = devices.map((device) => {
      const tracked = new TrackedDevice();
      tracked.setDevice(device);
      return tracked;
    });
  }

  /** Return how many devices are in which category, the worst first, those there are. */
  countCategories() {
    const counts = {};
    for (const { view } of this.tracked) {
      counts[view.category] = (counts[view.category] ?? 0) + 1;
    }
    return Object.keys(CATEGORIES)
      .filter((category) => counts[category])
      .map((category) => ({ category, count: counts[category] }));
  }

  titleText(hass) {
    const site = selectedSite(this.fleet, this.config);
    return this.config.title || site?.name || localize(hass, "dashboard");
  }

  /** Return why no device is shown. */
  emptyText(hass) {
    return isSiteGone(this.fleet, this.config)
      ? localize(hass, "site_gone_short")
      : localize(hass, "no_devices_short");
  }

  /** Return the entity of the worst site, which is that of the worst device. */
  healthEntity() {
    const [worst] = this.countCategories();
    const device = this.tracked.find(({ view }) => view.category === worst?.category);
    const site = device?.device.site ?? this.sites[0];
    return site?.entities.fleet_health;
  }

  /** Create what opens the dashboard, or the view of a site; a dialog without them. */
  createLink(className, ...children) {
    const { fleet, config } = this;
    const site = selectedSite(fleet, config);
    const href = site
      ? viewPath(fleet, config, "site", site.id)
      : dashboardPath(fleet, config);
    if (href) return createElement("a", { className, href }, ...children);
    const button = createElement("button", { className, type: "button" }, ...children);
    button.onclick = () => openMoreInfo(button, this.healthEntity());
    return button;
  }
}

const countText = (hass, { category, count }) =>
  localize(hass, "status_count", { count, status: categoryText(hass, category) });

const createIcon = (category, properties) =>
  createElement("ha-icon", {
    className: `dot ${category}`,
    icon: CATEGORIES[category],
    ariaHidden: "true",
    ...properties,
  });

/** The state of the fleet in one line, for other dashboards. */
export class VesperFleetTile extends VesperFleetSummary {
  getCardSize() {
    return 1;
  }

  getGridOptions() {
    return { columns: 6, min_columns: 6, rows: "auto" };
  }

  render(hass, counts) {
    const texts = counts.map((one) => createElement("span", {}, countText(hass, one)));
    const none = createElement("span", {}, this.emptyText(hass));
    const label = createElement(
      "span",
      { className: "label" },
      createElement("span", { className: "name" }, this.titleText(hass)),
      createElement(
        "span",
        { className: "notes note" },
        ...(texts.length ? texts : [none]),
      ),
    );
    const icon = createIcon(counts[0]?.category ?? "unknown");
    this.card.replaceChildren(this.createLink("head", icon, label));
  }
}

/** The worst state of the fleet as a badge. */
export class VesperFleetBadge extends VesperFleetSummary {
  constructor() {
    super("div");
  }

  render(hass, counts) {
    const [worst] = counts;
    const badge = createElement(
      "ha-badge",
      { label: this.titleText(hass) },
      createIcon(worst?.category ?? "unknown", { slot: "icon" }),
      worst ? countText(hass, worst) : this.emptyText(hass),
    );
    this.card.replaceChildren(this.createLink("badge", badge));
  }
}
