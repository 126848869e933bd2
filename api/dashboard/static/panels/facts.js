// What is known of an instance: where it is, since when, and what the app has put beside it.

import { h, say, set } from "../dom.js";
import { ago, bytes, duration, moment } from "../format.js";

export class Facts {
  constructor(dashboard, user) {
    this.dashboard = dashboard;
    this.link = h("a", { class: "out", target: "_blank", rel: "noopener noreferrer", text: "Open its PocketBase dashboard" });
    this.values = new Map();
    this.list = h("dl", { class: "facts-list" });
    this.metadata = h("pre", { class: "metadata", hidden: true, tabindex: "0", "aria-label": "Metadata" });
    this.element = h("section", { class: "facts", "aria-labelledby": "facts-title" },
      h("h2", { id: "facts-title", text: "Facts" }), this.list,
      h("h3", { text: "Metadata", hidden: true }), this.metadata, this.link);
    this.#fetchMetadata(user);
  }

  update({ instance, usage, now }) {
    const up = instance.started_at && (now - new Date(instance.started_at)) / 1000;
    this.#show("Up for", up === null ? "–" : duration(up));
    this.#show("Restarts", instance.restarts ? `${instance.restarts} by the manager` : "none");
    if (instance.host) this.#show("Host", instance.host);
    this.#show("Address", instance.url ?? "–");
    if (instance.public_url) this.#show("Public address", instance.public_url);
    this.#show("Process", instance.pid === null ? "–" : `pid ${instance.pid}`);
    this.#show("Wanted", instance.desired);
    this.#show("Last health check", instance.last_health_check ? ago((now - new Date(instance.last_health_check)) / 1000) : "none yet");
    this.#show("Data", bytes(usage?.latest?.data_bytes));
    this.#show("Connections", usage?.latest?.connections ?? "–");
    this.#show("Created", moment(new Date(instance.created_at), now));
    const version = this.dashboard.fleet.machine?.manager.pocketbase_version;
    if (version) this.#show("PocketBase", version);
    if (instance.deleted_at) this.#show("Deleted", ago((now - new Date(instance.deleted_at)) / 1000));
    this.#show("Directory", instance.db_path);
    this.link.hidden = instance.status !== "Running";
    set(this.link, "href", instance.url && `${instance.url}/_/`);
  }

  #show(name, text) {
    if (!this.values.has(name)) {
      const value = h("dd", {});
      this.values.set(name, value);
      this.list.append(h("div", {}, h("dt", { text: name }), value));
    }
    say(this.values.get(name), String(text));
  }

  async #fetchMetadata(user) {
    try {
      const { metadata } = await this.dashboard.api.metadata(user);
      if (Object.keys(metadata).length === 0) return;
      this.metadata.textContent = JSON.stringify(metadata, null, 2);
      this.metadata.hidden = this.metadata.previousElementSibling.hidden = false;
    } catch {
      // There is no such user, or no manager: the page says so already.
    }
  }
}
