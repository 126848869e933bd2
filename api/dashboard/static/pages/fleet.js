// The page of the whole fleet. A new panel about all instances is named here.

import { h } from "../dom.js";
import { Activity } from "../panels/activity.js";
import { Attention } from "../panels/attention.js";
import { Door } from "../panels/door.js";
import { Empty } from "../panels/empty.js";
import { Field } from "../panels/field.js";
import { Gauges } from "../panels/gauges.js";
import { Headline } from "../panels/headline.js";
import { Legend } from "../panels/legend.js";
import { newInstance } from "../panels/new.js";
import { Table } from "../panels/table.js";

export class FleetPage {
  crumb = "Fleet";

  constructor(dashboard) {
    const { fleet } = dashboard;
    this.filter = { status: null, text: "", host: "" };
    this.add = () => newInstance(dashboard);
    this.table = new Table(fleet, this.filter, this.add);
    const above = [
      new Headline(fleet),
      new Field(fleet, this.filter),
      new Legend(fleet, this.filter, () => this.table.restart()),
      new Gauges(fleet),
      new Door(dashboard),
    ];
    const main = [new Attention(dashboard), new Empty(fleet, this.add), this.table];
    const aside = new Activity(fleet);
    this.panels = [...above, ...main, aside];
    this.head = h("div", { class: "fleet-head" }, above.map((panel) => panel.element));
    this.body = h("div", { class: "fleet-body" },
      h("div", { class: "fleet-main" }, main.map((panel) => panel.element)), aside.element);
  }

  update() {
    for (const panel of this.panels) panel.update();
  }

  key(event) {
    if (event.key !== "/" && event.key !== "n") return;
    event.preventDefault();
    if (event.key === "/") this.table.search.focus();
    else this.add();
  }

  close() {
    for (const panel of this.panels) panel.close?.();
  }
}
