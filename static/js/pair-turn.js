// A pair by keyboard (templates/feedback/_pair.html, templates/training/rounds/judge.html): 1 and 2 play a clip from where
// the other one is, keys that buttons name answer. Switching and playing are those of compare.js.

import { isTyping } from "./keys.js";

const comparison = document.querySelector("[data-compare]");
const form = document.querySelector("form[data-answer]");
let answered = false;

function hear(number) {
  comparison.querySelectorAll("[data-switch]")[number - 1].click();
  if (!comparison.hasAttribute("data-playing")) comparison.querySelector("[data-play]").click();
}

// One answer a page: a key that is pressed twice must not answer the pair that comes next.
form.addEventListener("submit", (event) => {
  if (answered) event.preventDefault();
  answered = true;
});
addEventListener("pageshow", () => {
  answered = false;
});

// In the capture phase: elsewhere the arrows seek, and "n" steps to the next player of the page.
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open]")) return;
  const answer = form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (event.key === "1" || event.key === "2") hear(Number(event.key));
  else if (answer) answer.click();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });
