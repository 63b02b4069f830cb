// Moving about in time, and reading values under the pointer. Pictures are made by the server: each move asks for the page at another address,
// and that address is what people hand on.
import { isShortcut } from "./keys.js";

const base = document.documentElement.dataset.base ?? "";
const SVG = "http://www.w3.org/2000/svg";
/** Moves that follow each other this quickly are one. */
const SETTLE_MS = 140;
/** What the pointer moves before it is a drag. */
const DRAG_PX = 5;
const SHORTEST_MS = 10_000;
const LONGEST_MS = 24 * 3_600_000;

let wanted;
let due;
let asking;
const figures = new Map();

export function timeline() {
  document.addEventListener("pointermove", hover);
  document.addEventListener("pointerleave", () => clear(document));
  const section = document.getElementById("timeline");
  if (!section) return;
  section.addEventListener("wheel", wheel, { passive: false });
  section.addEventListener("pointerdown", press);
  section.addEventListener("dblclick", closer);
  document.addEventListener("keydown", key);
  // Links that only change the time need no new page.
  document.addEventListener("click", follow);
  addEventListener("popstate", () => load(location.href, false));
}

const frame = () => document.querySelector("[data-timeline]");
const picture = (target) => target.closest?.("[data-from][data-to]") && target.closest("svg.area, svg.strip, [data-from] svg svg")?.closest("svg.area, svg.strip");

function seen(within) {
  return [Date.parse(within.dataset.from), Date.parse(within.dataset.to)];
}

/** Where the pointer is across a picture, from 0 to 1. */
function share(event, svg) {
  const box = svg.getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
}

// Moving

/** Shows another span of time, soon. */
function move(from, to) {
  const middle = (from + to) / 2;
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, to - from));
  wanted = [middle - length / 2, middle + length / 2];
  clearTimeout(due);
  due = setTimeout(() => {
    const url = new URL(location.href);
    const [begin, end] = wanted;
    wanted = undefined;
    url.searchParams.set("from", moment(begin));
    url.searchParams.set("to", moment(end));
    load(url, true);
  }, SETTLE_MS);
}

const moment = (ms) => new Date(Math.round(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");

/** The span that moves build on: what is on its way, or what is there. */
const now = () => wanted ?? seen(frame());

function zoom(factor, around = 0.5) {
  const [from, to] = now();
  const middle = from + (to - from) * around;
  move(middle - (middle - from) * factor, middle + (to - middle) * factor);
}

function pan(by) {
  const [from, to] = now();
  move(from + (to - from) * by, to + (to - from) * by);
}

/** Asks for the page at an address, and puts what it shows in the place of what is there. */
async function load(url, push) {
  asking?.abort();
  const own = (asking = new AbortController());
  let answer;
  try {
    answer = await fetch(url, { headers: { accept: "text/html" }, signal: own.signal });
  } catch {
    return;
  }
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const selector of ["#timeline", "nav.zoom", "#shown"]) {
    const [here, there] = [document.querySelector(selector), page.querySelector(selector)];
    // What is open stays open, and who has the focus keeps it.
    if (!here || !there) continue;
    const held = document.activeElement && here.contains(document.activeElement) ? document.activeElement.textContent : undefined;
    const open = [...here.querySelectorAll("details")].map((it) => it.open);
    here.replaceChildren(...there.childNodes);
    here.querySelectorAll("details").forEach((it, i) => (it.open ||= open[i] ?? false));
    if (held) [...here.querySelectorAll("a, summary")].find((it) => it.textContent === held)?.focus();
  }
  if (push) history.replaceState(null, "", url);
  const said = document.getElementById("said");
  const window = document.getElementById("window");
  if (said && window) said.textContent = `Showing ${window.textContent}`;
  document.dispatchEvent(new CustomEvent("mapek:fresh"));
}

function wheel(event) {
  const svg = picture(event.target);
  // Over plots the wheel moves the page, as everywhere, unless Ctrl says otherwise.
  if (!svg || (svg.matches(".area") && !event.ctrlKey && !event.metaKey)) return;
  event.preventDefault();
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / svg.clientWidth);
  else zoom(event.deltaY > 0 ? 1.25 : 0.8, share(event, svg));
}

function press(event) {
  const svg = picture(event.target);
  if (!svg || event.button !== 0 || event.pointerType === "touch" && !event.isPrimary) return;
  const begun = event.clientX;
  const [from, to] = now();
  let dragged = false;
  const shift = (at) => (begun - at) / svg.clientWidth;
  const drag = (event) => {
    dragged ||= Math.abs(event.clientX - begun) > DRAG_PX;
    if (!dragged) return;
    frame().classList.add("moving");
    for (const one of frame().querySelectorAll("svg.area, svg.strip")) {
      for (const part of one.children) part.style.transform = `translateX(${event.clientX - begun}px)`;
    }
  };
  const drop = (event) => {
    removeEventListener("pointermove", drag);
    removeEventListener("pointerup", drop);
    removeEventListener("pointercancel", drop);
    frame().classList.remove("moving");
    if (!dragged || event.type === "pointercancel") return;
    // What was dragged was not meant to be followed.
    const hold = (click) => click.preventDefault();
    addEventListener("click", hold, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", hold, { capture: true }));
    const by = shift(event.clientX) * (to - from);
    move(from + by, to + by);
  };
  addEventListener("pointermove", drag);
  addEventListener("pointerup", drop);
  addEventListener("pointercancel", drop);
  // Neither text nor a link is to be dragged.
  event.preventDefault();
}

function closer(event) {
  const svg = picture(event.target);
  if (svg) zoom(0.4, share(event, svg));
}

function key(event) {
  if (!isShortcut(event)) return;
  const act = {
    ArrowLeft: () => pan(-0.25),
    ArrowRight: () => pan(0.25),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    0: () => goTo({ from: "-6h", to: "now" }),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function goTo(search) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(search)) url.searchParams.set(name, value);
  load(url, true);
}

function follow(event) {
  const link = event.target.closest?.("nav.zoom a, #permalink");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  load(link.href, true);
}

// Reading

/** Shows the moment under the pointer on all pictures of a frame, and the values then. */
async function hover(event) {
  const svg = picture(event.target);
  const within = svg?.closest("[data-from][data-to]");
  if (!within) return clear(document);
  const part = share(event, svg);
  for (const one of within.querySelectorAll("svg.area, svg.strip")) cross(one, part);
  const [from, to] = seen(within);
  const at = from + (to - from) * part;
  const known = await read(within);
  if (!known) return;
  for (const figure of within.querySelectorAll("figure.plot")) {
    const reading = figure.querySelector(".reading");
    if (reading) reading.textContent = told(known, figure.dataset.value, at);
  }
}

function cross(svg, part) {
  let line = svg.querySelector(":scope > .cross");
  if (!line) {
    line = document.createElementNS(SVG, "line");
    line.setAttribute("class", "cross");
    line.setAttribute("y1", "0");
    line.setAttribute("y2", "100%");
    svg.append(line);
  }
  for (const end of ["x1", "x2"]) line.setAttribute(end, `${part * 100}%`);
}

function clear(within) {
  for (const line of within.querySelectorAll(".cross")) line.remove();
  for (const reading of within.querySelectorAll(".plot .reading")) reading.textContent = "";
}

/** The figures behind a frame's pictures: asked for once. */
function read(within) {
  const names = [...within.querySelectorAll("figure.plot")].map((it) => it.dataset.value).filter(Boolean);
  if (!names.length) return undefined;
  const query = new URLSearchParams([["from", within.dataset.from], ["to", within.dataset.to], ...names.map((it) => ["value", it])]);
  const url = `${base}/api/v1/history?${query}`;
  if (!figures.has(url)) {
    // A page that follows the loop asks for many; what is no longer shown is let go of.
    if (figures.size > 8) figures.clear();
    figures.set(url, ask(url));
  }
  return figures.get(url);
}

async function ask(url) {
  try {
    const answer = await fetch(url);
    if (!answer.ok) return undefined;
    const history = await answer.json();
    return { ...history, times: history.at.map((it) => Date.parse(it)) };
  } catch {
    return undefined;
  }
}

function told({ times, values, step, cycles }, name, at) {
  const value = values[name];
  if (!value || !times.length) return "";
  // In a bucket, what it holds; else the nearest cycle.
  let place = times.findLastIndex((it) => it <= at);
  if (place < 0) place = 0;
  if (step === null && place + 1 < times.length && times[place + 1] - at < at - times[place]) place += 1;
  const clock = new Date(times[place]).toISOString().slice(11, 19);
  const [low, high] = [value.min[place], value.max[place]];
  if (low === null || cycles.first[place] === null) return `${clock} not known`;
  const unit = value.unit && value.unit !== "share" ? ` ${value.unit}` : "";
  const number = (it) => (value.unit === "share" ? `${short(it * 100)} %` : `${short(it)}${unit}`);
  return low === high ? `${clock}  ${number(low)}` : `${clock}  ${number(low)} to ${number(high)}`;
}

const short = (value) => String(Number(value.toPrecision(4)));
