// The line to the manager: a WebSocket that comes back by itself and takes up where it ended.

import { tokenProtocol } from "./api.js";

/** Seconds without a word after which the line counts as dead: three heartbeats. */
export const SILENCE = 15;
const LONGEST_PAUSE = 15;

export class Live {
  #socket = null;
  #timer = 0;
  #tries = 0;

  /** `fleet` takes the messages; `changed()` is called when the state of the line is another. */
  constructor({ url, token, fleet, changed }) {
    this.url = url;
    this.token = token;
    this.fleet = fleet;
    this.changed = changed;
    this.connected = false;
    this.heardAt = null; // when the last word came, in ms
    this.retryAt = null; // when it is tried again, in ms
    this.reason = "";
  }

  start() {
    this.#connect();
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.check());
  }

  /** Connect now, if there is no connection. */
  retry() {
    if (this.#socket === null) this.#connect();
  }

  /** Called every second: a line that says nothing is cut and made anew. */
  check() {
    if (this.#socket !== null && this.heardAt !== null && Date.now() - this.heardAt > SILENCE * 1000) {
      this.reason = "nothing was heard any more";
      this.#socket.close();
      this.#lost();
    }
  }

  #connect() {
    clearTimeout(this.#timer);
    this.retryAt = null;
    const { epoch, seq } = this.fleet;
    const resume = epoch ? `&epoch=${encodeURIComponent(epoch)}&after=${seq}` : "";
    const protocols = this.token() === null ? [] : ["pblm.v1", tokenProtocol(this.token())];
    const socket = new WebSocket(`${this.url}?usage=1${resume}`, protocols);
    this.#socket = socket;
    this.#timer = setTimeout(() => socket === this.#socket && this.#lost(), 10_000);
    socket.onmessage = (message) => this.#hear(socket, message.data);
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      if (this.connected) this.reason = event.reason || "the connection was lost";
      else if (!this.reason) this.reason = "the manager does not answer at the address of its live status";
      this.#lost();
    };
    this.changed();
  }

  #hear(socket, text) {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timer);
    this.heardAt = Date.now();
    this.#tries = 0;
    const news = !this.connected;
    this.connected = true;
    this.fleet.take(JSON.parse(text));
    if (news) this.changed();
  }

  #lost() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.connected = false;
    socket?.close();
    const pause = Math.min(LONGEST_PAUSE, 0.5 * 2 ** this.#tries) * (0.8 + 0.4 * Math.random());
    this.#tries += 1;
    this.retryAt = Date.now() + pause * 1000;
    this.#timer = setTimeout(() => this.#connect(), pause * 1000);
    this.changed();
  }
}

/** What stands in for the line where the manager tells nothing live: asking every few seconds. */
export class Polling {
  constructor({ api, fleet, changed, every = 5 }) {
    Object.assign(this, { api, fleet, changed, every });
    this.connected = false;
    this.heardAt = null;
    this.retryAt = null;
    this.reason = "";
  }

  start() {
    this.retry();
  }

  async retry() {
    clearTimeout(this.timer);
    try {
      this.fleet.replace(await this.api.instances());
      this.connected = true;
      this.heardAt = Date.now();
    } catch (error) {
      this.connected = false;
      this.reason = error.message;
    }
    this.retryAt = Date.now() + this.every * 1000;
    this.timer = setTimeout(() => this.retry(), this.every * 1000);
    this.changed();
  }

  check() {}
}
