// Dialogs and menus. A link with data-dialog-link leads to a page that asks before it destroys;
// here its question opens in a <dialog> instead.

const shared = () => document.getElementById("dialog");

export function openDialog(dialog) {
  if (dialog && !dialog.open) dialog.showModal();
}

/** Open the page at `address`, which asks for something, as a dialog; where that fails, the page itself. */
export async function openQuestion(address) {
  const dialog = shared();
  try {
    const response = await fetch(address, { headers: { "HX-Request": "true", "HX-Current-URL": location.href } });
    if (!response.ok || response.redirected) throw new Error(String(response.status));
    dialog.innerHTML = await response.text();
    window.htmx?.process(dialog);
    openDialog(dialog);
  } catch {
    location.assign(address);
  }
}

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  const chosen = event.target.closest(".clip-menu .menu-panel :is(a, button)");
  if (chosen) leave(chosen.closest("details")); // it is done or leads away; the focus has a place to come back to
  const link = event.target.closest("a[data-dialog-link]");
  if (link && plain && shared()) {
    event.preventDefault();
    openQuestion(link.href);
    return;
  }
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) openDialog(document.getElementById(opener.dataset.openDialog));
  const closer = event.target.closest("[data-close-dialog]");
  if (closer?.closest("dialog")) {
    event.preventDefault();
    closer.closest("dialog").close();
  }
  if (event.target instanceof HTMLDialogElement && outside(event)) event.target.close();
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target) && !shownBy(menu)?.contains(event.target)) menu.open = false;
  }
});

// What was asked in a dialog is done, and the page under it stays.
document.addEventListener("dialog-done", () => {
  shared().close();
  shared().replaceChildren(); // a second click finds nothing to send
});

function leave(menu) {
  menu.open = false;
  menu.querySelector("summary").focus();
}

// What a menu shows that stands elsewhere on the page.
function shownBy(menu) {
  return document.getElementById(menu.dataset.menuShows);
}

function outside(event) {
  const box = event.target.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.activeElement?.closest(".tip")?.querySelector("button")?.blur();
  const menu = [...document.querySelectorAll("details[data-menu][open]")].pop(); // one at a time, the innermost first
  if (!menu || document.querySelector("dialog[open]")) return;
  leave(menu);
});

document.querySelector("[data-form-errors]")?.focus(); // on a page that was loaded as a whole; navigate.js has the others
