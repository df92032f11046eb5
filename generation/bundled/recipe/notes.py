"""Render one-shot notes from a General MIDI soundfont: the raw material of the corpus.

    python -m generation.bundled.recipe.notes [--soundfont FILE] [--data-dir DIR] [--smoke]

Needs the `fluidsynth` program. Every note is rendered alone, dry (no reverb, no chorus), at 48 kHz, brought down to
16 kHz and stored in one `notes.safetensors`; nothing of the soundfont itself is kept. `--smoke` needs neither program
nor soundfont: plain synthetic tones stand in for the notes.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile
from safetensors.numpy import load_file, save_file
from scipy.signal import resample_poly
from tqdm import tqdm

from generation.bundled.recipe.constants import DEFAULT_DATA_DIR, DEFAULT_SOUNDFONT, SAMPLE_RATE
from generation.bundled.recipe.timbres import DRUM_KITS, TIMBRES, Timbre

RENDER_RATE = 48_000
TICKS_PER_SECOND = 960
HELD_SECONDS = 2.4
SLOT_SECONDS = 3.5
VELOCITY = 96
WHITE_KEYS = (0, 2, 4, 5, 7, 9, 11)
"""Pitch classes of C major and A minor, the only ones the corpus uses."""

PITCHED_LEVEL = 0.1
"""RMS of the first half second of a timbre's median note."""

DRUM_PEAK = 0.45
NoteBank = dict[str, np.ndarray]


def white_keys(low: int, high: int) -> list[int]:
    """MIDI keys of C major between `low` and `high`, both included."""
    return [key for key in range(low, high + 1) if key % 12 in WHITE_KEYS]


def render_bank(soundfont: Path) -> NoteBank:
    """Render all notes: keys `<timbre>/<MIDI key>` and `<kit>/<voice>`, values float32 waveforms at 16 kHz."""
    bank: NoteBank = {}
    for timbre in tqdm(TIMBRES, desc="timbres", unit="timbre"):
        bank.update(_render_timbre(soundfont, timbre))
    for kit in tqdm(DRUM_KITS, desc="drum kits", unit="kit"):
        program = next(iter(kit.voices.values()))[0]
        slots = _render_slots(soundfont, [key for _, key, _ in kit.voices.values()], program, channel=9)
        for (voice, (_, _, seconds)), wave in zip(kit.voices.items(), slots, strict=True):
            shot = _faded(wave[: int(seconds * SAMPLE_RATE)], seconds / 3)
            bank[f"{kit.name}/{voice}"] = shot * (DRUM_PEAK / max(np.abs(shot).max(), 1e-6))
    return bank


def synthetic_bank() -> NoteBank:
    """The same keys as `render_bank`, each a short decaying tone or noise burst: for tests without a soundfont."""
    rng = np.random.default_rng(0)
    seconds = np.arange(int(0.5 * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    decay = np.exp(-6 * seconds)
    bank: NoteBank = {}
    for number, timbre in enumerate(TIMBRES):
        for key in white_keys(timbre.low, timbre.high):
            phase = 2 * np.pi * 440 * 2 ** ((key - 69) / 12) * seconds
            tone = np.sin(phase) + (number % 4) / 4 * np.sin(2 * phase)
            bank[f"{timbre.name}/{key}"] = (0.15 * decay * tone).astype(np.float32)
    for kit in DRUM_KITS:
        for voice in kit.voices:
            burst = rng.standard_normal(len(seconds)) * decay**4
            bank[f"{kit.name}/{voice}"] = (0.15 * burst).astype(np.float32)
    return bank


def _render_timbre(soundfont: Path, timbre: Timbre) -> NoteBank:
    keys = white_keys(timbre.low, timbre.high)
    waves = _render_slots(soundfont, keys, timbre.program, channel=0)
    loudness = [float(np.sqrt(np.mean(wave[: SAMPLE_RATE // 2] ** 2))) for wave in waves]
    median = float(np.median(loudness))
    notes = {}
    for key, wave, rms in zip(keys, waves, loudness, strict=True):
        gain = PITCHED_LEVEL / np.sqrt(median * max(rms, 0.25 * median))
        notes[f"{timbre.name}/{key}"] = _faded(wave[: int(HELD_SECONDS * SAMPLE_RATE)] * gain, 0.05)
    return notes


def _render_slots(soundfont: Path, keys: list[int], program: int, channel: int) -> list[np.ndarray]:
    """Play `keys` one after the other, one per slot of `SLOT_SECONDS`, and cut the recording into slots."""
    track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
    held = int(HELD_SECONDS * TICKS_PER_SECOND)
    rest = int(SLOT_SECONDS * TICKS_PER_SECOND) - held
    for index, key in enumerate(keys):
        track.append(mido.Message("note_on", channel=channel, note=key, velocity=VELOCITY, time=rest if index else 0))
        track.append(mido.Message("note_off", channel=channel, note=key, time=held))
    track.append(mido.MetaMessage("end_of_track", time=rest))
    song = mido.MidiFile(ticks_per_beat=TICKS_PER_SECOND // 2)
    song.tracks.append(track)
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "notes.mid"), Path(folder, "notes.wav")
        song.save(midi)
        subprocess.run(
            [
                "fluidsynth",
                "-ni",
                "-q",
                "-R",
                "0",
                "-C",
                "0",
                "-g",
                "0.5",
                "-r",
                str(RENDER_RATE),
                "-F",
                str(wav),
                str(soundfont),
                str(midi),
            ],
            check=True,
            capture_output=True,
        )
        stereo, rate = soundfile.read(wav, dtype="float32", always_2d=True)
    slot = int(SLOT_SECONDS * rate)
    mono = np.pad(stereo.mean(axis=1), (0, max(0, slot * len(keys) - len(stereo))))
    return [
        resample_poly(mono[index * slot : (index + 1) * slot], SAMPLE_RATE, rate).astype(np.float32)
        for index in range(len(keys))
    ]


def _faded(wave: np.ndarray, seconds: float) -> np.ndarray:
    """Fade the last `seconds` out."""
    count = min(int(seconds * SAMPLE_RATE), len(wave))
    wave = wave.copy()
    wave[len(wave) - count :] *= np.linspace(1, 0, count, dtype=np.float32)
    return wave


def bank_path(data_dir: Path) -> Path:
    return data_dir / "notes.safetensors"


def load_bank(data_dir: Path) -> NoteBank:
    """Read the rendered notes.

    Raises:
        FileNotFoundError: if they have not been rendered yet.
    """
    path = bank_path(data_dir)
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `python -m generation.bundled.recipe.notes` first")
    return load_file(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render one-shot notes from a soundfont.")
    parser.add_argument("--soundfont", type=Path, default=DEFAULT_SOUNDFONT)
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--smoke", action="store_true", help="synthetic tones instead of a soundfont")
    options = parser.parse_args()
    bank = synthetic_bank() if options.smoke else render_bank(options.soundfont)
    options.data_dir.mkdir(parents=True, exist_ok=True)
    save_file(bank, bank_path(options.data_dir))
    seconds = sum(len(note) for note in bank.values()) / SAMPLE_RATE
    print(f"{len(bank)} notes, {seconds:.0f} s, in {bank_path(options.data_dir)}")


if __name__ == "__main__":
    main()
