// Starting an instance for a user who has none.

import { askText } from "../dialogs.js";
import { linkTo } from "../router.js";

const USER = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/;

export async function newInstance({ api, fleet, toast }) {
  const user = await askText({
    title: "New instance",
    intro: "Starts a PocketBase for a user: a process on a free port, with an empty database, or with what the template says.",
    label: "User id",
    agree: "Start it",
    check: (text) => {
      if (!USER.test(text)) return "1 to 128 of A-Z a-z 0-9 . _ @ + -, beginning with a letter or a digit.";
      return fleet.instances.has(text) ? `${text} has an instance already.` : "";
    },
  });
  if (user === null) return;
  try {
    await api.start(user);
    location.hash = linkTo(user);
  } catch (error) {
    toast(`Start ${user}: ${error.message}`, { bad: true });
  }
}
