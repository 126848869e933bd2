// The fleet as it is known here: what the snapshot said, and every event since.

import { STATUSES, statusOf } from "./status.js";

const RECENT = 60; // changes that are kept for "Just happened"
const POINTS = 30; // samples kept per instance: five minutes at one in ten seconds

const OPERATIONS = { backup: "Backing up", proof: "Trying", restore: "Restoring", import: "Importing" };
const BACKUPS = ["backup_finished", "backup_failed", "backup_proven", "backup_unprovable", "instance_restored", "restore_failed"];
const FAILED = ["backup_failed", "backup_unprovable", "restore_failed"];

export class Fleet {
  instances = new Map();
  usage = new Map(); // user -> { latest, points: [{cpu, memory}] }
  backups = new Map(); // user -> { news, stage, problem }: what was told of the backups
  recent = []; // newest first: { at, user, status, text, cause }
  machine = null; // what /api/fleet says
  totals = []; // {cpu, memory} of all instances, one per look at the machine
  epoch = "";
  seq = 0;
  known = false;
  #draft = null;
  #ahead = 0; // ms by which the manager's clock is ahead of ours

  /** `changed(what)` is called after every change; `told(entry)` for every change of status. */
  constructor({ changed, told }) {
    this.changed = changed;
    this.told = told;
  }

  /** The time by the manager's clock. */
  now() {
    return new Date(Date.now() + this.#ahead);
  }

  /** Take a message of the live line. */
  take(message) {
    switch (message.event) {
      case "snapshot":
        this.#takePart(message);
        return;
      case "heartbeat":
        this.#ahead = new Date(message.at) - Date.now();
        break;
      case "usage_sampled":
        this.#takeUsage(message.user_id, message.usage);
        this.changed();
        return;
      case "status_changed":
        this.#put(message.instance);
        this.#remember(message);
        break;
      case "instance_deleted":
        if (message.instance) this.#put(message.instance);
        else this.#drop(message.user_id);
        break;
      case "instance_undeleted":
        this.#put(message.instance);
        break;
      case "instance_renamed":
        this.#drop(message.user_id);
        this.#put(message.instance);
        break;
      case "backup_progressed": // too much to tell all: how it ends is told
        this.#takeBackup(message.user_id, `${OPERATIONS[message.operation]}: ${message.stage} …`, "");
        break;
      default: // whatever later capabilities tell: an instance that comes with it is as it is now
        if (message.instance) this.#put(message.instance);
        if (BACKUPS.includes(message.event)) this.#takeBackup(message.user_id, "", FAILED.includes(message.event) ? message.reason : "");
        this.#note(message);
    }
    if (message.epoch === this.epoch) this.seq = Math.max(this.seq, message.seq);
    if (message.event !== "heartbeat") this.changed();
  }

  /** Take all instances at once. */
  replace(instances) {
    const all = new Map(Object.entries(instances));
    if (!this.known) this.#recall(all);
    this.instances = all;
    this.known = true;
    for (const [user, instance] of all) if (instance.usage) this.#takeUsage(user, instance.usage);
    for (const user of this.usage.keys()) if (!all.has(user)) this.usage.delete(user);
    this.changed();
  }

  takeMachine(machine) {
    this.machine = machine;
    this.totals.push({ cpu: machine.cpu_percent, memory: machine.memory_bytes });
    if (this.totals.length > 2 * POINTS) this.totals.shift();
    this.changed();
  }

  /** Take into "Just happened" what happened before this page was opened. */
  recall(user, { at, status, reason, failure }) {
    if (this.recent.some((entry) => entry.user === user && entry.status === status)) return;
    this.recent.push({ at: new Date(at), user, status, text: reason, cause: failure?.cause ?? null });
    this.recent.sort((a, b) => b.at - a.at);
    this.changed();
  }

  /** How many are in each status; deleted ones are counted apart. */
  counts() {
    const counts = Object.fromEntries(STATUSES.map((status) => [status, 0]));
    counts.Deleted = 0;
    for (const instance of this.instances.values()) {
      if (instance.deleted_at) counts.Deleted += 1;
      else counts[statusOf(instance)] += 1;
    }
    return counts;
  }

  /** The hosts of a cluster, those that do not answer too; none where there is one host. */
  hosts() {
    const named = new Set(this.silentHosts());
    for (const instance of this.instances.values()) if (instance.host) named.add(instance.host);
    return [...named].sort();
  }

  /** Those that do not answer, by what was asked last. */
  silentHosts() {
    return this.machine?.unreachable_hosts ?? [];
  }

  #takePart({ epoch, seq, part, parts, instances }) {
    if (part === 1) this.#draft = {};
    if (this.#draft === null) return;
    Object.assign(this.#draft, instances);
    if (part < parts) return;
    this.epoch = epoch;
    this.seq = seq;
    this.replace(this.#draft);
    this.#draft = null;
  }

  #put(instance) {
    this.instances.set(instance.user_id, instance);
  }

  #drop(user) {
    this.instances.delete(user);
    this.usage.delete(user);
  }

  #takeUsage(user, usage) {
    const known = this.usage.get(user) ?? { latest: null, points: [] };
    known.latest = usage;
    if (usage.cpu_percent !== null) {
      known.points.push({ cpu: usage.cpu_percent, memory: usage.memory_bytes });
      if (known.points.length > POINTS) known.points.shift();
    }
    this.usage.set(user, known);
  }

  /** `news` rises whenever the list of the user's backups may be another one. */
  #takeBackup(user, stage, problem) {
    const news = (this.backups.get(user)?.news ?? 0) + (stage ? 0 : 1);
    this.backups.set(user, { news, stage, problem });
  }

  #remember({ at, user_id: user, old, status, reason, instance }) {
    const cause = instance.failure?.cause ?? null;
    const entry = { at: new Date(at), user, old, status, text: reason, cause };
    this.#push(entry);
    this.told(entry);
  }

  #note({ at, event, user_id: user, reason }) {
    const words = event[0].toUpperCase() + event.slice(1).replaceAll("_", " ");
    const text = reason ? `${words}: ${reason}` : words;
    this.#push({ at: new Date(at), user: user ?? null, status: null, text, cause: null });
  }

  #push(entry) {
    this.recent.unshift(entry);
    this.recent.length = Math.min(this.recent.length, RECENT);
  }

  /** Begin the list of changes with the latest starts, so that it is not empty at first. */
  #recall(all) {
    const started = [...all.values()].filter((one) => one.started_at && one.status === "Running");
    started.sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
    for (const one of started.slice(0, 12).reverse()) {
      const text = one.restarts ? "It was started again" : "It was started";
      this.#push({ at: new Date(one.started_at), user: one.user_id, status: "Running", text, cause: null });
    }
  }
}
