// Choosing clips in a list (templates/generation/_selection.html): by their boxes, a range with Shift, by keys. Everything is
// found when it is needed, so a list that is swapped in later works as well.

import { openQuestion } from "./dialogs.js";
import { isTyping } from "./keys.js";
import { gettext, interpolate, ngettext } from "./words.js";

const FEWEST = 2;
const MOST = 10;
const KEPT = "chosen clips";
const ROW = ".sample-row";

let anchor = null; // the box ticked last, from which a range reaches
let shift = false;
let told = 0; // how many were chosen when it was said last

const form = () => document.querySelector("[data-selection]");
const boxes = () => [...document.querySelectorAll("[data-pick]")];
const chosen = () => boxes().filter((box) => box.checked);
const boxOf = (element) => element?.closest?.(ROW)?.querySelector("[data-pick]");

function refresh() {
  if (!form()) return;
  const count = chosen().length;
  const words = interpolate(ngettext("%(n)s chosen", "%(n)s chosen", count), { n: count });
  form().querySelector("[data-compare-count]").textContent = count ? words : "";
  const compare = form().querySelector("[data-compare-button]");
  compare.disabled = count < FEWEST || count > MOST;
  compare.title = compare.disabled
    ? interpolate(gettext("Compare: choose %(fewest)s to %(most)s clips of one prompt"), { fewest: FEWEST, most: MOST })
    : gettext("Compare");
  if (count !== told) {
    form().querySelector("[data-selection-status]").textContent = count ? words : gettext("Nothing chosen");
    told = count;
  }
}

function choose(box, on) {
  box.checked = on;
  anchor = box;
}

/** Everything between the last box and this one becomes what this one is. */
function chooseRange(box, on) {
  const all = boxes();
  const from = anchor?.isConnected ? all.indexOf(anchor) : -1;
  const to = all.indexOf(box);
  const range = from < 0 ? [box] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const other of range) other.checked = on;
  anchor = box;
}

function clear() {
  for (const box of chosen()) box.checked = false;
  anchor = null;
  refresh();
}

function collect(ids) {
  const address = new URL(form().querySelector("[data-collect]").formAction);
  for (const id of ids) address.searchParams.append("ids", id);
  openQuestion(address.href);
}

document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-pick]");
  if (box) {
    if (event.shiftKey || shift) chooseRange(box, box.checked);
    else choose(box, box.checked);
    refresh();
  }
  if (event.target.closest("[data-clear-selection]")) clear();
  if (event.target.closest("[data-collect]") && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    collect(chosen().map((other) => other.value));
  }
});

// Text between two clicks with Shift is not marked.
document.addEventListener("mousedown", (event) => {
  if (event.shiftKey && event.target.closest(".sample-pick")) event.preventDefault();
});

function key(event) {
  const row = event.target.closest?.(ROW);
  const box = boxOf(row);
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && !event.altKey) {
    if (!event.target.closest?.("[data-playlist]")) return false;
    for (const other of boxes()) other.checked = true;
  } else if (event.ctrlKey || event.metaKey || event.altKey) return false;
  else if (event.key === "Escape" && chosen().length) clear();
  else if (event.key === "x" && box) choose(box, !box.checked);
  else if (event.key === " " && event.shiftKey && box && !event.target.closest("button, summary, [role=slider]")) {
    chooseRange(box, !box.checked);
  } else if (event.key === "c" && (chosen().length || box)) {
    collect(chosen().length ? chosen().map((other) => other.value) : [box.value]);
  } else return false;
  refresh();
  return true;
}

// In the capture phase: elsewhere the space bar plays.
document.addEventListener("keydown", (event) => {
  shift = event.shiftKey;
  if (event.defaultPrevented || isTyping(event) || !form() || document.querySelector("dialog[open], details[data-menu][open]")) return;
  if (!key(event)) return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });
document.addEventListener("keyup", (event) => {
  shift = event.shiftKey;
  // A box that has the focus is ticked when the space bar is let go, which Shift has done already.
  if (event.key === " " && event.shiftKey && event.target.matches?.("[data-pick]")) event.preventDefault();
}, { capture: true });

// What was chosen is chosen still after one of the buttons has led back here.
const place = () => location.pathname + location.search;
document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ place: place(), ids: chosen().map((box) => box.value) }));
  } catch { /* storage is off: the boxes are empty then */ }
});

function bringBack() {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(KEPT));
    sessionStorage.removeItem(KEPT);
  } catch { /* storage is off */ }
  if (kept?.place !== place()) return;
  for (const box of boxes()) box.checked = kept.ids.includes(box.value);
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-pick]")) refresh();
});
document.addEventListener("htmx:afterSettle", refresh);
window.addEventListener("pageshow", refresh);
document.addEventListener("page-arrived", () => {
  bringBack();
  refresh();
});
bringBack();
refresh();
