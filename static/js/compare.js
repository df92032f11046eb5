// Synchronous comparison (templates/generation/_compare.html): all clips run together and one is heard, so switching
// keeps the position. The <audio> of the clip that is heard tells the position in its currentTime.

import { ElementDeck, SampleDeck } from "./deck.js";
import { isTyping } from "./keys.js";
import { clock, drawWaveform, peaksOf } from "./waveform.js";
import { gettext } from "./words.js";

const SHOW_MS = 40;
const SEEK_SECONDS = 2;

class Track {
  constructor(root, longest) {
    this.root = root;
    this.audio = root.querySelector("audio");
    this.audio.controls = false;
    this.button = root.querySelector("[data-switch]");
    this.duration = Number(root.dataset.duration);
    const wave = root.querySelector("[data-wave]");
    wave.style.width = `${100 * (this.duration / longest)}%`; // one time axis for all
    this.drawing = drawWaveform(wave, {
      media: this.audio,
      peaks: peaksOf(root),
      duration: this.duration,
    });
  }

  /** Where the clip stands. Nothing is fetched by it: an element that has not loaded only notes the time. */
  showPosition(seconds) {
    this.drawing.surfer.setTime(Math.min(seconds, this.duration));
  }

  showHeard(heard) {
    this.root.toggleAttribute("data-current", heard);
    this.button.setAttribute("aria-pressed", String(heard));
  }
}

class Compare {
  constructor(root) {
    this.root = root;
    this.playing = false;
    this.looping = false;
    this.rest = 0; // the position while nothing plays
    this.gone = new AbortController();
    const elements = [...root.querySelectorAll("[data-track]")];
    const longest = Math.max(...elements.map((element) => Number(element.dataset.duration)));
    this.tracks = elements.map((element) => new Track(element, longest));
    this.deck = new SampleDeck(this.tracks.map((track) => track.audio));
    this.wire();
    this.choose(this.tracks[0]);
    root.dataset.ready = "";
  }

  wire() {
    this.button = this.root.querySelector("[data-play]");
    this.loopButton = this.root.querySelector("[data-loop]");
    this.button.addEventListener("click", () => this.toggle());
    this.loopButton.addEventListener("click", () => this.toggleLoop());
    for (const track of this.tracks) {
      track.button.addEventListener("click", () => this.choose(track));
      track.drawing.surfer.on("interaction", (seconds) => {
        this.choose(track);
        this.seek(seconds);
      });
    }
    document.addEventListener("play", (event) => {
      if (this.playing && !this.root.contains(event.target)) this.pause();
    }, { capture: true, signal: this.gone.signal });
  }

  get position() {
    return this.playing && !this.loading ? this.deck.position : this.rest;
  }

  /** Hear `track` from where the other one is; from the start if it is over by then. */
  choose(track) {
    const at = this.position;
    this.current = track;
    this.deck.hear(this.tracks.indexOf(track));
    for (const other of this.tracks) other.showHeard(other === track);
    if (at >= track.duration) this.seek(0);
    this.root.querySelector("[data-total]").textContent = clock(track.duration);
    this.root.querySelector("[data-announce]").textContent = track.button.getAttribute("aria-label");
    this.show();
  }

  async play() {
    for (const other of document.querySelectorAll("audio")) other.pause();
    this.playing = true;
    this.loading = true;
    this.showState();
    const loaded = await this.load();
    this.loading = false;
    if (!loaded) this.pause();
    if (!this.playing) return;
    this.deck.start(this.rest);
    this.showState();
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tick(), SHOW_MS);
  }

  /** Make the deck ready, falling back to media elements where the files may not be read; false if neither works. */
  async load() {
    try {
      await this.deck.load();
    } catch {
      if (this.deck instanceof ElementDeck) return this.fail();
      this.deck.close();
      this.deck = new ElementDeck(this.tracks.map((track) => track.audio));
      this.deck.hear(this.tracks.indexOf(this.current));
      return this.load();
    }
    this.root.querySelector("[data-problem]").textContent = "";
    return true;
  }

  fail() {
    this.root.querySelector("[data-problem]").textContent = gettext("The audio could not be loaded. Press play to try again.");
    this.deck = new SampleDeck(this.tracks.map((track) => track.audio));
    this.deck.hear(this.tracks.indexOf(this.current));
    return false;
  }

  pause() {
    if (!this.loading) this.rest = Math.min(this.position, this.current.duration);
    this.playing = false;
    clearInterval(this.timer);
    this.deck.stop();
    this.showState();
    this.show();
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.rest >= this.current.duration - 0.05) this.rest = 0;
    return this.play();
  }

  toggleLoop() {
    this.looping = !this.looping;
    this.loopButton.setAttribute("aria-pressed", String(this.looping));
  }

  seek(seconds) {
    this.rest = Math.min(Math.max(0, seconds), this.current.duration);
    if (this.playing && !this.loading) this.deck.start(this.rest);
    this.show();
  }

  tick() {
    if (!this.root.isConnected) return this.destroy();
    if (this.position >= this.current.duration - 0.01) {
      if (this.looping) this.seek(0);
      else this.pause();
    }
    return this.show();
  }

  showState() {
    this.root.toggleAttribute("data-playing", this.playing);
    this.button.parentElement.toggleAttribute("data-playing", this.playing);
    this.button.setAttribute("aria-label", this.playing ? gettext("Pause") : gettext("Play"));
    this.button.toggleAttribute("aria-busy", Boolean(this.loading));
  }

  show() {
    const { position } = this;
    this.root.dataset.position = position.toFixed(3);
    this.root.querySelector("[data-time]").textContent = clock(position);
    const shown = this.deck instanceof SampleDeck || !this.playing ? this.tracks : [];
    for (const track of shown) track.showPosition(position);
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
    this.gone.abort();
    clearInterval(this.timer);
    this.playing = false;
    this.deck.close();
    for (const track of this.tracks) track.drawing.destroy();
  }
}

const comparisons = new Map(); // root element -> Compare

/** Take up comparisons that appeared and let go of those that left; safe to call at any time. */
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
  if (event.key === " " && event.target.closest?.("a, button:not([data-switch]), summary, input")) return;
  const compare = comparisons.values().next().value;
  if (compare?.key(event)) event.preventDefault();
});
document.addEventListener("htmx:afterSettle", refreshComparisons);
refreshComparisons();
