// A turn on Listen by keyboard (templates/feedback/_turn.html): 1 to 5 rate the clip, "n" brings the next, "u" takes the last
// answer back, on pairs too. Everything is found when it is needed, so a turn that is swapped in later works as well.

import { isTyping } from "./keys.js";
import "./own-player.js";
import { gettext, interpolate } from "./words.js";

let met = null; // the turn whose player was given the focus

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
