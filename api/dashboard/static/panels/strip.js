// The last hour of an instance as a strip: how high and in which colour says how it was.

import { h, say, svg } from "../dom.js";
import { duration, moment } from "../format.js";

const SPAN = 3600; // seconds
const LEAST = 60; // seconds: of one that is new, not less is shown
const HEIGHTS = { Running: 1, Failed: 1, Starting: 0.55, Stopping: 0.55, Hibernated: 0.3, Stopped: 0.14 };
const BOX = { width: 1000, height: 28 };

export class Strip {
  constructor() {
    this.picture = svg("svg", { class: "strip", viewBox: `0 0 ${BOX.width} ${BOX.height}`, preserveAspectRatio: "none" });
    this.from = h("span", {});
    this.element = h("div", { class: "strip-frame", "aria-hidden": "true" },
      this.picture, h("p", { class: "strip-scale" }, this.from, h("span", { text: "now" })));
  }

  update({ past: { transitions }, now }) {
    const end = Number(now);
    const first = transitions.length ? Number(new Date(transitions[0].at)) : end;
    const begin = Math.max(end - SPAN * 1000, Math.min(first, end - LEAST * 1000));
    const bars = transitions.map((one, index) => this.#bar(one, transitions[index + 1], begin, end)).filter(Boolean);
    bars.sort((a, b) => Number(a.dataset.status === "Failed") - Number(b.dataset.status === "Failed")); // failures on top
    this.picture.replaceChildren(...bars);
    say(this.from, `${duration((end - begin) / 1000)} ago, ${moment(new Date(begin), now)}`);
  }

  #bar(one, next, begin, end) {
    const until = next ? Number(new Date(next.at)) : end;
    if (until <= begin) return null;
    const scale = BOX.width / (end - begin);
    const x = Math.max(0, (new Date(one.at) - begin) * scale);
    const height = BOX.height * (HEIGHTS[one.status] ?? HEIGHTS.Stopped);
    const width = Math.max(one.status === "Failed" ? 5 : 1.5, (until - begin) * scale - x);
    return svg("rect", { x: x.toFixed(1), y: (BOX.height - height).toFixed(1), width: width.toFixed(1), height, "data-status": one.status });
  }
}
