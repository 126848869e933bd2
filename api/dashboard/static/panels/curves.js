// CPU and memory of one instance over time.

import { h, say, set, svg } from "../dom.js";
import { bytes, duration, moment, percent } from "../format.js";

const BOX = { width: 600, height: 120 };
const KEPT = 720; // points

export class Curves {
  #points = [];
  #latest = null;

  constructor(dashboard, user) {
    this.dashboard = dashboard;
    this.charts = [new Chart("CPU", "cpu_percent", percent, 5), new Chart("Memory", "memory_bytes", bytes, 16 * 1024 ** 2)];
    this.none = h("p", { class: "none", text: "Nothing was measured yet." });
    this.element = h("section", { class: "curves", "aria-labelledby": "curves-title" },
      h("h2", { id: "curves-title", text: "CPU and memory" }), this.none, h("div", { class: "charts" }, this.charts.map((chart) => chart.element)));
    this.#fetch(user);
  }

  update({ usage, now }) {
    const latest = usage?.latest ?? null;
    if (latest && latest.sampled_at !== this.#latest && latest.cpu_percent !== null) {
      this.#latest = latest.sampled_at;
      this.#add({ at: latest.sampled_at, cpu_percent: latest.cpu_percent, memory_bytes: latest.memory_bytes });
    }
    this.none.hidden = this.#points.length > 1;
    for (const chart of this.charts) chart.show(this.#points, now);
  }

  #add(point) {
    if (this.#points.some((one) => one.at === point.at)) return;
    this.#points.push(point);
    if (this.#points.length > KEPT) this.#points.shift();
  }

  async #fetch(user) {
    try {
      const { points } = await this.dashboard.api.usage(user);
      const later = this.#points;
      this.#points = points;
      later.forEach((point) => this.#add(point));
      this.dashboard.changed();
    } catch {
      // The live samples are shown as they come.
    }
  }
}

class Chart {
  constructor(name, field, format, least) {
    Object.assign(this, { name, field, format, least, points: [] });
    this.value = h("span", { class: "chart-value" });
    this.top = h("span", { class: "chart-top" });
    this.from = h("span", {});
    this.to = h("span", { text: "now" });
    this.area = svg("path", { class: "chart-area" });
    this.line = svg("path", { class: "chart-line" });
    this.cursor = svg("line", { class: "chart-cursor", y1: 0, y2: BOX.height, visibility: "hidden" });
    this.picture = svg("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, preserveAspectRatio: "none", role: "img" },
      svg("line", { class: "chart-rule", x1: 0, x2: BOX.width, y1: BOX.height / 2, y2: BOX.height / 2 }), this.area, this.line, this.cursor);
    this.picture.addEventListener("pointermove", (event) => this.#point(event));
    this.picture.addEventListener("pointerleave", () => this.#point(null));
    this.element = h("figure", { class: `chart chart-${field.split("_")[0]}` },
      h("figcaption", {}, h("span", { text: name }), this.value),
      h("div", { class: "chart-box" }, this.top, this.picture), h("p", { class: "chart-scale" }, this.from, this.to));
  }

  show(points, now) {
    this.points = points.filter((one) => one[this.field] !== null);
    this.now = now;
    this.element.hidden = this.points.length < 2;
    if (this.element.hidden) return;
    this.begin = Number(new Date(points[0].at));
    this.end = Number(new Date(points.at(-1).at));
    const values = this.points.map((one) => one[this.field]);
    this.most = Math.max(this.least, ...values) * 1.1;
    this.#draw(points);
    say(this.top, this.format(this.most));
    say(this.from, `${duration((this.end - this.begin) / 1000)} ago`);
    if (this.pointed === undefined) say(this.value, this.format(values.at(-1)));
    set(this.picture, "aria-label", `${this.name}: ${this.format(values.at(-1))} now, between ${this.format(Math.min(...values))} and ${this.format(Math.max(...values))} in the last ${duration((this.end - this.begin) / 1000)}`);
  }

  /** A line for each stretch without a gap: while there was no process, there is no line. */
  #draw(points) {
    const stretches = [[]];
    for (const one of points) {
      if (one[this.field] === null) stretches.push([]);
      else stretches.at(-1).push(`${this.#x(one).toFixed(1)} ${this.#y(one).toFixed(1)}`);
    }
    const drawn = stretches.filter((stretch) => stretch.length > 1);
    set(this.line, "d", drawn.map((stretch) => `M${stretch.join("L")}`).join(""));
    set(this.area, "d", drawn.map((stretch) => `M${stretch[0].split(" ")[0]} ${BOX.height}L${stretch.join("L")}V${BOX.height}z`).join(""));
  }

  #x(one) {
    return ((new Date(one.at) - this.begin) / Math.max(1, this.end - this.begin)) * BOX.width;
  }

  #y(one) {
    return BOX.height - (one[this.field] / this.most) * BOX.height;
  }

  #point(event) {
    this.pointed = undefined;
    set(this.cursor, "visibility", event ? null : "hidden");
    if (event === null || this.points.length === 0) return;
    const box = this.picture.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * BOX.width;
    const nearest = this.points.reduce((a, b) => (Math.abs(this.#x(b) - x) < Math.abs(this.#x(a) - x) ? b : a));
    this.pointed = nearest;
    set(this.cursor, "x1", this.#x(nearest));
    set(this.cursor, "x2", this.#x(nearest));
    say(this.value, `${this.format(nearest[this.field])} at ${moment(new Date(nearest.at), this.now)}`);
  }
}
