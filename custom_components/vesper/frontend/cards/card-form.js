import { DOMAIN, currentHass } from "./home-assistant.js";
import { checkLists, checkOptions } from "./options.js";
import { localize, textsLoaded } from "./texts.js";

/** The devices that can be selected in a form. */
export const DEVICE_FILTER = { integration: DOMAIN, model: "Vesper" };

const choiceLabel = (name, value) => localize(currentHass(), `option_${name}_${value}`);

/** Return a field with the labels of what can be chosen, also in a group of fields. */
function withLabels(field, label) {
  const { name, schema, selector } = field;
  if (schema) return { ...field, schema: schema.map((one) => withLabels(one, label)) };
  if (!selector.select) return field;
  const options = selector.select.options.map((value) => ({
    value,
    label: label(name, value),
  }));
  return { ...field, selector: { select: { ...selector.select, options } } };
}

/** Return the form of the editor of a card, with its texts. */
export async function cardForm(schema, label = choiceLabel) {
  await textsLoaded;
  return {
    schema: schema.map((field) => withLabels(field, label)),
    assertConfig: (config) => {
      checkOptions(schema, config);
      checkLists(schema, config);
    },
    computeLabel: ({ name }) => localize(currentHass(), `option_${name}`),
    computeHelper: ({ name }) => localize(currentHass(), `option_${name}_help`),
  };
}
