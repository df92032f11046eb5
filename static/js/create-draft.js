// What was typed and chosen on Create survives reload, other sections and other prompts: a draft in this browser, for one
// user. Kept: text, attributes, settings, and the prompt they came from. Never a token or a seed.

import { isEmpty, readPrompt, readSettings, samePrompt, writePrompt, writeSettings } from "./prompt-fields.js";
import { forgetUndo, offerUndo } from "./undo-line.js";
import { gettext } from "./words.js";

const PREFIX = "create-draft:";
const PAUSE_MS = 250;
let timer = 0;

const formHere = () => document.querySelector("[data-create-form]");
const keyOf = (form) => PREFIX + form.dataset.draftOf;

function stored(form) {
  try {
    const draft = JSON.parse(localStorage.getItem(keyOf(form)));
    return draft?.prompt ? draft : null;
  } catch {
    return null;
  }
}

/** Another user's draft goes as soon as somebody else writes here. */
function forgetOthers(form) {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && key !== keyOf(form)) localStorage.removeItem(key);
    }
  } catch {
    // a browser that keeps nothing has nothing to forget
  }
}

/** Of a page that was sent with the defaults only what was changed: new defaults reach whoever chose nothing else. */
function draftOf(form) {
  const settings = readSettings(form, { changed: "plain" in form.dataset });
  return { prompt: readPrompt(form), settings, promptId: form.elements.namedItem("prompt_id").value };
}

function save() {
  clearTimeout(timer);
  const form = formHere();
  if (!form || !("drafted" in form.dataset) || "left" in form.dataset) return;
  const draft = draftOf(form);
  try {
    if (isEmpty(draft.prompt) && !Object.keys(draft.settings).length) localStorage.removeItem(keyOf(form));
    else localStorage.setItem(keyOf(form), JSON.stringify(draft));
  } catch {
    // nothing can be kept here; the page works without
  }
}

function restore(form, draft) {
  writeSettings(form, draft.settings ?? {});
  writePrompt(form, draft.prompt);
  form.elements.namedItem("prompt_id").value = draft.promptId ?? "";
}

/** Puts the draft into a form that has just come. */
export function takeUpDraft() {
  const form = formHere();
  if (!form || "drafted" in form.dataset) return;
  form.dataset.drafted = "";
  forgetOthers(form);
  const draft = stored(form);
  if (draft && "plain" in form.dataset) restore(form, draft);
  else if (draft && !form.elements.namedItem("refused") && !isEmpty(draft.prompt) && !samePrompt(draft.prompt, readPrompt(form))) {
    offerUndo(form, gettext("What you were writing was put aside."), (now) => restore(now, draft), { focus: false });
  }
  save();
}

function later(event) {
  if (!event.target.closest?.("[data-create-form]")) return;
  clearTimeout(timer);
  timer = setTimeout(save, PAUSE_MS);
}

document.addEventListener("input", later);
document.addEventListener("change", later);
document.addEventListener("job-created", forgetUndo);
document.addEventListener("htmx:afterSettle", () => {
  takeUpDraft();
  save();
});
window.addEventListener("pagehide", save);
document.addEventListener("page-left", save);

document.addEventListener("click", (event) => {
  const form = event.target.closest("[data-start-afresh]")?.closest("[data-create-form]");
  if (!form) return;
  clearTimeout(timer);
  form.dataset.left = ""; // what still settles on the page that goes keeps nothing
  try {
    localStorage.removeItem(keyOf(form));
  } catch {
    // nothing was kept
  }
});
