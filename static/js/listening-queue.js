// The listening queue by keyboard: 1 to 5 rate the clip by the first criterion, "n" brings the next; space plays, as anywhere.

import { isTyping } from "./keys.js";

const queue = document.querySelector("[data-queue]");
const next = queue.querySelector("form[data-next]");
let unsaved = 0;
let leaving = false;

function rate(score) {
  const form = queue.querySelector("form.rating");
  const star = form?.querySelector(`input[name="score"][value="${score}"]`);
  if (!star || leaving) return false;
  star.checked = true;
  star.dispatchEvent(new Event("change", { bubbles: true }));
  const criterion = form.querySelector(".rating-name").textContent.trim();
  queue.querySelector("[data-queue-announce]").textContent = `${criterion}: ${score} of 5.`;
  return true;
}

// A rating is sent a moment after it was chosen: the next clip waits until it has arrived.
queue.addEventListener("change", (event) => {
  if (event.target.matches("form.rating input")) unsaved += 1;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.requestConfig.elt.matches("form.rating")) return; // the form itself has been replaced by then
  unsaved = 0;
  if (leaving && event.detail.successful) next.submit();
  else leaving = false;
});
next.addEventListener("submit", (event) => {
  if (!unsaved) return;
  leaving = true;
  event.preventDefault();
});

// In the capture phase: elsewhere "n" steps to the next player of the page.
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open]")) return;
  if (/^[1-5]$/.test(event.key)) {
    if (!rate(event.key)) return;
  } else if (event.key === "n") {
    next.requestSubmit();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

queue.querySelector("[data-play]")?.focus({ preventScroll: true });
