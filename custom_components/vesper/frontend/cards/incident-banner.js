import { createElement } from "./dom.js";
import { isEnabled } from "./fleet.js";
import { listText, localize } from "./texts.js";
import { shortTime } from "./times.js";

/** The keys of the entities of a fleet that an incident is read from. */
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

/** Return the incident of a site, if any; `views` are those of its devices. */
function siteIncident(hass, site, views) {
  const [link, outage] = INCIDENT_KEYS.map((key) => hass.states[site.entities[key]]);
  if (link?.state === "unavailable") return { kind: "not_running", site };
  if (link?.state === "off")
    return { kind: "link_down", site, since: link.last_changed };
  const devices = views.length;
  const lost =
    outage?.attributes.event_type === "started" ? findLost(outage, views) : [];
  if (lost.length) return { kind: "outage", site, outage, devices, count: lost.length };
  const count = views.filter(({ online }) => online === undefined).length;
  // As after a start of Home Assistant, until the devices have sent a heartbeat.
  const isUnknown = link && 2 * count > devices;
  return isUnknown ? { kind: "unknown", site, devices, count } : undefined;
}

const sum = (incidents, key) =>
  incidents.reduce((total, incident) => total + incident[key], 0);

/**
 * What is shown of each kind of incident, the worst first.
 *
 * `names` are those of the sites, if it is said which ones have the incident.
 */
const KINDS = {
  not_running: (hass, names) => ({
    type: "error",
    text: names
      ? localize(hass, "incident_not_running_site", { sites: names })
      : localize(hass, "incident_not_running"),
    link: ["open_vesper", "/config/integrations/integration/vesper"],
  }),
  link_down: (hass, names, incidents) => {
    const [first] = incidents.map(({ since }) => since).sort();
    const time = shortTime(hass, first);
    return {
      type: "error",
      text: withSites(hass, names, localize(hass, "incident_link_down", { time })),
      link: ["open_mqtt", "/config/integrations/integration/mqtt"],
    };
  },
  outage: (hass, names, [{ outage, count, devices }]) => ({
    type: "error",
    text: withSites(hass, names, outageText(hass, outage, count, devices)),
  }),
  unknown: (hass, names, incidents) => {
    const values = {
      count: sum(incidents, "count"),
      devices: sum(incidents, "devices"),
    };
    const text = localize(hass, "incident_unknown", values);
    return { type: "info", text: withSites(hass, names, text) };
  },
};

const withSites = (hass, names, text) =>
  names ? localize(hass, "of_site", { site: names, text }) : text;

const namesOf = (hass, sites) =>
  listText(
    hass,
    sites.map(({ name }) => name),
  );

/**
 * Return the worst incident of the sites of a card, or undefined.
 *
 * `rows` are those of all devices of the card.
 */
export function findIncident(hass, sites, rows) {
  const enabled = sites.filter(isEnabled);
  if (!enabled.length) return KINDS.not_running(hass);
  const views = new Map(enabled.map((site) => [site, []]));
  for (const { device, view } of rows) views.get(device.site)?.push(view);
  const all = enabled.map((site) => siteIncident(hass, site, views.get(site)));
  const kind = Object.keys(KINDS).find((one) => all.some((of) => of?.kind === one));
  if (kind === "outage") {
    const [worst] = all
      .filter((incident) => incident?.kind === kind)
      .sort((one, other) => other.count - one.count);
    const name = sites.length > 1 ? worst.site.name : undefined;
    return KINDS.outage(hass, name, [worst]);
  }
  if (kind) {
    const incidents = all.filter((incident) => incident?.kind === kind);
    const isOfAll = incidents.length === enabled.length;
    const of = incidents.map(({ site }) => site);
    return KINDS[kind](hass, isOfAll ? undefined : namesOf(hass, of), incidents);
  }
  // A site is disabled on purpose, so anything else is worse.
  const disabled = sites.filter((site) => !isEnabled(site));
  return disabled.length
    ? { ...KINDS.not_running(hass, namesOf(hass, disabled)), type: "info" }
    : undefined;
}

/** The worst incident, as an alert; nothing while there is none. */
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
