// The prompt editor: the counter, the coach's one-click additions, templates, and saving as a template.
// Without this script the same buttons send the form.

const editorOf = (element) => element.closest("[data-prompt-editor]");
let returnFocusToCoach = false;

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

// Choosing a template replaces what is written, so it asks first when there is something of one's own.
document.addEventListener("htmx:confirm", (event) => {
  const choice = event.target.closest?.("[data-template-choice]");
  const text = choice && editorOf(choice)?.querySelector('textarea[name="text"]');
  if (!text?.value.trim() || text.value === text.defaultValue) return;
  event.preventDefault();
  if (window.confirm("Replace what you have written with this template?")) event.detail.issueRequest(true);
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

document.body.addEventListener("template-saved", () => document.getElementById("dialog")?.close());

// A template may carry a length; it is cut to what the page's duration field allows.
document.body.addEventListener("template-applied", (event) => {
  const duration = document.getElementById("prompt-editor")?.closest("form")?.elements.namedItem("duration");
  const seconds = event.detail?.duration;
  if (!duration || !seconds) return;
  duration.value = duration.max ? Math.min(seconds, Number(duration.max)) : seconds;
  duration.dispatchEvent(new Event("input", { bubbles: true }));
  duration.dispatchEvent(new Event("change", { bubbles: true }));
});
