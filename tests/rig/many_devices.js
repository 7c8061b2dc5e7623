/**
 * Put a fleet card with many devices on an otherwise empty page.
 *
 * There is no Home Assistant behind it: what is watched is what the card itself does.
 */
(count) => {
  const KEYS = ["connectivity", "health", "active_alerts", "playing", "melody", "maintenance", "heap_free"];
  const home = customElements.get("home-assistant")
    ? document.querySelector("home-assistant")
    : (customElements.define("home-assistant", class extends HTMLElement {}),
      document.body.appendChild(document.createElement("home-assistant")));
  const hass = {
    areas: { tower: { area_id: "tower", name: "Tower" } },
    devices: {},
    entities: {},
    states: {},
    locale: { language: "en" },
    config: { components: [] },
    user: { is_admin: true },
    localize: (key, values) => [key.split(".").at(-1), ...Object.values(values ?? {})].join(" "),
    loadBackendTranslation: async () => {},
  };
  for (let number = 0; number < count; number += 1) {
    const id = `device-${number}`;
    hass.devices[id] = { id, name: `Bell ${number}`, area_id: number < 10 ? "tower" : null };
    for (const key of KEYS) {
      const entity_id = `sensor.${id}_${key}`;
      hass.entities[entity_id] = { entity_id, device_id: id, platform: "vesper", translation_key: key };
      hass.states[entity_id] = { entity_id, state: "unknown", attributes: {} };
    }
  }
  const setState = (number, key, state, attributes = {}) => {
    const entity_id = `sensor.device-${number}_${key}`;
    hass.states = { ...hass.states, [entity_id]: { entity_id, state, attributes } };
  };
  for (let number = 0; number < count; number += 1) {
    Object.assign(hass.states[`sensor.device-${number}_connectivity`], { state: "on" });
    Object.assign(hass.states[`sensor.device-${number}_health`], { state: "ok" });
  }
  home.hass = hass;

  const frame = () => new Promise(requestAnimationFrame);
  window.bells = {
    /** Show the card, and return how long that took until it was painted, in ms. */
    async show() {
      await customElements.whenDefined("vesper-fleet-card");
      const card = document.createElement("vesper-fleet-card");
      const begin = performance.now();
      card.setConfig({});
      card.hass = hass;
      document.body.append(card);
      await frame();
      await frame();
      this.card = card;
      return performance.now() - begin;
    },
    /** Let something happen to one device, and return what the card needs for it, in ms. */
    change(number, key, state, attributes) {
      setState(number, key, state, attributes);
      const begin = performance.now();
      this.card.hass = { ...hass };
      return performance.now() - begin;
    },
    /** Return how long the card needs for a `hass` that has nothing new for it, in ms. */
    unchanged() {
      const begin = performance.now();
      for (let time = 0; time < 100; time += 1) this.card.hass = { ...hass };
      return (performance.now() - begin) / 100;
    },
    made() {
      return this.card.shadowRoot.querySelectorAll(".head").length;
    },
  };
}
