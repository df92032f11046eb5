"""Numbers that corpus, codec and language model must agree on."""

from __future__ import annotations

from pathlib import Path

SAMPLE_RATE = 16_000
"""Samples per second of every waveform in the recipe (mono)."""

HOP_LENGTH = 320
"""Samples per codec frame: the product of the codec's strides."""

FRAME_RATE = SAMPLE_RATE // HOP_LENGTH
"""Codec frames per second (50). Every onset of the corpus falls on a frame."""

CLIP_FRAMES = 500
"""Frames of one training clip: 10 s."""

NUM_CODEBOOKS = 4
CODEBOOK_SIZE = 512

DEFAULT_DATA_DIR = Path("var/recipe")
"""Where one-shot notes, codes and checkpoints are kept (not part of the repository)."""

DEFAULT_SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
"""FluidR3 GM (MIT licence), as installed by the Debian package `fluid-soundfont-gm`."""

MODEL_DIR = Path(__file__).resolve().parent.parent / "studio-tiny"
