// The log of an instance, following what it writes.

import { h, say, set } from "../dom.js";

const TAIL = 200;
const KEPT = 2000; // lines
const WAIT = 20; // seconds that one call waits for more
const AGAIN = 3000; // ms until the log is asked for again when it could not be had

export class LogTail {
  #aborting = new AbortController();
  #following = true;
  #cursor = null;
  #epoch = null;

  constructor(dashboard, user) {
    this.api = dashboard.api;
    this.fleet = dashboard.fleet;
    this.user = user;
    this.lines = h("pre", { class: "log-lines", tabindex: "0", role: "log", "aria-live": "off", "aria-label": `Log of ${user}` });
    this.state = h("p", { class: "log-state" });
    this.follow = h("button", { type: "button", class: "quiet", "aria-pressed": "true", text: "Following", on: { click: () => this.#follow(!this.#following) } });
    this.element = h("section", { class: "log", "aria-labelledby": "log-title" },
      h("div", { class: "log-head" }, h("h2", { id: "log-title", text: "Log" }), this.state, this.follow), this.lines);
    this.lines.addEventListener("scroll", () => this.#scrolled());
    this.#read();
  }

  update() {}

  close() {
    this.#aborting.abort();
  }

  async #read() {
    const { signal } = this.#aborting;
    while (!signal.aborted) {
      try {
        await this.#readOn(signal);
        say(this.state, "");
      } catch (error) {
        if (signal.aborted) return;
        say(this.state, error.message);
        await new Promise((done) => setTimeout(done, AGAIN));
      }
    }
  }

  /** Read what there is, then what comes. A cursor holds for one life of the manager only. */
  async #readOn(signal) {
    const anew = this.#cursor === null || this.#epoch !== this.fleet.epoch;
    this.#epoch = this.fleet.epoch;
    const where = anew ? { tail: TAIL } : { cursor: this.#cursor, wait: WAIT };
    const { text, cursor } = await this.api.log(this.user, { ...where, signal });
    if (anew) this.lines.replaceChildren();
    this.#cursor = cursor;
    this.#add(text);
  }

  #add(text) {
    const lines = text.split("\n").slice(0, -1); // only whole lines come, each with its end
    this.lines.append(...lines.map((line) => h("span", { text: `${line}\n` })));
    while (this.lines.childElementCount > KEPT) this.lines.firstChild.remove();
    if (this.#following) this.lines.scrollTop = this.lines.scrollHeight;
  }

  #scrolled() {
    const end = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 24;
    if (end !== this.#following) this.#follow(end);
  }

  #follow(on) {
    this.#following = on;
    set(this.follow, "aria-pressed", String(on));
    say(this.follow, on ? "Following" : "Follow");
    if (on) this.lines.scrollTop = this.lines.scrollHeight;
  }
}
