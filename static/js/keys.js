// "g" and a letter opens a section, "?" lists all keys. Nothing happens while something is being typed.

import { openDialog } from "./dialogs.js";

const SEQUENCE_MS = 1500;
let goPressedAt = -Infinity;

export function isTyping(event) {
  const target = event.target;
  if (!(target instanceof Element)) return false;
  return target.isContentEditable || target.closest("input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (event.key === "?") {
    event.preventDefault();
    openDialog(document.getElementById("keys"));
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (performance.now() - goPressedAt < SEQUENCE_MS) {
    goPressedAt = -Infinity;
    const link = document.querySelector(`.nav a[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (link) {
      event.preventDefault();
      event.stopImmediatePropagation();
      link.click();
    }
    return;
  }
  if (event.key === "g") goPressedAt = performance.now();
}, { capture: true });
