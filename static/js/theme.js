// The theme switch: system, light or dark, kept in this browser. Waveforms hear "themechange" and redraw.

const root = document.documentElement;

export function setTheme(theme) {
  root.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch { /* storage is off: the choice lasts for this page */ }
  announce();
}

function announce() {
  document.dispatchEvent(new CustomEvent("themechange"));
}

function showChoice() {
  const choice = document.querySelector(`[data-theme-switch] input[value="${root.dataset.theme || "auto"}"]`);
  if (choice) choice.checked = true;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-theme-switch] input")) setTheme(event.target.value);
});
window.addEventListener("storage", (event) => {
  if (event.key !== "theme") return;
  root.dataset.theme = event.newValue || "auto";
  showChoice();
  announce();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
document.addEventListener("page-arrived", showChoice);
showChoice();
