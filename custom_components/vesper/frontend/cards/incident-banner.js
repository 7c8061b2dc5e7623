import { createElement } from "./dom.js";
import { localize } from "./texts.js";
import { shortTime } from "./times.js";

/** The states of the fleet's entities that an incident is read from. */
export const INCIDENT_KEYS = ["mqtt_link", "outage"];

/** How long before an outage its devices may have been heard: the longest timeout. */
const LAST_HEARD_MILLISECONDS = 3_600_000;

/** Return the text of an outage, with where all lost devices are. */
function outageText(hass, { state, attributes }, offline, devices) {
  const { area, floor, since } = attributes;
  const values = { offline, devices, time: shortTime(hass, since ?? state) };
  if (area) return localize(hass, "incident_outage_area", { ...values, area });
  if (floor) return localize(hass, "incident_outage_floor", { ...values, floor });
  return localize(hass, "incident_outage", values);
}

/** Return the devices that are offline and were last heard shortly before an outage. */
function findLost({ state, attributes }, views) {
  const earliest = Date.parse(attributes.since ?? state) - LAST_HEARD_MILLISECONDS;
  return views.filter(
    ({ online, lastSeen }) => online === false && !(Date.parse(lastSeen) < earliest),
  );
}

/**
 * Return the worst incident of the fleet, or undefined.
 *
 * `views` are those of all devices of the card.
 */
export function findIncident(hass, entities, views) {
  const [link, outage] = INCIDENT_KEYS.map((key) => hass.states[entities[key]]);
  // Of a configuration that is disabled, no entity is left.
  if (link?.state === "unavailable" || !Object.keys(entities).length) {
    return {
      type: "error",
      text: localize(hass, "incident_not_running"),
      link: ["open_vesper", "/config/integrations/integration/vesper"],
    };
  }
  if (link?.state === "off") {
    const time = shortTime(hass, link.last_changed);
    return {
      type: "error",
      text: localize(hass, "incident_link_down", { time }),
      link: ["open_mqtt", "/config/integrations/integration/mqtt"],
    };
  }
  const lost =
    outage?.attributes.event_type === "started" ? findLost(outage, views) : [];
  if (lost.length) {
    return { type: "error", text: outageText(hass, outage, lost.length, views.length) };
  }
  const count = views.filter(({ online }) => online === undefined).length;
  // As after a start of Home Assistant, until the devices have sent a heartbeat.
  if (link && 2 * count > views.length) {
    const values = { count, devices: views.length };
    return { type: "info", text: localize(hass, "incident_unknown", values) };
  }
  return undefined;
}

/** The worst incident of the fleet, as an alert; nothing while there is none. */
export class IncidentBanner {
  constructor() {
    this.element = createElement("div", { className: "incident", hidden: true });
  }

  /** Show an incident, only if it is another one: screen readers read it out. */
  update(hass, incident) {
    const key = JSON.stringify(incident);
    if (key === this.key) return;
    this.key = key;
    this.element.hidden = !incident;
    if (!incident) {
      this.element.replaceChildren();
      return;
    }
    const alert = createElement(
      "ha-alert",
      { alertType: incident.type },
      incident.text,
    );
    // Only administrators can open the settings.
    if (incident.link && hass.user?.is_admin) {
      const [label, href] = incident.link;
      const text = localize(hass, label);
      alert.append(" ", createElement("a", { href, className: "link" }, text));
    }
    this.element.replaceChildren(alert);
  }
}
