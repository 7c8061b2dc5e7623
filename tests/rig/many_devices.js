/**
 * Put a fleet card with many devices on an otherwise empty page.
 *
 * It works without Home Assistant: only the card itself is tested.
 */
(count) => {
  // As in the oldest browsers that are supported.
  const SET_METHODS = ["union", "intersection", "difference", "symmetricDifference"];
  const ITERATOR_METHODS = ["map", "filter", "take", "drop", "flatMap", "toArray", "reduce", "some", "every", "find"];
  for (const [owner, names] of [
    [Array, ["fromAsync"]],
    [globalThis.Iterator?.prototype, ITERATOR_METHODS],
    [Map, ["groupBy"]],
    [Object, ["groupBy"]],
    [Promise, ["try", "withResolvers"]],
    [Set.prototype, [...SET_METHODS, "isSubsetOf", "isSupersetOf", "isDisjointFrom"]],
  ]) {
    for (const name of names) if (owner) delete owner[name];
  }
  const KEYS = ["connectivity", "health", "active_alerts", "playing", "melody", "maintenance", "heap_free"];
  const FLEET_KEYS = ["mqtt_link", "outage", "problems", "fleet_health"];
  const home = customElements.get("home-assistant")
    ? document.querySelector("home-assistant")
    : (customElements.define("home-assistant", class extends HTMLElement {}),
      document.body.appendChild(document.createElement("home-assistant")));
  const hass = {
    areas: { tower: { area_id: "tower", name: "Tower", floor_id: "north" } },
    devices: {},
    entities: {},
    states: {},
    locale: { language: "en", time_format: "language", time_zone: "local" },
    config: { components: [], time_zone: "Europe/Berlin" },
    user: { is_admin: true },
    localize: (key, values) => [key.split(".").at(-1), ...Object.values(values ?? {})].join(" "),
    formatEntityState: ({ state }) => state,
    loadBackendTranslation: async () => {},
    callService: async (...call) => {
      bells.called.push(call);
      if (bells.error) throw bells.error;
      return { response: bells.response ?? { bell: { answered: bells.answered } } };
    },
    callWS: async (message) => {
      bells.asked.push(message);
      return bells.answers[message.type];
    },
  };
  for (let number = 0; number < count; number += 1) {
    const id = `device-${number}`;
    hass.devices[id] = {
      id,
      name: `Bell ${number}`,
      area_id: number < 10 ? "tower" : null,
      identifiers: [["vesper", `bell-${number}`]],
      labels: number % 2 ? ["odd"] : [],
      sw_version: `1.${number}`,
      config_entry_id: "fleet",
    };
    for (const key of KEYS) {
      const entity_id = `sensor.${id}_${key}`;
      hass.entities[entity_id] = { entity_id, device_id: id, platform: "vesper", translation_key: key };
      hass.states[entity_id] = { entity_id, state: "unknown", attributes: {} };
    }
  }
  /** Add the fleet of a config entry, both with the same id. */
  const addFleet = (id, name) => {
    hass.devices[id] = {
      id,
      name,
      area_id: null,
      config_entry_id: id,
      entry_type: "service",
      identifiers: [["vesper", `${id}/fleet`]],
    };
    for (const key of FLEET_KEYS) {
      const entity_id = `sensor.${id}_${key}`;
      hass.entities[entity_id] = { entity_id, device_id: id, platform: "vesper", translation_key: key };
      hass.states[entity_id] = { entity_id, state: key === "mqtt_link" ? "on" : "unknown", attributes: {} };
    }
  };
  addFleet("fleet", "All Vesper devices");
  const setState = (number, key, state, attributes = {}) => {
    const isFleet = typeof number === "string";
    const entity_id = isFleet ? `sensor.${number}_${key}` : `sensor.device-${number}_${key}`;
    const last_changed = new Date().toISOString();
    hass.states = { ...hass.states, [entity_id]: { entity_id, state, attributes, last_changed } };
  };
  for (let number = 0; number < count; number += 1) {
    Object.assign(hass.states[`sensor.device-${number}_connectivity`], { state: "on" });
    Object.assign(hass.states[`sensor.device-${number}_health`], { state: "ok" });
  }
  home.hass = hass;
  const createCardElement = () => document.createElement("div");
  window.loadCardHelpers = async () => ({ createCardElement });

  const frame = () => new Promise(requestAnimationFrame);
  window.bells = {
    /** Show the card, and return how long that took until it was painted, in ms. */
    async show(type = "vesper-fleet-card", config = {}) {
      await customElements.whenDefined(type);
      const card = document.createElement(type);
      const begin = performance.now();
      card.setConfig(config);
      card.hass = hass;
      document.body.append(card);
      await frame();
      await frame();
      this.card = card;
      this.moves.observe(card.shadowRoot, { childList: true, subtree: true });
      return performance.now() - begin;
    },
    /**
     * Make it two sites, `North` and `South`: the devices from a number on are those of
     * the second one, whose id is `south`.
     */
    split(number) {
      addFleet("south", "All Vesper devices (South)");
      hass.devices.fleet.name = "All Vesper devices (North)";
      for (let other = number; other < count; other += 1) {
        hass.devices[`device-${other}`].config_entry_id = "south";
      }
      setState("fleet", "mqtt_link", "on", { prefix: "north", site: "North" });
      setState("south", "mqtt_link", "on", { prefix: "south", site: "South" });
    },
    /** Make the page see changes of the registries. */
    changeRegistries() {
      for (const registry of ["areas", "devices", "entities"]) {
        hass[registry] = { ...hass[registry] };
      }
      this.card.hass = { ...hass };
    },
    moves: new MutationObserver(() => {}),
    /** As `show`, of one device's card. */
    showOne(number) {
      return this.show("vesper-device-card", { device: `device-${number}` });
    },
    called: [],
    asked: [],
    answers: {},
    answered: true,
    /**
     * Change one device. Return how long the card and the page need until
     * it can be painted, in ms, and how many rows were moved.
     */
    change(...change) {
      return this.changeAll([change]);
    },
    /** As `change`, of several at once. */
    changeAll(changes) {
      for (const change of changes) setState(...change);
      this.moves.takeRecords();
      const begin = performance.now();
      this.card.hass = { ...hass };
      this.card.getBoundingClientRect();
      const time = performance.now() - begin;
      const added = this.moves.takeRecords().flatMap(({ addedNodes }) => [...addedNodes]);
      return { time, moved: added.filter(({ row }) => row).length };
    },
    /** Return how long the card needs for an unchanged `hass`, in ms. */
    unchanged() {
      const begin = performance.now();
      for (let time = 0; time < 100; time += 1) this.card.hass = { ...hass };
      return (performance.now() - begin) / 100;
    },
    /** Return the names of the rows, in their order. */
    order() {
      return [...this.card.shadowRoot.querySelectorAll(".devices > li")].map(({ row }) => row.device.name.slice(5));
    },
    made() {
      return this.card.shadowRoot.querySelectorAll(".head").length;
    },
  };
}
