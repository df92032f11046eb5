// One line above the editor that says what was replaced, with a button that brings it back.

import { gettext } from "./words.js";

let restore = null;

export function offerUndo(form, words, bringBack, { focus = true } = {}) {
  const line = form.querySelector("[data-undo-line]");
  if (!line) return;
  const text = document.createElement("span");
  text.id = "undo-words";
  text.textContent = words;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link-button";
  button.dataset.undo = "";
  button.setAttribute("aria-describedby", "undo-words");
  button.textContent = gettext("Undo");
  line.replaceChildren(text, " ", button);
  restore = bringBack;
  if (focus) button.focus({ preventScroll: true });
}

export function forgetUndo() {
  restore = null;
  for (const line of document.querySelectorAll("[data-undo-line]")) line.replaceChildren();
}

document.addEventListener("click", (event) => {
  const form = event.target.closest("[data-undo]")?.form;
  if (!form || !restore) return;
  const bringBack = restore;
  forgetUndo();
  bringBack(form);
  form.elements.namedItem("text")?.focus({ preventScroll: true });
});
