// Live figures: when the loop says that something has changed, the page is asked for anew, and the parts of it that differ are put in the
// place of what is there. So there is one place where a page is made, and it is not here.
import { setClock, tell } from "./time.js";

const base = document.documentElement.dataset.base ?? "";
/** A busy loop changes more often than people read. */
const REFRESH_EVERY_MS = 700;
/** How long to wait before the stream is asked for again after it was refused. */
const RETRY_MS = 5000;

let stream;
let due;
let last = 0;
/** What was announced last. */
let told;

/** Follows the loop while somebody looks. */
export function live() {
  if (!document.getElementById("link")) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", () => document.hidden || open());
  if (!document.hidden) open();
}

function say(state, text) {
  const link = document.getElementById("link");
  link.dataset.state = state;
  link.textContent = text;
}

function open() {
  if (stream) return;
  stream = new EventSource(`${base}/api/v1/events`);
  stream.addEventListener("open", () => say("live", "live"));
  // A stream begins with what is so at the moment, which the page mostly says already.
  stream.addEventListener("state", (event) => {
    if (event.data !== document.documentElement.dataset.glance) refresh();
    announce(JSON.parse(event.data));
  });
  stream.addEventListener("cycle", (event) => event.lastEventId !== document.documentElement.dataset.cycle && refresh());
  stream.addEventListener("error", () => {
    say("lost", "not connected");
    // The browser tries again by itself unless it was told that there is no point.
    if (stream?.readyState === EventSource.CLOSED) {
      close();
      setTimeout(() => document.hidden || open(), RETRY_MS);
    }
  });
}

function close() {
  stream?.close();
  stream = undefined;
}

/** Tells those who do not see the page what has changed, and nothing if nothing has. */
function announce(glance) {
  const open = Object.values(glance.violations).reduce((sum, count) => sum + count, 0);
  const parts = [
    glance.paused ? "Paused" : "Not paused",
    `${open} open violations`,
    `${glance.plans_awaiting_approval} plans to decide`,
    `${glance.executions_live} executions under way`,
  ];
  if (glance.executions_needing_operator) parts.push(`${glance.executions_needing_operator} need an operator`);
  const text = parts.join(", ");
  // What is so when somebody comes they read themselves.
  if (told !== undefined && told !== text) document.getElementById("said").textContent = text;
  told = text;
}

/** Asks for the page anew, soon, and not too often. */
export function refresh() {
  if (due) return;
  const wait = Math.max(0, last + REFRESH_EVERY_MS - Date.now());
  due = setTimeout(async () => {
    due = undefined;
    last = Date.now();
    await fetchParts();
  }, wait);
}

async function fetchParts() {
  let answer;
  try {
    answer = await fetch(location.href, { headers: { accept: "text/html" } });
  } catch {
    return say("lost", "not connected");
  }
  // The session has ended, or the page is gone: that is for a whole page to say.
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  setClock(page.documentElement);
  Object.assign(document.documentElement.dataset, page.documentElement.dataset);
  for (const part of page.querySelectorAll("[data-live]")) {
    const here = document.getElementById(part.id);
    if (here) take(here, part);
  }
  tell(document);
  document.dispatchEvent(new CustomEvent("mapek:fresh"));
}

/** Puts one part in the place of what is there, unless somebody is at work in it. */
function take(here, part) {
  if (text(here) === text(part) || isBusy(here)) return;
  const open = [...here.querySelectorAll("details")].map((it) => it.open);
  const held = here.contains(document.activeElement) ? place(here) : undefined;
  const answers = [...here.querySelectorAll("form.act output")].map((it) => [it.closest("form").dataset.act, it.textContent, it.dataset.ok]);
  const scrolled = new Map([...boxes(here)].map(([name, it]) => [name, it.scrollLeft]));
  here.replaceChildren(...part.childNodes);
  here.querySelectorAll("details").forEach((it, i) => (it.open ||= open[i] ?? false));
  for (const [name, it] of boxes(here)) it.scrollLeft = scrolled.get(name) ?? 0;
  for (const [act, said, ok] of answers) {
    const output = said && here.querySelector(`form.act[data-act="${CSS.escape(act)}"] output`);
    if (output) [output.textContent, output.dataset.ok] = [said, ok];
  }
  held?.();
  here.classList.remove("fresh");
  requestAnimationFrame(() => here.classList.add("fresh"));
}

/** What of a part is the server's: neither distances in time nor what was said here. */
function text(part) {
  const copy = part.cloneNode(true);
  for (const time of copy.querySelectorAll("time[data-relative]")) time.textContent = "";
  for (const output of copy.querySelectorAll("output")) output.replaceWith(document.createElement("output"));
  for (const details of copy.querySelectorAll("details")) details.removeAttribute("open");
  return copy.innerHTML;
}

/** Whether somebody writes in it, or waits for an answer: that is not taken away from them. */
function isBusy(here) {
  const chosen = (select) => [...select.options].some((it) => it.selected !== it.defaultSelected);
  const forms = [...here.querySelectorAll("form.act")];
  return forms.some((form) => form.dataset.sending || form.elements.reason?.value || [...form.querySelectorAll("select")].some(chosen));
}

/** What scrolls in a box of its own, by name; those of one name by their order, too. */
function boxes(here) {
  const named = new Map();
  for (const it of here.querySelectorAll(".scroll")) {
    let name = it.ariaLabel;
    while (named.has(name)) name += "+";
    named.set(name, it);
  }
  return named;
}

/** Remembers what has the focus, to give it back. */
function place(here) {
  const focused = document.activeElement;
  if (focused.id) return () => document.getElementById(focused.id)?.focus();
  const box = [...boxes(here)].find(([, it]) => it === focused)?.[0];
  if (box) return () => boxes(here).get(box)?.focus();
  const href = focused.getAttribute("href");
  if (href) return () => here.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
  return undefined;
}
