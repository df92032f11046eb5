// Copy buttons: data-copy holds the text, or data-copy-from a selector of the element that holds it.

import { gettext } from "./words.js";

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // pages served without TLS have no clipboard API
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy refused");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  const label = button.querySelector("[data-copy-label]");
  label.dataset.words ??= label.textContent;
  const before = label.dataset.words;
  try {
    await write(button.dataset.copy || source?.value || source?.textContent.trim() || "");
    label.textContent = gettext("Copied");
  } catch {
    label.textContent = gettext("Select and copy by hand");
  }
  label.setAttribute("role", "status");
  setTimeout(() => { label.textContent = before; }, 2000);
});
