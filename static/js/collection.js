// The order of a collection (templates/generation/collection.html): a clip is dragged by its grip with mouse, pen or finger, or
// moved by Alt with an arrow and by its buttons. The order is sent after each move; one that is refused is taken back.

import { isTyping } from "./keys.js";
import { gettext, interpolate } from "./words.js";

const list = () => document.querySelector("[data-order]");
const items = () => [...(list()?.querySelectorAll(":scope > [data-item]") ?? [])];
const orderForm = () => document.querySelector("[data-order-form]");

let dragged = null;
let following = null; // of the pointer while something is dragged
let stored = items(); // the order that the studio knows

function say(words) {
  const status = document.querySelector("[data-order-status]");
  if (status) status.textContent = words;
}

/** Put `item` before `other` (null: last). What sounds goes on where the browser can move a thing without taking it out. */
function place(item, other) {
  if (list().moveBefore) list().moveBefore(item, other);
  else list().insertBefore(item, other);
}

function announce(item) {
  const all = items();
  const values = { name: item.dataset.name, place: all.indexOf(item) + 1, all: all.length };
  say(interpolate(gettext("%(name)s: place %(place)s of %(all)s"), values));
}

function send() {
  const form = orderForm();
  const fields = items().map((item) => {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "order";
    field.value = item.dataset.item;
    return field;
  });
  form.replaceChildren(...fields);
  form.dispatchEvent(new Event("keep-order"));
}

function move(item, by) {
  const all = items();
  const to = all.indexOf(item) + by;
  if (to < 0 || to >= all.length) return false;
  const focused = document.activeElement;
  place(item, by < 0 ? all[to] : all[to].nextElementSibling);
  if (item.contains(focused)) focused.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
  announce(item);
  send();
  return true;
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.requestConfig.elt !== orderForm()) return;
  if (event.detail.successful) {
    window.htmx.trigger(list(), "htmx:afterSettle"); // whoever counts what follows what looks again
    return;
  }
  for (const item of stored) place(item, null);
  say(gettext("The order could not be kept; it is as it was."));
});

// -- keys and buttons ------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || isTyping(event)) return;
  const item = event.target.closest?.("[data-order] > [data-item]");
  if (!item || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  event.stopPropagation();
  move(item, by);
}, { capture: true });

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  // At the edge of this page of the list the form is sent: the clip goes on to the next one.
  if (button && move(button.closest("[data-item]"), Number(button.dataset.move))) event.preventDefault();
});

// -- dragging --------------------------------------------------------------------------------------------------------------

function drag(event) {
  const others = items().filter((item) => item !== dragged);
  const below = others.find((item) => {
    const box = item.getBoundingClientRect();
    return event.clientY < box.top + box.height / 2;
  });
  if (dragged.nextElementSibling !== (below ?? null)) place(dragged, below ?? null);
  const edge = 64;
  if (event.clientY < edge) window.scrollBy(0, -12);
  else if (event.clientY > innerHeight - edge) window.scrollBy(0, 12);
}

function drop(event) {
  const item = dragged;
  dragged = null;
  following.abort();
  item.removeAttribute("data-dragged");
  if (event.type === "pointercancel") {
    for (const other of stored) place(other, null);
    return;
  }
  if (items().every((other, at) => other === stored[at])) return;
  announce(item);
  send();
}

document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest("[data-grip]");
  if (!grip || event.button !== 0 || dragged) return;
  event.preventDefault();
  dragged = grip.closest("[data-item]");
  dragged.dataset.dragged = "";
  following = new AbortController();
  document.addEventListener("pointermove", drag, { signal: following.signal });
  document.addEventListener("pointerup", drop, { signal: following.signal });
  document.addEventListener("pointercancel", drop, { signal: following.signal });
});

document.addEventListener("htmx:afterSettle", () => {
  stored = items();
});
