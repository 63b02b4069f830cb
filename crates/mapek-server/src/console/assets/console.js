// What moves on a page. Without any of it a page is whole; it only stands still.
import { acts } from "./act.js";
import { keys, switchTheme } from "./keys.js";
import { live } from "./live.js";
import { clocks } from "./time.js";
import { timeline } from "./timeline.js";

clocks();
keys();
acts();
live();
timeline();
document.getElementById("theme")?.addEventListener("click", switchTheme);
