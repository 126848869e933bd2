// The page of one instance. A new panel about one instance is named here.

import { h } from "../dom.js";
import { Actions } from "../panels/actions.js";
import { Backups } from "../panels/backups.js";
import { Curves } from "../panels/curves.js";
import { Door } from "../panels/door.js";
import { Facts } from "../panels/facts.js";
import { Failure } from "../panels/failure.js";
import { LogTail } from "../panels/log.js";
import { Past } from "../panels/past.js";
import { Strip } from "../panels/strip.js";
import { Timeline } from "../panels/timeline.js";
import { Title } from "../panels/title.js";

export class InstancePage {
  constructor(dashboard, { user }) {
    this.crumb = user;
    this.user = user;
    this.fleet = dashboard.fleet;
    this.past = new Past(dashboard, user);
    const above = [new Title(dashboard.about.causes), new Actions(dashboard), new Strip()];
    const main = [new Failure(dashboard.about.causes), new Curves(dashboard, user), new Door(dashboard, user), new Backups(dashboard, user), new LogTail(dashboard, user)];
    const beside = [new Facts(dashboard, user), new Timeline()];
    this.panels = [...above, ...main, ...beside];
    this.head = h("div", { class: "instance-head" },
      h("a", { class: "back", href: "#/", text: "← Fleet" }), above.map((panel) => panel.element));
    this.columns = h("div", { class: "instance-body" },
      h("div", { class: "instance-main" }, main.map((panel) => panel.element)),
      h("div", { class: "instance-beside" }, beside.map((panel) => panel.element)));
    this.missing = h("p", { class: "none missing", hidden: true, text: `${user} has no instance. It may have been renamed or purged.` });
    this.body = h("div", {}, this.missing, this.columns);
  }

  update() {
    const instance = this.fleet.instances.get(this.user) ?? null;
    this.missing.hidden = instance !== null || !this.fleet.known;
    this.columns.hidden = instance === null;
    if (instance === null) return;
    this.past.follow(instance);
    const view = { instance, past: this.past, now: this.fleet.now(), usage: this.fleet.usage.get(this.user) };
    for (const panel of this.panels) panel.update(view);
  }

  key(event) {
    if (event.key === "f") location.hash = "#/";
  }

  close() {
    for (const panel of this.panels) panel.close?.();
  }
}
