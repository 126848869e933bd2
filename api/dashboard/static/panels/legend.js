// How many are in each status; each number is a filter of the table.

import { h, say, set } from "../dom.js";
import { mark, MEANING, STATUSES } from "../status.js";

const KINDS = [...STATUSES, "Deleted"];
const SELDOM = new Set(["Hibernated", "Stopping", "Deleted"]);

export class Legend {
  constructor(fleet, filter, chosen) {
    this.fleet = fleet;
    this.filter = filter;
    this.chosen = chosen;
    this.buttons = new Map(KINDS.map((kind) => [kind, this.#button(kind)]));
    this.element = h("div", { class: "legend", role: "group", "aria-label": "Show only instances in one status" },
      [...this.buttons.values()].map(({ element }) => element));
  }

  update() {
    const counts = this.fleet.counts();
    for (const [kind, { element, number }] of this.buttons) {
      say(number, counts[kind].toLocaleString("en"));
      set(element, "aria-pressed", String(this.filter.status === kind));
      element.hidden = SELDOM.has(kind) && !counts[kind] && this.filter.status !== kind;
      set(element, "data-none", !counts[kind]);
    }
  }

  #button(kind) {
    const number = h("span", { class: "legend-number" });
    const click = () => {
      this.filter.status = this.filter.status === kind ? null : kind;
      this.update();
      this.chosen();
    };
    const title = kind === "Deleted" ? "its data are kept for a while" : MEANING[kind];
    const element = h("button", { type: "button", class: "legend-item", title, on: { click } },
      mark(kind), number, " ", h("span", { text: kind }));
    return { element, number };
  }
}
