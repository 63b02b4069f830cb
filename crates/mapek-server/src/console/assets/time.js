// Distances in time, kept up to date. The server's clock counts, for the browser's may be wrong.

const UNITS_EVERY_MS = 1000;

/** How far the server's clock is ahead of ours, in milliseconds. */
let ahead = 0;

/** Takes the server's time from a document that has just come. */
export function setClock(root) {
  const now = Date.parse(root.dataset.now ?? "");
  if (!Number.isNaN(now)) ahead = now - Date.now();
}

/** `1 min 30 s`, as the server writes it. */
export function span(seconds) {
  const two = (big, unit, small, sub) => (small ? `${big} ${unit} ${small} ${sub}` : `${big} ${unit}`);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), "min", seconds < 600 ? seconds % 60 : 0, "s");
  if (seconds < 172800) return two(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
  return `${Math.floor(seconds / 86400)} d`;
}

/** Writes the distances within an element anew. */
export function tell(root) {
  const now = Date.now() + ahead;
  for (const time of root.querySelectorAll("time[data-relative]")) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) continue;
    const text = at > now ? `in ${span(Math.floor((at - now) / 1000))}` : `${span(Math.floor((now - at) / 1000))} ago`;
    if (time.textContent !== text) time.textContent = text;
  }
}

/** Begins to keep them up to date. */
export function clocks() {
  setClock(document.documentElement);
  setInterval(() => document.hidden || tell(document), UNITS_EVERY_MS);
}
