// The prompt editor: the counter, the coach's one-click additions, templates, and saving as a template.
// Without this script the same buttons send the form.

import "./instruments.js";
import { readPrompt, isEmpty, samePrompt, writePrompt } from "./prompt-fields.js";
import { offerUndo } from "./undo-line.js";
import { gettext, interpolate } from "./words.js";

const editorOf = (element) => element.closest("[data-prompt-editor]");
let returnFocusToCoach = false;
let replaced = null; // what stood in the editor when a template was chosen

function updateCounter(textarea) {
  const counter = textarea.closest(".field")?.querySelector("[data-counter]");
  if (!counter) return;
  const used = [...textarea.value.replaceAll("\r\n", "\n").normalize().trim()].length;
  counter.querySelector("[data-used]").textContent = used;
  counter.classList.toggle("counter-over", used > Number(counter.dataset.limit));
}

function add(editor, field, value) {
  if (field === "primary_instruments") {
    for (const slug of value.split(",")) {
      const radio = editor.querySelector(`input[name="role-${CSS.escape(slug)}"][value="primary"]`);
      if (radio) radio.checked = true;
    }
  } else {
    editor.querySelector(`[name="${CSS.escape(field)}"]`).value = value;
  }
  editor.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("input", (event) => {
  if (event.target.matches('textarea[name="text"]')) updateCounter(event.target);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-coach-field]");
  const editor = button && editorOf(button);
  if (!editor) return;
  event.preventDefault();
  returnFocusToCoach = true;
  add(editor, button.dataset.coachField, button.dataset.coachValue);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "dialog" && event.target.querySelector("[data-template-form]")) {
    if (!event.target.open) event.target.showModal();
    event.target.querySelector("[autofocus]")?.focus();
  }
  if (event.target.id === "prompt-preview" && returnFocusToCoach) {
    returnFocusToCoach = false;
    document.getElementById("coach")?.focus({ preventScroll: true });
  }
});

document.addEventListener("template-saved", () => document.getElementById("dialog")?.close());

// -- templates ----------------------------------------------------------------------------------------------------------

function setDuration(form, seconds) {
  const duration = form.elements.namedItem("duration");
  if (!duration || !seconds) return;
  duration.value = seconds;
  duration.dispatchEvent(new Event("input", { bubbles: true }));
  duration.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const form = event.detail.requestConfig?.elt.closest?.("[data-template-choice]")?.closest("form");
  if (form) replaced = { prompt: readPrompt(form), duration: form.elements.namedItem("duration")?.value };
});

// A template replaces what stands in the editor at once. It may carry a length, cut to what the page's field allows.
document.addEventListener("template-applied", (event) => {
  const form = document.getElementById("prompt-editor")?.closest("form");
  if (!form) return;
  const { duration: seconds, name } = event.detail ?? {};
  const most = Number(form.elements.namedItem("duration")?.max) || seconds;
  setDuration(form, seconds && Math.min(seconds, most));
  form.querySelector("#template-drawer")?.removeAttribute("open");
  form.querySelector("[data-prompt-editor]").dispatchEvent(new Event("change", { bubbles: true }));
  const before = replaced;
  replaced = null;
  const words = interpolate(gettext("“%(name)s” stands here now."), { name });
  if (!before || isEmpty(before.prompt) || samePrompt(before.prompt, readPrompt(form))) {
    form.elements.namedItem("text").focus({ preventScroll: true });
    return;
  }
  offerUndo(form, words, (now) => {
    writePrompt(now, before.prompt);
    setDuration(now, before.duration);
  });
});
