// Which page is shown: the part of the address after #.

/** `#/` is the fleet, `#/user/ID` one instance; what is neither is the fleet. */
export function route() {
  const [, kind, rest] = /^#\/(\w+)\/(.+)$/.exec(location.hash) ?? [];
  if (kind === "user") {
    try {
      return { page: "instance", user: decodeURIComponent(rest) };
    } catch {
      return { page: "fleet" };
    }
  }
  return { page: "fleet" };
}

/** The address of an instance's page. */
export function linkTo(user) {
  return `#/user/${encodeURIComponent(user)}`;
}
