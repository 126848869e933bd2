// The backups of an instance: which there are, what can be done with them, how far something is.

import { confirm } from "../dialogs.js";
import { h, Keyed, say } from "../dom.js";
import { ago, bytes, count, moment } from "../format.js";

const AGAIN = 30_000; // ms until the list is asked for again, whatever is told
const SHOWN = 8;

export class Backups {
  #list = null; // as the API tells it
  #news = null; // how much had been told when it was asked for
  #askedAt = 0;
  #all = false;

  constructor(dashboard, user) {
    Object.assign(this, { dashboard, user, api: dashboard.api, fleet: dashboard.fleet });
    this.make = h("button", { type: "button", class: "quiet", text: "Back up now", on: { click: () => this.#do("A backup", () => this.api.backUp(user)) } });
    this.state = h("p", { class: "backups-state", role: "status" });
    this.rows = h("tbody");
    this.views = new Keyed(this.rows, (id) => this.#row(id));
    this.table = h("table", { class: "backups-list", hidden: true },
      h("thead", {}, h("tr", {}, ["Taken", "Why", "Size", "Tried", "What can be done"].map((text) => h("th", { scope: "col", text })))), this.rows);
    this.more = h("button", { type: "button", class: "quiet", hidden: true, on: { click: () => { this.#all = true; dashboard.changed(); } } });
    this.former = this.#former();
    this.element = h("section", { class: "backups", "aria-labelledby": "backups-title" },
      h("div", { class: "log-head" }, h("h2", { id: "backups-title", text: "Backups" }), this.state, this.make), this.former, this.table, this.more);
  }

  update({ now }) {
    const told = this.fleet.backups.get(this.user) ?? { news: 0, stage: "", problem: "" };
    if (told.news !== this.#news || Date.now() - this.#askedAt > AGAIN) this.#ask(told.news);
    if (this.#list === null) return;
    const { backups, restored_at: restoredAt } = this.#list;
    const shown = this.#all ? backups : backups.slice(0, SHOWN);
    say(this.state, told.stage || told.problem || (backups.length ? count(backups.length, "backup") : "none yet"));
    this.state.classList.toggle("problem", !told.stage && told.problem !== "");
    const byId = new Map(shown.map((one) => [one.id, one]));
    this.views.show(byId.keys(), (view, id) => this.#show(view, byId.get(id), now));
    this.table.hidden = backups.length === 0;
    this.more.hidden = shown.length === backups.length;
    say(this.more, `Show all ${backups.length}`);
    this.former.hidden = restoredAt === null;
    if (restoredAt !== null) say(this.formerText, `Its data were replaced ${ago((now - new Date(restoredAt)) / 1000)}. What was there before is kept aside.`);
  }

  #row(id) {
    const cells = Object.fromEntries(["taken", "kind", "size", "tried"].map((name) => [name, h("td")]));
    const act = (text, click) => h("button", { type: "button", class: "quiet", text, "aria-label": `${text} ${id}`, on: { click } });
    const acts = h("td", {}, h("div", { class: "backups-acts" },
      act("Restore", () => this.#restore(id)), act("Try", () => this.#do("A trial", () => this.api.prove(this.user, id))), act("Download", () => this.#download(id))));
    return { element: h("tr", { title: id }, Object.values(cells), acts), ...cells };
  }

  #show(view, one, now) {
    say(view.taken, moment(new Date(one.taken_at), now));
    say(view.kind, one.kind);
    say(view.size, bytes(one.bytes));
    say(view.tried, one.problem ? `Failed: ${one.problem}` : one.proven_at ? `It runs: ${ago((now - new Date(one.proven_at)) / 1000)}` : "–");
    view.tried.classList.toggle("problem", one.problem !== null);
  }

  #former() {
    this.formerText = h("p");
    const act = (text, what, call) => h("button", { type: "button", class: "quiet", text, on: { click: () => this.#do(what, call) } });
    return h("div", { class: "backups-former", hidden: true }, this.formerText,
      act("Put it back", "What was there before", () => this.api.undoRestore(this.user)),
      act("Give it up", "What was there before", () => this.api.confirmRestore(this.user)));
  }

  async #restore(id) {
    const { taken_at: taken } = this.#list.backups.find((one) => one.id === id);
    const agreed = await confirm({
      title: `Restore ${this.user}?`,
      points: [
        `Its data become those of ${new Date(taken).toLocaleString()}: records, files, accounts and settings.`,
        "It is checked first. Then the instance stands still for about as long as a restart takes.",
        "What is there now is kept aside, and can be put back.",
      ],
      agree: "Restore",
      grave: true,
    });
    if (agreed) await this.#do("A restore", () => this.api.restore(this.user, id));
  }

  async #download(id) {
    try {
      const href = await this.api.backupLink(this.user, id);
      h("a", { href, download: `${this.user}-${id}.zip` }).click();
    } catch (error) {
      this.dashboard.toast(`Download: ${error.message}`, { bad: true });
    }
  }

  async #do(what, call) {
    try {
      await call();
    } catch (error) {
      this.dashboard.toast(`${what} of ${this.user}: ${error.message}`, { bad: true });
    }
    this.#askedAt = 0;
    this.dashboard.changed();
  }

  async #ask(news) {
    this.#news = news;
    this.#askedAt = Date.now();
    try {
      this.#list = await this.api.backups(this.user);
      this.dashboard.changed();
    } catch (error) {
      say(this.state, error.message);
    }
  }
}
