// Numbers and times for people. Tabular figures do the rest.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** 12345678 -> "11.8 MiB"; null -> "–". */
export function bytes(count) {
  if (count === null || count === undefined) return "–";
  let unit = 0;
  while (count >= 1024 && unit < UNITS.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${count >= 100 || unit === 0 ? Math.round(count) : count.toFixed(1)} ${UNITS[unit]}`;
}

/** 3.27 -> "3.3 %"; null -> "–". */
export function percent(value) {
  if (value === null || value === undefined) return "–";
  return `${value >= 10 || value < 0.05 ? Math.round(value) : value.toFixed(1)} %`;
}

/** 7500 -> "2 h 5 min": the two largest units, no more. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago, in words. */
export function ago(seconds) {
  return seconds < 2 ? "just now" : `${duration(seconds)} ago`;
}

/** The time of day, or the date with it when it was another day. */
export function moment(date, now) {
  const time = date.toLocaleTimeString([], { hour12: false });
  return date.toDateString() === now.toDateString()
    ? time
    : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

/** A reason with the times in it as clocks here show them. */
export function reason(text, now) {
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (time) => moment(new Date(time), now));
}

/** 1 -> "1 instance", 3 -> "3 instances". */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
