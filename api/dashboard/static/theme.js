// Light or dark: as the system has it, until somebody chooses.

import { h, say, set } from "./dom.js";

const KEY = "pblm-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const LABEL = { auto: "Auto", light: "Light", dark: "Dark" };

/** The button that goes from one to the next. */
export function themeButton() {
  const label = h("span", { class: "theme-label" });
  const button = h("button", { class: "quiet", type: "button" }, h("span", { class: "theme-sign", "aria-hidden": "true" }), label);
  const show = (theme) => {
    set(document.documentElement, "data-theme", theme === "auto" ? null : theme);
    say(label, LABEL[theme]);
    set(button, "aria-label", `Theme: ${LABEL[theme]}. Press for ${LABEL[NEXT[theme]].toLowerCase()}`);
    dispatchEvent(new Event("themechange"));
  };
  let theme = localStorage.getItem(KEY) ?? "auto";
  if (!(theme in NEXT)) theme = "auto";
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    localStorage.setItem(KEY, theme);
    show(theme);
  });
  show(theme);
  return button;
}
