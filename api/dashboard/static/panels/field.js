// One mark for each instance: the whole fleet at a glance. The table below says the same in words.

import { h } from "../dom.js";
import { linkTo } from "../router.js";
import { SHAPES, statusOf } from "../status.js";

const HEIGHT = 132; // px that the field may take
const LARGEST = 22;
const SMALLEST = 6;
const PATHS = Object.fromEntries(Object.entries(SHAPES).map(([status, shape]) => [
  status, { outline: shape.outline, path: new Path2D(shape.path), half: shape.half && new Path2D(shape.half) },
]));

export class Field {
  #shown = [];
  #cell = LARGEST;
  #columns = 1;
  #colours = null;

  constructor(fleet, filter) {
    this.fleet = fleet;
    this.filter = filter;
    this.canvas = h("canvas", {});
    this.label = h("p", { class: "field-label" });
    this.element = h("div", { class: "field", "aria-hidden": "true" }, this.canvas, this.label);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => this.#point(null));
    this.canvas.addEventListener("click", (event) => this.#open(event));
  }

  update() {
    const all = [...this.fleet.instances.values()].filter((one) => !one.deleted_at);
    all.sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
    this.#shown = all;
    this.element.hidden = all.length === 0;
    if (all.length) this.#paint(all);
  }

  #paint(all) {
    const width = this.element.clientWidth;
    if (!width) return;
    this.#fit(all.length, width);
    const height = Math.ceil(all.length / this.#columns) * this.#cell;
    const scale = devicePixelRatio || 1;
    const { canvas } = this;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.height = `${height}px`;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.#colours ??= colours(this.element);
    all.forEach((one, index) => this.#mark(pen, statusOf(one), index, scale));
  }

  #mark(pen, status, index, scale) {
    const size = (this.#cell * 0.68) / 12;
    const left = (index % this.#columns) * this.#cell;
    const top = Math.floor(index / this.#columns) * this.#cell;
    const shape = PATHS[status];
    pen.setTransform(scale * size, 0, 0, scale * size, scale * left, scale * top);
    pen.globalAlpha = this.filter.status && this.filter.status !== status ? 0.18 : 1;
    pen.fillStyle = pen.strokeStyle = this.#colours[status];
    pen.lineWidth = 1.7;
    if (shape.outline) pen.stroke(shape.path);
    else pen.fill(shape.path);
    if (shape.half) pen.fill(shape.half);
  }

  /** Find the largest cell with which all fit into the height. */
  #fit(count, width) {
    let cell = LARGEST;
    while (cell > SMALLEST && Math.ceil(count / Math.floor(width / cell)) * cell > HEIGHT) cell -= 1;
    this.#cell = cell;
    this.#columns = Math.max(1, Math.floor(width / cell));
  }

  #at({ offsetX, offsetY }) {
    const column = Math.floor(offsetX / this.#cell);
    const row = Math.floor(offsetY / this.#cell);
    return column < this.#columns ? this.#shown[row * this.#columns + column] : undefined;
  }

  #point(event) {
    const one = event && this.#at(event);
    this.canvas.style.cursor = one ? "pointer" : "default";
    this.label.textContent = one ? `${one.user_id}: ${one.status}` : "";
  }

  #open(event) {
    const one = this.#at(event);
    if (one) location.hash = linkTo(one.user_id);
  }
}

/** The colours of the style sheet, as a canvas takes them. The field is dark in both themes. */
function colours(element) {
  const probe = h("i", { hidden: true });
  element.append(probe);
  const found = {};
  for (const status of Object.keys(SHAPES)) {
    probe.style.color = `var(--${status.toLowerCase()})`;
    found[status] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}
