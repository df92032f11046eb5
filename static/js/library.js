// Choosing samples to compare: says how many are chosen, and holds the button back while they are too few or too many.

const FEWEST = 2;
const MOST = 10;

function picks() {
  return [...document.querySelectorAll("[data-pick]")];
}

function refresh() {
  const form = document.querySelector("[data-compare-form]");
  if (!form) return;
  const chosen = picks().filter((box) => box.checked).length;
  const words = form.querySelector("[data-compare-count]");
  words.dataset.hint ??= words.textContent;
  form.querySelector("[data-compare-button]").disabled = chosen < FEWEST || chosen > MOST;
  form.toggleAttribute("data-chosen", chosen > 0);
  if (chosen === 0) words.textContent = words.dataset.hint;
  else if (chosen === 1) words.textContent = "1 chosen; choose at least one more.";
  else if (chosen > MOST) words.textContent = `${chosen} chosen; at most ${MOST} can be compared.`;
  else words.textContent = `${chosen} chosen.`;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-pick]")) refresh();
});
document.addEventListener("htmx:afterSettle", refresh);
window.addEventListener("pageshow", refresh);
refresh();
