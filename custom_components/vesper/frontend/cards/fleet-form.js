import { SELECTION_SCHEMA } from "./fleet-selection.js";
import { TAP_ACTIONS } from "./navigation.js";

const boolean = { boolean: {} };
const select = (options) => ({ select: { mode: "dropdown", options } });

const selectsArea = ({ name }) => name === "area";

/** The options of the fleet card. */
export const FLEET_SCHEMA = [
  { name: "title", selector: { text: {} } },
  ...SELECTION_SCHEMA.filter(selectsArea),
  { name: "troubled_only", selector: boolean },
  { name: "compact", selector: boolean },
  {
    name: "selected",
    type: "expandable",
    flatten: true,
    schema: SELECTION_SCHEMA.filter((field) => !selectsArea(field)),
  },
  {
    name: "shown",
    type: "expandable",
    flatten: true,
    schema: [
      { name: "group", selector: boolean },
      { name: "areas", selector: boolean },
      { name: "sort", selector: select(["severity", "name"]) },
      { name: "max_rows", selector: { number: { min: 1, max: 10_000, mode: "box" } } },
      { name: "columns", selector: { number: { min: 1, max: 12, mode: "box" } } },
      { name: "tap_action", selector: select(TAP_ACTIONS) },
      { name: "dashboard", selector: { text: {} } },
    ],
  },
];
