import { currentHass } from "./home-assistant.js";
import { localize } from "./texts.js";

const isId = (value) => typeof value === "string";
const isIdList = (value) => Array.isArray(value) && value.every(isId);

const ID = {
  isValid: isId,
  explain: (hass, option) => localize(hass, "option_invalid_id", { option }),
};

const IDS = {
  isValid: (value) => isId(value) || isIdList(value),
  explain: (hass, option) => localize(hass, "option_invalid_ids", { option }),
};

/** What the selectors of forms select: whether a value is that, and what to write. */
const KINDS = {
  area: IDS,
  boolean: {
    isValid: (value) => typeof value === "boolean",
    explain: (hass, option) => localize(hass, "option_invalid_boolean", { option }),
  },
  config_entry: ID,
  device: ID,
  devices: {
    isValid: isIdList,
    explain: (hass, option) => localize(hass, "option_invalid_id_list", { option }),
  },
  floor: IDS,
  label: IDS,
  number: {
    isValid: (value, { min, max }) =>
      Number.isInteger(value) && value >= min && value <= max,
    explain: (hass, option, { min, max }) =>
      localize(hass, "option_invalid_number", { option, min, max }),
  },
  select: {
    isValid: (value, { options }) => options.includes(value),
    explain: (hass, option, { options }) =>
      localize(hass, "option_invalid_select", { option, values: options.join(", ") }),
  },
  selects: {
    isValid: (value, { options }) =>
      Array.isArray(value) && value.every((one) => options.includes(one)),
    explain: (hass, option, { options }) =>
      localize(hass, "option_invalid_list", { option, values: options.join(", ") }),
  },
  text: {
    // YAML reads some texts as numbers.
    isValid: (value) => ["string", "number"].includes(typeof value),
    explain: (hass, option) => localize(hass, "option_invalid_text", { option }),
  },
};

/** Return the fields of a form, also those in groups. */
export const fieldsOf = (schema) =>
  schema.flatMap((field) => (field.schema ? fieldsOf(field.schema) : [field]));

/** Throw an error if a list was written for a field that can show only one value. */
export function checkLists(schema, config) {
  for (const { name, selector } of fieldsOf(schema)) {
    const [{ multiple }] = Object.values(selector);
    if (multiple || !Array.isArray(config[name])) continue;
    throw new Error(localize(currentHass(), "option_list", { option: name }));
  }
}

/** Throw an error that says what is wrong with the options of a card, if anything. */
export function checkOptions(schema, config) {
  for (const { name, selector } of fieldsOf(schema)) {
    const value = config[name];
    const [[selected, settings]] = Object.entries(selector);
    const kind = KINDS[settings.multiple ? `${selected}s` : selected];
    // An editor leaves an option empty that was cleared.
    if (value === undefined || value === null || value === "") continue;
    if (kind.isValid(value, settings)) continue;
    const hass = currentHass();
    const text = hass && kind.explain(hass, name, settings);
    // The texts may not be loaded yet.
    throw new Error(text || `${name}: ${JSON.stringify(value)}`);
  }
}
