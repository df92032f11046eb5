// Clips in rows (templates/generation/_player.html): remote controls of the player bar, each with its waveform from stored
// peaks. Rows inside one [data-playlist] (else the page) are the queue of the one that is played.

import { isTyping } from "./keys.js";
import { bar } from "./player-bar.js";
import { clock, drawWaveform, nameSlider, peaksOf, slidTo, tellSlider } from "./waveform.js";
import { gettext, interpolate } from "./words.js";

const rows = new Map(); // root element -> Row

const heard = {
  ids: new Set(),
  read() {
    try {
      this.ids = new Set(JSON.parse(sessionStorage.getItem("heard") ?? "[]"));
    } catch { /* storage is off: the count lasts for this page */ }
  },
  add(id) {
    if (this.ids.has(id)) return;
    this.ids.add(id);
    try {
      sessionStorage.setItem("heard", JSON.stringify([...this.ids].slice(-500)));
    } catch { /* as above */ }
    countPlayed();
  },
};
heard.read();

class Row {
  constructor(root) {
    this.root = root;
    this.button = root.querySelector("[data-play]");
    this.wave = root.querySelector("[data-wave]");
    this.duration = Number(root.dataset.duration);
    this.from = 0; // where it will start, while it is not the bar's clip
    root.dataset.ready = "";
    this.wasCurrent = this.isCurrent;
    this.wire();
    this.showState();
    this.showTime();
    near.observe(root);
  }

  get id() {
    return this.root.dataset.player;
  }

  get clip() {
    const { name: title, href: url, src, mine } = this.root.dataset;
    return { id: this.id, title, url, src, mine, duration: this.duration, peaks: peaksOf(this.root) };
  }

  get isCurrent() {
    return bar?.clip?.id === this.id;
  }

  get time() {
    return this.isCurrent ? bar.time : this.from;
  }

  wire() {
    this.button.addEventListener("click", () => this.toggle());
    nameSlider(this.wave, this.root.dataset.title, this.duration);
    this.wave.addEventListener("keydown", (event) => {
      const to = slidTo(event.key, this.time, this.duration);
      if (to === undefined) return;
      event.preventDefault();
      this.seek(to);
    });
  }

  draw() {
    if (this.drawing || !this.root.isConnected) return;
    this.drawing = drawWaveform(this.wave, { peaks: peaksOf(this.root), duration: this.duration });
    this.drawing.surfer.on("interaction", (seconds) => this.seek(seconds));
    this.showTime();
  }

  /** Play it, with the rows around it as the queue. */
  play() {
    const list = playlistOf(this.root);
    bar?.load(list.map((row) => row.clip), list.indexOf(this), this.from);
    bar?.play();
  }

  toggle() {
    if (this.isCurrent) bar.toggle();
    else this.play();
  }

  seek(seconds) {
    const to = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.05));
    if (this.isCurrent) bar.seek(to);
    else this.from = to;
    this.showTime();
  }

  showState() {
    const { isCurrent } = this;
    const playing = isCurrent && bar.isPlaying;
    if (isCurrent !== this.wasCurrent) {
      this.wasCurrent = isCurrent;
      this.from = 0;
      this.showTime();
    }
    this.root.toggleAttribute("data-current", isCurrent);
    this.root.toggleAttribute("data-playing", playing);
    this.root.toggleAttribute("data-failed", isCurrent && bar.failed);
    const words = playing ? gettext("Pause %(title)s") : gettext("Play %(title)s");
    this.button.setAttribute("aria-label", interpolate(words, this.root.dataset));
  }

  showTime() {
    const seconds = this.time;
    this.drawing?.surfer.setTime(seconds);
    this.root.querySelector("[data-time]").textContent = clock(seconds);
    tellSlider(this.wave, seconds, this.duration);
  }

  destroy() {
    near.unobserve(this.root);
    this.drawing?.destroy();
  }
}

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      rows.get(entry.target)?.draw();
    }
  },
  { rootMargin: "400px" },
);

function scopeOf(root) {
  return root.closest("[data-playlist]") ?? document.body;
}

function playlistOf(root) {
  const scope = scopeOf(root);
  const inside = [...scope.querySelectorAll("[data-player]")].filter((other) => scopeOf(other) === scope);
  return inside.map((other) => rows.get(other)).filter(Boolean); // one that has just come is taken up in a moment
}

function countPlayed() {
  for (const output of document.querySelectorAll("[data-played]")) {
    const list = playlistOf(output);
    const played = list.filter((row) => heard.ids.has(row.id)).length;
    const words = interpolate(gettext("%(played)s of %(count)s played"), { played, count: list.length });
    output.textContent = list.length ? words : "";
  }
}

/** The first row of the bar's clip: what comes and goes around it changes the queue. */
const currentRow = () => [...rows.values()].find((row) => row.isCurrent);

/** Take up rows that appeared and let go of those that left; safe to call at any time. */
function refresh() {
  for (const [root, row] of rows) {
    if (root.isConnected) continue;
    rows.delete(root);
    row.destroy();
  }
  for (const root of document.querySelectorAll("[data-player]")) {
    if (!rows.has(root)) rows.set(root, new Row(root));
  }
  const current = currentRow();
  const list = current ? playlistOf(current.root) : [];
  if (list.length >= (bar?.queue.length ?? 0)) bar?.follow(list.map((row) => row.clip));
  countPlayed();
}

document.addEventListener("player-state", () => {
  for (const row of rows.values()) row.showState();
});
document.addEventListener("player-time", () => {
  for (const row of rows.values()) if (row.isCurrent) row.showTime();
});
document.addEventListener("player-heard", () => heard.add(bar.clip.id));

// The space bar means the clip under the focus, else the bar's, else the first of the page.
document.addEventListener("keydown", (event) => {
  if (!bar || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open], [data-compare], [data-silence]")) return;
  const focused = rows.get(event.target.closest?.("[data-player]"));
  const row = focused ?? (bar.clip ? null : rows.get(document.querySelector("[data-player]")));
  if (event.key === " " && !event.target.closest?.("a, button, summary, input, [role=button]")) {
    if (row) row.toggle();
    else if (bar.clip) bar.toggle();
    else return;
  } else if (event.key === "n" && bar.clip) bar.step(1);
  else if (event.key === "p" && bar.clip) bar.step(-1);
  else if (event.key === "n" && row) row.play();
  else return;
  event.preventDefault();
  currentRow()?.root.scrollIntoView({ block: "nearest" });
});
// "Play" of a whole list.
document.addEventListener("click", (event) => {
  const first = event.target.closest("[data-play-all]") && document.querySelector("[data-playlist] [data-player]");
  if (first) rows.get(first).play();
});

document.addEventListener("htmx:afterSettle", refresh);
document.addEventListener("htmx:oobAfterSwap", refresh);
refresh();
