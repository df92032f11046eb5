// Sections change by replacing #shell, so that the player beside it plays on. Links and forms stay plain: htmx boosts them
// (hx-boost on the body of base.html), asks for the page as a browser would, and puts its shell in the place of this one.
// What is no page of the studio's (a download, the admin, a page with a head of its own) loads as a whole.
//
// The document hears "page-left" just before a shell goes, and "page-arrived" once the next stands there.


const HANDLED = "[data-dialog-link], [data-close-dialog], [data-open-palette]"; // by scripts of their own
const UNBOOSTED = `${HANDLED}, [download], [target], [hx-boost=false], [href*='/api/'], [href^='/admin/'], [enctype='multipart/form-data']`;
const SLOW_MS = 200; // a page that takes longer is waited for visibly

const shell = () => document.getElementById("shell");
const tell = (name) => document.dispatchEvent(new CustomEvent(name));
const scrolled = new Map(); // address -> where its page stood when it was left
let underWay = null; // the request whose page is waited for
let slow = 0;

document.addEventListener("htmx:beforeProcessNode", (event) => {
  const element = event.target;
  if (element.matches?.("a, form") && element.matches(UNBOOSTED)) element.setAttribute("hx-boost", "false");
});

// A button whose answer is a file: the form goes the browser's own way.
document.addEventListener("submit", (event) => {
  if (event.submitter?.matches("[data-load-whole]")) event.stopPropagation();
}, { capture: true });

/** Without what says "htmx asks" the server answers with the whole page, as it does to a browser. */
document.addEventListener("htmx:configRequest", (event) => {
  const { boosted, headers, elt, formData } = event.detail;
  if (!boosted) return;
  for (const name of Object.keys(headers)) if (name.startsWith("HX-")) delete headers[name];
  if (elt.matches("a")) for (const name of [...formData.keys()]) formData.delete(name); // what a form around it would send
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.detail.boosted) return;
  if (underWay && underWay !== event.detail.xhr) underWay.abort();
  underWay = event.detail.xhr;
  clearTimeout(slow);
  slow = setTimeout(() => document.documentElement.toggleAttribute("data-loading", true), SLOW_MS);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.xhr !== underWay) return;
  underWay = null;
  clearTimeout(slow);
  document.documentElement.removeAttribute("data-loading");
});

const versionOf = (page) => page.querySelector("script[src*='js/studio']")?.getAttribute("src");

/** Whether the answer's shell can stand in this document: the same studio, in the same language, without a head of its own. */
function fits(page) {
  const { documentElement: now } = document;
  return (
    page.getElementById("shell") !== null &&
    page.body.getAttribute("hx-boost") === "true" &&
    page.documentElement.lang === now.lang &&
    versionOf(page) === versionOf(document)
  );
}

function bringToasts(page) {
  const toasts = document.getElementById("toasts");
  for (const toast of [...(page.getElementById("toasts")?.children ?? [])]) {
    toasts.append(document.adoptNode(toast));
    window.htmx.process(toast);
  }
}

function leave() {
  tell("page-left");
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  if (!detail.boosted) return;
  const { xhr, requestConfig, pathInfo } = detail;
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  if (!fits(page)) {
    detail.shouldSwap = false;
    if (requestConfig.verb !== "get" && xhr.status >= 400) return; // a toast says what went wrong, and what was typed stays
    detail.isError = false;
    location.assign(xhr.responseURL || pathInfo.finalRequestPath);
    return;
  }
  leave();
  detail.target = shell();
  detail.shouldSwap = true;
  detail.isError = false;
  detail.selectOverride = "#shell";
  detail.swapOverride = pathInfo.anchor ? "outerHTML" : "outerHTML show:window:top";
  bringToasts(page);
});

/** A form that was refused leaves the address alone: its own, asked for again, would be no page. */
document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const { boosted, requestConfig, pathInfo, history } = event.detail;
  const [requested] = pathInfo.requestPath.split(/[?#]/);
  if (!boosted || requestConfig.verb === "get" || pathInfo.responsePath.split("?")[0] !== requested) return;
  history.type = "replace";
  history.path = location.pathname + location.search;
});

/** Where a page begins for who reads with the keyboard or by ear: what is wrong with the form, else its name. */
function focusStart() {
  const autofocus = shell().querySelector("[autofocus]");
  const start = shell().querySelector("[data-form-errors]") ?? autofocus ?? shell().querySelector("h1");
  if (!start) return;
  if (!start.matches("a, button, input, select, textarea, [tabindex]")) start.tabIndex = -1;
  start.focus({ preventScroll: start !== autofocus });
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "shell" || !event.detail.boosted) return;
  tell("page-arrived");
  if (!location.hash) focusStart();
});

// -- back and forward: the page is asked for again, and stands where it was left ---------------------------------------------

document.addEventListener("htmx:beforeHistorySave", (event) => scrolled.set(event.detail.path, scrollY));
document.addEventListener("htmx:historyCacheMissLoad", (event) => {
  const page = new DOMParser().parseFromString(event.detail.response, "text/html");
  if (fits(page)) leave();
  else location.reload();
});
document.addEventListener("htmx:historyCacheMissLoadError", () => location.reload());
document.addEventListener("htmx:historyRestore", (event) => {
  tell("page-arrived");
  scrollTo({ top: scrolled.get(event.detail.path) ?? 0, behavior: "instant" });
});
