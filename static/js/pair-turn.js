// A pair by keyboard (templates/feedback/_pair.html, templates/training/rounds/judge.html): 1 and 2 play a clip from where
// the other one is, keys that buttons name answer. Switching and playing are those of compare.js.

import { isTyping } from "./keys.js";

function hear(number) {
  const comparison = document.querySelector("[data-compare]");
  comparison.querySelectorAll("[data-switch]")[number - 1].click();
  if (!comparison.hasAttribute("data-playing")) comparison.querySelector("[data-play]").click();
}

// One answer a page: a key that is pressed twice must not answer the pair that comes next. In the capture phase, before
// anybody who would send the form another way.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-answer]")) return;
  if ("answered" in event.target.dataset) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  event.target.dataset.answered = "";
}, { capture: true });
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-answer]")) delete form.dataset.answered;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful && event.target.matches?.("form[data-answer]")) delete event.target.dataset.answered;
});

// In the capture phase: elsewhere the arrows seek, and "n" steps to the next player of the page.
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const form = document.querySelector("form[data-answer]");
  if (!form || document.querySelector("dialog[open]")) return;
  const answer = form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (event.key === "1" || event.key === "2") hear(Number(event.key));
  else if (answer) answer.click();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });
