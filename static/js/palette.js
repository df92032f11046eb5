// The palette (templates/components/palette.html): Ctrl K or its button opens it, arrows move, Enter opens. The focus stays
// in the field; aria-activedescendant says which row is meant. Delegated: the list is replaced with every letter.

import { openDialog } from "./dialogs.js";
import { setTheme } from "./theme.js";
import { interpolate, ngettext } from "./words.js";

const palette = () => document.getElementById("palette");
const field = () => palette().querySelector("[role=combobox]");
const rows = () => [...palette().querySelectorAll("[role=option]")];

function open() {
  if (!palette() || document.querySelector("dialog[open]")) return false;
  openDialog(palette());
  field().value = "";
  field().focus();
  field().dispatchEvent(new Event("palette-open"));
  return true;
}

function choose(row) {
  for (const other of rows()) other.setAttribute("aria-selected", String(other === row));
  if (!row) {
    field().removeAttribute("aria-activedescendant");
    return;
  }
  field().setAttribute("aria-activedescendant", row.id);
  row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = rows();
  if (!all.length) return;
  const now = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
  choose(all[(now + by + all.length) % all.length]);
}

const commands = {
  keys: () => openDialog(document.getElementById("keys")),
  "sign-out": () => document.querySelector("form[action$='/sign-out/']")?.requestSubmit(),
  "theme-light": () => setTheme("light"),
  "theme-dark": () => setTheme("dark"),
  "theme-auto": () => setTheme("auto"),
};

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    if (palette()?.open) palette().close();
    else if (!open()) return;
    event.preventDefault();
    return;
  }
  if (!palette()?.open || event.target !== field() || event.isComposing) return;
  if (event.key === "ArrowDown") move(1);
  else if (event.key === "ArrowUp") move(-1);
  else if (event.key === "Enter") palette().querySelector('[aria-selected="true"]')?.click();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (plain && event.target.closest("[data-open-palette]") && open()) {
    event.preventDefault();
    return;
  }
  const row = event.target.closest("#palette [role=option]");
  if (!row || !plain) return;
  palette().close();
  commands[row.dataset.command]?.();
});

document.addEventListener("htmx:afterSwap", () => {
  if (!palette()?.open || palette().querySelector("[aria-selected=true]")) return;
  const all = rows();
  choose(all[0]);
  const words = ngettext("%(n)s result", "%(n)s results", all.length);
  palette().querySelector("[data-palette-count]").textContent = interpolate(words, { n: all.length });
});
