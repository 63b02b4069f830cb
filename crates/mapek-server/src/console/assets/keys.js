// Shortcuts, and light or dark. A key counts only where nobody writes.

const GO_WITHIN_MS = 1500;

const KEPT = "mapek-keys";

let going = 0;
/** Whether single keys are shortcuts. Who steers by voice, or hits keys by mistake, switches that off. */
let single = true;

export function keys() {
  try {
    single = localStorage.getItem(KEPT) !== "off";
  } catch {
    // They are on.
  }
  document.addEventListener("keydown", press);
  document.getElementById("help")?.addEventListener("click", help);
  const box = document.getElementById("single-keys");
  if (!box) return;
  box.checked = single;
  box.addEventListener("change", () => choose(box.checked));
}

function choose(on) {
  single = on;
  try {
    localStorage.setItem(KEPT, on ? "on" : "off");
  } catch {
    // It lasts as long as the page.
  }
}

/** Whether a key is meant as a shortcut: nobody writes, and no other key is held. */
export function isShortcut(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.target.closest?.("input, textarea, select, dialog[open]")) return false;
  return single || event.key.length > 1;
}

function press(event) {
  if (!isShortcut(event)) return;
  if (Date.now() < going) {
    going = 0;
    const link = document.querySelector(`nav a[data-go="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
      return;
    }
  }
  const act = { g: () => (going = Date.now() + GO_WITHIN_MS), "?": help, d: switchTheme, p: toSwitch }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
}

function help() {
  document.getElementById("keys")?.showModal();
}

/** To the pause switch, wherever one is. */
function toSwitch() {
  const box = document.getElementById("pause");
  if (!box) {
    location.href = `${document.documentElement.dataset.base ?? ""}/#pause`;
    return;
  }
  box.scrollIntoView({ block: "center" });
  (box.querySelector("input:not([type=hidden]):enabled") ?? box).focus();
}

/** Changes between light and dark, and remembers it. */
export function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("mapek-theme", root.dataset.theme);
  } catch {
    // It lasts as long as the page.
  }
}
