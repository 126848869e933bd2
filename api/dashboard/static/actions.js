// What can be done to an instance: what each will do is said before it is done.

import { confirm } from "./dialogs.js";
import { h } from "./dom.js";

export const ACTIONS = {
  start: {
    label: "Start",
    fits: ({ status, deleted_at: gone }) => !gone && ["Stopped", "Failed", "Hibernated"].includes(status),
    says: () => "Starts PocketBase with the data as they were left.",
    unfit: "It has been started already.",
    done: (user) => `${user} is being started`,
  },
  restart: {
    label: "Restart",
    fits: ({ status, deleted_at: gone }) => !gone && status === "Running",
    says: () => "Ends the process and starts a new one: about a second without an answer.",
    unfit: "It takes a running instance.",
    done: (user) => `${user} is being restarted`,
    ask: ({ user_id: user, pid, port }) => ({
      title: `Restart ${user}?`,
      points: [
        `Process ${pid} is asked to end; one that does not is killed after PB_STOP_TIMEOUT.`,
        `A new process is started, on port ${port} as a rule, with the same data.`,
        "Clients lose their connections, and can connect again in about a second.",
      ],
      agree: "Restart",
    }),
  },
  stop: {
    label: "Stop",
    fits: ({ status, deleted_at: gone }) => !gone && ["Running", "Starting", "Failed", "Hibernated"].includes(status),
    says: ({ status }) =>
      status === "Failed" ? "Gives it up: it counts as stopped on purpose. Data stay." : "Ends the process, until somebody starts it again. Data stay.",
    unfit: "It is not running.",
    done: (user) => `${user} is being stopped`,
    ask: ({ user_id: user, status, pid }) => ({
      title: `Stop ${user}?`,
      points: [
        status === "Failed" || pid === null
          ? "The manager stops trying to start it."
          : `Process ${pid} is asked to end; one that does not is killed after PB_STOP_TIMEOUT.`,
        "Its clients get no answers until somebody starts it again: here, or by init_pb.",
        "Data and uploaded files stay where they are.",
      ],
      agree: "Stop",
      grave: true,
    }),
  },
};

/** Do it, after asking where asking is due; tell how it went. */
export async function perform(name, instance, { api, toast }) {
  const action = ACTIONS[name];
  if (action.ask && !(await confirm(action.ask(instance)))) return;
  toast(action.done(instance.user_id));
  try {
    await api[name](instance.user_id);
  } catch (error) {
    toast(`${action.label} ${instance.user_id}: ${error.message}`, { bad: true });
  }
}

/** A word about something that has just happened; bad news stay until they are read. */
export function toaster(parent) {
  return (text, { bad = false } = {}) => {
    const toast = h("div", { class: bad ? "toast bad" : "toast" }, h("p", { text }));
    const close = h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", text: "×", on: { click: () => toast.remove() } });
    toast.append(close);
    parent.append(toast);
    if (!bad) setTimeout(() => toast.remove(), 4000);
  };
}
