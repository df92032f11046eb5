// A player for pages that silence the player bar (templates/feedback/_own_player.html): one <audio> in its root, a waveform
// from stored peaks, the time. Whoever brings the markup gets the player:
//   [data-own-player][data-peaks][data-duration][data-title] around [data-play], [data-wave], [data-time], [data-total],
//   [data-player-words] and an <audio preload="none">, which has controls of its own where no script runs.
// Space plays, the arrows seek. One that has left the page is silent and forgotten.

import { isTyping } from "./keys.js";
import { clock, drawWaveform, nameSlider, peaksOf, slidTo, tellSlider } from "./waveform.js";
import { gettext, interpolate } from "./words.js";

const players = new Map(); // root element -> OwnPlayer

export class OwnPlayer {
  constructor(root) {
    this.root = root;
    this.audio = root.querySelector("audio");
    this.button = root.querySelector("[data-play]");
    this.wave = root.querySelector("[data-wave]");
    this.words = root.querySelector("[data-player-words]");
    this.duration = Number(root.dataset.duration);
    this.audio.controls = false;
    root.querySelector("[data-total]").textContent = clock(this.duration);
    this.drawing = drawWaveform(this.wave, { media: this.audio, peaks: peaksOf(root), duration: this.duration });
    this.drawing.surfer.on("interaction", (seconds) => this.showTime(seconds));
    this.wire();
    this.showTime();
    root.dataset.ready = "";
  }

  wire() {
    const { audio, wave } = this;
    this.button.addEventListener("click", () => this.toggle());
    nameSlider(wave, this.root.dataset.title, this.duration);
    for (const name of ["play", "pause"]) audio.addEventListener(name, () => this.showState());
    for (const name of ["timeupdate", "seeked"]) audio.addEventListener(name, () => this.showTime());
    for (const name of ["waiting", "loadstart"]) audio.addEventListener(name, () => this.showLoading(!audio.paused));
    for (const name of ["playing", "canplay", "pause"]) audio.addEventListener(name, () => this.showLoading(false));
    audio.addEventListener("error", () => {
      this.showLoading(false);
      this.words.textContent = gettext("The audio could not be loaded. Press play to try again.");
      this.showState();
    });
  }

  toggle() {
    if (this.audio.paused) this.play();
    else this.audio.pause();
  }

  async play() {
    for (const other of document.querySelectorAll("audio")) if (other !== this.audio) other.pause();
    if (this.audio.error) this.audio.load();
    if (this.audio.ended) this.audio.currentTime = 0;
    try {
      await this.audio.play();
    } catch { /* the error event, or a pause that came first, tells the rest */ }
  }

  seek(seconds) {
    const to = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.05));
    this.drawing.surfer.setTime(to);
    this.showTime(to);
  }

  showState() {
    const playing = !this.audio.paused;
    this.root.toggleAttribute("data-playing", playing);
    const words = playing ? gettext("Pause %(title)s") : gettext("Play %(title)s");
    this.button.setAttribute("aria-label", interpolate(words, this.root.dataset, true));
  }

  showLoading(loading) {
    this.button.toggleAttribute("aria-busy", loading);
    this.words.textContent = loading ? gettext("Loading the sound…") : "";
  }

  showTime(seconds = this.audio.currentTime) {
    this.root.querySelector("[data-time]").textContent = clock(seconds);
    tellSlider(this.wave, seconds, this.duration);
  }

  /** Whether the key meant the player. */
  key(event) {
    const elsewhere = event.target !== this.wave && !event.key.startsWith("Arrow"); // there Home and End move the page
    const to = elsewhere ? undefined : slidTo(event.key, this.audio.currentTime, this.duration);
    if (event.key === " ") this.toggle();
    else if (to !== undefined) this.seek(to);
    else return false;
    return true;
  }

  destroy() {
    this.audio.pause();
    this.drawing.destroy();
  }
}

/** Take up players that appeared and let go of those that left; safe to call at any time. */
export function refreshOwnPlayers() {
  for (const [root, player] of players) {
    if (root.isConnected) continue;
    players.delete(root);
    player.destroy();
  }
  for (const root of document.querySelectorAll("[data-own-player]")) {
    if (!players.has(root)) players.set(root, new OwnPlayer(root));
  }
}

// In the capture phase: elsewhere the keys mean the player bar.
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const player = [...players.values()].find(({ root }) => root.isConnected);
  if (!player || document.querySelector("dialog[open]")) return;
  if (event.target.closest?.("a, button, summary, input, select, [role=button]")) {
    if (event.key === " " || event.target.matches("input, select")) return;
  }
  if (!player.key(event)) return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });
document.addEventListener("htmx:afterSettle", refreshOwnPlayers);
refreshOwnPlayers();
