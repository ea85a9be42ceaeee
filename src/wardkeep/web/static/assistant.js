// Streams an answer into the page. Without this script the same form answers whole.
"use strict";

async function streamed(form, out, problem) {
  const fields = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.dataset.stream, { method: "POST", body: fields, credentials: "same-origin" });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    held += value;
    const events = held.split("\n\n");
    held = events.pop();
    for (const event of events) {
      const told = JSON.parse(event.slice(6));
      if (told.text) out.append(told.text);
      if (told.refused) problem.textContent = told.refused;
      if (told.to) window.location.assign(told.to);
    }
  }
}

for (const form of document.querySelectorAll("form[data-stream]")) {
  form.addEventListener("submit", (event) => {
    if (!event.submitter || event.submitter.value !== "send") return;
    // A file that was just chosen is looked at first, which is the form's own way.
    const file = form.querySelector("input[type=file]");
    if (file && file.files.length) return;
    event.preventDefault();
    const out = form.querySelector("[data-answer]");
    const problem = form.querySelector("[data-problem]");
    out.textContent = problem.textContent = "";
    event.submitter.disabled = true;
    streamed(form, out, problem)
      .catch((error) => { problem.textContent = `The answer broke off: ${error.message}`; })
      .finally(() => { event.submitter.disabled = false; });
  });
}
