// Instruments by typing: a combobox over the whole vocabulary (WAI-ARIA APG, list autocomplete), and what was picked as
// chips. The choices behind "All instruments" hold what is sent; box and chips only read and set them.

import { gettext, interpolate } from "./words.js";

const ROLES = ["primary", "secondary"];
const roleWords = { primary: () => gettext("primary"), secondary: () => gettext("secondary") };

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Every instrument of the picker, with the role it has now. */
function instrumentsOf(picker) {
  return [...picker.querySelectorAll("[data-instrument]")].map((row) => ({
    slug: row.dataset.instrument,
    label: row.getAttribute("aria-label"),
    group: row.closest("[data-group]").querySelector("summary").textContent.trim(),
    role: row.querySelector("input:checked")?.value ?? "",
  }));
}

function setRole(picker, slug, role) {
  const radio = picker.querySelector(`input[name="role-${CSS.escape(slug)}"][value="${role}"]`);
  if (!radio) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}

function tell(picker, words, values) {
  picker.querySelector("[data-instruments-told]").textContent = interpolate(words, values);
}

// -- chips ------------------------------------------------------------------------------------------------------------

function chip({ slug, label, role }) {
  const item = document.createElement("li");
  item.className = `chip picked-instrument picked-${role}`;
  item.dataset.slug = slug;
  const toggle = document.createElement("button");
  toggle.type = "button";
  toggle.dataset.toggleRole = slug;
  const name = document.createElement("span");
  name.textContent = label;
  const word = document.createElement("span");
  word.className = "picked-role";
  word.textContent = roleWords[role]();
  toggle.append(name, " ", word);
  toggle.title = role === "primary" ? gettext("Make it secondary") : gettext("Make it primary");
  const remove = document.createElement("button");
  remove.type = "button";
  remove.dataset.removeInstrument = slug;
  remove.setAttribute("aria-label", interpolate(gettext("Remove %(name)s"), { name: label }));
  remove.textContent = "×";
  item.append(toggle, remove);
  return item;
}

/** The chips of what is picked, primary ones first. What had the focus keeps it. */
export function showPicked(picker) {
  const list = picker.querySelector("[data-picked]");
  const shown = instrumentsOf(picker).filter((instrument) => instrument.role);
  shown.sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role));
  const now = shown.map(({ slug, role }) => `${slug}:${role}`).join(" ");
  if (list.dataset.shown === now) return;
  list.dataset.shown = now;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const kind = focused?.dataset.toggleRole ? "toggleRole" : "removeInstrument";
  const slug = focused?.dataset[kind];
  list.replaceChildren(...shown.map(chip));
  if (slug) [...list.querySelectorAll("button")].find((button) => button.dataset[kind] === slug)?.focus();
}

function toggleRole(picker, slug) {
  const { label, role } = instrumentsOf(picker).find((instrument) => instrument.slug === slug);
  const other = role === "primary" ? "secondary" : "primary";
  setRole(picker, slug, other);
  tell(picker, gettext("%(name)s is %(role)s now"), { name: label, role: roleWords[other]() });
}

/** The focus goes to the chip that moves up, or to the box. */
function remove(picker, slug) {
  const buttons = [...picker.querySelectorAll("[data-remove-instrument]")];
  const place = buttons.findIndex((button) => button.dataset.removeInstrument === slug);
  const next = (buttons[place + 1] ?? buttons[place - 1])?.dataset.removeInstrument;
  const { label } = instrumentsOf(picker).find((instrument) => instrument.slug === slug);
  setRole(picker, slug, "");
  tell(picker, gettext("%(name)s is removed"), { name: label });
  const button = next && picker.querySelector(`[data-remove-instrument="${CSS.escape(next)}"]`);
  (button || searchOf(picker)).focus();
}

// -- the box ------------------------------------------------------------------------------------------------------------

const searchOf = (picker) => picker.querySelector("[data-instrument-search]");
const listOf = (picker) => picker.querySelector('[role="listbox"]');

/** Instruments not picked yet, of which a word begins with each word that was typed; those of the name before the group's. */
function matches(picker, typed) {
  const wanted = plain(typed).split(/[\s-]+/).filter(Boolean);
  const fits = (text) => {
    const words = plain(text).split(/[^\p{L}\p{N}]+/u);
    return wanted.every((want) => words.some((word) => word.startsWith(want)));
  };
  const found = instrumentsOf(picker).filter(({ label, group, role }) => !role && fits(`${label} ${group}`));
  return [...found.filter(({ label }) => fits(label)), ...found.filter(({ label }) => !fits(label))];
}

function open(picker) {
  const list = listOf(picker);
  const found = matches(picker, searchOf(picker).value);
  list.replaceChildren(
    ...found.map(({ slug, label, group }) => {
      const option = document.createElement("li");
      option.id = `instrument-option-${slug}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dataset.slug = slug;
      option.dataset.label = label;
      const where = document.createElement("span");
      where.className = "small muted";
      where.textContent = group;
      option.append(label, " ", where);
      return option;
    }),
  );
  list.hidden = !found.length;
  searchOf(picker).setAttribute("aria-expanded", String(!list.hidden));
  searchOf(picker).removeAttribute("aria-activedescendant");
  if (!found.length && searchOf(picker).value.trim()) tell(picker, gettext("No such instrument"), {});
}

function close(picker) {
  listOf(picker).hidden = true;
  searchOf(picker).setAttribute("aria-expanded", "false");
  searchOf(picker).removeAttribute("aria-activedescendant");
}

const activeOption = (picker) => listOf(picker).querySelector('[aria-selected="true"]');

function move(picker, step) {
  if (listOf(picker).hidden) open(picker);
  const options = [...listOf(picker).children];
  if (!options.length) return;
  const active = activeOption(picker);
  const from = active ? options.indexOf(active) : step > 0 ? -1 : 0;
  const next = options[(from + step + options.length) % options.length];
  active?.setAttribute("aria-selected", "false");
  next.setAttribute("aria-selected", "true");
  next.scrollIntoView({ block: "nearest" });
  searchOf(picker).setAttribute("aria-activedescendant", next.id);
}

function pick(picker, option) {
  searchOf(picker).value = "";
  close(picker);
  setRole(picker, option.dataset.slug, "primary");
  tell(picker, gettext("%(name)s is %(role)s now"), { name: option.dataset.label, role: roleWords.primary() });
  searchOf(picker).focus();
}

function press(picker, event) {
  const list = listOf(picker);
  if (event.key === "ArrowDown") move(picker, 1);
  else if (event.key === "ArrowUp") move(picker, -1);
  else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
    const typed = searchOf(picker).value.trim();
    const option = activeOption(picker) ?? (typed && !list.hidden ? list.firstElementChild : null);
    if (option) pick(picker, option);
  } else if (event.key === "Escape" && (!list.hidden || searchOf(picker).value)) {
    if (list.hidden) searchOf(picker).value = "";
    close(picker);
  } else if (event.key === "Backspace" && !searchOf(picker).value) {
    const last = [...picker.querySelectorAll("[data-remove-instrument]")].at(-1);
    if (last) remove(picker, last.dataset.removeInstrument);
    searchOf(picker).focus();
  } else {
    if (event.key === "Tab") close(picker);
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

// -- events -------------------------------------------------------------------------------------------------------------

const pickerOf = (element) => element.closest?.("[data-instruments]");
const isSearch = (element) => element.matches?.("[data-instrument-search]");

// Captured, so that what is typed into the box counts nowhere as a change of the prompt.
document.addEventListener("input", (event) => {
  if (!isSearch(event.target)) return;
  event.stopPropagation();
  open(pickerOf(event.target));
}, { capture: true });

document.addEventListener("change", (event) => {
  if (isSearch(event.target)) event.stopPropagation();
}, { capture: true });

document.addEventListener("keydown", (event) => {
  if (isSearch(event.target)) press(pickerOf(event.target), event);
  else if (["Delete", "Backspace"].includes(event.key) && event.target.closest?.("[data-picked]")) {
    event.preventDefault();
    remove(pickerOf(event.target), event.target.closest("[data-slug]").dataset.slug);
  }
}, { capture: true });

document.addEventListener("mousedown", (event) => {
  if (event.target.closest?.(".combobox-options")) event.preventDefault(); // the box keeps the focus
});

document.addEventListener("click", (event) => {
  const picker = pickerOf(event.target);
  const option = event.target.closest('[role="option"]');
  const toggle = event.target.closest("[data-toggle-role]");
  const remover = event.target.closest("[data-remove-instrument]");
  if (picker && option) pick(picker, option);
  else if (picker && toggle) toggleRole(picker, toggle.dataset.toggleRole);
  else if (picker && remover) remove(picker, remover.dataset.removeInstrument);
  else if (picker && isSearch(event.target)) open(picker);
});

document.addEventListener("focusout", (event) => {
  if (isSearch(event.target)) close(pickerOf(event.target));
});

document.addEventListener("change", (event) => {
  const editor = event.target.closest("[data-prompt-editor]");
  if (editor) showPicked(editor.querySelector("[data-instruments]"));
});

function takeUp() {
  for (const picker of document.querySelectorAll("[data-instruments]")) showPicked(picker);
}

document.addEventListener("htmx:afterSettle", takeUp);
takeUp();
