// Who it is and how it is.

import { h, say, set } from "../dom.js";
import { reason } from "../format.js";
import { change, mark, MEANING } from "../status.js";

export class Title {
  constructor(causes) {
    this.causes = causes;
    this.mark = mark("Stopped");
    this.name = h("h1", {});
    this.word = h("strong", { class: "status-word" });
    this.why = h("span", {});
    this.element = h("div", { class: "title" },
      h("div", { class: "title-name" }, this.mark, this.name), h("p", { class: "lead" }, this.word, " ", this.why));
  }

  update({ instance, now }) {
    const status = instance.deleted_at ? "Deleted" : instance.status;
    change(this.mark, status);
    say(this.name, instance.user_id);
    say(this.word, status);
    set(this.word, "data-status", status);
    set(this.word, "title", MEANING[status] ?? null);
    const failed = status === "Failed" && this.causes[instance.failure?.cause]; // the rest is told below
    say(this.why, failed ? failed.title : reason(instance.reason, now));
  }
}
