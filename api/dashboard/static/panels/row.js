// One row of the table, and what its columns are.

import { h, say, set } from "../dom.js";
import { bytes, duration, percent, reason } from "../format.js";
import { linkTo } from "../router.js";
import { Spark } from "../spark.js";
import { change, mark, STATUSES } from "../status.js";

/** `value` is what is sorted by; null comes last. */
export const COLUMNS = [
  { name: "status", title: "Status", value: (one) => STATUSES.indexOf(one.status) },
  { name: "user", title: "User", value: (one) => one.user_id },
  { name: "host", title: "Host", value: (one) => one.host ?? null },
  { name: "cpu", title: "CPU", downFirst: true, value: (one, usage) => usage?.latest?.cpu_percent ?? null },
  { name: "memory", title: "Memory", downFirst: true, value: (one, usage) => usage?.latest?.memory_bytes ?? null },
  { name: "uptime", title: "Up for", value: (one, usage, now) => (one.started_at ? now - new Date(one.started_at) : null) },
  { name: "restarts", title: "Restarts", downFirst: true, value: (one) => one.restarts },
  { name: "port", title: "Port", value: (one) => one.port },
  { name: "why", title: "Why", value: (one) => one.reason },
];

export class Row {
  #status = null;

  constructor(user) {
    this.mark = mark("Stopped");
    this.word = h("span", {});
    this.link = h("a", { href: linkTo(user), text: user });
    this.spark = new Spark("cpu");
    this.cpu = h("span", { class: "number" });
    this.cells = Object.fromEntries(["memory", "uptime", "restarts", "port", "why"].map((name) => [name, cell(name)]));
    this.host = cell("host");
    this.element = h("tr", {},
      h("td", { class: "col-status" }, h("span", { class: "status" }, this.mark, this.word)),
      h("th", { scope: "row", class: "col-user" }, this.link),
      this.host,
      h("td", { class: "col-cpu" }, h("span", { class: "with-spark" }, this.spark.element, this.cpu)),
      Object.values(this.cells));
    this.element.addEventListener("animationend", () => this.element.classList.remove("fresh"));
  }

  update(one, usage, now) {
    const status = one.deleted_at ? "Deleted" : one.status;
    if (this.#status !== null && this.#status !== status) this.element.classList.add("fresh");
    this.#status = status;
    change(this.mark, status);
    say(this.word, status);
    set(this.element, "data-status", status);
    say(this.host, one.host ?? "–");
    const running = one.status === "Running";
    const latest = running ? usage?.latest : null;
    say(this.cpu, percent(latest?.cpu_percent));
    this.spark.show(running ? (usage?.points ?? []).map((point) => point.cpu) : [], 5);
    say(this.cells.memory, bytes(latest?.memory_bytes));
    say(this.cells.uptime, one.started_at ? duration((now - new Date(one.started_at)) / 1000) : "–");
    say(this.cells.restarts, String(one.restarts));
    set(this.cells.restarts, "data-some", one.restarts > 0);
    say(this.cells.port, one.port === null ? "–" : String(one.port));
    say(this.cells.why, reason(one.reason, now));
    set(this.cells.why, "title", one.reason);
  }
}

function cell(name) {
  return h("td", { class: `col-${name}` });
}
