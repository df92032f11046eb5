// Several clips that run together, one of them heard. Both decks keep this interface:
//   load()            resolves when every clip can start at once; rejects where this deck cannot be used
//   start(seconds)    all clips run from there
//   stop()
//   hear(index)       moves the ear; the clips go on
//   position          seconds, while running

const FADE_SECONDS = 0.005; // long enough not to click, too short to notice

/** Decoded clips on one audio clock: in step to the sample. Needs to read the files, so a store without CORS refuses it. */
export class SampleDeck {
  constructor(audios) {
    this.audios = audios;
    this.sources = [];
    this.heard = 0;
  }

  async load() {
    this.context ??= new AudioContext();
    const resumed = this.context.resume(); // asked for while the key press or click still counts as one
    this.buffers ??= await Promise.all(this.audios.map((audio) => this.fetch(audio.src)));
    await resumed;
    this.gains ??= this.audios.map(() => {
      const gain = this.context.createGain();
      gain.connect(this.context.destination);
      return gain;
    });
  }

  async fetch(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} for ${url}`);
    return this.context.decodeAudioData(await response.arrayBuffer());
  }

  start(seconds) {
    this.stop();
    const at = this.context.currentTime + 0.02;
    this.zero = at - seconds;
    this.sources = this.buffers.map((buffer, index) => {
      const source = new AudioBufferSourceNode(this.context, { buffer });
      source.connect(this.gains[index]);
      this.gains[index].gain.value = index === this.heard ? 1 : 0;
      if (seconds < buffer.duration) source.start(at, seconds);
      return source;
    });
  }

  stop() {
    for (const source of this.sources) source.disconnect();
    this.sources = [];
  }

  hear(index) {
    this.heard = index;
    this.gains?.forEach((gain, other) => {
      gain.gain.setTargetAtTime(other === index ? 1 : 0, this.context.currentTime, FADE_SECONDS);
    });
  }

  get position() {
    return Math.max(0, this.context.currentTime - this.zero);
  }

  close() {
    this.stop();
    if (this.context?.state !== "closed") this.context?.close();
  }
}

const PULL_MS = 100;
const FAR_SECONDS = 0.4;

/** Media elements, all but one muted; the silent ones are pulled into step by their speed. For stores without CORS. */
export class ElementDeck {
  constructor(audios) {
    this.audios = audios;
    this.heard = 0;
  }

  async load() {
    await Promise.all(this.audios.map(canPlay));
  }

  start(seconds) {
    for (const audio of this.audios) {
      audio.currentTime = Math.min(seconds, audio.duration);
      if (seconds < audio.duration) audio.play().catch(() => {});
    }
    this.hear(this.heard);
    clearInterval(this.timer);
    this.timer = setInterval(() => this.pull(), PULL_MS);
  }

  pull() {
    for (const audio of this.audios) {
      const behind = this.position - audio.currentTime;
      if (audio === this.audios[this.heard] || audio.ended || audio.seeking) continue;
      if (Math.abs(behind) > FAR_SECONDS) audio.currentTime = this.position;
      audio.playbackRate = 1 + Math.min(0.2, Math.max(-0.2, 1.5 * behind));
    }
  }

  stop() {
    clearInterval(this.timer);
    for (const audio of this.audios) audio.pause();
  }

  hear(index) {
    this.heard = index;
    this.audios.forEach((audio, other) => {
      audio.muted = other !== index;
      if (other === index) audio.playbackRate = 1;
    });
  }

  get position() {
    return this.audios[this.heard].currentTime;
  }

  close() {
    this.stop();
  }
}

function canPlay(audio) {
  if (audio.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return Promise.resolve();
  audio.preload = "auto";
  audio.load();
  return new Promise((resolve, reject) => {
    audio.addEventListener("canplay", resolve, { once: true });
    audio.addEventListener("error", () => reject(new Error("the audio could not be loaded")), { once: true });
  });
}
