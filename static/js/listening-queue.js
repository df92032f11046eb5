// A turn on Listen by keyboard (templates/feedback/_turn.html): 1 to 5 rate the clip, "n" brings the next, "u" takes the last
// answer back, on pairs too. Everything is found when it is needed, so a turn that is swapped in later works as well.

import { isTyping } from "./keys.js";
import "./own-player.js";
import { gettext, interpolate } from "./words.js";

let met = null; // the turn whose player was given the focus
const unsaved = new Set(); // controls of the turn that were changed, and whose answer is not stored yet
let leaving = false;

function rate(score) {
  const turn = document.querySelector("[data-turn]");
  const star = turn?.querySelector(`[data-stars] input[value="${score}"]`);
  if (!star) return false;
  star.checked = true;
  star.dispatchEvent(new Event("change", { bubbles: true }));
  const criterion = turn.querySelector("[data-stars] .rating-name").textContent.trim();
  const words = interpolate(gettext("%(criterion)s: %(score)s of 5."), { criterion, score }, true);
  turn.querySelector("[data-turn-announce]").textContent = words;
  return true;
}

function press(selector) {
  const button = document.querySelector(selector);
  button?.click();
  return Boolean(button);
}

// What was chosen is sent at once, or a moment later: the next clip waits until it has arrived.
document.addEventListener("change", (event) => {
  const control = event.target.closest("[data-turn] [hx-trigger*=change]");
  if (control) unsaved.add(control);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!unsaved.delete(event.detail.requestConfig.elt) || !leaving || unsaved.size) return;
  leaving = false;
  if (event.detail.successful) document.querySelector("form[data-next-turn]")?.requestSubmit();
});
document.addEventListener("submit", (event) => {
  for (const control of unsaved) if (!control.isConnected) unsaved.delete(control);
  if (!event.target.matches("form[data-next-turn]") || !unsaved.size) return;
  leaving = true;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });

// In the capture phase: elsewhere "n" steps to the next clip of the page.
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open]")) return;
  let done = false;
  if (/^[1-5]$/.test(event.key)) done = rate(event.key);
  else if (event.key === "n") done = press("[data-turn] [data-key=n]");
  else if (event.key === "u") done = press("[data-undo] button");
  if (!done) return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

function refresh() {
  const turn = document.querySelector("[data-turn]");
  if (turn === met) return;
  met = turn;
  turn?.querySelector("[data-play]").focus({ preventScroll: true });
}

document.addEventListener("htmx:afterSettle", refresh);
refresh();
