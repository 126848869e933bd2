// The dashboard: asks who is there, opens the line, shows the page that the address names.

import { toaster } from "./actions.js";
import { Api } from "./api.js";
import { askText, tell } from "./dialogs.js";
import { h } from "./dom.js";
import { Fleet } from "./fleet.js";
import { Frame } from "./frame.js";
import { Live, Polling } from "./live.js";
import { FleetPage } from "./pages/fleet.js";
import { InstancePage } from "./pages/instance.js";
import { route } from "./router.js";

const PAGES = { fleet: FleetPage, instance: InstancePage };
const LOOK = 5; // seconds between two looks at the machine
const SLOWEST = 100; // ms between two paintings: ten a second are live enough

class Dashboard {
  #page = null;
  #due = false;

  constructor() {
    this.api = new Api();
    this.toast = toaster(document.getElementById("toasts"));
    this.fleet = new Fleet({ changed: () => this.changed(), told: (entry) => this.announce(entry) });
    this.frame = new Frame(this);
    document.getElementById("app").replaceChildren(this.frame.element);
  }

  async start() {
    this.about = await this.#patiently(() => this.api.about());
    if (this.about.needs_token) await this.#askForToken();
    this.live = this.#line();
    this.live.start();
    addEventListener("hashchange", () => this.open());
    addEventListener("keydown", (event) => this.#key(event));
    setInterval(() => this.#tick(), 1000);
    this.open();
    await this.#look();
  }

  /** Show the page that the address names. */
  open() {
    const { page, ...which } = route();
    this.#page?.close();
    this.#page = new PAGES[page](this, which);
    this.frame.show(this.#page);
    this.#page.update();
    scrollTo(0, 0);
  }

  /** Something is another than before: paint soon, and not more often than can be seen. */
  changed() {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => requestAnimationFrame(() => {
      this.#due = false;
      this.#paint();
    }), SLOWEST);
  }

  /** Say what a person who sees nothing must know. */
  announce({ user, old, status, text }) {
    if (status === "Failed") this.frame.announce(`${user} has failed: ${text}`);
    else if (status === "Running" && old === "Starting") this.frame.announce(`${user} is running`);
    else if (status === "Stopped") this.frame.announce(`${user} is stopped`);
  }

  #paint() {
    this.frame.update();
    this.#page?.update();
  }

  #tick() {
    this.live.check();
    if (!document.hidden) this.#paint();
  }

  #line() {
    const { live_url: url, live_port: port } = this.about;
    const changed = () => this.changed();
    if (url === null && port === null) return new Polling({ api: this.api, fleet: this.fleet, changed });
    const at = url ?? `ws://${location.hostname}:${port}/ws/status`;
    return new Live({ url: at, token: () => this.api.token, fleet: this.fleet, changed });
  }

  async #look() {
    try {
      if (!document.hidden) this.fleet.takeMachine(await this.api.fleet());
    } catch (error) {
      if (error.status === 401) await this.#askForToken();
    }
    setTimeout(() => this.#look(), LOOK * 1000);
  }

  async #askForToken() {
    let problem = "";
    for (;;) {
      try {
        if (this.api.token !== null) return await this.api.fleet();
      } catch (error) {
        if (error.status !== 401) return null;
        problem = "That is not the token of this manager.";
      }
      this.api.token = await askText({
        title: "Who is there?",
        intro: "This manager asks for its token, the value of PB_API_TOKEN. It is kept in this tab until you close it.",
        label: "Token", agree: "Open the dashboard", secret: true, sure: true, problem,
      });
    }
  }

  async #patiently(ask) {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        this.frame.cannot(error.message);
        await new Promise((done) => setTimeout(done, 2000));
      }
    }
  }

  #key(event) {
    const typing = event.target.closest?.("input, textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") this.help();
    else this.#page?.key?.(event);
  }

  help() {
    const row = (key, text) => h("div", {}, h("dt", {}, h("kbd", { text: key })), h("dd", { text }));
    tell("Keys", h("dl", { class: "keys" },
      row("/", "search the fleet"), row("n", "start a new instance"),
      row("f", "back to the fleet"), row("?", "this list"), row("Esc", "close, or clear the search")));
  }
}

new Dashboard().start();
