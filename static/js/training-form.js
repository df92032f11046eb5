// Settings of training: presets fill them in, those of other methods are hidden, what differs from the experiment's is
// marked and counted and can be reset, and leaving with unsaved changes asks first. Without this script the same
// buttons send the form, which comes back filled in.

import { gettext, interpolate, ngettext } from "./words.js";

let form = null; // the form of the page, and what came with it
let presets = [];
let bases = null;
const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
const settingOf = (name) => form.querySelector(`[data-setting="${CSS.escape(name)}"]`);
const controls = (name) => [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)].filter((element) => element.tagName !== "BUTTON");

/* -- values -------------------------------------------------------------------------------------------------------- */

function set(name, value) {
  for (const control of controls(name)) {
    if (control.type !== "checkbox") control.value = String(value);
    else control.checked = Array.isArray(value) ? value.includes(control.value) : value;
  }
}

/** Whether the form's value of a setting is `value`, however it is written. */
function is(name, value) {
  const [first, ...others] = controls(name);
  if (!first) return true;
  if (Array.isArray(value)) return [first, ...others].every((box) => box.checked === value.includes(box.value));
  if (first.type === "checkbox") return first.checked === value;
  if (first.type === "number") return first.value !== "" && Number(first.value) === value;
  return first.value === String(value);
}

/* -- presets ------------------------------------------------------------------------------------------------------- */

function markPreset() {
  const current = presets.find((preset) => Object.entries(preset.values).every(([name, value]) => is(name, value)));
  for (const button of form.querySelectorAll("[data-preset]")) {
    button.setAttribute("aria-pressed", String(button.dataset.preset === current?.key));
  }
}

/* -- what differs from the experiment ------------------------------------------------------------------------------ */

function markChanges() {
  if (!bases) return;
  let count = 0;
  for (const [name, value] of Object.entries(bases)) {
    const differs = !is(name, value);
    settingOf(name)?.toggleAttribute("data-changed", differs);
    if (differs) count += 1;
  }
  const words = form.querySelector("[data-change-count]");
  const said = count === 0 ? gettext("As in the experiment; change what this run shall do differently")
    : interpolate(ngettext(
      "%(count)s value differs from the experiment's", "%(count)s values differ from the experiment's", count), { count });
  if (words.textContent !== said) words.textContent = said;
}

/* -- settings of the method ---------------------------------------------------------------------------------------- */

function currentMethod() {
  const chosen = form.elements.namedItem("method")?.value;
  const dataset = form.elements.namedItem("dataset")?.selectedOptions?.[0];
  return chosen || dataset?.dataset.methods?.split(" ")[0] || "dpo";
}

/** Methods the dataset does not have cannot be chosen; in place of one stands the usual one. */
function followDataset() {
  const dataset = form.elements.namedItem("dataset");
  const select = form.elements.namedItem("method");
  if (!dataset?.selectedOptions || !select) return;
  const methods = dataset.selectedOptions[0]?.dataset.methods?.split(" ");
  for (const option of select.options) option.disabled = Boolean(methods && option.value && !methods.includes(option.value));
  if (select.selectedOptions[0]?.disabled) select.value = methods[0];
}

function followMethod() {
  const method = currentMethod();
  for (const setting of form.querySelectorAll("[data-setting][data-methods]")) {
    setting.hidden = !setting.dataset.methods.split(" ").includes(method) && !setting.querySelector(".errorlist");
  }
  for (const group of form.querySelectorAll("[data-setting-group]")) {
    group.hidden = !group.querySelector("[data-setting]:not([hidden])");
  }
}

/* -- unsaved changes ----------------------------------------------------------------------------------------------- */

const written = () => new URLSearchParams(new FormData(form)).toString();
let leaving = false;
let saved = null;
let returning = false; // on the way back to the form, after "Back" was thought better of

const isDirty = () => form?.isConnected && !leaving && ("dirty" in form.dataset || written() !== saved);
const mayLeave = () => !isDirty() || confirm(gettext("Leave this page? What was changed is not saved."));

window.addEventListener("beforeunload", (event) => {
  if (isDirty()) event.preventDefault();
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.boosted && event.detail.elt !== form && !mayLeave()) event.preventDefault();
});
document.addEventListener("htmx:historyCacheMiss", (event) => {
  if (returning || !mayLeave()) {
    event.preventDefault();
    returning = !returning;
    if (returning) history.forward();
  }
});

/* -- events -------------------------------------------------------------------------------------------------------- */

function refresh() {
  followDataset();
  followMethod();
  markChanges();
  markPreset();
}

function usePreset(button) {
  const preset = presets.find((other) => other.key === button.dataset.preset);
  for (const [name, value] of Object.entries(preset.values)) set(name, value);
  form.querySelector("[data-preset-note]").textContent = `${preset.label}: ${Object.keys(preset.values).length} values set`;
  refresh();
}

document.addEventListener("click", (event) => {
  if (!form?.contains(event.target)) return;
  const preset = event.target.closest("[data-preset]");
  const reset = event.target.closest("[data-reset]");
  if (event.target.closest("[data-discard]")) leaving = true;
  if (!preset && !reset) return;
  event.preventDefault();
  if (preset) usePreset(preset);
  if (reset) {
    set(reset.value, bases[reset.value]);
    refresh();
    controls(reset.value)[0]?.focus();
  }
}, { capture: true });
for (const name of ["input", "change"]) {
  document.addEventListener(name, (event) => {
    if (form?.contains(event.target)) refresh();
  });
}
document.addEventListener("submit", (event) => {
  if (event.target === form) leaving = true;
}, { capture: true });
document.addEventListener("htmx:afterRequest", (event) => { if (!event.detail.successful) leaving = false; });
window.addEventListener("pageshow", (event) => { if (event.persisted) leaving = false; });

function takeUp() {
  const found = document.querySelector("[data-training-form]");
  if (found === form) return;
  form = found;
  if (!form) return;
  presets = read("preset-values") ?? [];
  bases = read("setting-bases");
  leaving = false;
  saved = written();
  refresh();
}

document.addEventListener("htmx:afterSettle", takeUp);
takeUp();
