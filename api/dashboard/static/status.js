// The statuses: each has a shape, a colour (by style sheet) and a word.

import { svg } from "./dom.js";

/** In the order of how much they want to be seen. */
export const STATUSES = ["Failed", "Starting", "Stopping", "Running", "Hibernated", "Stopped"];

export const MEANING = {
  Failed: "could not be started, or has ended by itself",
  Starting: "waits for its turn, or is not ready yet",
  Stopping: "was asked to end",
  Running: "answers its health checks",
  Hibernated: "sleeps until somebody calls",
  Stopped: "has no process, and none is wanted",
};

/** Paths in a box of 12 by 12; those that are only outlines are stroked. */
export const SHAPES = {
  Running: { path: "M6 1a5 5 0 1 0 0 10a5 5 0 0 0 0-10z" },
  Failed: { path: "M6 .4 11.6 6 6 11.6.4 6z" },
  Starting: { path: "M6 1.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 0 0 0-8.4z", half: "M6 1.8a4.2 4.2 0 0 1 0 8.4z", outline: true },
  Stopping: { path: "M6 1.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 0 0 0-8.4z", half: "M4.2 4.2h3.6v3.6H4.2z", outline: true },
  Hibernated: { path: "M7.9 1.3a5 5 0 1 0 3 6.6A4.2 4.2 0 0 1 7.9 1.3z" },
  Note: { path: "M1.5 5h9v2h-9z" }, // no status: something else is told
  Stopped: { path: "M6 1.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 0 0 0-8.4z", outline: true },
};

/** The status that is shown for an instance: its own. */
export function statusOf(instance) {
  return SHAPES[instance.status] ? instance.status : "Stopped";
}

/** The mark of a status; `change(mark, status)` makes it that of another one. */
export function mark(status) {
  const element = svg("svg", { class: "mark", viewBox: "0 0 12 12", "aria-hidden": "true" });
  change(element, status);
  return element;
}

export function change(element, status) {
  if (element.dataset.status === status) return;
  element.dataset.status = status;
  const shape = SHAPES[status] ?? SHAPES.Stopped;
  const parts = [svg("path", { d: shape.path, class: shape.outline ? "outline" : "solid" })];
  if (shape.half) parts.push(svg("path", { d: shape.half, class: "solid" }));
  element.replaceChildren(...parts);
}
