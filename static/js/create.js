// The Create page: presets fill the fields and a change by hand makes them Custom, sliders and their numbers follow
// each other, adapters follow the model, and keys generate and open the drawers. Everything is delegated: the form is
// replaced when it was refused, and the page comes and goes.

import { takeUpDraft } from "./create-draft.js";
import "./create-session.js";
import { isTyping } from "./keys.js";

const SAMPLING = ["temperature", "top_k", "top_p", "guidance_scale"];
const LONG_FORM_LIMIT = 120;

const formOf = (element) => element.closest?.("[data-create-form]");
const field = (form, name) => form.elements.namedItem(name);
const presetRadios = (form) => [...form.querySelectorAll('[data-presets] input[name="preset"]')];

function showNote(form, preset) {
  for (const note of form.querySelectorAll("[data-preset-note]")) {
    note.toggleAttribute("data-current", note.dataset.presetNote === preset);
  }
}

function applyPreset(form, radio) {
  showNote(form, radio.value);
  if (radio.value === "custom") {
    field(form, "temperature").closest("details").open = true;
    return;
  }
  for (const name of SAMPLING) field(form, name).value = radio.dataset[name];
  if (radio.dataset.model) field(form, "model").value = radio.dataset.model;
  followLimit(form);
  followModel(form);
}

/** The label follows values changed by hand: the preset they make up, else Custom. */
function recognisePreset(form) {
  const fits = (radio) =>
    SAMPLING.every((name) => Number(field(form, name).value) === Number(radio.dataset[name])) &&
    (!radio.dataset.model || field(form, "model").value === radio.dataset.model);
  const radios = presetRadios(form);
  const chosen = radios.find((radio) => radio.value !== "custom" && fits(radio)) ?? radios.find((radio) => radio.value === "custom");
  chosen.checked = true;
  showNote(form, chosen.value);
}

/** The slider ends at what the chosen model can do; a longer duration stays as it was typed, and is marked. */
function followLimit(form) {
  const model = field(form, "model").selectedOptions[0];
  const limit = field(form, "long_form").checked ? LONG_FORM_LIMIT : Number(model?.dataset.limit ?? LONG_FORM_LIMIT);
  const slider = form.querySelector("[data-duration-slider]");
  field(form, "duration").max = limit;
  slider.max = limit;
  slider.value = field(form, "duration").value;
}

/** Adapters and tastes that require another model cannot be chosen; in place of one that no longer fits stands the default. */
function followModel(form) {
  offerFitting(form, field(form, "adapter"));
  const tastes = field(form, "taste");
  if (!tastes) return;
  const fitting = offerFitting(form, tastes);
  form.querySelector("[data-best-of]").hidden = !fitting;
  form.querySelector("[data-no-taste]").hidden = fitting;
  followTaste(form);
}

/** True when any of the select's options fits the chosen model. */
function offerFitting(form, select) {
  const model = field(form, "model").value;
  const options = [...select.options].filter((option) => option.value);
  for (const option of options) {
    option.disabled = option.dataset.model !== model;
    option.textContent = option.disabled ? option.dataset.requires : option.dataset.fits;
  }
  if (!select.selectedOptions[0] || select.selectedOptions[0].disabled) {
    select.value = options.find((option) => !option.disabled && "default" in option.dataset)?.value ?? "";
  }
  return options.some((option) => !option.disabled);
}

const MADE = 16;
const KEPT = 4;

/** With a taste there may be many candidates; the first choice of one proposes how many. */
function followTaste(form) {
  const tastes = field(form, "taste");
  if (!tastes) return;
  const [made, kept] = [field(form, "num_samples"), field(form, "keep")];
  const most = Number(tastes.value ? made.dataset.mostPicked : made.dataset.most);
  made.max = most;
  if (Number(made.value) > most) made.value = most;
  if (tastes.value && !kept.value) {
    kept.value = KEPT;
    if (Number(made.value) <= KEPT * 2) made.value = MADE;
  }
}

document.addEventListener("input", (event) => {
  const form = formOf(event.target);
  if (!form) return;
  if (event.target.matches("[data-duration-slider]")) field(form, "duration").value = event.target.value;
  else if (event.target.name === "duration") form.querySelector("[data-duration-slider]").value = event.target.value;
  else if (event.target.matches("[data-strength-slider]")) field(form, "adapter_strength").value = event.target.value;
  else if (event.target.name === "adapter_strength") form.querySelector("[data-strength-slider]").value = event.target.value;
  else if (SAMPLING.includes(event.target.name)) recognisePreset(form);
});

document.addEventListener("change", (event) => {
  const form = formOf(event.target);
  if (!form) return;
  if (event.target.name === "preset") applyPreset(form, event.target);
  if (event.target.name === "model") recognisePreset(form);
  if (event.target.name === "model") followModel(form);
  if (event.target.name === "taste") followTaste(form);
  if (["model", "long_form"].includes(event.target.name)) followLimit(form);
});

// What a draft brought back is followed as if it had been chosen, and stays where nothing forbids it.
document.addEventListener("settings-restored", (event) => {
  const form = formOf(event.target);
  if (!form) return;
  const kept = field(form, "keep")?.value;
  followLimit(form);
  followModel(form);
  if (kept !== undefined) field(form, "keep").value = kept;
  recognisePreset(form);
  form.querySelector("[data-strength-slider]").value = field(form, "adapter_strength").value;
  form.querySelector("#settings").dispatchEvent(new Event("change", { bubbles: true }));
});

// -- keys -----------------------------------------------------------------------------------------------------------------

const DRAWERS = { t: "template-drawer", ",": "settings-drawer" };

function openDrawer(drawer) {
  drawer.open = !drawer.open;
  drawer.querySelector("summary").focus({ preventScroll: true });
  if (drawer.open) drawer.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const form = document.querySelector("[data-create-form]");
  if (!form || event.defaultPrevented) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && formOf(event.target)) {
    event.preventDefault();
    form.requestSubmit(form.querySelector("#generate"));
    return;
  }
  const plain = !(event.ctrlKey || event.metaKey || event.altKey);
  const drawer = plain && !isTyping(event) && document.getElementById(DRAWERS[event.key]);
  if (!drawer || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  openDrawer(drawer);
});

// A refused form tells first what to correct.
document.addEventListener("htmx:afterSettle", () => {
  const errors = document.querySelector("#create-form[data-create-form] [data-form-errors]:not([data-told])");
  if (!errors) return;
  errors.dataset.told = "";
  errors.focus({ preventScroll: true });
  errors.scrollIntoView({ block: "center" });
});

// A new job's card is brought into view, once, without taking the focus away from the prompt.
document.addEventListener("job-created", (event) => {
  requestAnimationFrame(() => {
    const card = document.getElementById(`job-${event.detail.id}`);
    card?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
});

// On a page that is still loading, HTMX begins to listen just before this.
if (document.readyState === "interactive") document.addEventListener("DOMContentLoaded", takeUpDraft, { once: true });
else takeUpDraft();
