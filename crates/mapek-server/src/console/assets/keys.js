// Shortcuts, and light or dark. A key counts only where nobody writes.

const GO_WITHIN_MS = 1500;

let going = 0;

export function keys() {
  document.addEventListener("keydown", press);
  document.getElementById("help")?.addEventListener("click", help);
}

function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, dialog[open]")) return;
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
