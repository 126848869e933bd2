// The hosts of a cluster: whose instances are shown, and who does not answer. One host shows nothing.

import { h, say } from "../dom.js";

export class Hosts {
  #names = "";

  constructor(fleet, filter, changed) {
    this.fleet = fleet;
    this.filter = filter;
    this.element = h("select", {
      class: "host-filter", "aria-label": "Host", hidden: true,
      on: { change: () => this.#choose(changed) },
    });
    this.silent = h("p", { class: "silent-hosts", role: "status", hidden: true });
  }

  update() {
    const silent = this.fleet.silentHosts();
    const names = this.fleet.hosts();
    this.element.hidden = names.length === 0;
    this.silent.hidden = silent.length === 0;
    say(this.silent, silent.length
      ? `${silent.join(", ")} ${silent.length === 1 ? "does" : "do"} not answer: what is shown of those instances is as it was.` : "");
    const labels = names.map((name) => (silent.includes(name) ? `${name} (does not answer)` : name));
    if (labels.join("\n") === this.#names) return;
    this.#names = labels.join("\n");
    this.element.replaceChildren(
      h("option", { value: "", text: "All hosts" }),
      ...names.map((name, number) => h("option", { value: name, text: labels[number] })));
    this.element.value = names.includes(this.filter.host) ? this.filter.host : "";
  }

  #choose(changed) {
    this.filter.host = this.element.value;
    changed();
  }
}
