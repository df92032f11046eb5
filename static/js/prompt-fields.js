// What stands in a form that holds the prompt editor: reading it, and putting it back.

const PROMPT = ["text", "style", "mood", "tempo"];
const SETTINGS = [
  "model", "preset", "long_form", "adapter", "adapter_strength", "taste", "num_samples", "keep", "duration",
  "temperature", "top_k", "top_p", "guidance_scale",
]; // in the order in which they depend on each other; never the seed: it would repeat what was heard

const field = (form, name) => form.elements.namedItem(name);

/** Text and attributes; instruments as {slug: role}. */
export function readPrompt(form) {
  const values = Object.fromEntries(PROMPT.map((name) => [name, field(form, name)?.value ?? ""]));
  values.roles = {};
  for (const radio of form.querySelectorAll('input[name^="role-"]:checked')) {
    if (radio.value) values.roles[radio.name.slice("role-".length)] = radio.value;
  }
  return values;
}

export function isEmpty({ text, style, mood, tempo, roles }) {
  return !(text.trim() || style || mood || tempo || Object.keys(roles).length);
}

export function samePrompt(one, other) {
  const words = ({ text, style, mood, tempo, roles }) => JSON.stringify([text.trim(), style, mood, tempo, Object.entries(roles).sort()]);
  return words(one) === words(other);
}

export function writePrompt(form, values) {
  for (const name of PROMPT) field(form, name).value = values[name] ?? "";
  for (const radio of form.querySelectorAll('input[name^="role-"]')) {
    radio.checked = radio.value === (values.roles?.[radio.name.slice("role-".length)] ?? "");
  }
  field(form, "text").dispatchEvent(new Event("input", { bubbles: true }));
  form.querySelector("[data-prompt-editor]").dispatchEvent(new Event("change", { bubbles: true }));
}

function chosen(control) {
  return control.type === "checkbox" ? control.checked : control.value;
}

function asSent(control) {
  if (control instanceof RadioNodeList) return [...control].find((radio) => radio.defaultChecked)?.value ?? "";
  if (control.type === "checkbox") return control.defaultChecked;
  if (control instanceof HTMLSelectElement) {
    return ([...control.options].find((option) => option.defaultSelected) ?? control.options[0])?.value ?? "";
  }
  return control.defaultValue;
}

/** The settings; with `changed` only those that are not as the page was sent. */
export function readSettings(form, { changed = false } = {}) {
  const values = {};
  for (const name of SETTINGS) {
    const control = field(form, name);
    if (control && !(changed && chosen(control) === asSent(control))) values[name] = chosen(control);
  }
  return values;
}

/** Puts settings back, except what cannot be chosen any more. The form's own script follows with `settings-restored`. */
export function writeSettings(form, values) {
  for (const name of SETTINGS) {
    const control = field(form, name);
    if (!control || !(name in values)) continue;
    if (control.type === "checkbox") control.checked = values[name] === true;
    else if (!(control instanceof HTMLSelectElement)) control.value = values[name];
    else if ([...control.options].some((option) => option.value === values[name])) control.value = values[name];
  }
  form.dispatchEvent(new CustomEvent("settings-restored", { bubbles: true }));
}
