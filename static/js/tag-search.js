// Type-ahead over the names of tags (templates/feedback/_tags.html). The words come from the field's own <datalist>, which
// serves it alone where no script runs. A word that is not there is offered as a good, a bad or a neutral one.

import { gettext, interpolate } from "./words.js";

const MOST = 7;
const ROOM = 260; // px the open list may need below the field
const NEW = { good: gettext("“%(word)s” is good"), bad: gettext("“%(word)s” is bad"), neutral: gettext("“%(word)s” is neutral") };

const plain = (text) => text.toLowerCase().replaceAll("_", " ").replace(/\s+/g, " ").trim();

/** The words of the field's list: [{ word, sign }]. */
function known(input) {
  const list = document.getElementById(input.dataset.words);
  return [...(list?.options ?? [])].map((option) => ({ word: option.value, sign: option.dataset.sign }));
}

function found(input) {
  const typed = plain(input.value);
  const words = known(input).filter(({ word }) => word.includes(typed));
  const shown = [...words.filter(({ word }) => word.startsWith(typed)), ...words.filter(({ word }) => !word.startsWith(typed))].slice(0, MOST);
  if (!typed || words.some(({ word }) => word === typed)) return shown;
  const signs = Object.keys(NEW).map((sign) => ({ word: typed, sign, isNew: true }));
  return [...shown.slice(0, MOST - signs.length), ...signs];
}

function listOf(input) {
  let list = document.getElementById(`${input.id}-options`);
  if (!list) {
    list = document.createElement("ul");
    list.id = `${input.id}-options`;
    list.className = "tag-options";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", gettext("Tags"));
    input.after(list);
  }
  return list;
}

function open(input) {
  const list = listOf(input);
  const options = found(input).map(({ word, sign, isNew }, index) => {
    const option = document.createElement("li");
    option.id = `${input.id}-option-${index}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    Object.assign(option.dataset, { word, sign, ...(isNew && { isNew: "" }) });
    const mark = document.createElement("span");
    mark.className = "tag-sign";
    mark.setAttribute("aria-hidden", "true");
    option.append(mark, isNew ? interpolate(NEW[sign], { word }, true) : word);
    return option;
  });
  list.replaceChildren(...options);
  list.hidden = options.length === 0;
  list.toggleAttribute("data-up", input.getBoundingClientRect().bottom + ROOM > (window.visualViewport?.height ?? innerHeight));
  input.setAttribute("aria-expanded", String(!list.hidden));
  input.removeAttribute("aria-activedescendant");
}

function close(input) {
  const list = document.getElementById(`${input.id}-options`);
  if (list) list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function step(input, by) {
  const list = listOf(input);
  if (list.hidden || !list.children.length) open(input);
  const options = [...list.children];
  if (!options.length) return;
  const now = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = now < 0 ? (by > 0 ? 0 : options.length - 1) : (now + by + options.length) % options.length;
  for (const [index, option] of options.entries()) option.setAttribute("aria-selected", String(index === next));
  options[next].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", options[next].id);
}

/** Put a tag in the form, and send it; where it waits for a part, `tag-chosen` is answered by whoever draws that. */
export function chooseTag(form, word, sign = "") {
  const input = form.elements.name;
  input.value = word;
  form.elements.sign.value = sign;
  close(input);
  if (form.dispatchEvent(new CustomEvent("tag-chosen", { bubbles: true, cancelable: true }))) form.requestSubmit();
}

/** Whether the word in the form can be sent as it is. */
export function isChosen(form) {
  const typed = plain(form.elements.name.value);
  return typed !== "" && (form.elements.sign.value !== "" || known(form.elements.name).some(({ word }) => word === typed));
}

const choose = (input, option) => chooseTag(input.form, option.dataset.word, "isNew" in option.dataset ? option.dataset.sign : "");

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-tag-search]")) return;
  event.target.form.elements.sign.value = "";
  open(event.target);
});
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-tag-search]")) open(event.target);
});
document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest(".tag-options [role=option]");
  if (option) event.preventDefault(); // the focus stays in the field
});
document.addEventListener("click", (event) => {
  const option = event.target.closest(".tag-options [role=option]");
  if (option) choose(option.parentElement.parentElement.querySelector("[data-tag-search]"), option);
});
document.addEventListener("focusout", (event) => {
  if (event.target.matches("[data-tag-search]")) close(event.target);
});
document.addEventListener("keydown", (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || !input.matches("[data-tag-search]") || event.isComposing) return;
  const option = document.getElementById(input.getAttribute("aria-activedescendant"));
  if (event.key === "ArrowDown") step(input, 1);
  else if (event.key === "ArrowUp") step(input, -1);
  else if (event.key === "Enter" && option) choose(input, option);
  else if (event.key === "Escape" && input.getAttribute("aria-expanded") === "true") close(input);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

function refresh() {
  for (const input of document.querySelectorAll("[data-tag-search][list]")) {
    input.dataset.words = input.getAttribute("list");
    input.removeAttribute("list");
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-expanded", "false");
    input.setAttribute("aria-controls", listOf(input).id);
    close(input);
  }
}

document.addEventListener("htmx:afterSettle", refresh);
refresh();
