// What axe-core does not look at, or leaves to people: a list of sentences, empty if nothing is wrong.
const wrong = [];
const say = (what, element) => {
  const of = element ? `: ${element.outerHTML.replace(/\s+/g, " ").slice(0, 160)}` : "";
  wrong.push(what + of);
};
const seen = (element) => {
  if (!element.checkVisibility({ visibilityProperty: true })) return false;
  const box = element.getBoundingClientRect();
  return box.width > 1 && box.height > 1;
};
const all = (selector) => [...document.querySelectorAll(selector)];
const named = (element) => {
  const by = element.getAttribute("aria-labelledby");
  if (by) return by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
  return (element.getAttribute("aria-label") ?? "").trim();
};

// Names.
for (const element of all("section")) if (element.childElementCount && !named(element)) say("a section has no name", element);
for (const element of all("svg")) {
  if (element.getAttribute("aria-hidden") !== "true" && !(["img", "group"].includes(element.getAttribute("role")) && (named(element) || element.querySelector("title")))) say("a picture has no words", element);
}
const ids = new Set();
for (const element of all("[id]")) {
  if (ids.has(element.id)) say("an id is there twice", element);
  ids.add(element.id);
}
if (all("h1").length !== 1) say("there is not one h1");
for (const element of all("th")) if (!element.scope) say("a header heads nothing", element);

// Contrast of all that is read: axe-core leaves short words and those in pictures to people.
const parse = (text) => {
  const parts = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
  return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
};
const over = (top, below) => top.rgb.map((value, i) => value * top.alpha + below[i] * (1 - top.alpha));
const behind = (element) => {
  const layers = [];
  for (let it = element; it; it = it.parentElement) layers.push(parse(getComputedStyle(it).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let read = 0;
for (let node = texts.nextNode(); node; node = texts.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || element.closest("script, noscript, dialog:not([open])") || element.closest(":disabled") || !seen(element)) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const background = behind(element);
  const got = ratio(over(parse(style.color), background), background);
  read += 1;
  if (got < (large ? 3 : 4.5)) say(`a contrast of ${got.toFixed(2)}`, element);
}
if (read < 5) say("there is nothing to read");

// Nothing is wider than the window, but for what scrolls in a box of its own.
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) {
  const wide = all("body *").filter((it) => it.getBoundingClientRect().right > width + 1 && !it.parentElement.closest(".scroll, .top nav"));
  say(`the page is ${document.documentElement.scrollWidth} wide in a window of ${width}`, wide.at(-1));
}

// What is read stays within its box; pictures cut off what does not fit into them.
for (const box of all("section, article, .switch").filter(seen)) {
  const right = box.getBoundingClientRect().right + 1;
  const out = [...box.querySelectorAll("*")].find((it) => seen(it) && it.getBoundingClientRect().right > right && !it.closest(".scroll, svg"));
  if (out) say("it sticks out of its box", out);
}

// What can be pressed is large enough to be hit, with whatever room around it.
for (const element of all("button, input:not([type=hidden])").filter(seen)) {
  const box = element.getBoundingClientRect();
  if (box.height < 24 || box.width < 24) say("too small to hit", element);
}
return wrong;
