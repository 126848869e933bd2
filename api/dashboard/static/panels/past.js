// What has become of an instance so far, asked for again whenever its status is another one.

const AGAIN = 3000; // ms until what could not be had is asked for again

export class Past {
  transitions = []; // oldest first
  #asked = null;

  constructor(dashboard, user) {
    this.dashboard = dashboard;
    this.user = user;
  }

  /** Ask again if `instance` has gone on since. */
  async follow(instance) {
    const mark = `${instance.status} ${instance.reason} ${instance.pid} ${instance.restarts}`;
    if (mark === this.#asked) return;
    this.#asked = mark;
    try {
      this.transitions = (await this.dashboard.api.history(this.user)).transitions;
      this.dashboard.changed();
    } catch {
      setTimeout(() => (this.#asked = null), AGAIN);
    }
  }

  /** The last transition to Failed, or null. */
  get failure() {
    return this.transitions.findLast((one) => one.status === "Failed") ?? null;
  }
}
