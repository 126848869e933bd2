// Sleep and the public door: of the whole fleet, or of one user.

import { h, say } from "../dom.js";
import { bytes, duration, percent } from "../format.js";

const AGAIN = 5_000; // ms between two questions

export class Door {
  #told = null; // as the API tells it
  #askedAt = -AGAIN;

  constructor(dashboard, user = null) {
    Object.assign(this, { dashboard, user });
    this.values = new Map();
    this.list = h("dl", { class: "gauges" });
    this.element = h("section", { class: "door", hidden: true, "aria-labelledby": "door-title" },
      h("h2", { id: "door-title", text: "Sleep and the door" }), this.list);
  }

  update() {
    if (Date.now() - this.#askedAt > AGAIN) this.#ask();
    if (this.#told === null) return;
    const { use, asleep = 0, memory_saved_bytes: saved = null } = this.#told;
    this.element.hidden = use.requests === null && use.wakes === 0 && use.asleep_seconds === 0 && asleep === 0;
    if (this.user === null) this.#show("Asleep", String(asleep), saved === null ? "" : `${bytes(saved)} of memory saved`);
    else this.#show("Slept", duration(use.asleep_seconds), "as far as this manager has seen");
    this.#show("Wakes", String(use.wakes), use.wake_p50 === null ? "" : `${time(use.wake_p50)} at the median, p99 ${time(use.wake_p99)}`);
    if (use.requests === null) return;
    this.#show("Requests", use.requests.toLocaleString("en"), `${use.errors} with 4xx, ${use.failures} with 5xx`);
    this.#show("Found awake", use.hit_rate === null ? "–" : percent(100 * use.hit_rate), latency(use));
  }

  #show(label, text, beside) {
    if (!this.values.has(label)) {
      const view = { value: h("span", { class: "gauge-value" }), beside: h("span", { class: "gauge-beside" }) };
      this.values.set(label, view);
      this.list.append(h("div", { class: "gauge" }, h("dt", { text: label }), h("dd", {}, h("span", { class: "gauge-row" }, view.value), view.beside)));
    }
    const view = this.values.get(label);
    say(view.value, text);
    say(view.beside, beside);
  }

  async #ask() {
    this.#askedAt = Date.now();
    try {
      this.#told = await (this.user === null ? this.dashboard.api.door() : this.dashboard.api.doorOf(this.user));
      this.dashboard.changed();
    } catch {
      // What was told before is shown; the page says itself when there is no manager.
    }
  }
}

function time(seconds) {
  return seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
}

function latency(use) {
  return use.latency_p50 === null ? "" : `half within ${time(use.latency_p50)}${use.latency_p99 === null ? "" : `, 99 % within ${time(use.latency_p99)}`}`;
}
