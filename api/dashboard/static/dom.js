// Elements, made and kept up to date without markup in strings: nothing can be injected.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element; `props` are attributes, `on` its listeners, `text` its text. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Make an SVG element. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (name === "text") {
      element.textContent = value;
    } else {
      set(element, name, value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set an attribute, or take it away (null, false); nothing is touched that is so already. */
export function set(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Set the text of an element, if it is another one. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set a text whose parts between backticks are code. */
export function sayRich(element, text) {
  if (element.dataset.said === text) return;
  element.dataset.said = text;
  element.replaceChildren(...text.split("`").map((part, index) => (index % 2 ? h("code", { text: part }) : part)));
}

/** Have `parent` hold exactly these children in this order, moving as few as possible. */
export function arrange(parent, children) {
  let at = parent.firstChild;
  for (const child of children) {
    if (child === at) at = at.nextSibling;
    else parent.insertBefore(child, at);
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** Keep one view per key: made by `make(key)`, dropped when its key is gone. */
export class Keyed {
  #views = new Map();

  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
  }

  /** Show these keys in this order, each brought up to date by `update(view, key)`. */
  show(keys, update) {
    const wanted = new Map();
    for (const key of keys) {
      const view = this.#views.get(key) ?? this.make(key);
      wanted.set(key, view);
      update(view, key);
    }
    this.#views = wanted;
    arrange(this.parent, [...wanted.values()].map((view) => view.element));
  }
}
