// What axe-core does not look at: a list of sentences, empty if nothing is wrong.
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
for (const element of all("th")) if (!element.scope) say("a header heads nothing", element);

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
