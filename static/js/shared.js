// The page of a shared link: waveforms around the browser's own players, one of which sounds at a time.

import { drawWaveform, peaksOf } from "./waveform.js";

const clips = [...document.querySelectorAll("[data-shared-clip]")];

for (const [at, clip] of clips.entries()) {
  const audio = clip.querySelector("audio");
  drawWaveform(clip.querySelector("[data-wave]"), {
    media: audio,
    peaks: peaksOf(clip),
    duration: Number(clip.dataset.duration),
  });
  audio.addEventListener("play", () => {
    for (const other of clips) if (other !== clip) other.querySelector("audio").pause();
  });
  audio.addEventListener("ended", () => clips[at + 1]?.querySelector("audio").play());
}
