// What happens around HTMX requests: a refused form shows its errors, a failed one keeps the page and offers "Try again".

import { isTyping } from "./keys.js";
import { gettext } from "./words.js";

const REFUSED = new Set([400, 409, 422]);

function isFragment(body) {
  return !/^\s*(<!doctype|<html|\{)/i.test(body);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (REFUSED.has(xhr.status) && xhr.responseText && isFragment(xhr.responseText)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// An answer for a place that has left the page meanwhile (another answer replaced it) has nowhere to go. What happens to such
// a place reaches no document, so it listens itself.
function dropWhenGone({ target, detail }) {
  if (!target.isConnected) detail.shouldSwap = false;
}
document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.target.addEventListener("htmx:beforeSwap", dropWhenGone));

// What is changed while the last change is on its way makes that old: its answer would put back what stood there before,
// here or wherever the same score is asked.
const SENDS_CHANGES = /(^|,)\s*change\b/;
document.addEventListener("change", ({ target }) => {
  const place = target.closest("[hx-sync='this:replace']");
  if (!place || !SENDS_CHANGES.test(place.getAttribute("hx-trigger"))) return;
  const { scores } = place.dataset;
  const alike = scores ? document.querySelectorAll(`[data-scores="${CSS.escape(scores)}"]`) : [place];
  for (const each of alike) window.htmx.trigger(each, "htmx:abort");
}, { capture: true });

// Filters that are left empty stay out of the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches("[data-drop-empty]")) return;
  const { formData } = event.detail;
  for (const [name, value] of [...formData.entries()]) if (value === "") formData.delete(name);
});

// Nobody looks at a hidden page: what only waits for news asks for none.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-poll-when-seen]")) event.preventDefault();
});

function toast(words, retry) {
  const box = document.createElement("div");
  box.className = "toast toast-error";
  box.dataset.toast = "";
  const text = document.createElement("span");
  text.textContent = words;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "link-button";
  again.textContent = gettext("Try again");
  again.addEventListener("click", () => {
    box.remove();
    retry();
  });
  const close = document.createElement("button");
  close.type = "button";
  close.className = "toast-close";
  close.dataset.closeToast = "";
  close.setAttribute("aria-label", gettext("Dismiss"));
  close.textContent = "×";
  box.append(text, again, close);
  const dialog = document.querySelector("dialog[open]"); // what lies under it can neither be read nor pressed
  if (dialog) box.setAttribute("role", "alert");
  (dialog ?? document.getElementById("toasts"))?.append(box);
  return box;
}

const open = new Map(); // one toast for each element that failed, however often it polls

function failed(event, words) {
  const { elt, requestConfig } = event.detail;
  const key = `${requestConfig.verb} ${requestConfig.path}`;
  if (open.get(key)?.isConnected) return;
  open.set(key, toast(words, () => {
    const values = Object.fromEntries(requestConfig.formData ?? []);
    const source = elt.isConnected ? elt : document.body;
    const again = window.htmx.ajax(requestConfig.verb, requestConfig.path, { source, target: requestConfig.target, values });
    again.catch(() => {}); // a second failure offers the same again
  }));
}

// Where the studio knows what is out of order (a full disk, a database that is away), it says so in plain text.
function sentenceOf(xhr) {
  const type = xhr.getResponseHeader("Content-Type") ?? "";
  return type.startsWith("text/plain") ? xhr.responseText.trim() : "";
}

document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  const words = {
    403: gettext("You may not do this."),
    404: gettext("This is no longer there."),
    429: gettext("Too many requests. Wait a moment."),
  };
  failed(event, sentenceOf(xhr) || words[xhr.status] || gettext("The studio could not answer."));
});
document.addEventListener("htmx:sendError", (event) => failed(event, gettext("The studio cannot be reached.")));
document.addEventListener("htmx:timeout", (event) => failed(event, gettext("The studio took too long to answer.")));
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  const { verb, path } = event.detail.requestConfig;
  open.get(`${verb} ${path}`)?.remove();
});

document.addEventListener("click", (event) => {
  event.target.closest("[data-close-toast]")?.closest("[data-toast]").remove();
});

// Good news leaves by itself, unless it is being looked at; errors stay until dismissed.
const READ_MS = 8000;
const UNDO_MS = 10000; // what a toast can undo, it offers for this long
setInterval(() => {
  const now = performance.now();
  for (const box of document.querySelectorAll("[data-toast].toast-success, [data-toast].toast-info")) {
    box.dataset.since ??= String(now);
    if (box.matches(":hover, :focus-within")) box.dataset.since = String(now);
    else if (now - Number(box.dataset.since) > (box.querySelector("[data-undo]") ? UNDO_MS : READ_MS)) box.remove();
  }
}, 1000);

// z undoes the last deletion whose toast still stands.
document.addEventListener("keydown", (event) => {
  if (event.key !== "z" || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const undo = [...document.querySelectorAll("[data-toast] [data-undo]")].at(-1);
  if (!undo || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  undo.closest("form").requestSubmit();
});
