// What an address names may lie in a closed fold: the fold opens, what it is for comes into sight, and the keyboard goes on
// from there.

function reveal(hash) {
  const named = document.getElementById(hash.slice(1));
  if (!named) return;
  const fold = named.closest("details:not([open])");
  if (fold) {
    fold.open = true;
    named.scrollIntoView({ block: "start" });
  }
  if (named.tabIndex < 0) named.tabIndex = -1;
  named.focus({ preventScroll: true });
}

window.addEventListener("hashchange", () => reveal(location.hash));
// The same address once more changes nothing that a page is told of.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href*='#']");
  if (link && link.pathname === location.pathname && link.hash === location.hash) reveal(link.hash);
});
// A fold that is there for one field leads straight to it.
document.addEventListener("toggle", ({ target }) => {
  if (target.matches("[data-focus-first]") && target.open) target.querySelector("input:not([type=hidden])")?.focus();
}, { capture: true });
document.addEventListener("page-arrived", () => reveal(location.hash));
reveal(location.hash);
