import { DOMAIN, currentHass } from "./home-assistant.js";
import { localize, textsLoaded } from "./texts.js";

/** The devices that can be selected in a form. */
export const DEVICE_FILTER = { integration: DOMAIN, model: "Vesper" };

/** Return the form of the editor of a card, with its texts. */
export async function cardForm(schema) {
  await textsLoaded;
  return {
    schema,
    computeLabel: ({ name }) => localize(currentHass(), `option_${name}`),
    computeHelper: ({ name }) => localize(currentHass(), `option_${name}_help`),
  };
}
