// A waveform drawn from stored peaks around a media element: no audio is fetched or decoded for it.

import WaveSurfer from "../vendor/wavesurfer/wavesurfer.esm.js";

const QUIETEST = 0.1; // clips are loudness-matched, so each fills its height, but noise is not blown up into music
const nonce = document.querySelector("link[nonce]")?.nonce;

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-3));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function colours(container) {
  // Canvas needs resolved colours, so they are read from properties the style sheet sets from its tokens.
  const style = getComputedStyle(container);
  return { waveColor: style.color, progressColor: style.caretColor, cursorColor: style.caretColor };
}

/** Draw `peaks` (floats, -1..1) of `duration` seconds in `container`; clicks and drags seek `media`, where there is one. */
export function drawWaveform(container, { media, peaks, duration }) {
  container.replaceChildren(); // a fragment may bring an old drawing along
  const surfer = WaveSurfer.create({
    container,
    media,
    peaks: [peaks],
    duration,
    height: "auto",
    barWidth: 2,
    barGap: 1,
    barRadius: 1,
    barMinHeight: 1,
    normalize: true,
    maxPeak: Math.max(QUIETEST, ...peaks.map(Math.abs)),
    cursorWidth: 1,
    dragToSeek: { debounceTime: 0 },
    hideScrollbar: true,
    cspNonce: nonce,
    ...colours(container),
  });
  const repaint = () => requestAnimationFrame(() => surfer.setOptions(colours(container)));
  document.addEventListener("themechange", repaint);
  return {
    surfer,
    destroy() {
      document.removeEventListener("themechange", repaint);
      surfer.destroy();
    },
  };
}
