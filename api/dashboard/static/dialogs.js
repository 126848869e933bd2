// Questions that are asked before something happens. <dialog> keeps the focus and closes on Escape.

import { h } from "./dom.js";

/** Ask; resolves to true when the person agreed. `points` say what will happen. */
export function confirm({ title, points, agree, grave = false }) {
  return ask((close) => [
    h("h2", { text: title }),
    h("ul", { class: "points" }, points.map((text) => h("li", { text }))),
    h("div", { class: "answers" },
      h("button", { type: "button", autofocus: true, on: { click: () => close(false) }, text: "Cancel" }),
      h("button", { type: "button", class: grave ? "grave" : "main", on: { click: () => close(true) }, text: agree })),
  ]);
}

/** Ask for a line of text; resolves to it, or null. `check(text)` returns what is wrong, or "". */
export function askText({ title, intro, label, agree, secret = false, problem = "", check = () => "", sure = false }) {
  return ask((close) => {
    const input = h("input", { type: secret ? "password" : "text", id: "asked", autofocus: true, autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "asked-problem" });
    const wrong = h("p", { class: "problem", id: "asked-problem", role: "alert", text: problem });
    const submit = (event) => {
      event.preventDefault();
      const text = input.value.trim();
      wrong.textContent = check(text);
      if (!wrong.textContent) close(text);
    };
    return h("form", { on: { submit } },
      h("h2", { text: title }),
      intro ? h("p", { text: intro }) : null,
      h("label", { for: "asked", text: label }), input, wrong,
      h("div", { class: "answers" },
        sure ? null : h("button", { type: "button", on: { click: () => close(null) }, text: "Cancel" }),
        h("button", { class: "main", text: agree })));
  }, sure);
}

/** Show something to read. */
export function tell(title, ...content) {
  return ask((close) => [
    h("h2", { text: title }), ...content,
    h("div", { class: "answers" }, h("button", { type: "button", class: "main", autofocus: true, on: { click: () => close(null) }, text: "Close" })),
  ]);
}

function ask(build, sure = false) {
  return new Promise((resolve) => {
    const dialog = h("dialog", {});
    const close = (answer) => {
      resolve(answer);
      dialog.close();
    };
    dialog.append(...[build(close)].flat());
    const title = dialog.querySelector("h2");
    title.id = "dialog-title";
    dialog.setAttribute("aria-labelledby", title.id);
    dialog.addEventListener("cancel", (event) => (sure ? event.preventDefault() : resolve(null)));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  });
}
