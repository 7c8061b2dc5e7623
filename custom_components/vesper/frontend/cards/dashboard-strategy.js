import { getFleet, sortByName } from "./fleet.js";
import { DEVICE_CARD, ENTITY_NAME, FLEET_CARD, currentHass } from "./home-assistant.js";
import { localize, textsLoaded } from "./texts.js";

/** With more devices than this there is a view for each area, not for each device. */
const MAX_DEVICE_VIEWS = 20;

const section = (...cards) => ({ type: "grid", cards });

/** A dashboard of the whole fleet, generated from the registries. */
export class VesperDashboardStrategy extends HTMLElement {
  static noEditor = true;

  static getCreateSuggestions(hass) {
    return { title: localize(hass, "dashboard"), icon: "mdi:bell" };
  }

  static shouldRegenerate(_config, previous, current) {
    const registries = ["areas", "devices", "entities"];
    return (
      registries.some((registry) => previous[registry] !== current[registry]) &&
      this.dependencies(previous) !== this.dependencies(current)
    );
  }

  /** Return all that the views depend on, as text. */
  static dependencies(hass) {
    const devices = sortByName(hass, getFleet(hass).devices.values());
    return JSON.stringify([
      devices.map(({ id, name, area }) => [id, name, area]),
      getFleet(hass).entities,
      Object.values(hass.areas).map(({ area_id: id, name }) => [id, name]),
    ]);
  }

  static async generate(_config, hass) {
    await textsLoaded;
    hass = { ...hass, localize: currentHass().localize };
    const devices = sortByName(hass, getFleet(hass).devices.values());
    const views =
      devices.length > MAX_DEVICE_VIEWS
        ? this.areaViews(hass, devices)
        : devices.map((device) => this.deviceView(hass, device));
    return {
      title: localize(hass, "dashboard"),
      views: [this.overview(hass), ...views],
    };
  }

  static overview(hass) {
    const { entities } = getFleet(hass);
    const rows = Object.values(entities).map((entity) => ({ entity, ...ENTITY_NAME }));
    return {
      title: localize(hass, "overview"),
      path: "overview",
      type: "sections",
      max_columns: 3,
      sections: [
        section({ type: `custom:${FLEET_CARD}` }),
        section({ type: "entities", title: localize(hass, "fleet"), entities: rows }),
      ],
    };
  }

  static deviceView(hass, { id, name }) {
    const log = { type: "logbook", target: { device_id: id } };
    return {
      title: name,
      path: id,
      type: "sections",
      max_columns: 2,
      sections: [
        section({ type: `custom:${DEVICE_CARD}`, device: id }),
        ...(hass.config.components.includes("logbook") ? [section(log)] : []),
      ],
    };
  }

  static areaViews(hass, devices) {
    const areas = new Map();
    for (const { id, area } of devices) {
      const key = area in hass.areas ? area : null;
      areas.set(key, [...(areas.get(key) ?? []), id]);
    }
    const noArea = { area_id: null, name: localize(hass, "no_area") };
    return [...Object.values(hass.areas), noArea]
      .filter(({ area_id: id }) => areas.has(id))
      .map(({ area_id: id, name }) => ({
        title: name,
        // The prefix keeps an area from having the path of another view.
        path: id ? `area-${id}` : "no-area",
        type: "sections",
        max_columns: 2,
        sections: [
          section({
            type: `custom:${FLEET_CARD}`,
            devices: areas.get(id),
          }),
        ],
      }));
  }
}
