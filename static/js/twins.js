// The same heart may stand twice on a page: in a row and in the player bar. Both are [data-twin] with one name; what was
// answered to one is shown by the other. (Stars: feedback.js)

function mirror(from, to) {
  const pressed = from.querySelector("[aria-pressed]");
  const other = to.querySelector("[aria-pressed]");
  if (pressed && other) {
    other.setAttribute("aria-pressed", pressed.getAttribute("aria-pressed"));
    other.title = pressed.title;
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  const twin = event.target.closest?.("[data-twin]");
  if (!twin) return;
  for (const other of document.querySelectorAll(`[data-twin="${CSS.escape(twin.dataset.twin)}"]`)) if (other !== twin) mirror(twin, other);
});
