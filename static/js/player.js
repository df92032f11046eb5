// Players of templates/generation/_player.html. Each wraps a real <audio>; the waveform comes from stored peaks.
// Players inside one [data-playlist] (else the page) follow one another, and only one sounds at a time.

import { isTyping } from "./keys.js";
import { clock, drawWaveform } from "./waveform.js";

const HEARD_SECONDS = 1;
const SEEK_SECONDS = 2;
const players = new Map(); // root element -> Player
let latest = null; // the player the space bar belongs to

const heard = {
  read() {
    try {
      return new Set(JSON.parse(sessionStorage.getItem("heard") ?? "[]"));
    } catch {
      return new Set();
    }
  },
  add(id) {
    const ids = this.read().add(id);
    try {
      sessionStorage.setItem("heard", JSON.stringify([...ids].slice(-500)));
    } catch { /* storage is off: the count lasts for this page */ }
    return ids;
  },
};
const heardIds = heard.read();

class Player {
  constructor(root) {
    this.root = root;
    this.id = root.dataset.player;
    this.audio = root.querySelector("audio");
    this.button = root.querySelector("[data-play]");
    this.wave = root.querySelector("[data-wave]");
    this.duration = Number(root.dataset.duration);
    this.audio.controls = false;
    root.querySelector("[data-total]").textContent = clock(this.duration);
    root.dataset.ready = "";
    this.wireWave();
    this.wireAudio();
    this.button.addEventListener("click", () => this.toggle());
    root.querySelector("[data-previous]").addEventListener("click", () => this.step(-1));
    root.querySelector("[data-next]").addEventListener("click", () => this.step(1));
    near.observe(root);
  }

  draw() {
    if (this.drawing || !this.root.isConnected) return;
    this.drawing = drawWaveform(this.wave, {
      media: this.audio,
      peaks: JSON.parse(this.root.dataset.peaks || "[]"),
      duration: this.duration,
    });
    this.drawing.surfer.on("interaction", (seconds) => {
      latest = this;
      this.showTime(seconds);
    });
  }

  wireWave() {
    this.wave.tabIndex = 0;
    this.wave.setAttribute("role", "slider");
    this.wave.setAttribute("aria-label", `Position in ${this.root.dataset.title}`);
    this.wave.setAttribute("aria-valuemin", "0");
    this.wave.setAttribute("aria-valuemax", this.duration.toFixed(1));
    this.wave.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: this.time - SEEK_SECONDS, ArrowRight: this.time + SEEK_SECONDS, Home: 0, End: this.duration }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      latest = this;
      this.seek(to);
    });
    this.showTime();
  }

  wireAudio() {
    const { audio } = this;
    audio.addEventListener("play", () => {
      this.pauseOthers(); // media keys come this way alone
      latest = this;
      this.showState();
    });
    audio.addEventListener("pause", () => this.showState());
    audio.addEventListener("timeupdate", () => {
      this.count();
      this.showTime();
    });
    audio.addEventListener("seeked", () => this.showTime());
    audio.addEventListener("ended", () => {
      this.markHeard();
      this.neighbour(1)?.play(0);
    });
    audio.addEventListener("playing", () => this.root.removeAttribute("data-failed"));
    audio.addEventListener("error", () => {
      this.root.dataset.failed = "";
      this.button.title = "The audio could not be loaded. Press to try again.";
      this.showState();
    });
  }

  get time() {
    return this.audio.currentTime;
  }

  toggle() {
    if (this.audio.paused) this.play();
    else this.audio.pause();
  }

  async play(from) {
    this.draw();
    if (this.audio.error) this.audio.load();
    if (from !== undefined) this.audio.currentTime = from;
    else if (this.audio.ended) this.audio.currentTime = 0;
    this.button.title = "";
    this.pauseOthers();
    try {
      await this.audio.play();
    } catch { /* the error event, or a pause that came first, tells the rest */ }
  }

  pauseOthers() {
    for (const other of document.querySelectorAll("audio")) {
      if (other !== this.audio && !other.paused) other.pause();
    }
  }

  seek(seconds) {
    const to = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.05));
    this.draw();
    this.drawing.surfer.setTime(to);
    this.showTime(to);
  }

  step(by) {
    const other = this.neighbour(by);
    if (!other) return;
    other.play(0);
    other.root.scrollIntoView({ block: "nearest" });
    other.button.focus({ preventScroll: true });
  }

  neighbour(by) {
    const list = playlistOf(this.root);
    return list[list.indexOf(this) + by];
  }

  count() {
    const { played } = this.audio;
    let seconds = 0;
    for (let index = 0; index < played.length; index += 1) seconds += played.end(index) - played.start(index);
    if (seconds >= Math.min(HEARD_SECONDS, this.duration)) this.markHeard();
  }

  markHeard() {
    if (heardIds.has(this.id)) return;
    heardIds.add(this.id);
    heard.add(this.id);
    countPlayed();
  }

  showState() {
    const playing = !this.audio.paused;
    this.root.toggleAttribute("data-playing", playing);
    this.button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.root.dataset.title}`);
  }

  showTime(seconds = this.audio.currentTime) {
    this.root.querySelector("[data-time]").textContent = clock(seconds);
    this.wave.setAttribute("aria-valuenow", seconds.toFixed(1));
    this.wave.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(this.duration)}`);
  }

  destroy() {
    near.unobserve(this.root);
    this.audio.pause();
    this.drawing?.destroy();
    if (latest === this) latest = null;
  }
}

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      players.get(entry.target)?.draw();
    }
  },
  { rootMargin: "400px" },
);

function scopeOf(root) {
  return root.closest("[data-playlist]") ?? document.body;
}

function playlistOf(root) {
  const scope = scopeOf(root);
  return [...scope.querySelectorAll("[data-player]")].filter((other) => scopeOf(other) === scope).map((other) => players.get(other));
}

function countPlayed() {
  for (const output of document.querySelectorAll("[data-played]")) {
    const list = playlistOf(output);
    const played = list.filter((player) => heardIds.has(player.id)).length;
    output.textContent = list.length ? `${played} of ${list.length} played` : "";
  }
}

/** Take up players that appeared and let go of those that left; safe to call at any time. */
export function refreshPlayers() {
  for (const [root, player] of players) {
    if (root.isConnected) continue;
    players.delete(root);
    player.destroy();
  }
  for (const root of document.querySelectorAll("[data-player]")) {
    if (!players.has(root)) players.set(root, new Player(root));
  }
  for (const root of players.keys()) {
    const list = playlistOf(root);
    const at = list.findIndex((player) => player.root === root);
    root.querySelector("[data-skip]").hidden = list.length < 2;
    root.querySelector("[data-previous]").disabled = at <= 0;
    root.querySelector("[data-next]").disabled = at === list.length - 1;
  }
  countPlayed();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open], [data-compare]") || players.size === 0) return;
  const player = players.get(event.target.closest?.("[data-player]")) ?? latest ?? players.values().next().value;
  const onControl = event.target.closest?.("a, button, summary, input, [role=button]");
  if (event.key === " " && !onControl) player.toggle();
  else if (event.key === "n") player.step(1);
  else if (event.key === "p") player.step(-1);
  else return;
  event.preventDefault();
});

document.addEventListener("htmx:afterSettle", refreshPlayers);
document.addEventListener("htmx:oobAfterSwap", refreshPlayers);
refreshPlayers();
