// What is shown where there is nothing yet: the one thing to do next.

import { h } from "../dom.js";

export class Empty {
  constructor(fleet, add) {
    this.fleet = fleet;
    const call = new URL("api/users/alice/init_pb", location.href);
    this.element = h("section", { class: "empty", hidden: true },
      h("h2", { text: "Start the first one" }),
      h("p", { text: "An instance is a PocketBase for one user of your application: a process, a port and a database of its own. It is there in a second." }),
      h("button", { type: "button", class: "main", text: "New instance", on: { click: add } }),
      h("p", { class: "beside" }, "Your backend does the same: ", h("code", { text: `curl -X POST ${call}` })));
  }

  update() {
    this.element.hidden = !this.fleet.known || this.fleet.instances.size > 0;
  }
}
