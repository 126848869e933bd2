// Small curves: a line over time, as SVG. Their numbers stand beside them in words.

import { set, svg } from "./dom.js";

const WIDTH = 80;
const HEIGHT = 20;

export class Spark {
  constructor(name) {
    this.line = svg("path", { class: "spark-line" });
    this.area = svg("path", { class: "spark-area" });
    this.element = svg("svg", {
      class: `spark ${name}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true",
    }, this.area, this.line);
  }

  /** Show `values`, the newest at the right; `most` is the top of the scale, at the least. */
  show(values, most = 0) {
    if (values.length < 2) {
      set(this.line, "d", `M0 ${HEIGHT - 1}H${WIDTH}`);
      set(this.area, "d", "");
      set(this.element, "data-empty", true);
      return;
    }
    set(this.element, "data-empty", false);
    const top = Math.max(most, ...values) * 1.05 || 1;
    const step = WIDTH / (values.length - 1);
    const points = values.map((value, index) =>
      `${(index * step).toFixed(1)} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)}`);
    set(this.line, "d", `M${points.join("L")}`);
    set(this.area, "d", `M0 ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}z`);
  }
}
