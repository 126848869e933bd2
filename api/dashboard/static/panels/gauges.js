// What the fleet takes of its machine.

import { h, say, set } from "../dom.js";
import { bytes, count, percent } from "../format.js";
import { Spark } from "../spark.js";

const LOW = 1024 ** 3; // bytes of free disk that are worth a warning

export class Gauges {
  constructor(fleet) {
    this.fleet = fleet;
    this.memory = gauge("Memory", new Spark("memory"));
    this.cpu = gauge("CPU", new Spark("cpu"));
    this.disk = gauge("Free disk");
    this.starts = gauge("Starts under way");
    const all = [this.memory, this.cpu, this.disk, this.starts];
    this.element = h("dl", { class: "gauges" }, all.map((one) => one.element));
  }

  update() {
    const { machine: now, totals } = this.fleet;
    this.element.hidden = now === null;
    if (now === null) return;
    const { machine } = now;
    this.memory.show(bytes(now.memory_bytes), `all instances; ${bytes(machine.memory_available_bytes)} left`);
    this.memory.spark.show(totals.map((one) => one.memory));
    this.cpu.show(percent(now.cpu_percent), `all instances, of ${count(machine.cores, "core")}`);
    this.cpu.spark.show(totals.map((one) => one.cpu), 5);
    this.disk.show(bytes(machine.disk_free_bytes), `${bytes(now.data_bytes)} are the users' data`);
    set(this.disk.element, "data-warn", machine.disk_free_bytes < LOW);
    const waiting = now.starts_waiting;
    this.starts.show(String(now.starts_under_way), waiting ? `${count(waiting, "waits", "wait")} for a turn` : "nobody waits for a turn");
  }
}

function gauge(label, spark = null) {
  const value = h("span", { class: "gauge-value", text: "–" });
  const beside = h("span", { class: "gauge-beside" });
  const element = h("div", { class: "gauge" },
    h("dt", { text: label }), h("dd", {}, h("span", { class: "gauge-row" }, value, spark?.element), beside));
  const show = (text, more) => {
    say(value, text);
    say(beside, more);
  };
  return { element, show, spark };
}
