import { DEVICE_FILTER } from "./card-form.js";
import { DOMAIN } from "./home-assistant.js";

/** The options that select devices. */
export const SELECTION_SCHEMA = [
  { name: "entry", selector: { config_entry: { integration: DOMAIN } } },
  { name: "area", selector: { area: { device: { integration: DOMAIN } } } },
  {
    name: "devices",
    selector: { device: { multiple: true, filter: DEVICE_FILTER } },
  },
  { name: "floor", selector: { floor: { device: { integration: DOMAIN } } } },
  { name: "label", selector: { label: {} } },
];

const asSet = (value) => (value?.length ? new Set([value].flat()) : undefined);

/** Return the devices that the options of a card select. */
export function selectDevices(hass, devices, options) {
  const {
    entry,
    devices: ids,
    area,
    floor,
    label,
    without_area: withoutArea,
  } = options;
  const selected = asSet(ids);
  const areas = asSet(area);
  const floors = asSet(floor);
  const labels = asSet(label);
  return [...devices].filter(
    (device) =>
      (!entry || device.site.id === entry) &&
      (!selected || selected.has(device.id)) &&
      (!areas || areas.has(device.area)) &&
      (!withoutArea || !(device.area in hass.areas)) &&
      (!floors || floors.has(hass.areas[device.area]?.floor_id)) &&
      (!labels || device.labels.some((one) => labels.has(one))),
  );
}

/** Return whether the site that the options of a card select does not exist. */
export const isSiteGone = ({ sites }, { entry }) =>
  Boolean(entry) && !sites.some(({ id }) => id === entry);

/** Return the site that the options of a card select, if there are several. */
export const selectedSite = ({ sites }, { entry }) =>
  sites.length > 1 ? sites.find(({ id }) => id === entry) : undefined;

/**
 * Return the sites that a card is about.
 *
 * They are those of its devices; all, or that of its options, if these select none or all
 * of their devices.
 */
export function selectSites({ sites }, { entry }, devices) {
  const selected = sites.filter(({ id }) => !entry || id === entry);
  const isAll =
    devices.length === selected.reduce((sum, site) => sum + site.devices.length, 0);
  if (isAll || !devices.length) return selected;
  const shown = new Set(devices.map(({ site }) => site));
  return selected.filter((site) => shown.has(site));
}

/** Return the name of the site of a device, if the card shows several sites. */
export const shownSite = ({ siteName }, { entry }) => (entry ? undefined : siteName);
