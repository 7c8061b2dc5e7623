/**
 * The cards and the dashboard of a Vesper fleet.
 *
 * All they show comes from `hass`: states, registries, translations. Whatever a device
 * or a person has named goes into the page as text nodes, never as markup.
 */

// Home Assistant may replace the registry of elements while it starts: what was defined
// before that is not found any more. It defines this element of its own after it.
await customElements.whenDefined("home-assistant");

const DOMAIN = "vesper";
const FLEET_CARD = "vesper-fleet-card";
const DEVICE_CARD = "vesper-device-card";
const DASHBOARD = "ll-strategy-dashboard-vesper";
const DOCUMENTATION = "https://github.com/bellsystems/vesper-home-assistant";

/** What a device or an alert may be, the worst last: icon (so shape) and rank. */
const STATUSES = {
  ok: { rank: 0, icon: "mdi:check-circle" },
  unknown: { rank: 1, icon: "mdi:help-circle" },
  warning: { rank: 2, icon: "mdi:alert" },
  offline: { rank: 3, icon: "mdi:minus-circle" },
  critical: { rank: 4, icon: "mdi:alert-octagon" },
  failed: { rank: 5, icon: "mdi:close-octagon" },
};

/** With more devices than this, views are of areas. */
const MOST_DEVICE_VIEWS = 20;

/** How far from the screen a row is made, so that scrolling meets no empty one. */
const AHEAD = "400px";

const TICK_MILLISECONDS = 15_000;

// Texts

/** Return the text of a key of `common` in our translations. */
const text = (hass, key, values) =>
  hass.localize(`component.${DOMAIN}.common.${key}`, values);

/** Return the name of an entity as our translations have it. */
const nameOf = (hass, platform, key) =>
  hass.localize(`component.${DOMAIN}.entity.${platform}.${key}.name`);

const statusText = (hass, status) =>
  hass.localize(`component.${DOMAIN}.entity.sensor.health.state.${status}`) ||
  text(hass, status);

const currentHass = () => document.querySelector("home-assistant")?.hass;

/** Ask for our texts as soon as there is a `hass`, which then brings them along. */
async function loadTexts() {
  while (!currentHass()?.loadBackendTranslation) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await currentHass().loadBackendTranslation("common", DOMAIN);
}

const texts = loadTexts();

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Return how long ago a time was; less than a minute is now. */
function relative(hass, time) {
  const { language } = hass.locale;
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  const [unit, size] = UNITS.find((unit) => seconds >= unit[1]) ?? [];
  return unit
    ? new Intl.RelativeTimeFormat(language).format(-Math.floor(seconds / size), unit)
    : new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
}

// The fleet in the registries

let indexed = {};

/**
 * Return the devices by id, with their entities by key, and the entities of the fleet.
 *
 * The registries hold many thousand entries and hardly ever change, so all cards share
 * what was found in them last.
 */
function fleetOf(hass) {
  const { entities, devices } = hass;
  if (indexed.of?.entities === entities && indexed.of.devices === devices) {
    return indexed;
  }
  const found = new Map();
  for (const entity of Object.values(entities)) {
    const entry = entity.platform === DOMAIN && devices[entity.device_id];
    if (!entry) continue;
    if (!found.has(entry.id)) {
      found.set(entry.id, {
        id: entry.id,
        name: entry.name_by_user || entry.name || entry.id,
        area: entry.area_id,
        entities: {},
        alertSensors: [],
      });
    }
    const device = found.get(entry.id);
    if (entity.translation_key === "alert") device.alertSensors.push(entity.entity_id);
    else device.entities[entity.translation_key] = entity.entity_id;
  }
  const isDevice = ({ entities }) => entities.connectivity || entities.health;
  indexed = {
    of: { entities, devices },
    devices: new Map([...found].filter(([, device]) => isDevice(device))),
    entities: Object.assign(
      {},
      ...[...found.values()]
        .filter((device) => !isDevice(device))
        .map((device) => device.entities),
    ),
  };
  return indexed;
}

/** Return the devices in the order of their names. */
function byName(hass, devices) {
  const { compare } = new Intl.Collator(hass.locale.language, { numeric: true });
  return [...devices].sort((one, other) => compare(one.name, other.name));
}

/** What of a device's entities a row of the fleet shows. */
const SHOWN = [
  "connectivity",
  "health",
  "active_alerts",
  "playing",
  "melody",
  "maintenance",
];

/** Return what is to be shown of a device now. */
function look(hass, device) {
  const state = (key) => hass.states[device.entities[key]];
  const connectivity = state("connectivity")?.state;
  const severity = statusOf(state("health")?.state);
  let status = severity;
  if (connectivity === "off") status = "offline";
  // Nothing is known to be wrong, which is not to know that all is well.
  else if (connectivity !== "on" && severity === "ok") status = "unknown";
  const alerts = state("active_alerts")?.attributes.alerts;
  return {
    state,
    status,
    rank: Math.max(STATUSES[status].rank, STATUSES[severity].rank),
    alerts: Array.isArray(alerts) ? alerts : [],
    // Not known where it is neither.
    online: { on: true, off: false }[connectivity],
    lastSeen: state("connectivity")?.attributes.last_seen,
    playing: state("playing")?.state === "on",
    melody: isKnown(state("melody")) ? state("melody").state : undefined,
    maintenance: state("maintenance")?.state === "on" ? state("maintenance") : undefined,
  };
}

/** Return what a state stands for; one that we don't know of is not known. */
const statusOf = (state) => (Object.hasOwn(STATUSES, state) ? state : "unknown");

const isKnown = (state) => state && !["unknown", "unavailable"].includes(state.state);

/** Have a core card show an entity's own name, without that of its device. */
const NAME = { name: { type: "entity" } };

// Elements

/** Make an element with properties and children; a string becomes a text node. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter(Boolean));
  return element;
}

/** The dot; its shape tells the same as its color, and a text beside it too. */
const dot = (status) =>
  make("ha-icon", {
    className: `dot ${status}`,
    icon: STATUSES[status].icon,
    ariaHidden: "true",
  });

const note = (...children) => make("span", { className: "note" }, ...children);

const mark = (label) => make("span", { className: "mark" }, label);

/** How long ago a time was, in the words of a key if there is one; it can be told anew. */
function since(hass, time, key) {
  const element = make("time", {
    dateTime: time,
    title: new Date(time).toLocaleString(hass.locale.language),
    tell: () => {
      const when = relative(hass, time);
      element.textContent = key ? text(hass, key, { when }) : when;
    },
  });
  element.tell();
  return element;
}

function openMoreInfo(element, entityId) {
  element.dispatchEvent(
    new CustomEvent("hass-more-info", {
      bubbles: true,
      composed: true,
      detail: { entityId },
    }),
  );
}

/** Return the entity whose dialog tells more of an alert. */
function entityOfAlert(hass, device, alert) {
  // The sensor's name may be a person's.
  const isOfAlert = (entityId) =>
    hass.states[entityId]?.attributes.subsystem === alert.subsystem;
  return device.alertSensors.find(isOfAlert) ?? device.entities.active_alerts;
}

/** Make what a device is called, how it is and what else there is to note; opens it. */
function head(hass, device, view, ...notes) {
  const label = make(
    "span",
    { className: "label" },
    make("span", { className: "name" }, device.name),
    make("span", {}, statusText(hass, view.status)),
    notes.length > 0 && make("span", { className: "notes" }, ...notes),
  );
  const parts = [dot(view.status), label];
  if (hass.user?.is_admin) {
    const href = `/config/devices/device/${device.id}`;
    return focusable(make("a", { className: "head", href }, ...parts), device.id);
  }
  // The pages of devices are for administrators alone.
  const button = make("button", { className: "head", type: "button" }, ...parts);
  button.onclick = () =>
    openMoreInfo(button, device.entities.health ?? device.entities.connectivity);
  return focusable(button, device.id);
}

/** Make the active alerts of a device: what is wrong now, no log. */
function alertList(getHass, device, view) {
  const hass = getHass();
  const item = (alert) => {
    const severity = statusOf(String(alert.state).toLowerCase());
    const button = make(
      "button",
      { className: "alert", type: "button" },
      dot(severity),
      make(
        "span",
        { className: "words" },
        make("span", { className: "subsystem" }, alert.subsystem),
        note(statusText(hass, severity)),
        alert.updated_at && note(since(hass, alert.updated_at)),
        alert.acknowledged && mark(text(hass, "acknowledged")),
        alert.confirmed === false && mark(text(hass, "unconfirmed")),
        alert.note && note(alert.note),
        alert.message && make("span", { className: "message" }, alert.message),
      ),
    );
    button.onclick = () =>
      openMoreInfo(button, entityOfAlert(getHass(), device, alert));
    return make("li", {}, focusable(button, `${device.id}/${alert.subsystem}`));
  };
  return make(
    "ul",
    { className: "alerts", role: "list", ariaLabel: alertsHeading(hass) },
    ...view.alerts.map(item),
  );
}

const alertsHeading = (hass) => nameOf(hass, "sensor", "active_alerts");

function maintenanceText(hass, { maintenance }) {
  return maintenance.attributes.until
    ? text(hass, "maintenance_until", {
        time: hass.formatEntityAttributeValue(maintenance, "until"),
      })
    : text(hass, "maintenance");
}

function playingText(hass, { melody }) {
  return melody ? text(hass, "playing_melody", { melody }) : text(hass, "playing");
}

/** Name what can have the focus, so that it is found again after it was made anew. */
function focusable(element, name) {
  element.dataset.focus = name;
  return element;
}

/** Draw, and leave the focus where it was, or on the device of what is gone. */
function keepingFocus(root, draw) {
  const name = root.activeElement?.dataset.focus;
  draw();
  if (!name || root.activeElement) return;
  const find = (wanted) =>
    [...root.querySelectorAll("[data-focus]")].find(
      (element) => element.dataset.focus === wanted,
    );
  (find(name) ?? find(name.split("/")[0]))?.focus({ preventScroll: true });
}

const STYLES = new CSSStyleSheet();
STYLES.replaceSync(`
  :host { display: block; height: 100%; }
  ha-card { display: flex; flex-direction: column; height: 100%; overflow: auto; }
  h2, h3, p, ul, dl, dd { margin: 0; padding: 0; }
  ul { list-style: none; }
  h2 { padding: 16px 16px 0; font-size: 1.25rem; font-weight: 400; overflow-wrap: anywhere; }
  h3 { padding: 8px 16px 4px; font-size: 0.875rem; font-weight: 500; }
  .summary:not(:empty), .empty { padding: 12px 16px 8px; overflow-wrap: anywhere; }
  .empty:last-child { padding-bottom: 16px; }
  .none { padding: 4px 16px 8px; }
  .summary { display: flex; flex-wrap: wrap; gap: 4px 16px; }
  .devices { padding-bottom: 8px; }
  .devices > li { min-height: 48px; box-sizing: border-box; padding: 0 4px; line-height: 24px; }
  .devices > li.waiting { padding: 12px 16px; }
  .devices.compact > li { min-height: 40px; }
  .devices.compact > li.waiting { padding: 8px 16px; }
  a, button { all: unset; box-sizing: border-box; cursor: pointer; }
  .head, .alert {
    display: flex; gap: 12px; width: 100%; border-radius: 8px;
    color: var(--primary-text-color); -webkit-tap-highlight-color: transparent;
  }
  .head { padding: 12px; line-height: 24px; }
  .compact .head { padding: 8px 12px; }
  .device { padding: 4px 4px 0; }
  .alert { min-height: 44px; padding-block: 6px; padding-inline: 28px 12px; line-height: 20px; }
  .head:hover, .alert:hover { background: var(--secondary-background-color); }
  .head:focus-visible, .alert:focus-visible {
    outline: 2px solid var(--primary-color); outline-offset: -2px;
  }
  .label, .notes, .words { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 12px; }
  .label, .words { flex: 1; min-width: 0; }
  .label > *, .notes > *, .words > * { min-width: 0; overflow-wrap: anywhere; }
  /* Beside the name, while that has half of the room; else below. */
  .name { flex: 1 1 50%; font-weight: 500; }
  .notes { flex: 1 0 100%; }
  .compact .notes { flex: 0 1 auto; }
  .notes, .words { align-content: start; font-size: 0.875rem; line-height: 20px; }
  .note { color: var(--secondary-text-color); }
  .subsystem { font-weight: 500; }
  .message { flex-basis: 100%; }
  .mark {
    padding: 0 8px; border: 1px solid var(--divider-color); border-radius: 10px;
    font-size: 0.75rem; line-height: 18px;
  }
  .dot { flex: none; --mdc-icon-size: 24px; }
  .alert .dot { --mdc-icon-size: 20px; }
  .ok { color: var(--success-color); }
  .warning { color: var(--warning-color); }
  .critical, .failed { color: var(--error-color); }
  .offline, .unknown { color: var(--state-inactive-color, var(--disabled-color)); }
  dl {
    display: grid; grid-template-columns: minmax(96px, auto) 1fr; align-items: baseline;
    gap: 4px 16px; padding: 8px 16px 16px; font-size: 0.875rem;
  }
  dt { color: var(--secondary-text-color); }
  dd { overflow-wrap: anywhere; }
  .graph { --ha-card-border-width: 0; --ha-card-box-shadow: none; --ha-card-background: none; }
  .actions { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; padding: 8px 16px 16px; }
  [hidden] { display: none !important; }
`);

/** What both cards are: drawn when something that they show is another, and told the time. */
class VesperCard extends HTMLElement {
  constructor() {
    super();
    this.config = {};
    this.card = make("ha-card");
    this.attachShadow({ mode: "open" }).append(this.card);
    this.shadowRoot.adoptedStyleSheets = [STYLES];
    this.getHass = () => this._hass;
  }

  setConfig(config) {
    this.config = { ...config };
    this.anew = true;
    if (this._hass) this.hass = this._hass;
  }

  set hass(hass) {
    const fleet = fleetOf(hass);
    this.anew ||= fleet !== this.fleet || hass.localize !== this._hass?.localize;
    this._hass = hass;
    this.fleet = fleet;
    // As long as our texts are on their way there is nothing to say.
    if (!text(hass, "online")) return;
    this.update(hass, this.anew);
    this.anew = false;
  }

  connectedCallback() {
    this.tick = setInterval(() => this.tellTime(), TICK_MILLISECONDS);
    this.tellTime();
  }

  disconnectedCallback() {
    clearInterval(this.tick);
  }

  tellTime() {
    for (const element of this.shadowRoot.querySelectorAll("time")) element.tell();
  }

  getGridOptions() {
    return { columns: 12, min_columns: 6 };
  }
}

/** The devices of the fleet, the worst first, with their active alerts. */
class VesperFleetCard extends VesperCard {
  constructor() {
    super();
    this.rows = new Map();
    this.heading = make("h2");
    this.summary = make("p", { className: "summary", role: "status" });
    this.list = make("ul", { className: "devices", role: "list" });
    this.empty = make("p", { className: "empty" });
    this.card.append(this.heading, this.summary, this.list, this.empty);
    this.observer = new IntersectionObserver((entries) => this.scrolled(entries), {
      rootMargin: AHEAD,
      scrollMargin: AHEAD,
    });
  }

  static getStubConfig() {
    return {};
  }

  static getConfigForm() {
    return form([
      { name: "title", selector: { text: {} } },
      {
        name: "devices",
        selector: {
          device: { multiple: true, filter: { integration: DOMAIN, model: "Vesper" } },
        },
      },
      { name: "area", selector: { area: { device: { integration: DOMAIN } } } },
      { name: "troubled_only", selector: { boolean: {} } },
      { name: "compact", selector: { boolean: {} } },
    ]);
  }

  getCardSize() {
    return 2 + this.list.childElementCount;
  }

  /** Return the devices that the configuration asks for. */
  chosen() {
    const { devices, area } = this.config;
    const wanted = devices?.length ? new Set([devices].flat()) : undefined;
    return [...this.fleet.devices.values()].filter(
      (device) =>
        (!wanted || wanted.has(device.id)) && (!area || device.area === area),
    );
  }

  update(hass, anew) {
    if (anew) this.choose(hass);
    const changed = [];
    for (const row of this.rows.values()) {
      const { watched } = row;
      if (!anew && watched.every((id, at) => hass.states[id] === row.states[at])) {
        continue;
      }
      const before = row.view?.rank;
      row.states = watched.map((id) => hass.states[id]);
      row.view = look(hass, row.device);
      row.moves = row.view.rank !== before;
      changed.push(row);
    }
    const link = hass.states[this.fleet.entities.mqtt_link]?.state;
    if (!anew && !changed.length && link === this.link) return;
    this.link = link;
    keepingFocus(this.shadowRoot, () => {
      if (anew || changed.some(({ moves }) => moves)) this.arrange(hass);
      this.summarize(hass);
      for (const row of changed) this.drawRow(hass, row);
    });
  }

  /** Make a row for each device that is to be shown, and drop those of the others. */
  choose(hass) {
    const before = this.rows;
    this.rows = new Map();
    for (const device of byName(hass, this.chosen())) {
      const row = before.get(device.id) ?? this.makeRow(device);
      const watched = SHOWN.map((key) => device.entities[key]).filter(Boolean);
      this.rows.set(device.id, Object.assign(row, { device, watched }));
    }
    for (const [id, row] of before) {
      if (!this.rows.has(id)) this.observer.unobserve(row.element);
    }
  }

  makeRow(device) {
    const row = { element: make("li"), visible: false };
    row.element.row = row;
    this.observer.observe(row.element);
    return row;
  }

  /** Put the rows into their order: the worst first, and else by name. */
  arrange(hass) {
    const { title, compact, troubled_only: troubledOnly } = this.config;
    const shown = [...this.rows.values()]
      .filter(({ view }) => !troubledOnly || view.rank > STATUSES.ok.rank)
      .sort((one, other) => other.view.rank - one.view.rank);
    this.heading.textContent = title ?? "";
    this.heading.hidden = !title;
    this.list.className = compact ? "devices compact" : "devices";
    this.list.ariaLabel = text(hass, "devices");
    this.empty.hidden = shown.length > 0;
    this.empty.textContent = text(hass, this.rows.size ? "no_trouble" : "no_devices");
    const wanted = new Set(shown.map(({ element }) => element));
    for (const element of [...this.list.children]) {
      if (!wanted.has(element)) element.remove();
    }
    // What has another rank goes past the others, which stay where they are.
    let next = this.list.firstElementChild;
    for (const { element } of shown) {
      while (next?.row.moves) next = next.nextElementSibling;
      if (element === next) next = next.nextElementSibling;
      else this.list.insertBefore(element, next);
    }
    for (const { row } of wanted) row.moves = false;
  }

  /** Say how the fleet is, and only if it is otherwise: this is read out aloud. */
  summarize(hass) {
    const words = this.inWords(hass);
    if (words.join("\n") === this.said) return;
    this.said = words.join("\n");
    this.summary.replaceChildren(...words.map((word) => make("span", {}, word)));
  }

  inWords(hass) {
    if (!this.rows.size) return [];
    const views = [...this.rows.values()].map(({ view }) => view);
    const worst = views.reduce((one, other) => (other.rank > one.rank ? other : one));
    const [status] = Object.entries(STATUSES).find(([, { rank }]) => rank === worst.rank);
    const trouble = text(hass, "summary_worst", { status: statusText(hass, status) });
    // Without the link nobody knows who is online.
    if (this.link === "off") return [text(hass, "link_down"), trouble];
    const devices = views.filter((view) => view.online !== undefined).length;
    const online = views.filter((view) => view.online).length;
    const count = views.length - devices;
    return [
      devices > 0 && text(hass, "summary_online", { online, devices }),
      count > 0 && text(hass, "summary_unknown", { count }),
      trouble,
    ].filter(Boolean);
  }

  /** Make what has come near the screen, and let go of what has left it. */
  scrolled(entries) {
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      const { row } = target;
      row.visible = isIntersecting;
      // Its place stays as high as it was, else the list would jump.
      const { height } = boundingClientRect;
      target.style.minHeight = isIntersecting || !height ? "" : `${height}px`;
    }
    keepingFocus(this.shadowRoot, () => {
      for (const { target } of entries) this.drawRow(this._hass, target.row);
    });
  }

  drawRow(hass, row) {
    const { element, device, view } = row;
    const focused = element.contains(this.shadowRoot.activeElement);
    if (!row.visible && !focused) {
      // Its name stays, for who searches the page or has it read.
      if (element.className && element.textContent === device.name) return;
      element.className = "waiting";
      element.replaceChildren(device.name);
      return;
    }
    const { compact } = this.config;
    const count = view.alerts.length;
    const notes = [
      compact && count > 0 && note(text(hass, "alert_count", { count })),
      compact &&
        count > 0 &&
        view.alerts.every((alert) => alert.acknowledged) &&
        mark(text(hass, "acknowledged")),
      compact &&
        view.alerts.some((alert) => alert.confirmed === false) &&
        mark(text(hass, "unconfirmed")),
      view.lastSeen && note(since(hass, view.lastSeen, "last_seen")),
      view.playing && note(playingText(hass, view)),
      view.maintenance &&
        mark(compact ? text(hass, "maintenance") : maintenanceText(hass, view)),
    ].filter(Boolean);
    element.className = "";
    element.replaceChildren(head(hass, device, view, ...notes));
    if (count && !compact) element.append(alertList(this.getHass, device, view));
  }
}

/** One device: what is wrong, whether it is there, what it does, how it fares. */
class VesperDeviceCard extends VesperCard {
  constructor() {
    super();
    this.body = make("div");
    this.graph = make("div", { className: "graph" });
    this.answer = make("span", { role: "status" });
    this.answered = make("span", { className: "note" });
    this.button = make("ha-button", { size: "small", appearance: "filled" });
    this.button.onclick = () => this.askForHealth();
    const asking = [this.button, this.answer, this.answered];
    this.actions = make("div", { className: "actions" }, ...asking);
    this.card.append(this.body, this.graph, this.actions);
  }

  static getStubConfig(hass) {
    const [device] = byName(hass, fleetOf(hass).devices.values());
    return { device: device?.id ?? "" };
  }

  static getConfigForm() {
    return form([
      {
        name: "device",
        required: true,
        selector: { device: { filter: { integration: DOMAIN, model: "Vesper" } } },
      },
    ]);
  }

  getCardSize() {
    return 6;
  }

  update(hass, anew) {
    const device = this.fleet.devices.get(this.config.device);
    const watched = Object.values(device?.entities ?? {});
    const changed = watched.some((id, at) => hass.states[id] !== this.states?.[at]);
    if (anew || changed) {
      if (device?.id !== this.device?.id) this.tellAnswer();
      this.states = watched.map((id) => hass.states[id]);
      this.device = device;
      keepingFocus(this.shadowRoot, () => this.draw(hass, device));
    }
    if (this.chart) this.chart.hass = hass;
  }

  draw(hass, device) {
    this.drawGraph(device?.entities.heap_free);
    this.actions.hidden = true;
    if (!device) {
      const key = this.config.device ? "device_gone" : "device_missing";
      const alert = make("ha-alert", {}, text(hass, key));
      this.body.replaceChildren(make("div", { className: "empty" }, alert));
      return;
    }
    const view = look(hass, device);
    this.body.replaceChildren(
      make("div", { className: "device" }, head(hass, device, view)),
      ...(view.state("active_alerts") ? this.alerts(hass, device, view) : []),
      make("dl", {}, ...this.facts(hass, view)),
    );
    // Only a device that can be reached can be asked.
    this.actions.hidden = !view.online;
    this.button.textContent = nameOf(hass, "button", "run_health_check");
  }

  alerts(hass, device, view) {
    const none = isKnown(view.state("active_alerts"))
      ? text(hass, "no_alerts")
      : text(hass, "unknown");
    return [
      make("h3", {}, alertsHeading(hass)),
      view.alerts.length
        ? alertList(this.getHass, device, view)
        : make("p", { className: "none note" }, none),
    ];
  }

  /** Return what is known of a device; of what it has no entity nothing is said. */
  facts(hass, view) {
    const { state } = view;
    const shown = (key) => isKnown(state(key)) && hass.formatEntityState(state(key));
    const online = { true: "online", false: "offline" }[view.online] ?? "unknown";
    const playing = { on: playingText(hass, view), off: text(hass, "not_playing") };
    const facts = [
      state("connectivity") && [
        nameOf(hass, "binary_sensor", "connectivity"),
        text(hass, online),
        view.lastSeen && note(since(hass, view.lastSeen, "last_seen")),
      ],
      state("playing") && [text(hass, "playback"), playing[state("playing").state]],
      (state("boot_time") || state("reset_reason")) && [
        text(hass, "last_restart"),
        isKnown(state("boot_time")) && since(hass, state("boot_time").state),
        shown("reset_reason"),
      ],
      view.maintenance && [text(hass, "state"), maintenanceText(hass, view)],
    ];
    return facts.filter(Boolean).flatMap(([name, ...values]) => {
      const known = values.filter(Boolean).map((value) => make("span", {}, value));
      const told = known.length ? known : [text(hass, "unknown")];
      return [
        make("dt", {}, name),
        make("dd", { className: "words" }, ...told),
      ];
    });
  }

  /** Show the free heap by core's own card, which keeps itself up to date. */
  async drawGraph(entity) {
    if (entity === this.charted) return;
    this.charted = entity;
    this.chart = undefined;
    this.graph.replaceChildren();
    if (!entity) return;
    const { createCardElement } = await window.loadCardHelpers();
    if (entity !== this.charted) return;
    this.chart = createCardElement({ type: "sensor", entity, graph: "line", ...NAME });
    this.chart.hass = this._hass;
    this.graph.replaceChildren(this.chart);
  }

  /** Have the device check itself, and tell whether it has answered. */
  async askForHealth() {
    if (this.button.loading) return;
    const { id } = this.device;
    this.button.loading = true;
    this.tellAnswer();
    try {
      const { response } = await this._hass.callService(
        DOMAIN,
        "run_health_check",
        {},
        { device_id: id },
        true,
        true,
      );
      if (this.device?.id !== id) return;
      const [{ answered }] = Object.values(response);
      this.tellAnswer(answered ? "answered" : "not_answered");
    } catch {
      // Home Assistant itself tells the person of what goes wrong.
    } finally {
      this.button.loading = false;
    }
  }

  /** Tell how a health check has ended, now; the time beside it is not read out anew. */
  tellAnswer(key) {
    this.answer.textContent = key ? text(this._hass, key) : "";
    this.answered.replaceChildren(
      ...(key ? [since(this._hass, new Date().toISOString())] : []),
    );
  }
}

/** Return the form that edits a card, with our texts. */
async function form(schema) {
  await texts;
  return {
    schema,
    computeLabel: ({ name }) => text(currentHass(), `option_${name}`),
    computeHelper: ({ name }) => text(currentHass(), `option_${name}_help`),
  };
}

/** A dashboard of the whole fleet that follows the registries. */
class VesperDashboard extends HTMLElement {
  static noEditor = true;

  static getCreateSuggestions(hass) {
    return { title: text(hass, "dashboard"), icon: "mdi:bell" };
  }

  static shouldRegenerate(_config, before, now) {
    const registries = ["areas", "devices", "entities"];
    return (
      registries.some((registry) => before[registry] !== now[registry]) &&
      this.sum(before) !== this.sum(now)
    );
  }

  /** Return all that the views depend on. */
  static sum(hass) {
    const devices = byName(hass, fleetOf(hass).devices.values());
    return JSON.stringify([
      devices.map(({ id, name, area }) => [id, name, area]),
      fleetOf(hass).entities,
      Object.values(hass.areas).map(({ area_id: id, name }) => [id, name]),
    ]);
  }

  static async generate(_config, hass) {
    await texts;
    hass = { ...hass, localize: currentHass().localize };
    const devices = byName(hass, fleetOf(hass).devices.values());
    const views =
      devices.length > MOST_DEVICE_VIEWS
        ? this.areaViews(hass, devices)
        : devices.map((device) => this.deviceView(hass, device));
    return {
      title: text(hass, "dashboard"),
      views: [this.overview(hass), ...views],
    };
  }

  static overview(hass) {
    const { entities } = fleetOf(hass);
    const rows = Object.values(entities).map((entity) => ({ entity, ...NAME }));
    return {
      title: text(hass, "overview"),
      path: "overview",
      type: "sections",
      max_columns: 3,
      sections: [
        section({ type: `custom:${FLEET_CARD}` }),
        section({ type: "entities", title: text(hass, "fleet"), entities: rows }),
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
    const areas = Map.groupBy(devices, ({ area }) => (area in hass.areas ? area : null));
    return [...Object.values(hass.areas), { area_id: null, name: text(hass, "no_area") }]
      .filter(({ area_id: id }) => areas.has(id))
      .map(({ area_id: id, name }) => ({
        title: name,
        // Apart from the other views, whatever an area is called.
        path: id ? `area-${id}` : "no-area",
        type: "sections",
        max_columns: 2,
        sections: [
          section({
            type: `custom:${FLEET_CARD}`,
            devices: areas.get(id).map((device) => device.id),
          }),
        ],
      }));
  }
}

const section = (...cards) => ({ type: "grid", cards });

// What Home Assistant is told of all this

for (const [name, element] of [
  [FLEET_CARD, VesperFleetCard],
  [DEVICE_CARD, VesperDeviceCard],
  [DASHBOARD, VesperDashboard],
]) {
  if (!customElements.get(name)) customElements.define(name, element);
}

/** Tell a list of Home Assistant's of something of ours, whose texts are looked up late. */
function offer(list, key, item) {
  const offered = (window[list] ??= []);
  if (offered.some(({ type }) => type === item.type)) return;
  offered.push(
    Object.defineProperties(
      { ...item, documentationURL: DOCUMENTATION },
      {
        name: { enumerable: true, get: () => text(currentHass(), key) },
        description: {
          enumerable: true,
          get: () => text(currentHass(), `${key}_description`),
        },
      },
    ),
  );
}

offer("customCards", "fleet_card", {
  type: FLEET_CARD,
  preview: true,
  getEntitySuggestion: (hass, entityId) =>
    Object.values(fleetOf(hass).entities).includes(entityId)
      ? { config: { type: `custom:${FLEET_CARD}` } }
      : null,
});
offer("customCards", "device_card", {
  type: DEVICE_CARD,
  preview: true,
  getEntitySuggestion: (hass, entityId) => {
    const device = hass.entities[entityId]?.device_id;
    return fleetOf(hass).devices.has(device)
      ? { config: { type: `custom:${DEVICE_CARD}`, device } }
      : null;
  },
});
offer("customStrategies", "dashboard", { type: DOMAIN, strategyType: "dashboard" });
