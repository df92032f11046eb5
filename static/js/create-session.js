// The prompts generated since the browser was opened, newest first; each leads back to itself.

const PREFIX = "create-session:";
const MOST = 12;

const railHere = () => document.querySelector("[data-session]");

function stored(rail) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PREFIX + rail.dataset.session));
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function keep(rail, prompts) {
  try {
    sessionStorage.setItem(PREFIX + rail.dataset.session, JSON.stringify(prompts));
  } catch {
    // the rail is empty after the next page, nothing else
  }
}

function show(rail) {
  const prompts = stored(rail);
  const heading = document.createElement("span");
  heading.className = "small muted";
  heading.textContent = rail.getAttribute("aria-label");
  const list = document.createElement("ul");
  list.className = "session-prompts";
  for (const { id, text } of prompts) {
    const link = document.createElement("a");
    link.href = `${rail.dataset.address}?prompt=${encodeURIComponent(id)}`;
    link.textContent = text;
    link.title = text;
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
  rail.replaceChildren(heading, list);
  rail.hidden = !prompts.length;
  rail.dataset.shown = "";
  window.htmx?.process(rail);
}

function takeUp() {
  const rail = railHere();
  if (rail && !("shown" in rail.dataset)) show(rail);
}

document.addEventListener("job-created", (event) => {
  const rail = railHere();
  const { prompt: id, text } = event.detail ?? {};
  if (!rail || !id) return;
  keep(rail, [{ id, text }, ...stored(rail).filter((prompt) => prompt.id !== id)].slice(0, MOST));
  show(rail);
});

document.addEventListener("htmx:afterSettle", takeUp);
takeUp();
