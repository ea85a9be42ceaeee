// Loads the newest refusals again while somebody follows them: for five minutes, so that no session stays open alone.
"use strict";

const EVERY_MS = 5000;
const ROUNDS = 60;
const button = document.querySelector("[data-follow]");
const said = document.querySelector("[data-following]");
let left = 0;

async function again() {
  const answer = await fetch("/refusals", { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("#newest").replaceWith(document.adoptNode(page.querySelector("#newest")));
}

function stop(words) {
  left = 0;
  said.textContent = words;
  button.textContent = "Follow for five minutes";
}

async function turn() {
  if (left <= 0) return;
  left -= 1;
  try {
    await again();
    if (left > 0) setTimeout(turn, EVERY_MS);
    else stop("Not followed any more.");
  } catch {
    stop("It broke off. Load the page again.");
  }
}

button.hidden = false;
button.addEventListener("click", () => {
  if (left > 0) {
    stop("Stopped.");
    return;
  }
  left = ROUNDS;
  button.textContent = "Stop";
  said.textContent = "Following.";
  turn();
});
