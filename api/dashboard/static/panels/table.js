// The fleet as a table: searched, filtered, sorted, a page at a time. Only the rows of the page that
// is shown exist, so a fleet of thousands costs as much as one of fifty.

import { h, Keyed, say, set } from "../dom.js";
import { Hosts } from "./hosts.js";
import { COLUMNS, Row } from "./row.js";

const PAGE = 50;
const RESORT = 2000; // ms for which rows keep their places while numbers move

export class Table {
  #page = 0;
  #sort = { column: COLUMNS[1], down: false };
  #order = [];
  #sortedAt = 0;
  #seen = "";

  constructor(fleet, filter, add) {
    this.fleet = fleet;
    this.filter = filter;
    this.search = h("input", {
      type: "search", placeholder: "Search users, ports, reasons", "aria-label": "Search the fleet", "aria-keyshortcuts": "/",
      spellcheck: "false", autocomplete: "off", on: { input: () => this.#type(), keydown: (event) => this.#escape(event) },
    });
    this.hosts = new Hosts(fleet, filter, () => this.restart());
    this.heads = COLUMNS.map((column) => this.#head(column));
    this.rows = h("tbody", {});
    this.views = new Keyed(this.rows, (user) => new Row(user));
    this.caption = h("caption", { class: "unseen" });
    this.none = h("p", { class: "none" });
    this.table = h("table", { class: "fleet-table" }, this.caption,
      h("thead", {}, h("tr", {}, this.heads.map((head) => head.element))), this.rows);
    this.element = h("section", { class: "fleet-list", "aria-label": "Instances" },
      h("div", { class: "tools" },
        h("div", { class: "search" }, this.search, h("kbd", { "aria-hidden": "true", text: "/" })),
        this.hosts.element,
        h("button", { type: "button", class: "main", text: "New instance", on: { click: add } })),
      this.hosts.silent,
      h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of instances" }, this.table), this.none, this.#pager());
  }

  /** Begin again at the first page: the filter is another one. */
  restart() {
    this.#page = 0;
    this.#sortedAt = 0;
    this.update();
  }

  update() {
    this.element.hidden = this.fleet.instances.size === 0;
    this.hosts.update();
    this.table.classList.toggle("with-hosts", !this.hosts.element.hidden);
    const now = this.fleet.now();
    this.#arrange(now);
    const pages = Math.max(1, Math.ceil(this.#order.length / PAGE));
    this.#page = Math.min(this.#page, pages - 1);
    const first = this.#page * PAGE;
    const shown = this.#order.slice(first, first + PAGE);
    this.views.show(shown, (row, user) => row.update(this.fleet.instances.get(user), this.fleet.usage.get(user), now));
    this.#tellWhere(first, shown.length, pages);
  }

  /** Sort anew when the fleet or the wish is another one, and else not more often than is bearable. */
  #arrange(now) {
    const wish = `${this.filter.status}|${this.filter.text}|${this.filter.host}|${this.#sort.column.name}|${this.#sort.down}|${this.fleet.instances.size}`;
    const known = this.#order.every((user) => this.fleet.instances.has(user));
    if (wish === this.#seen && known && now - this.#sortedAt < RESORT) return;
    this.#seen = wish;
    this.#sortedAt = Number(now);
    const { column, down } = this.#sort;
    const found = [...this.fleet.instances.values()].filter((one) => this.#fits(one));
    const values = new Map(found.map((one) => [one.user_id, column.value(one, this.fleet.usage.get(one.user_id), now)]));
    const way = down ? -1 : 1;
    found.sort((a, b) => way * compare(values.get(a.user_id), values.get(b.user_id)) || compare(a.user_id, b.user_id));
    this.#order = found.map((one) => one.user_id);
  }

  #fits(one) {
    const { status, text, host } = this.filter;
    if (host && one.host !== host) return false;
    if (status === "Deleted" ? !one.deleted_at : one.deleted_at && status) return false;
    if (status && status !== "Deleted" && one.status !== status) return false;
    return !text || `${one.user_id}\n${one.port ?? ""}\n${one.reason}`.toLowerCase().includes(text);
  }

  #head(column) {
    const button = h("button", { type: "button", class: "sort", text: column.title, on: { click: () => this.#sortBy(column) } });
    const element = h("th", { scope: "col", class: `col-${column.name}` }, button);
    return { element, column };
  }

  #sortBy(column) {
    const again = this.#sort.column === column;
    this.#sort = { column, down: again ? !this.#sort.down : column.downFirst ?? false };
    this.restart();
  }

  #type() {
    this.filter.text = this.search.value.trim().toLowerCase();
    this.restart();
  }

  #escape(event) {
    if (event.key !== "Escape") return;
    this.search.value = "";
    this.#type();
    this.search.blur();
  }

  #pager() {
    this.where = h("p", { class: "where", "aria-live": "polite" });
    this.back = h("button", { type: "button", text: "Previous", on: { click: () => this.#turn(-1) } });
    this.on = h("button", { type: "button", text: "Next", on: { click: () => this.#turn(1) } });
    this.pager = h("nav", { class: "pager", "aria-label": "Pages of the table" }, this.where, this.back, this.on);
    return this.pager;
  }

  #turn(by) {
    this.#page += by;
    this.update();
    this.table.scrollIntoView({ block: "start" });
  }

  #tellWhere(first, shown, pages) {
    for (const { element, column } of this.heads) {
      set(element, "aria-sort", this.#sort.column === column ? (this.#sort.down ? "descending" : "ascending") : null);
    }
    const total = this.#order.length;
    const all = this.fleet.instances.size;
    const of = total === all ? total.toLocaleString("en") : `${total.toLocaleString("en")} found, ${all.toLocaleString("en")} in all`;
    say(this.where, shown ? `${first + 1}–${first + shown} of ${of}` : "");
    say(this.caption, "Instances, with their status and what they take");
    this.back.hidden = this.on.hidden = pages === 1;
    this.back.disabled = this.#page === 0;
    this.on.disabled = this.#page === pages - 1;
    this.none.hidden = shown > 0;
    say(this.none, this.#whyNone());
    this.table.hidden = shown === 0;
  }

  #whyNone() {
    if (this.filter.text) return "No instance has that in its name, port or reason.";
    return this.filter.host && !this.filter.status ? "No instance is on this host." : "No instance is in this status.";
  }
}

function compare(a, b) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
