// Pages of experiments and runs: the log follows its end, ticked runs are counted, and deleting them asks in a dialog.
import "./training-charts.js";

/* -- the log ------------------------------------------------------------------------------------------------------ */

const NEAR_END = 32; // pixels from the end that still count as being there

const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;

function follow() {
  for (const box of document.querySelectorAll("[data-terminal]")) {
    if (!("scrolledUp" in box.dataset)) box.scrollTop = box.scrollHeight;
  }
}

document.addEventListener("scroll", (event) => {
  if (event.target instanceof Element && event.target.matches("[data-terminal]")) {
    event.target.toggleAttribute("data-scrolled-up", !atEnd(event.target));
  }
}, { capture: true });
document.addEventListener("htmx:afterSettle", follow);
document.addEventListener("htmx:oobAfterSwap", follow);
follow();

/* -- ticked runs -------------------------------------------------------------------------------------------------- */

function countPicks() {
  const ticked = document.querySelectorAll("[data-run-pick]:checked").length;
  for (const button of document.querySelectorAll("[data-needs-picks]")) {
    const [fewest, most] = button.dataset.needsPicks.split("-").map(Number);
    button.disabled = ticked < fewest || ticked > most;
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-run-pick]")) countPicks();
});
document.addEventListener("htmx:afterSettle", countPicks);
window.addEventListener("pageshow", countPicks);
countPicks();

// In the capture phase: on its way down the form would be sent.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.matches("[data-asks]")) return;
  event.preventDefault();
  event.stopPropagation();
  const link = document.createElement("a"); // dialogs.js opens the question behind such a link
  link.href = `${button.formAction.split("?")[0]}?${new URLSearchParams(new FormData(event.target))}`;
  link.dataset.dialogLink = "";
  link.hidden = true;
  event.target.append(link);
  link.click();
  link.remove();
}, { capture: true });
