// Synchronous comparison (templates/components/compare.html): all clips run together, muted but one.
// Switching only moves the mute, so the position is kept; clips that drift are pulled back to the one that is heard.

import { isTyping } from "./keys.js";
import { clock, drawWaveform } from "./waveform.js";

const DRIFT_SECONDS = 0.03;
const SYNC_MS = 250;
const SEEK_SECONDS = 2;

class Track {
  constructor(root, compare) {
    this.root = root;
    this.compare = compare;
    this.audio = root.querySelector("audio");
    this.switch = root.querySelector("[data-switch]");
    this.duration = Number(root.dataset.duration);
    this.audio.controls = false;
    this.audio.muted = true;
    this.drawing = drawWaveform(root.querySelector("[data-wave]"), {
      media: this.audio,
      peaks: JSON.parse(root.dataset.peaks || "[]"),
      duration: this.duration,
    });
    this.drawing.surfer.on("interaction", (seconds) => {
      compare.choose(this);
      compare.seek(seconds);
    });
    this.switch.addEventListener("click", () => compare.choose(this));
  }

  get inStep() {
    return Math.abs(this.audio.currentTime - this.compare.position) <= DRIFT_SECONDS;
  }

  follow(seconds) {
    this.audio.currentTime = Math.min(seconds, this.duration);
  }

  show(current) {
    this.audio.muted = !current;
    this.root.toggleAttribute("data-current", current);
    this.switch.setAttribute("aria-pressed", String(current));
  }
}

class Compare {
  constructor(root) {
    this.root = root;
    this.playing = false;
    this.looping = false;
    this.button = root.querySelector("[data-play]");
    this.loopButton = root.querySelector("[data-loop]");
    this.tracks = [...root.querySelectorAll("[data-track]")].map((element) => new Track(element, this));
    this.current = this.tracks[0];
    root.dataset.ready = "";
    this.button.addEventListener("click", () => this.toggle());
    this.loopButton.addEventListener("click", () => this.toggleLoop());
    for (const track of this.tracks) {
      track.audio.addEventListener("ended", () => { if (track === this.current) this.ended(); });
      track.audio.addEventListener("timeupdate", () => { if (track === this.current) this.showTime(); });
    }
    this.choose(this.current);
  }

  get position() {
    return this.current.audio.currentTime;
  }

  /** Hear `track` from the position the other one is at. */
  choose(track) {
    const { position } = this;
    this.current = track;
    const at = position < track.duration ? position : 0;
    if (!track.audio.ended && Math.abs(track.audio.currentTime - at) > DRIFT_SECONDS) track.follow(at);
    else if (track.audio.ended) track.follow(at);
    for (const other of this.tracks) other.show(other === track);
    if (this.playing && track.audio.paused) track.audio.play().catch(() => {});
    this.root.querySelector("[data-total]").textContent = clock(track.duration);
    this.root.querySelector("[data-announce]").textContent = track.switch.getAttribute("aria-label");
    this.showTime();
  }

  async play() {
    for (const other of document.querySelectorAll("audio")) if (!this.root.contains(other)) other.pause();
    this.playing = true;
    this.showState();
    const from = this.current.audio.ended ? 0 : this.position;
    await Promise.all(this.tracks.map((track) => ready(track.audio)));
    if (!this.playing) return;
    for (const track of this.tracks) if (Math.abs(track.audio.currentTime - from) > 0.001 || track.audio.ended) track.follow(from);
    await Promise.allSettled(this.tracks.filter((track) => from < track.duration).map((track) => track.audio.play()));
    clearInterval(this.timer);
    this.timer = setInterval(() => this.sync(), SYNC_MS);
  }

  pause() {
    this.playing = false;
    clearInterval(this.timer);
    for (const track of this.tracks) track.audio.pause();
    for (const track of this.tracks) if (track !== this.current) track.follow(this.position);
    this.showState();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  toggleLoop() {
    this.looping = !this.looping;
    this.loopButton.setAttribute("aria-pressed", String(this.looping));
  }

  seek(seconds) {
    const to = Math.min(Math.max(0, seconds), this.current.duration - 0.05);
    for (const track of this.tracks) {
      track.follow(to);
      if (this.playing && track.audio.paused && to < track.duration) track.audio.play().catch(() => {});
    }
    this.showTime();
  }

  sync() {
    if (!this.root.isConnected) return this.pause();
    for (const track of this.tracks) {
      if (track === this.current || track.audio.seeking || track.inStep || this.position >= track.duration) continue;
      track.follow(this.position);
      if (track.audio.paused) track.audio.play().catch(() => {});
    }
  }

  ended() {
    if (!this.looping) return this.pause();
    for (const track of this.tracks) {
      track.follow(0);
      track.audio.play().catch(() => {});
    }
  }

  showState() {
    this.button.parentElement.toggleAttribute("data-playing", this.playing);
    this.root.toggleAttribute("data-playing", this.playing);
    this.button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  showTime() {
    this.root.querySelector("[data-time]").textContent = clock(this.position);
  }

  key(event) {
    if (/^[0-9]$/.test(event.key)) {
      const track = this.tracks[event.key === "0" ? 9 : Number(event.key) - 1];
      if (!track) return false;
      this.choose(track);
    } else if (event.key === " ") this.toggle();
    else if (event.key === "l") this.toggleLoop();
    else if (event.key === "ArrowLeft") this.seek(this.position - SEEK_SECONDS);
    else if (event.key === "ArrowRight") this.seek(this.position + SEEK_SECONDS);
    else return false;
    return true;
  }

  destroy() {
    clearInterval(this.timer);
    for (const track of this.tracks) {
      track.audio.pause();
      track.drawing.destroy();
    }
  }
}

/** Resolves once `audio` can play through from where it stands, or has failed. */
function ready(audio) {
  if (audio.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return Promise.resolve();
  audio.preload = "auto";
  audio.load();
  return new Promise((resolve) => {
    audio.addEventListener("canplay", resolve, { once: true });
    audio.addEventListener("error", resolve, { once: true });
  });
}

const comparisons = new Map();

export function refreshComparisons() {
  for (const [root, compare] of comparisons) {
    if (root.isConnected) continue;
    compare.destroy();
    comparisons.delete(root);
  }
  for (const root of document.querySelectorAll("[data-compare]")) {
    if (!comparisons.has(root)) comparisons.set(root, new Compare(root));
  }
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === " " && event.target.closest?.("a, button, summary") && !event.target.closest("[data-compare] button")) return;
  const compare = comparisons.values().next().value;
  if (compare?.key(event)) event.preventDefault();
});
document.addEventListener("htmx:afterSettle", refreshComparisons);
refreshComparisons();
