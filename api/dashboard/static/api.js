// The HTTP API of the manager, as the dashboard uses it.

const TOKEN = "pblm-token";

/** What the manager answered when it could not do what was asked. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class Api {
  /** The token is kept for this tab only, and never becomes part of an address. */
  get token() {
    return sessionStorage.getItem(TOKEN);
  }

  set token(value) {
    if (value === null) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, value);
  }

  about() {
    return this.#ask("dashboard/about.json");
  }

  fleet() {
    return this.#ask("api/fleet");
  }

  /** All instances, page by page. */
  door() {
    return this.#ask("api/door?limit=0");
  }

  doorOf(user) {
    return this.#ask(`${path(user)}/door`);
  }

  async instances() {
    const all = {};
    for (let after = ""; after !== null; ) {
      const page = await this.#ask(`api/pb_instances?limit=1000&after=${encodeURIComponent(after)}`);
      Object.assign(all, page.instances);
      after = page.next;
    }
    return all;
  }

  history(user) {
    return this.#ask(`${path(user)}/history`);
  }

  usage(user) {
    return this.#ask(`${path(user)}/usage`);
  }

  metadata(user) {
    return this.#ask(`${path(user)}/metadata`);
  }

  start(user) {
    return this.#ask(`${path(user)}/init_pb?wait=0`, { method: "POST" });
  }

  restart(user) {
    const body = JSON.stringify({ force_restart: true });
    return this.#ask(`${path(user)}/init_pb?wait=0`, { method: "POST", body });
  }

  stop(user) {
    return this.#ask(`${path(user)}/stop_pb`, { method: "POST" });
  }

  backups(user) {
    return this.#ask(`${path(user)}/backups`);
  }

  backUp(user) {
    return this.#ask(`${path(user)}/backups?wait=0`, { method: "POST" });
  }

  prove(user, backup) {
    return this.#ask(`${path(user)}/backups/${encodeURIComponent(backup)}/prove?wait=0`, { method: "POST" });
  }

  restore(user, backup) {
    return this.#ask(`${path(user)}/backups/${encodeURIComponent(backup)}/restore?wait=0`, { method: "POST" });
  }

  undoRestore(user) {
    return this.#ask(`${path(user)}/undo_restore?wait=0`, { method: "POST" });
  }

  confirmRestore(user) {
    return this.#ask(`${path(user)}/confirm_restore?wait=0`, { method: "POST" });
  }

  /** Where a browser finds the file of a backup. A link carries no token: with one it is fetched here first. */
  async backupLink(user, backup) {
    const url = `${path(user)}/backups/${encodeURIComponent(backup)}`;
    if (this.token === null) return url;
    return URL.createObjectURL(await (await this.#fetch(url)).blob());
  }

  /** The last lines of the log; or, with `cursor`, what follows, waited for up to `wait` seconds. */
  async log(user, { tail = 0, cursor = null, wait = 0, signal }) {
    const query = cursor === null ? `tail=${tail}` : `after=${encodeURIComponent(cursor)}&wait=${wait}`;
    const answer = await this.#fetch(`${path(user)}/logs?${query}`, { signal });
    return { text: await answer.text(), cursor: answer.headers.get("Log-Cursor") };
  }

  async #ask(url, options) {
    return (await this.#fetch(url, options)).json();
  }

  async #fetch(url, options = {}) {
    const headers = this.token === null ? {} : { Authorization: `Bearer ${latin(this.token)}` };
    let answer;
    try {
      answer = await fetch(url, { cache: "no-store", ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "unreachable", "The manager cannot be reached");
    }
    if (answer.ok) return answer;
    const body = await answer.json().catch(() => ({}));
    throw new ApiError(answer.status, body.code ?? "unknown", body.message ?? answer.statusText);
  }
}

/** The paths of the calls about a user. */
function path(user) {
  return `api/users/${encodeURIComponent(user)}`;
}

/** The bytes of a text, one character each: how a header carries what is not ASCII. */
function latin(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** The token as a WebSocket's subprotocol, the only place where a browser can put it. */
export function tokenProtocol(token) {
  const text = btoa(latin(token));
  return `pblm.token.${text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}
