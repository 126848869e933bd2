// What stands around every page: the bar, the word about old news, the landmarks.

import { h, say, set } from "./dom.js";
import { duration } from "./format.js";
import { themeButton } from "./theme.js";

export class Frame {
  #last = 0;

  constructor(dashboard) {
    this.dashboard = dashboard;
    this.crumb = h("span", { class: "crumb" });
    this.state = h("span", { class: "line-text" });
    this.line = h("p", { class: "line", "data-state": "connecting" }, h("span", { class: "line-mark", "aria-hidden": "true" }), this.state);
    this.age = h("span", { class: "notice-age" });
    this.why = h("span", {});
    this.notice = h("div", { class: "notice", hidden: true },
      h("p", {}, h("strong", { text: "Old news." }), " ", this.why, " ", this.age),
      h("button", { type: "button", text: "Try now", on: { click: () => dashboard.live?.retry() } }));
    this.band = h("div", { class: "band-inner" });
    this.below = h("div", { class: "below" });
    this.main = h("main", { id: "main", tabindex: "-1" }, h("div", { class: "band band-page" }, this.band), this.below);
    this.element = h("div", { class: "frame" },
      h("header", { class: "band" },
        h("div", { class: "bar" },
          h("a", { class: "brand", href: "#/" }, h("span", { class: "brand-sign", "aria-hidden": "true" }), "pblm"),
          this.crumb, this.line,
          h("button", { type: "button", class: "quiet", "aria-label": "Keyboard shortcuts", text: "?", on: { click: () => dashboard.help() } }),
          themeButton()),
        this.notice),
      this.main);
    const skip = document.getElementById("skip");
    skip.addEventListener("click", (event) => {
      event.preventDefault();
      this.main.focus();
    });
  }

  /** Show a page: its head in the band, the rest below. */
  show(page) {
    this.band.replaceChildren(page.head);
    this.below.replaceChildren(page.body);
    say(this.crumb, page.crumb);
  }

  update() {
    const { live, fleet } = this.dashboard;
    document.title = this.#title();
    if (!live) return;
    const state = live.connected ? "live" : fleet.known ? "old" : "connecting";
    set(this.line, "data-state", state);
    set(document.documentElement, "data-news", state);
    say(this.state, { live: live.every ? `Every ${live.every} s` : "Live", old: "Not connected", connecting: "Connecting" }[state]);
    this.#tellAge(live, state);
  }

  /** The manager does not answer at all. */
  cannot(why) {
    this.notice.hidden = false;
    say(this.why, `${why}; trying again.`);
  }

  /** Have a screen reader say something; more than one thing at a time is too much. */
  announce(text) {
    if (Date.now() - this.#last < 1500) return;
    this.#last = Date.now();
    document.getElementById("announcer").textContent = text;
  }

  #tellAge(live, state) {
    const old = state === "old";
    if (old && this.notice.hidden) this.announce("Old news: the connection to the manager is lost");
    this.notice.hidden = !old && !(state === "connecting" && live.retryAt !== null);
    if (this.notice.hidden) return;
    const soon = live.retryAt === null ? "trying now" : `next try in ${Math.max(1, Math.round((live.retryAt - Date.now()) / 1000))} s`;
    const age = live.heardAt === null ? "Nothing was heard yet" : `What you see is ${duration((Date.now() - live.heardAt) / 1000)} old`;
    say(this.why, `${age}: ${live.reason || "no connection"}.`);
    say(this.age, `${soon[0].toUpperCase()}${soon.slice(1)}.`);
  }

  #title() {
    const failed = this.dashboard.fleet.counts().Failed;
    const name = this.crumb.textContent || "Fleet";
    return `${failed ? `(${failed} failed) ` : ""}${name} · PocketBase Lifecycle Manager`;
  }
}
