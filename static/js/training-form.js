// Settings of training: presets fill them in, those of other methods are hidden, what differs from the experiment's is
// marked and counted and can be reset, and leaving with unsaved changes asks first. Without this script the same
// buttons send the form, which comes back filled in.

import { gettext, interpolate, ngettext } from "./words.js";

const form = document.querySelector("[data-training-form]");
const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
const presets = read("preset-values") ?? [];
const bases = read("setting-bases");
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

const isDirty = () => !leaving && ("dirty" in form.dataset || written() !== saved);

window.addEventListener("beforeunload", (event) => {
  if (form && isDirty()) event.preventDefault();
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

form?.addEventListener("click", (event) => {
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
});
form?.addEventListener("input", refresh);
form?.addEventListener("change", refresh);
form?.addEventListener("submit", () => { leaving = true; });
window.addEventListener("pageshow", (event) => { if (event.persisted) leaving = false; });

if (form) {
  saved = written();
  refresh();
}
