// A waveform drawn from stored peaks around a media element: no audio is fetched or decoded for it.

import WaveSurfer from "../vendor/wavesurfer/wavesurfer.esm.js";
import { gettext, interpolate } from "./words.js";

const QUIETEST = 0.1; // clips are loudness-matched, so each fills its height, but noise is not blown up into music
const SEEK_SECONDS = 2; // by which an arrow moves
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

/** The peaks that `root` carries as whole hundredths: floats, -1..1. */
export function peaksOf(root) {
  return JSON.parse(root.dataset.peaks || "[]").map((hundredths) => hundredths / 100);
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

// -- the waveform as a slider, for keys and screen readers -------------------------------------------------------------------

/** Name the slider after the clip's `title`; it ends at `duration` seconds. */
export function nameSlider(wave, title, duration) {
  wave.tabIndex = 0;
  wave.setAttribute("role", "slider");
  wave.setAttribute("aria-label", interpolate(gettext("Position in %(title)s"), { title }));
  wave.setAttribute("aria-valuemin", "0");
  wave.setAttribute("aria-valuemax", duration.toFixed(1));
}

/** Say where it stands. */
export function tellSlider(wave, seconds, duration) {
  wave.setAttribute("aria-valuenow", seconds.toFixed(1));
  const words = interpolate(gettext("%(time)s of %(total)s"), { time: clock(seconds), total: clock(duration) });
  wave.setAttribute("aria-valuetext", words);
}

/** Where a key leads from `seconds`; undefined for one that means something else. */
export function slidTo(key, seconds, duration) {
  return { ArrowLeft: seconds - SEEK_SECONDS, ArrowRight: seconds + SEEK_SECONDS, Home: 0, End: duration }[key];
}
