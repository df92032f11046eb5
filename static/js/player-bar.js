// The player that stays (templates/components/player_bar.html): the studio's one <audio> outside blind pages. It stands
// beside the part of the page that navigation replaces, so it plays on; rows (player.js) are its remote controls.
// What plays, where it stands and what comes next survive a reload in this tab; volume and speed, in this browser.
//
// A clip is { id, title, url, src, mine, duration, peaks }; `mine` answers with the reader's stars and heart. The document
// hears "player-state" when another clip or another state came, "player-time" with every frame while it plays, and
// "player-heard" once enough of a clip has sounded.

import { clock, drawWaveform, nameSlider, slidTo, tellSlider } from "./waveform.js";
import { gettext, interpolate } from "./words.js";

const HEARD_SECONDS = 1;
const SEEK_SECONDS = 2;
const SAVE_MS = 1000;

const tell = (name) => document.dispatchEvent(new CustomEvent(name));

function read(storage, name) {
  try {
    return JSON.parse(storage().getItem(name)) ?? {};
  } catch {
    return {};
  }
}

function write(storage, name, value) {
  try {
    storage().setItem(name, JSON.stringify(value));
  } catch { /* storage is off or full: it lasts for this page */ }
}

class PlayerBar {
  queue = [];
  at = -1;
  failed = false;

  constructor(root) {
    this.root = root;
    this.audio = root.querySelector("audio");
    this.wave = root.querySelector("[data-bar-wave]");
    this.words = root.querySelector("[data-bar-words]");
    this.channel = new BroadcastChannel("player");
    this.wireAudio();
    this.wireControls();
    this.wireSession();
    this.applySettings(read(() => localStorage, "player-settings"));
    this.resume(read(() => sessionStorage, "player-queue"), read(() => sessionStorage, "player"));
    addEventListener("pagehide", () => this.save());
    if (this.isSilenced) this.arrive();
  }

  part(name) {
    return this.root.querySelector(`[data-bar-${name}]`);
  }

  // -- what it plays --------------------------------------------------------------------------------------------------

  get clip() {
    return this.queue[this.at] ?? null;
  }

  get time() {
    return this.audio.currentTime;
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  /** Whether a blind page is open: there every clip is heard under the same conditions, and never here. */
  get isSilenced() {
    return document.querySelector("[data-silence]") !== null;
  }

  /** Make `queue[at]` the clip, at `seconds`, without playing it. */
  load(queue, at, seconds = 0) {
    const before = this.clip;
    this.queue = queue;
    this.at = at;
    if (this.clip.id !== before?.id) {
      this.audio.src = this.clip.src;
      this.audio.loop = false;
      this.failed = false;
      this.words.textContent = "";
      this.showClip();
    }
    this.seek(seconds);
    this.showState();
  }

  /** Follow a list that has changed on the page: the clip stays, what comes before and after it is new. */
  follow(queue) {
    const at = queue.findIndex(({ id }) => id === this.clip?.id);
    if (at < 0) return;
    this.queue = queue;
    this.at = at;
    this.showState();
  }

  async play() {
    if (!this.clip || this.isSilenced) return;
    if (this.audio.error) this.audio.load();
    if (this.audio.ended) this.audio.currentTime = 0;
    for (const other of document.querySelectorAll("audio")) if (other !== this.audio) other.pause();
    try {
      await this.audio.play();
    } catch { /* the error event, a pause that came first, or a browser that wants a touch before any sound */ }
  }

  toggle() {
    if (this.isPlaying) this.audio.pause();
    else this.play();
  }

  seek(seconds) {
    if (!this.clip) return;
    this.audio.currentTime = Math.min(Math.max(0, seconds), Math.max(0, this.clip.duration - 0.05));
    this.showTime();
    this.save();
  }

  step(by) {
    const at = this.at + by;
    if (!this.queue[at]) return;
    this.load(this.queue, at);
    this.play();
  }

  close() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.queue = [];
    this.at = -1;
    this.showState();
    this.save();
  }

  // -- what is kept ---------------------------------------------------------------------------------------------------

  /** The queue with its outlines is long, and seldom another one; where it stands is written while it plays. */
  saveQueue() {
    write(() => sessionStorage, "player-queue", { user: this.root.dataset.user, queue: this.queue });
  }

  save() {
    const { time, isPlaying: playing } = this;
    write(() => sessionStorage, "player", { id: this.clip?.id, time, playing, loop: this.audio.loop });
    this.saved = performance.now();
  }

  resume({ user, queue = [] }, { id, time, playing, loop }) {
    const at = queue.findIndex((clip) => clip.id === id);
    if (user !== this.root.dataset.user || at < 0) return;
    this.load(queue, at, time);
    this.audio.loop = loop;
    this.showState();
    if (playing) this.goOn();
  }

  /** After a reload a browser may want a touch before any sound: the first one, wherever it is, lets it go on. */
  async goOn() {
    await this.play();
    if (this.isPlaying || this.isSilenced) return;
    const touched = new AbortController();
    const again = ({ target, key }) => {
      touched.abort();
      if (key !== " " && !target.closest?.("#player-bar, [data-player]")) this.play(); // there it is said what to do
    };
    for (const name of ["click", "keydown"]) document.addEventListener(name, again, { capture: true, signal: touched.signal });
  }

  applySettings({ volume = 1, muted = false, speed = 1 }) {
    this.audio.volume = volume;
    this.audio.muted = muted;
    this.audio.defaultPlaybackRate = this.audio.playbackRate = speed;
    this.part("volume").value = String(volume);
    this.part("speed").value = String(speed);
    this.part("mute").setAttribute("aria-pressed", String(muted));
  }

  set(changed) {
    const { volume, muted, playbackRate: speed } = this.audio;
    const settings = { volume, muted, speed, ...changed };
    this.applySettings(settings);
    write(() => localStorage, "player-settings", settings);
  }

  // -- wiring ---------------------------------------------------------------------------------------------------------

  wireAudio() {
    const { audio } = this;
    audio.addEventListener("play", () => {
      this.channel.postMessage("play");
      this.showState();
      this.frame();
    });
    audio.addEventListener("pause", () => this.showState());
    audio.addEventListener("playing", () => {
      this.failed = false;
      this.words.textContent = "";
      this.showState();
    });
    audio.addEventListener("waiting", () => this.part("play").setAttribute("aria-busy", "true"));
    for (const name of ["playing", "pause", "error"]) {
      audio.addEventListener(name, () => this.part("play").removeAttribute("aria-busy"));
    }
    audio.addEventListener("timeupdate", () => {
      this.count();
      if (performance.now() - (this.saved ?? 0) > SAVE_MS) this.save();
      this.showPosition();
    });
    audio.addEventListener("seeked", () => this.showTime());
    audio.addEventListener("ended", () => {
      tell("player-heard");
      if (this.queue[this.at + 1]) this.step(1);
      else this.showState();
    });
    audio.addEventListener("error", () => {
      if (!this.clip) return;
      this.failed = true;
      this.words.textContent = gettext("The audio could not be loaded. Press play to try again.");
      this.showState();
    });
    this.channel.addEventListener("message", () => audio.pause()); // another tab of the studio plays now
  }

  wireControls() {
    this.part("play").addEventListener("click", () => this.toggle());
    this.part("previous").addEventListener("click", () => this.step(-1));
    this.part("next").addEventListener("click", () => this.step(1));
    this.part("close").addEventListener("click", () => this.close());
    this.part("loop").addEventListener("click", () => {
      this.audio.loop = !this.audio.loop;
      this.showState();
      this.save();
    });
    this.part("mute").addEventListener("click", () => this.set({ muted: !this.audio.muted }));
    this.part("volume").addEventListener("input", (event) => this.set({ volume: Number(event.target.value), muted: false }));
    this.part("speed").addEventListener("change", (event) => this.set({ speed: Number(event.target.value) }));
    this.part("more").addEventListener("click", () => {
      this.root.toggleAttribute("data-open");
      this.showOpen();
    });
    this.part("queue").addEventListener("click", (event) => {
      const row = event.target.closest("[data-at]");
      if (!row) return;
      this.load(this.queue, Number(row.dataset.at));
      this.play();
    });
    this.wave.addEventListener("keydown", (event) => {
      const to = slidTo(event.key, this.time, this.clip?.duration);
      if (to === undefined) return;
      event.preventDefault();
      this.seek(to);
    });
  }

  /** Media keys, headphones and the lock screen. */
  wireSession() {
    if (!("mediaSession" in navigator)) return;
    const actions = {
      play: () => this.play(),
      pause: () => this.audio.pause(),
      stop: () => this.close(),
      previoustrack: () => this.step(-1),
      nexttrack: () => this.step(1),
      seekto: ({ seekTime }) => this.seek(seekTime),
      seekbackward: ({ seekOffset }) => this.seek(this.time - (seekOffset ?? SEEK_SECONDS)),
      seekforward: ({ seekOffset }) => this.seek(this.time + (seekOffset ?? SEEK_SECONDS)),
    };
    for (const [action, handler] of Object.entries(actions)) {
      try {
        navigator.mediaSession.setActionHandler(action, handler);
      } catch { /* an action this browser does not know */ }
    }
  }

  count() {
    if (!this.clip) return;
    const { played } = this.audio;
    let seconds = 0;
    for (let index = 0; index < played.length; index += 1) seconds += played.end(index) - played.start(index);
    if (seconds >= Math.min(HEARD_SECONDS, this.clip.duration)) tell("player-heard");
  }

  // -- what it shows --------------------------------------------------------------------------------------------------

  showClip() {
    const { title, url, mine, duration, peaks } = this.clip;
    const link = this.part("title");
    link.textContent = title;
    link.title = title;
    link.href = url;
    window.htmx?.process(link); // it took the address up when it was boosted
    this.part("total").textContent = clock(duration);
    this.drawing?.destroy();
    this.drawing = drawWaveform(this.wave, { peaks, duration });
    this.drawing.surfer.on("interaction", (seconds) => this.seek(seconds));
    nameSlider(this.wave, title, duration);
    const marks = this.part("clip");
    marks.replaceChildren();
    window.htmx?.ajax("GET", mine, { target: marks, swap: "innerHTML" }).catch(() => {});
    if ("mediaSession" in navigator) {
      const artwork = [{ src: this.root.dataset.artwork, sizes: "512x512", type: "image/png" }];
      navigator.mediaSession.metadata = new MediaMetadata({ title, artist: "Text2Song Studio", artwork });
    }
  }

  showState() {
    const { root, clip, isPlaying } = this;
    root.hidden = !clip;
    root.toggleAttribute("data-playing", isPlaying);
    root.toggleAttribute("data-failed", this.failed);
    const title = clip?.title ?? "";
    const words = isPlaying ? gettext("Pause %(title)s") : gettext("Play %(title)s");
    this.part("play").setAttribute("aria-label", interpolate(words, { title }));
    this.part("loop").setAttribute("aria-pressed", String(this.audio.loop));
    this.part("previous").disabled = !this.queue[this.at - 1];
    this.part("next").disabled = !this.queue[this.at + 1];
    this.showQueue();
    this.showOpen();
    if ("mediaSession" in navigator) navigator.mediaSession.playbackState = clip ? (isPlaying ? "playing" : "paused") : "none";
    tell("player-state");
  }

  showOpen() {
    this.part("more").setAttribute("aria-expanded", String(this.root.hasAttribute("data-open")));
  }

  showQueue() {
    const ids = this.queue.map(({ id }) => id).join(" ");
    if (this.shownQueue !== ids) {
      this.shownQueue = ids;
      this.saveQueue();
      const rows = this.queue.map(({ title, duration }, index) => {
        const row = document.createElement("li");
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.at = String(index);
        const length = document.createElement("span");
        length.textContent = clock(duration);
        button.append(title, length);
        row.append(button);
        return row;
      });
      this.part("queue").replaceChildren(...rows);
    }
    for (const [index, row] of [...this.part("queue").children].entries()) {
      if (index === this.at) row.firstElementChild.setAttribute("aria-current", "true");
      else row.firstElementChild.removeAttribute("aria-current");
    }
    this.part("place").textContent = this.queue.length > 1 ? `${this.at + 1}/${this.queue.length}` : "";
  }

  frame() {
    if (!this.isPlaying) return;
    this.showTime();
    requestAnimationFrame(() => this.frame());
  }

  showTime() {
    if (!this.clip) return;
    const { time } = this;
    this.part("time").textContent = clock(time);
    this.drawing?.surfer.setTime(time);
    tellSlider(this.wave, time, this.clip.duration);
    tell("player-time");
  }

  showPosition() {
    if (!("mediaSession" in navigator) || !this.clip) return;
    const { duration } = this.clip;
    navigator.mediaSession.setPositionState({ duration, position: Math.min(this.time, duration), playbackRate: this.audio.playbackRate });
  }

  /** A page has come: a blind one silences the bar, which comes back, paused, on the next that is not. */
  arrive() {
    if (this.isSilenced) this.audio.pause();
    this.showState();
  }
}

const root = document.getElementById("player-bar");

/** The bar of this page; null where nobody is signed in. */
export const bar = root && new PlayerBar(root);

document.addEventListener("page-arrived", () => bar?.arrive());
