import { DOMAIN } from "./home-assistant.js";

let cached = {};

/**
 * Return the devices by id, the sites, and the path of the first Vesper dashboard.
 *
 * A site is a config entry, with its name, the entities of its fleet by key, and its
 * devices. A device has its entities by key, its site, and `siteName` if there are several
 * sites.
 *
 * Cached for all cards: the registries hold many thousand entries and rarely change.
 */
export function getFleet(hass) {
  if (isCurrent(hass)) return cached;
  const { entities, devices } = hass;
  const found = findDevices(hass);
  const isDevice = ({ entities }) => entities.connectivity || entities.health;
  const shown = [...found.values()].filter(isDevice);
  const sites = findSites(hass, found, shown);
  for (const device of shown) {
    device.siteName = sites.length > 1 ? device.site.name : undefined;
  }
  cached = {
    source: { entities, devices },
    devices: new Map(shown.map((device) => [device.id, device])),
    sites,
    // The integration links the page of the fleet's device to the dashboard.
    dashboard: sites
      .map(({ fleet }) => fleet?.configuration_url)
      .find(Boolean)
      ?.replace("homeassistant://", ""),
  };
  return cached;
}

/** Return whether the registries, and the names of the sites, are those of the cache. */
function isCurrent(hass) {
  const { source, sites } = cached;
  return (
    source?.entities === hass.entities &&
    source.devices === hass.devices &&
    (sites.length < 2 || sites.every((site) => site.name === siteName(hass, site)))
  );
}

/** Return all devices of the integration that have entities, by id. */
function findDevices({ entities, devices }) {
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
  return found;
}

/** Return the sites by name, and set that of each device. */
function findSites(hass, found, shown) {
  const sites = new Map();
  const siteOf = ({ config_entry_id: id }) => {
    if (!sites.has(id)) sites.set(id, { id, entities: {}, devices: [] });
    return sites.get(id);
  };
  // The fleet of a config entry that is disabled has no entities.
  for (const entry of Object.values(hass.devices)) {
    if (!isFleet(entry)) continue;
    const { entities = {} } = found.get(entry.id) ?? {};
    Object.assign(siteOf(entry), { fleet: entry, entities });
  }
  for (const device of shown) {
    device.site = siteOf(hass.devices[device.id]);
    device.site.devices.push(device);
  }
  const named = [...sites.values()];
  for (const site of named) site.name = siteName(hass, site);
  return sortByName(hass, named);
}

const isFleet = ({ entry_type: type, identifiers }) =>
  type === "service" && identifiers.some(([domain]) => domain === DOMAIN);

/** Return the title of the config entry of a site. */
function siteName(hass, { id, entities, fleet }) {
  const { site } = hass.states[entities.mqtt_link]?.attributes ?? {};
  // While the entry is not loaded, the name of its fleet has the title in brackets.
  return site ?? fleet?.name?.match(/\((.+)\)$/)?.[1] ?? (fleet ? nameOf(fleet) : id);
}

/** Return whether the config entry of a site is not disabled, as far as is known. */
export const isEnabled = ({ entities, devices }) =>
  Object.keys(entities).length > 0 || devices.length > 0;

/** Return the name of a device; that of the integration is without its first word. */
const nameOf = ({ name_by_user: own, name, id }) =>
  own || name?.replace(/^Vesper (?=.)/, "") || id;

/** Return devices or sites sorted by name. */
export function sortByName(hass, devices) {
  const { compare } = new Intl.Collator(hass.locale.language, { numeric: true });
  return [...devices].sort((one, other) => compare(one.name, other.name));
}
