/** The styles of the device card, besides those of both cards. */
export const DEVICE_STYLES = new CSSStyleSheet();
DEVICE_STYLES.replaceSync(`
  h3:focus { outline: none; }
  h3, h4 { font-size: 0.875rem; font-weight: 500; }
  h4 { margin: 0; padding: 8px 16px 4px; color: var(--secondary-text-color); }
  section { padding-bottom: 8px; }
  section + dl { padding-top: 0; }
  .alert-actions {
    display: flex; flex-wrap: wrap; align-items: center; gap: 4px 8px;
    padding-inline: 48px 12px;
  }
  :host([sample]) :is(.history, dl, .buttons, .alert-actions) { display: none; }
  .cleared:not(:empty) { padding: 4px 16px; }
  .error { color: var(--error-color); }
  .result { overflow-wrap: anywhere; min-width: 0; }
  .period { padding: 4px 16px 8px; }
  .period-words { display: flex; justify-content: space-between; gap: 8px; padding-bottom: 4px; font-size: 0.875rem; }
  .percent { font-variant-numeric: tabular-nums; }
  .past > li { display: flex; gap: 12px; padding: 4px 16px; --mdc-icon-size: 20px; }
  .past ha-icon { flex: none; color: var(--secondary-text-color); }
  summary { padding: 8px 16px; font-size: 0.875rem; cursor: pointer; }
  .sparkline {
    display: inline-block; inline-size: 120px; block-size: 20px; vertical-align: middle;
    background: var(--primary-color); transform: scaleX(var(--scale-direction, 1));
  }
  .buttons .panel { padding: 8px 16px 0; }
  .buttons .actions { padding-block: 8px 0; }
`);
