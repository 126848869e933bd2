// What went wrong, what it means and what helps: of a failure now, or of the last one.

import { h, say, sayRich, set } from "../dom.js";
import { ago, moment, reason } from "../format.js";

const LATELY = 24 * 3600 * 1000; // ms for which a failure that is over is worth a box

const REMEDY = {
  person: "Nothing is tried before somebody starts it again.",
  back_off: "The manager tries again by itself, less and less often.",
  next_port: "The manager tries other ports at once.",
};

export class Failure {
  constructor(causes) {
    this.causes = causes;
    this.over = h("p", { class: "failure-over" });
    this.title = h("h2", { id: "failure-title" });
    this.means = h("p", { class: "failure-means" });
    this.reason = h("p", { class: "failure-reason" });
    this.helps = h("ol", { class: "helps" });
    this.next = h("p", { class: "failure-next" });
    this.output = h("pre", { tabindex: "0", "aria-label": "The last lines that it wrote" });
    this.lines = h("details", { open: true }, h("summary", { text: "The last lines that it wrote" }), this.output);
    this.element = h("section", { class: "failure", "aria-labelledby": "failure-title", hidden: true },
      this.over, this.title, this.means, this.reason, h("h3", { text: "What helps" }), this.helps, this.next, this.lines);
  }

  update({ instance, past, now }) {
    const failed = instance.status === "Failed";
    const last = past.failure;
    const failure = instance.failure ?? last?.failure ?? null;
    const over = !instance.failure && last !== null && now - new Date(last.at) > LATELY;
    this.element.hidden = failure === null || over; // the history still has it
    if (this.element.hidden) return;
    const advice = this.causes[failure.cause] ?? { title: failure.cause, means: "", helps: [], remedy: "" };
    set(this.element, "data-now", failed);
    say(this.over, this.#when(failed, last, instance, now));
    say(this.title, advice.title);
    sayRich(this.means, advice.means);
    say(this.reason, reason(failed ? instance.reason : last?.reason ?? instance.reason, now));
    this.#list(advice.helps);
    say(this.next, failed ? REMEDY[advice.remedy] ?? "" : "");
    this.next.hidden = !failed;
    say(this.output, failure.output);
    this.lines.hidden = !failure.output;
  }

  #when(failed, last, instance, now) {
    if (last === null) return failed ? "It has failed" : "It is on its way back";
    const at = new Date(last.at);
    const when = `${ago((now - at) / 1000)}, at ${moment(at, now)}`;
    if (failed) return `It failed ${when}`;
    return `Its last failure was ${when}; now it is ${instance.status}`;
  }

  #list(helps) {
    while (this.helps.childElementCount > helps.length) this.helps.lastChild.remove();
    while (this.helps.childElementCount < helps.length) this.helps.append(h("li", {}));
    helps.forEach((text, index) => sayRich(this.helps.children[index], text));
  }
}
