// What has failed, and what has come back by itself a moment ago: the first thing to read.

import { h, Keyed, say, set } from "../dom.js";
import { ago, count, reason } from "../format.js";
import { linkTo } from "../router.js";
import { change, mark } from "../status.js";

const SHOWN = 5;
const AGAIN = 3000; // ms until what could not be had is asked for again
const LATELY = 15 * 60; // seconds for which a restart is worth a word

export class Attention {
  #pasts = new Map(); // user -> { pid, failure }: why the one that runs now had to be started

  constructor(dashboard) {
    this.dashboard = dashboard;
    this.fleet = dashboard.fleet;
    this.causes = dashboard.about.causes;
    this.list = h("ul", { class: "attention-list" });
    this.items = new Keyed(this.list, () => new Item());
    this.more = h("p", { class: "attention-more" });
    this.element = h("section", { class: "attention", "aria-labelledby": "attention-title" },
      h("h2", { id: "attention-title", text: "Look here" }), this.list, this.more);
  }

  update() {
    const now = this.fleet.now();
    const alive = [...this.fleet.instances.values()].filter((one) => !one.deleted_at);
    const failed = alive.filter((one) => one.status === "Failed");
    failed.sort((a, b) => this.#patience(a) - this.#patience(b) || (a.user_id < b.user_id ? -1 : 1));
    for (const one of failed.slice(0, SHOWN)) if (!this.#pasts.has(one.user_id)) this.#ask(one);
    const shown = [...failed.slice(0, SHOWN), ...this.#recovered(alive, SHOWN - failed.length, now)];
    this.element.hidden = shown.length === 0;
    this.items.show(shown.map((one) => one.user_id), (item, user) => {
      const one = this.fleet.instances.get(user);
      if (one.status === "Failed") item.showFailed(one, this.causes, now);
      else item.showBack(one, this.#pasts.get(user).failure, this.causes, now);
    });
    const rest = failed.length - SHOWN;
    this.more.hidden = rest <= 0;
    if (rest > 0) say(this.more, `and ${count(rest, "other")}, in the table below`);
  }

  /** Those that nobody but a person can help come first. */
  #patience(one) {
    return this.causes[one.failure?.cause]?.remedy === "person" ? 0 : 1;
  }

  /** The last that failed, and run again: what each failed of is asked for. */
  #recovered(alive, most, now) {
    if (most <= 0) return [];
    const started = alive.filter((one) => one.status === "Running" && one.restarts > 0 && seconds(one.started_at, now) < LATELY);
    started.sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
    const latest = started.slice(0, most);
    for (const one of latest) if (this.#pasts.get(one.user_id)?.pid !== one.pid) this.#ask(one);
    return latest.filter((one) => {
      const failure = this.#pasts.get(one.user_id)?.failure;
      return failure && seconds(failure.at, now) < LATELY;
    });
  }

  async #ask(one) {
    const past = { pid: one.pid, failure: null };
    this.#pasts.set(one.user_id, past);
    try {
      const { transitions } = await this.dashboard.api.history(one.user_id);
      past.failure = transitions.findLast((step) => step.status === "Failed") ?? null;
      if (past.failure !== null) this.fleet.recall(one.user_id, past.failure);
      this.dashboard.changed();
    } catch {
      setTimeout(() => this.#pasts.delete(one.user_id), AGAIN);
    }
  }
}

class Item {
  constructor() {
    this.mark = mark("Failed");
    this.user = h("a", {});
    this.what = h("strong", {});
    this.why = h("p", { class: "attention-why" });
    this.next = h("span", { class: "attention-next" });
    this.element = h("li", {}, this.mark, h("div", {}, h("p", {}, this.user, " ", this.what), this.why), this.next);
  }

  showFailed(one, causes, now) {
    const advice = causes[one.failure?.cause];
    const person = advice?.remedy === "person";
    this.#show(one, advice?.title ?? "It has failed", reason(one.reason, now));
    say(this.next, person ? "Needs you" : "Tried again by itself");
    set(this.next, "data-kind", person ? "person" : "retry");
  }

  showBack(one, failure, causes, now) {
    const title = causes[failure.failure?.cause]?.title ?? "It failed";
    this.#show(one, title, `It failed ${ago(seconds(failure.at, now))} and runs again; ${count(one.restarts, "restart")} in its life.`);
    say(this.next, "Recovered");
    set(this.next, "data-kind", "back");
  }

  #show(one, what, why) {
    change(this.mark, one.status);
    set(this.user, "href", linkTo(one.user_id));
    say(this.user, one.user_id);
    say(this.what, what);
    say(this.why, why);
  }
}

function seconds(since, now) {
  return (now - new Date(since)) / 1000;
}
