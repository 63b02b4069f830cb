// Acting: a form is sent to the API as JSON, and what the API says is shown where it was sent from.
import { refresh } from "./live.js";

/** Sends forms that act, those that come later too. */
export function acts() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form.act");
    if (!form) return;
    event.preventDefault();
    if (!form.dataset.sending) send(form, event.submitter);
  });
}

async function send(form, pressed) {
  const fields = Object.fromEntries([...new FormData(form, pressed)].filter(([, value]) => value !== ""));
  const say = (ok, text) => {
    const output = form.querySelector("output");
    output.dataset.ok = ok ? "yes" : "no";
    output.textContent = text;
  };
  form.dataset.sending = "yes";
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fields),
    });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      form.reset();
      const done = said.said ?? form.dataset.done;
      say(said.accepted ?? true, done);
      told(done);
    } else {
      say(false, said.detail ?? `It was not done (${answer.status}).`);
    }
  } catch {
    say(false, "The server cannot be reached; nothing was done, as far as can be told from here.");
  } finally {
    delete form.dataset.sending;
    refresh();
  }
}

/** Says it where it stays, for the form may go with what was done. */
function told(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}
