import { DEVICE_FILTER } from "./card-form.js";
import { DOMAIN } from "./home-assistant.js";

/** The options that select devices. */
export const SELECTION_SCHEMA = [
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
  const { devices: ids, area, floor, label, without_area: withoutArea } = options;
  const selected = asSet(ids);
  const areas = asSet(area);
  const floors = asSet(floor);
  const labels = asSet(label);
  return [...devices].filter(
    (device) =>
      (!selected || selected.has(device.id)) &&
      (!areas || areas.has(device.area)) &&
      (!withoutArea || !(device.area in hass.areas)) &&
      (!floors || floors.has(hass.areas[device.area]?.floor_id)) &&
      (!labels || device.labels.some((one) => labels.has(one))),
  );
}
