import { cardForm } from "./card-form.js";
import { SELECTION_SCHEMA } from "./fleet-selection.js";
import { currentHass } from "./home-assistant.js";
import { TAP_ACTIONS } from "./navigation.js";
import { localize, textsLoaded } from "./texts.js";

const boolean = { boolean: {} };
const count = { number: { min: 1, max: 1000, mode: "box" } };

/** Return a selector of one of several values, which are translated. */
const select = (name, values) => ({
  select: {
    mode: "dropdown",
    options: values.map((value) => ({
      value,
      label: localize(currentHass(), `option_${name}_${value}`),
    })),
  },
});

/** Return the form of the editor of the fleet card. */
export async function fleetForm() {
  await textsLoaded;
  return cardForm([
    { name: "title", selector: { text: {} } },
    ...SELECTION_SCHEMA.filter(({ name }) => name === "area"),
    { name: "troubled_only", selector: boolean },
    { name: "compact", selector: boolean },
    {
      name: "selected",
      type: "expandable",
      flatten: true,
      schema: [...SELECTION_SCHEMA.filter(({ name }) => name !== "area")],
    },
    {
      name: "shown",
      type: "expandable",
      flatten: true,
      schema: [
        { name: "group", selector: boolean },
        { name: "areas", selector: boolean },
        { name: "sort", selector: select("sort", ["severity", "name"]) },
        { name: "max_rows", selector: count },
        { name: "columns", selector: { number: { min: 1, max: 4, mode: "box" } } },
        { name: "tap_action", selector: select("tap_action", TAP_ACTIONS) },
        { name: "dashboard", selector: { text: {} } },
      ],
    },
  ]);
}
