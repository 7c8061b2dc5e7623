/** The styles of all cards, parsed once and shared by all of them. */
export const STYLES = new CSSStyleSheet();
STYLES.replaceSync(`
  /* In Home Assistant 1rem is 14px. */
  :host { display: block; height: 100%; }
  ha-card { display: flex; flex-direction: column; height: 100%; }
  .scrolls { overflow: auto; }
  :host([sample]), :host([sample]) ha-card { height: auto; }
  :host([sample]) :is(.tools, .menu, .section, .more, .devices > li:nth-child(n + 3)) { display: none; }
  h2, h3, p, ul, dl, dd { margin: 0; padding: 0; }
  ul { list-style: none; }
  h2 { padding: 16px 16px 0; font-size: 1.25rem; font-weight: 400; overflow-wrap: anywhere; }
  h3 { padding: 8px 16px 4px; font-size: 0.875rem; font-weight: 500; }
  .empty { padding: 12px 16px 16px; overflow-wrap: anywhere; }
  .none { padding: 4px 16px 8px; }
  .hidden-text {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
    white-space: nowrap;
  }

  a, button { all: unset; box-sizing: border-box; cursor: pointer; }
  .head, .alert {
    display: flex; gap: 12px; width: 100%; border-radius: 8px;
    color: var(--primary-text-color); -webkit-tap-highlight-color: transparent;
  }
  .head { flex: 1; min-width: 0; padding: 8px 12px; line-height: 1.71rem; }
  .alert { min-height: 40px; padding-block: 4px; padding-inline: 28px 12px; line-height: 1.43rem; }
  :is(a, button):hover { background: var(--secondary-background-color); }
  :is(a, button, input):focus-visible {
    outline: 2px solid var(--primary-color); outline-offset: -2px;
  }
  .label, .notes, .words { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 12px; }
  .label, .words { flex: 1; min-width: 0; }
  .label > *, .notes > *, .words > * { min-width: 0; overflow-wrap: anywhere; }
  /* Beside the name as long as the name has half of the width, else below it. */
  .name { flex: 1 1 50%; font-weight: 500; }
  .site { color: var(--secondary-text-color); font-weight: 400; }
  .notes { flex: 1 0 100%; }
  .label { align-content: start; }
  .notes, .words { align-content: start; font-size: 0.875rem; line-height: 1.43rem; }
  .note { color: var(--secondary-text-color); }
  .subsystem { font-weight: 500; }
  .message { flex-basis: 100%; }
  .mark {
    padding: 0 8px; border: 1px solid var(--divider-color); border-radius: 10px;
    font-size: 0.75rem; line-height: 1.29rem;
  }

  .dot { flex: none; --mdc-icon-size: 24px; }
  .alert .dot, .chip .dot { --mdc-icon-size: 20px; }
  /* Mixed with the color of the text for the contrast of icons, 3:1, in each theme. */
  .ok { color: color-mix(in srgb, var(--success-color) 85%, var(--primary-text-color)); }
  .warning { color: color-mix(in srgb, var(--warning-color) 70%, var(--primary-text-color)); }
  .critical, .failed { color: color-mix(in srgb, var(--error-color) 90%, var(--primary-text-color)); }
  .offline, .unknown, .maintenance { color: var(--secondary-text-color); }

  .incident { padding: 16px 16px 0; }
  .link { text-decoration: underline; }
  .filters { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; padding: 16px 16px 8px; }
  .chips, .tools { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; }
  .tools { flex: 1 0 auto; justify-content: flex-end; max-width: 100%; }
  .tools:not(:has(:not([hidden]))) { display: none; }
  .chip, .action, .tool, .more {
    display: inline-flex; align-items: center; gap: 6px; min-height: 36px; padding: 0 12px;
    border: 1px solid var(--divider-color); border-radius: 18px;
    font-size: 0.875rem; line-height: 1.43rem;
  }
  .tool { padding: 0 8px; }
  .chip[aria-pressed="true"], .tool[aria-pressed="true"] {
    border-color: var(--primary-color); background: var(--secondary-background-color);
    box-shadow: inset 0 0 0 1px var(--primary-color);
  }
  .action ha-icon { --mdc-icon-size: 18px; }
  input { font: inherit; color: var(--primary-text-color); color-scheme: inherit; }
  .search, .until input {
    box-sizing: border-box; min-width: 0; min-height: 36px; padding: 0 12px; font-size: 0.875rem;
    border: 1px solid var(--outline-color, var(--secondary-text-color)); border-radius: 18px;
    background: var(--card-background-color);
  }
  .search { flex: 1 1 160px; max-width: 320px; }
  .search::placeholder { color: var(--secondary-text-color); opacity: 1; }

  .places {
    display: grid; grid-template-columns: repeat(auto-fill, minmax(min(200px, 50% - 8px), 1fr));
    gap: 8px; padding: 4px 16px 8px;
  }
  .place {
    display: grid; grid-template-columns: auto 1fr; align-content: start; align-items: center; gap: 4px 8px;
    width: 100%; height: 100%; padding: 8px 12px; font-size: 0.875rem; line-height: 1.43rem;
    border: 1px solid var(--divider-color); border-radius: 12px; color: var(--primary-text-color);
  }
  .place > :is(.subsystem, .words) { min-width: 0; overflow-wrap: anywhere; }
  .place .words { grid-column: 1 / -1; }

  /* As many columns as there is room for: rows of 380 px, or wider. */
  .devices {
    display: grid; align-items: start; padding: 0 4px;
    grid-template-columns: repeat(auto-fill,
      minmax(max(min(100%, 380px), 100% / var(--columns, 3)), 1fr));
  }
  .sections { padding-bottom: 8px; }
  .sections > section > .more { margin: 4px 16px 8px; }
  .devices > li { min-width: 0; min-height: 48px; box-sizing: border-box; line-height: 1.71rem; }
  .devices > li.waiting { padding: 12px 16px; overflow-wrap: anywhere; }
  .devices.compact > li { min-height: 40px; }
  .devices.compact > li.waiting { padding: 8px 16px; }
  .compact .head { padding: 8px 12px; }
  .compact .notes { flex: 0 1 auto; }
  .dimmed :is(.name, .label, .alert, .head) { color: var(--secondary-text-color); font-weight: 400; }
  .line { display: flex; gap: 4px; }
  .line input[type="checkbox"] { flex: none; width: 20px; height: 20px; margin: 10px 0; margin-inline: 12px 0; accent-color: var(--primary-color); }
  .menu {
    flex: none; display: grid; place-items: center; width: 44px; height: 44px; border-radius: 50%;
    color: var(--secondary-text-color);
  }
  .devices .status-bar { margin-inline: 48px; margin-block: 0 4px; }
  .compact .status-bar { display: none; }
  .alerts .more { margin-inline: 48px 12px; }
  .section {
    display: flex; align-items: center; gap: 12px; width: 100%; min-height: 48px; padding: 8px 16px;
    line-height: 1.71rem;
  }
  .section .label { font-weight: 500; overflow-wrap: anywhere; }
  .panel { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; padding: 4px 12px 12px; }
  .devices .panel { padding-inline-start: 48px; }
  .panel:not(:has(> button:not([hidden]))) { display: none; }
  .until { display: inline-flex; flex-wrap: wrap; gap: 8px; min-width: 0; max-width: 100%; }
  .result { flex: 1 0 100%; font-size: 0.875rem; overflow-wrap: anywhere; }
  .result:empty { display: none; }
  .result.error { color: var(--error-color); }
  .selection {
    margin: 0 16px 8px; border: 1px solid var(--primary-color); border-radius: 12px;
    position: sticky; top: calc(var(--header-height, 0px) + 8px); z-index: 1; background: var(--card-background-color);
  }
  .scrolls .selection { top: 0; }
  .selection .line { flex-wrap: wrap; align-items: center; gap: 8px 16px; padding: 8px 12px; }

  .badge { display: inline-block; border-radius: 18px; }

  .device { padding: 4px 4px 0; }
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
