// The fleet in one sentence.

import { h, say } from "../dom.js";
import { count } from "../format.js";

export class Headline {
  constructor(fleet) {
    this.fleet = fleet;
    this.title = h("h1", { text: "Looking around" });
    this.more = h("p", { class: "lead" });
    this.element = h("div", { class: "headline" }, this.title, this.more);
  }

  update() {
    if (!this.fleet.known) return;
    const counts = this.fleet.counts();
    const total = this.fleet.instances.size - counts.Deleted;
    say(this.title, sentence(counts, total));
    say(this.more, more(counts, total));
  }
}

function sentence(counts, total) {
  if (total === 0) return "No instances yet";
  if (counts.Failed) return `${count(counts.Failed, "instance has", "instances have")} failed`;
  if (counts.Running < total) return `${counts.Running.toLocaleString("en")} of ${count(total, "instance is", "instances are")} running`;
  return total === 1 ? "The one instance is running" : `All ${total.toLocaleString("en")} instances are running`;
}

function more(counts, total) {
  const parts = [];
  if (counts.Failed) parts.push(`${counts.Running.toLocaleString("en")} of ${total.toLocaleString("en")} are running`);
  if (counts.Starting) parts.push(count(counts.Starting, "is starting", "are starting"));
  if (counts.Stopping) parts.push(count(counts.Stopping, "is stopping", "are stopping"));
  if (counts.Hibernated) parts.push(count(counts.Hibernated, "sleeps", "sleep"));
  if (counts.Stopped) parts.push(count(counts.Stopped, "is stopped on purpose", "are stopped on purpose"));
  if (parts.length) return `${parts.join(", ")}.`;
  return total ? "Nothing needs you." : "Each user of your application gets a PocketBase of their own.";
}
