/** What this integration is called in Home Assistant. */
export const DOMAIN = "vesper";

export const DOCUMENTATION = "https://github.com/bellsystems/vesper-home-assistant";

export const FLEET_CARD = "vesper-fleet-card";
export const DEVICE_CARD = "vesper-device-card";
export const FLEET_TILE = "vesper-fleet-tile";
export const FLEET_BADGE = "vesper-fleet-badge";
export const LINKED_CARD = "vesper-linked-card";
export const DASHBOARD_STRATEGY = "ll-strategy-dashboard-vesper";

/** Return the current `hass` of the page, which is undefined until the page is set up. */
export const currentHass = () => document.querySelector("home-assistant")?.hass;

/** Open the more-info dialog of an entity. */
export function openMoreInfo(element, entityId) {
  element.dispatchEvent(
    new CustomEvent("hass-more-info", {
      bubbles: true,
      composed: true,
      detail: { entityId },
    }),
  );
}
