/** The styles of both cards, parsed once and shared by all of them. */
export const STYLES = new CSSStyleSheet();
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
  /* Beside the name as long as the name has half of the width, else below it. */
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
