// The buttons, each with what it will do.

import { ACTIONS, perform } from "../actions.js";
import { h, say } from "../dom.js";

export class Actions {
  #instance = null;

  constructor(dashboard) {
    this.buttons = Object.entries(ACTIONS).map(([name, action]) => {
      const says = h("p", { id: `says-${name}` });
      const click = () => perform(name, this.#instance, dashboard);
      const button = h("button", { type: "button", class: `act act-${name}`, text: action.label, "aria-describedby": says.id, on: { click } });
      return { action, button, says, element: h("div", { class: "action" }, button, says) };
    });
    this.element = h("div", { class: "actions", role: "group", "aria-label": "What can be done" }, this.buttons.map((one) => one.element));
  }

  update({ instance }) {
    this.#instance = instance;
    for (const { action, button, says } of this.buttons) {
      const fits = action.fits(instance);
      button.disabled = !fits;
      say(says, instance.deleted_at ? "It is deleted." : fits ? action.says(instance) : action.unfit);
    }
  }
}
