import { DOMAIN } from "./home-assistant.js";

let cached = {};

/**
 * Return the devices by id, with their entities by key, the entities of the fleet, and
 * the path of the first Vesper dashboard.
 *
 * Cached for all cards: the registries hold many thousand entries and rarely change.
 */
export function getFleet(hass) {
  const { entities, devices } = hass;
  if (cached.source?.entities === entities && cached.source.devices === devices) {
    return cached;
  }
  const found = new Map();
  for (const entity of Object.values(entities)) {
    const entry = entity.platform === DOMAIN && devices[entity.device_id];
    if (!entry) continue;
    if (!found.has(entry.id)) {
      found.set(entry.id, {
        id: entry.id,
        name: nameOf(entry),
        area: entry.area_id,
        labels: entry.labels ?? [],
        firmware: entry.sw_version ?? "",
        entities: {},
        alertSensors: [],
      });
    }
    const device = found.get(entry.id);
    if (entity.translation_key === "alert") device.alertSensors.push(entity.entity_id);
    else device.entities[entity.translation_key] = entity.entity_id;
  }
  const isDevice = ({ entities }) => entities.connectivity || entities.health;
  const fleets = [...found.values()].filter((device) => !isDevice(device));
  cached = {
    source: { entities, devices },
    devices: new Map([...found].filter(([, device]) => isDevice(device))),
    entities: Object.assign({}, ...fleets.map(({ entities }) => entities)),
    // The integration links the page of the fleet's device to the dashboard.
    dashboard: fleets
      .map(({ id }) => devices[id].configuration_url)
      .find(Boolean)
      ?.replace("homeassistant://", ""),
  };
  return cached;
}

/** Return the name of a device; that of the integration is without its first word. */
const nameOf = ({ name_by_user: own, name, id }) =>
  own || name?.replace(/^Vesper (?=.)/, "") || id;

/** Return devices sorted by name. */
export function sortByName(hass, devices) {
  const { compare } = new Intl.Collator(hass.locale.language, { numeric: true });
  return [...devices].sort((one, other) => compare(one.name, other.name));
}
