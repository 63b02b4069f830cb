// Runs before anything is painted. What a person chose counts before what the system prefers.
"use strict";
try {
  const chosen = localStorage.getItem("mapek-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the system's preference counts.
}
