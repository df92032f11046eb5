// A blind trial (templates/feedback/tests/_trial.html): two samples run together and one is heard. What was heard is
// kept in intervals of seconds and reported; the server decides whether it suffices. Works without looking.

import { SampleDeck } from "./deck.js";
import { isTyping } from "./keys.js";
import { clock } from "./waveform.js";
import { gettext, interpolate } from "./words.js";

const SHOW_MS = 40;
const REPORT_MS = 5000;
const NOT_YET = { "aria-disabled": "true", "aria-describedby": "trial-missing" };

/** Intervals of seconds, merged as they are added. */
class Heard {
  constructor(intervals) {
    this.intervals = intervals;
  }

  add(from, to) {
    if (!(to > from)) return;
    this.intervals.push([from, to]);
    this.intervals.sort((one, other) => one[0] - other[0]);
    this.intervals = this.intervals.reduce((merged, [start, end]) => {
      const last = merged.at(-1);
      if (last && start <= last[1]) last[1] = Math.max(last[1], end);
      else merged.push([start, end]);
      return merged;
    }, []);
  }

  get seconds() {
    return this.intervals.reduce((sum, [start, end]) => sum + end - start, 0);
  }

  toString() {
    return JSON.stringify(this.intervals.map((pair) => pair.map((time) => Math.floor(time * 1000) / 1000)));
  }
}

class Clip {
  constructor(root) {
    this.root = root;
    this.audio = root.querySelector("audio");
    this.audio.controls = false;
    this.button = root.querySelector("[data-switch]");
    this.name = this.audio.getAttribute("aria-label");
    this.heard = new Heard(JSON.parse(root.dataset.heard));
  }

  show(required) {
    // Rounded down: what is shown was heard.
    this.root.querySelector("[data-seconds]").textContent = (Math.floor(this.heard.seconds * 10) / 10).toFixed(1);
    this.root.querySelector("[data-enough]").hidden = this.missing(required) > 0;
  }

  /** Seconds that are still to be heard, rounded up: who waits for so long has heard enough. */
  missing(required) {
    return Math.ceil(Math.max(0, required - this.heard.seconds) * 10) / 10;
  }
}

class Trial {
  constructor(root) {
    this.root = root;
    this.required = Number(root.dataset.required);
    this.form = root.querySelector("[data-vote-form]");
    this.clips = [...root.querySelectorAll("[data-clip]")].map((element) => new Clip(element));
    this.deck = new SampleDeck(this.clips.map((clip) => clip.audio));
    this.playing = false;
    this.looping = false;
    this.rest = 0;
    this.duration = 0;
    this.saidEnough = this.isEnough;
    this.votes = [...this.form.querySelectorAll("[name=choice]")];
    this.wire();
    for (const input of this.reports()) input.disabled = false;
    this.choose(this.clips[0]);
    root.dataset.ready = "";
  }

  reports() {
    return this.form.querySelectorAll("[data-report]");
  }

  wire() {
    this.button = this.root.querySelector("[data-play]");
    this.slider = this.root.querySelector("[data-seek]");
    this.loopButton = this.root.querySelector("[data-loop]");
    this.button.addEventListener("click", () => this.toggle());
    this.loopButton.addEventListener("click", () => this.toggleLoop());
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    for (const clip of this.clips) clip.button.addEventListener("click", () => this.hear(clip));
    this.form.addEventListener("click", (event) => this.beforeVote(event), { capture: true });
  }

  get position() {
    return this.playing && !this.loading ? Math.min(this.deck.position, this.duration) : this.rest;
  }

  /** Note what has sounded since the last look; it was all of the clip that is heard. */
  note() {
    if (!this.playing || this.loading) return;
    const now = this.position;
    this.current.heard.add(this.noted, now);
    this.noted = now;
  }

  choose(clip) {
    this.note();
    this.current = clip;
    this.deck.hear(this.clips.indexOf(clip));
    for (const other of this.clips) other.button.setAttribute("aria-pressed", String(other === clip));
    this.show();
  }

  /** Hear a clip from where the other one is, starting if nothing plays. */
  hear(clip) {
    this.choose(clip);
    announce(clip.name);
    if (!this.playing) this.play();
  }

  async play() {
    if (this.playing) return;
    this.playing = true;
    this.loading = true;
    this.showState();
    try {
      await this.deck.load();
    } catch {
      this.loading = false;
      this.playing = false;
      this.showState();
      this.tell(gettext("The sound could not be loaded. Press play to try again."));
      return;
    }
    this.loading = false;
    this.tell("");
    this.duration = Math.min(...this.deck.buffers.map((buffer) => buffer.duration));
    this.slider.max = String(this.duration);
    this.root.querySelector("[data-total]").textContent = clock(this.duration);
    if (!this.playing || !this.root.isConnected) return;
    if (this.rest >= this.duration - 0.05) this.rest = 0;
    this.run(this.rest);
    this.showState();
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tick(), SHOW_MS);
    this.reporter ??= setInterval(() => this.report(), REPORT_MS);
  }

  run(from) {
    this.noted = from;
    this.deck.start(from);
  }

  pause() {
    this.note();
    if (!this.loading) this.rest = this.position;
    this.playing = false;
    clearInterval(this.timer);
    this.deck.stop();
    this.showState();
    this.show();
    this.report();
  }

  toggle() {
    if (this.playing) {
      this.pause();
      announce(gettext("Paused"));
    } else {
      announce(interpolate(gettext("Playing %(name)s"), { name: this.current.name }, true));
      this.play();
    }
  }

  toggleLoop() {
    this.looping = !this.looping;
    this.loopButton.setAttribute("aria-pressed", String(this.looping));
    announce(this.looping ? gettext("Loop on") : gettext("Loop off"));
  }

  seek(seconds) {
    this.note();
    this.rest = Math.max(0, seconds);
    if (this.playing && !this.loading) this.run(this.rest);
    this.show();
  }

  tick() {
    if (!this.root.isConnected) return this.destroy();
    this.note();
    if (this.position >= this.duration - 0.01) {
      if (this.looping) this.seek(0);
      else this.pause();
    }
    if (!this.saidEnough && this.isEnough) {
      this.saidEnough = true;
      announce(gettext("Both samples heard. You can answer now."));
    }
    return this.show();
  }

  get isEnough() {
    return this.clips.every((clip) => clip.missing(this.required) === 0);
  }

  /** What is missing of which clip, in words; nothing once both were heard enough. */
  get missing() {
    const parts = this.clips.map((clip) => ({ seconds: clip.missing(this.required).toFixed(1), name: clip.name })).filter(({ seconds }) => Number(seconds));
    const words = parts.map((part) => interpolate(gettext("%(seconds)s s more of %(name)s"), part, true));
    return words.length ? interpolate(gettext("Listen to %(what)s before you answer."), { what: words.join(gettext(" and ")) }, true) : "";
  }

  /** An answer that is not allowed yet says what is missing, and is not sent. */
  beforeVote(event) {
    this.fillReport();
    if (!event.target.closest("[aria-disabled=true]")) return;
    event.preventDefault();
    event.stopPropagation();
    announce(this.missing);
  }

  showMissing() {
    const words = this.missing;
    const line = this.form.querySelector("[data-missing]");
    if (line.textContent !== words) line.textContent = words;
    for (const vote of this.votes) {
      if (words) for (const [name, value] of Object.entries(NOT_YET)) vote.setAttribute(name, value);
      else for (const name of Object.keys(NOT_YET)) vote.removeAttribute(name);
    }
  }

  fillReport() {
    this.note();
    [...this.reports()].forEach((input, index) => {
      input.value = String(this.clips[index].heard);
    });
  }

  /** Tell the server what was heard, so that a reload does not lose it. A failure is no loss: the vote tells all. */
  report() {
    this.fillReport();
    const told = [...this.reports()].map((input) => input.value).join();
    if (told === this.told || told === "[],[]") return;
    this.told = told;
    const headers = JSON.parse(document.body.getAttribute("hx-headers"));
    const body = new URLSearchParams([...this.reports()].map((input) => [input.name, input.value]));
    fetch(this.root.dataset.heardUrl, { method: "POST", headers, body, keepalive: true }).catch(() => {});
  }

  tell(problem) {
    this.root.querySelector("[data-load-problem]").textContent = problem;
  }

  showState() {
    this.root.toggleAttribute("data-playing", this.playing);
    this.button.parentElement.toggleAttribute("data-playing", this.playing);
    this.button.setAttribute("aria-label", this.playing ? gettext("Pause") : gettext("Play"));
    if (this.loading) this.root.setAttribute("aria-busy", "true");
    else this.root.removeAttribute("aria-busy");
    this.root.querySelector("[data-loading]").textContent = this.loading ? gettext("Loading the sound…") : "";
  }

  show() {
    const { position } = this;
    this.root.dataset.position = position.toFixed(3);
    this.root.querySelector("[data-time]").textContent = clock(position);
    if (this.slider !== document.activeElement || this.playing) this.slider.value = String(position);
    this.slider.setAttribute("aria-valuetext", clock(position));
    for (const clip of this.clips) clip.show(this.required);
    this.showMissing();
  }

  key(event) {
    const onSlider = event.target === this.slider;
    const answer = this.form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (event.key === "1" || event.key === "2") this.hear(this.clips[Number(event.key) - 1]);
    else if (event.key === " ") this.toggle();
    else if (event.key === "l") this.toggleLoop();
    else if (answer && !onSlider) answer.click();
    else return false;
    return true;
  }

  destroy() {
    clearInterval(this.timer);
    clearInterval(this.reporter);
    this.playing = false;
    this.deck.close();
  }
}

let trial = null;

function announce(words) {
  const line = document.querySelector("[data-trial-announce]");
  if (line) line.textContent = words;
}

/** Take up the trial on the page, another one after each vote. */
function refresh() {
  const root = document.querySelector("[data-trial]");
  if (trial?.root === root) return;
  const goesOn = trial !== null && document.querySelector("[data-trial-title]") !== null;
  trial?.destroy();
  trial = root && new Trial(root);
  if (!goesOn) return;
  const title = document.querySelector("[data-trial-title]");
  title.focus();
  const prompt = document.querySelector("[data-trial-prompt]");
  announce([title.textContent, prompt?.textContent].filter(Boolean).join(". "));
}

document.addEventListener("keydown", (event) => {
  if (!trial || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (event.repeat || document.querySelector("dialog[open]")) return;
  if (event.key === " " && event.target.closest?.("a, button:not([data-switch]), summary")) return;
  if (trial.key(event)) event.preventDefault();
});
document.addEventListener("htmx:afterSettle", refresh);
addEventListener("pagehide", () => trial?.report());
document.addEventListener("page-left", () => trial?.pause());
refresh();
