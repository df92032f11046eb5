// Ranking by dragging, buttons and arrow keys (templates/feedback/_ranking.html), and tags on a part of a sample: drawn
// on the waveform of its player while the fold "On a part" is open (_tags.html), and shown there. Everything also works by
// typing.

import { chooseTag, isChosen } from "./tag-search.js";
import { gettext, interpolate } from "./words.js";

// -- ranking: the order of the rows is what the hidden selects say ------------------------------------------------------

function rowsOf(form) {
  return [...form.querySelectorAll("[data-row]")];
}

function renumber(form, moved) {
  const rows = rowsOf(form);
  rows.forEach((row, index) => {
    row.querySelector("select").value = String(index + 1);
    row.querySelector("[data-up]").disabled = index === 0;
    row.querySelector("[data-down]").disabled = index === rows.length - 1;
  });
  if (moved) form.querySelector("[data-announce]").textContent = interpolate(
    gettext("%(name)s: place %(place)s of %(places)s"),
    { name: moved.dataset.name, place: rows.indexOf(moved) + 1, places: rows.length },
  );
}

function move(row, by) {
  const form = row.closest("[data-ranking]");
  const rows = rowsOf(form);
  const other = rows[rows.indexOf(row) + by];
  if (!other) return;
  const focused = document.activeElement;
  if (by < 0) other.before(row);
  else other.after(row);
  renumber(form, row);
  const twin = focused.matches?.("[data-up]") ? "[data-down]" : "[data-up]";
  (focused.disabled ? row.querySelector(twin) : focused).focus();
}

function drag(event) {
  const row = event.target.closest("[data-row]");
  if (event.target.closest("button, select, a") || event.button !== 0) return;
  if (event.pointerType !== "mouse" && !event.target.closest("[data-handle]")) return; // elsewhere a finger scrolls
  event.preventDefault();
  const form = row.closest("[data-ranking]");
  row.toggleAttribute("data-dragged", true);
  const follow = ({ clientY }) => {
    const others = rowsOf(form).filter((other) => other !== row);
    const next = others.find((other) => {
      const box = other.getBoundingClientRect();
      return clientY < box.top + box.height / 2;
    });
    if (next) {
      if (next.previousElementSibling !== row) next.before(row);
    } else if (row.parentElement.lastElementChild !== row) row.parentElement.append(row);
  };
  const drop = () => {
    row.removeAttribute("data-dragged");
    document.removeEventListener("pointermove", follow);
    document.removeEventListener("pointerup", drop);
    document.removeEventListener("pointercancel", drop);
    renumber(form, row);
  };
  document.addEventListener("pointermove", follow);
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);
}

// -- parts of a sample ---------------------------------------------------------------------------------------------------

/** The layer over a player's waveform on which parts are drawn; none where the sample has no player on the page. */
function layerOf(sample) {
  const id = CSS.escape(sample);
  const player = document.querySelector(`[data-player="${id}"], [data-own-player="${id}"]`);
  if (!player?.querySelector("[data-wave]")) return null;
  let layer = player.querySelector(":scope > [data-spans]");
  if (!layer) {
    layer = document.createElement("div");
    layer.className = "player-spans";
    layer.dataset.spans = sample;
    player.append(layer);
  }
  return layer;
}

function durationOf(layer) {
  return Number(layer.parentElement.dataset.duration);
}

function mark(layer, start, end, className, words) {
  const box = document.createElement("span");
  box.className = className;
  box.textContent = words;
  const duration = durationOf(layer);
  box.style.left = `${(100 * start) / duration}%`;
  box.style.width = `${(100 * (end - start)) / duration}%`;
  layer.append(box);
}

function showSpans() {
  for (const old of document.querySelectorAll(".player-span")) old.remove();
  for (const { dataset } of document.querySelectorAll("[data-feedback-panel] [data-span-of]")) {
    const layer = layerOf(dataset.spanOf);
    if (layer) mark(layer, Number(dataset.start), Number(dataset.end), "player-span", dataset.name);
  }
  showPart();
}

const partForms = () => document.querySelectorAll("[data-span-form]");
const isOpen = (form) => form.querySelector("[data-part]").open;

/** The part that stands in the fields of a form; null while there is none. */
function partOf(form) {
  const [start, end] = [form.elements.start, form.elements.end].map(({ value }) => (value === "" ? NaN : Number(value)));
  return start < end ? [start, end] : null;
}

/** Where the fold is open its waveform can be drawn on, and the part in the fields stands there. */
function showPart() {
  for (const old of document.querySelectorAll(".player-span-new")) old.remove();
  for (const form of partForms()) {
    const layer = layerOf(form.dataset.spanForm);
    layer?.toggleAttribute("data-drawing", isOpen(form));
    const part = isOpen(form) ? partOf(form) : null;
    if (layer && part) mark(layer, part[0], Math.min(part[1], durationOf(layer)), "player-span-new", "");
    sayPart(form, part);
  }
}

function sayPart(form, part) {
  let words = part ? gettext("Now pick a tag.") : gettext("Drag on the waveform, then pick a tag.");
  const tag = form.elements.name.value.trim();
  if (tag && !part) words = interpolate(gettext("“%(tag)s”: drag on the waveform."), { tag }, true);
  const line = form.querySelector("[data-part-words]");
  if (line.textContent !== words) line.textContent = words;
}

function toggled(form) {
  if (!isOpen(form)) form.elements.start.value = form.elements.end.value = "";
  showPart();
  if (isOpen(form)) layerOf(form.dataset.spanForm)?.scrollIntoView({ block: "nearest" });
}

function draw(event) {
  const layer = event.target.closest("[data-drawing]");
  if (!layer) return;
  event.preventDefault();
  const form = document.querySelector(`[data-span-form="${CSS.escape(layer.dataset.spans)}"]`);
  const duration = durationOf(layer);
  const at = ({ clientX }) => {
    const box = layer.getBoundingClientRect();
    return duration * Math.min(1, Math.max(0, (clientX - box.left) / box.width));
  };
  const from = at(event);
  layer.setPointerCapture(event.pointerId);
  const follow = (moved) => {
    const to = at(moved);
    form.elements.start.value = Math.min(from, to).toFixed(2);
    form.elements.end.value = Math.max(from, to).toFixed(2);
    showPart();
  };
  const stop = () => {
    layer.removeEventListener("pointermove", follow);
    if (partOf(form) && isChosen(form)) form.requestSubmit();
    else if (event.pointerType === "mouse") form.elements.name.focus(); // a phone's keyboard would cover the chips
  };
  layer.addEventListener("pointermove", follow);
  layer.addEventListener("pointerup", stop, { once: true });
  layer.addEventListener("pointercancel", stop, { once: true });
}

// -- one score, asked in several places --------------------------------------------------------------------------------

/** What is chosen in one place is chosen in the others: the row of a clip, its page, the panel. */
function scoreEverywhere(star) {
  const { scores } = star.closest("[data-scores]").dataset;
  for (const form of document.querySelectorAll(`[data-scores="${CSS.escape(scores)}"]`)) {
    const same = form.querySelector(`[name=score][value="${CSS.escape(star.value)}"]`);
    if (same) same.checked = true;
  }
}

// -- wiring --------------------------------------------------------------------------------------------------------------

function refresh() {
  for (const form of document.querySelectorAll("[data-ranking]:not([data-ready])")) {
    form.dataset.ready = "";
    renumber(form);
  }
  if (document.querySelector("[data-feedback-panel]")) showSpans();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-ranking] :is([data-up], [data-down])");
  if (button) move(button.closest("[data-row]"), button.matches("[data-up]") ? -1 : 1);
});
// A chip that is pressed while a part is being drawn is meant for the part; it is not ticked.
document.addEventListener("click", (event) => {
  const box = event.target.closest(".tag-chip input");
  const form = box?.closest("[data-tags]").querySelector("[data-span-form]");
  if (!form || !isOpen(form)) return;
  event.preventDefault();
  chooseTag(form, box.value.replaceAll("_", " "));
});
document.addEventListener("tag-chosen", (event) => {
  if (!isOpen(event.target) || partOf(event.target)) return;
  event.preventDefault();
  showPart();
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches("[data-part]")) toggled(event.target.closest("[data-span-form]"));
}, { capture: true });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented) for (const form of partForms()) form.querySelector("[data-part]").open = false;
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const row = by && event.target.closest?.("[data-ranking] :is([data-up], [data-down])")?.closest("[data-row]");
  if (!row) return;
  event.preventDefault();
  move(row, by);
});
document.addEventListener("pointerdown", (event) => {
  if (event.target.closest("[data-ranking] [data-row]")) drag(event);
  else draw(event);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-scores] [name=score]")) scoreEverywhere(event.target);
});
document.addEventListener("input", (event) => {
  if (event.target.closest("[data-span-form]")) showPart();
});
document.addEventListener("htmx:afterSettle", refresh);
document.addEventListener("htmx:oobAfterSwap", refresh);
refresh();
