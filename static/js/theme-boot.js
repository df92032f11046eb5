// Runs before the first paint, so that a chosen theme never flashes. The key and values are those of Django's admin.
(() => {
  let theme = "auto";
  try {
    theme = localStorage.getItem("theme") || "auto";
  } catch { /* storage is off: follow the system */ }
  document.documentElement.dataset.theme = theme;
})();
