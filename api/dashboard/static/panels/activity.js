// What has just happened, newest first.

import { h, Keyed, say } from "../dom.js";
import { moment, reason } from "../format.js";
import { linkTo } from "../router.js";
import { mark } from "../status.js";

const SHOWN = 14;

export class Activity {
  constructor(fleet) {
    this.fleet = fleet;
    this.list = h("ol", { class: "activity-list" });
    this.items = new Keyed(this.list, item);
    this.none = h("p", { class: "none", text: "Nothing yet. What happens from now on is told here." });
    this.element = h("aside", { class: "activity", "aria-labelledby": "activity-title" },
      h("h2", { id: "activity-title", text: "Just happened" }), this.list, this.none);
  }

  update() {
    const told = digest(this.fleet.recent).slice(0, SHOWN);
    this.none.hidden = told.length > 0;
    const now = this.fleet.now();
    const times = new Map(told.map(({ entry, times: count }) => [entry, count]));
    this.items.show(times.keys(), (view, entry) => {
      say(view.time, moment(entry.at, now));
      say(view.why, reason(entry.text, now));
      say(view.times, times.get(entry) > 1 ? `${times.get(entry)} times` : "");
    });
  }
}

/** Leave out the ways between two statuses that last, and count what repeats itself. */
function digest(entries) {
  const told = [];
  const gone = new Set(); // users who have gone on since
  for (const entry of entries) {
    if (entry.status === null) {
      told.push({ entry, times: 1 });
      continue;
    }
    const passing = entry.status === "Starting" || entry.status === "Stopping";
    if (passing && gone.has(entry.user)) continue;
    gone.add(entry.user);
    const last = told.at(-1);
    if (last && entry.user !== null && last.entry.user === entry.user && last.entry.status === entry.status) last.times += 1;
    else told.push({ entry, times: 1 });
  }
  return told;
}

function item(entry) {
  const time = h("time", { datetime: entry.at.toISOString() });
  const who = entry.user === null
    ? h("strong", { text: "The manager" })
    : h("a", { href: linkTo(entry.user), text: entry.user });
  const word = entry.status && h("span", { class: "status-word", "data-status": entry.status, text: entry.status });
  const times = h("span", { class: "times" });
  const why = h("p", { class: "activity-why" });
  const element = h("li", {}, mark(entry.status ?? "Note"),
    h("div", {}, h("p", { class: "activity-what" }, who, word, times, time), why));
  return { element, time, times, why };
}
