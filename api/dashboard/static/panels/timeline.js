// The statuses that an instance went through, newest first.

import { h, Keyed, say } from "../dom.js";
import { duration, moment, reason } from "../format.js";
import { mark } from "../status.js";

const SHOWN = 20;

export class Timeline {
  #all = false;

  constructor() {
    this.list = h("ol", { class: "timeline-list" });
    this.items = new Keyed(this.list, (key) => this.#item(key));
    this.more = h("button", { type: "button", class: "quiet", on: { click: () => (this.#all = true) } });
    this.element = h("section", { class: "timeline", "aria-labelledby": "timeline-title" },
      h("h2", { id: "timeline-title", text: "History" }), this.list, this.more);
  }

  update({ past, now }) {
    const steps = past.transitions.map((one, index) => ({ ...one, until: past.transitions[index + 1]?.at ?? null })).reverse();
    const shown = this.#all ? steps : steps.slice(0, SHOWN);
    this.steps = new Map(shown.map((one) => [`${one.at} ${one.status}`, one]));
    this.items.show(this.steps.keys(), (view, key) => {
      const one = this.steps.get(key);
      const at = new Date(one.at);
      say(view.time, moment(at, now));
      say(view.why, reason(one.reason, now));
      say(view.lasted, one.until === null ? `for ${duration((now - at) / 1000)} now` : lasted(new Date(one.until) - at));
    });
    this.more.hidden = shown.length === steps.length;
    say(this.more, `Show all ${steps.length}`);
  }

  #item(key) {
    const one = this.steps.get(key);
    const time = h("time", { datetime: one.at });
    const gone = h("span", { class: "lasted" });
    const why = h("p", { class: "activity-why" });
    const element = h("li", {}, mark(one.status),
      h("div", {},
        h("p", { class: "activity-what" }, h("span", { class: "status-word", "data-status": one.status, text: one.status }), gone, time),
        why));
    return { element, time, lasted: gone, why };
  }
}

function lasted(ms) {
  return ms < 1000 ? `for ${Math.round(ms)} ms` : `for ${duration(ms / 1000)}`;
}
