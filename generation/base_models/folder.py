"""Looking into a base model's folder without loading it: is it complete, and what does it say about itself?"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from generation.base_models.architecture import Architecture
from generation.specs import ModelFacts
from generation.texts import gettext_noop

CONFIG = "config.json"
GENERATION_CONFIG = "generation_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_FILES = (TOKENIZER, "spiece.model", "tokenizer.model", "vocab.json", "vocab.txt")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "state_dict.bin")
PARTS = {
    "text_encoder.": gettext_noop("text encoder"),
    "audio_encoder.": gettext_noop("audio codec"),
    "decoder.": gettext_noop("music decoder"),
}
READ_SIZE = 1 << 20
LARGEST_JSON_BYTES = 64 * 1024 * 1024
"""No configuration, index or tokenizer comes near it."""
LARGEST_WHOLE_NUMBER = 1_000_000
"""Of frames, codes or hertz: several times what any model has."""
FRAME_RATES = (1.0, 1000.0)
MOST_STRIDES = 16
# A stored limit below this is the library's stand-in for "not set".
SHORTEST_WINDOW_FRAMES = 64
MUSICGEN_SECONDS = 30
"""What MusicGen was trained on at once: its window where the folder states none."""


class BrokenModelFolder(Exception):
    """The folder cannot serve as a base model; the message is one sentence on what is wrong with it."""


def inspect_model_folder(path: str | Path) -> ModelFacts:
    """Check that `path` is a complete MusicGen folder and read its facts.

    Only configurations and the headers of the weight files are read. Raises BrokenModelFolder.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise BrokenModelFolder(gettext_noop("There is no folder “%(folder)s”.") % {"folder": folder})
    config = read_json(folder / CONFIG)
    _check_family(config)
    files = weight_files(folder)
    shapes = tensor_shapes(files)
    _check_parts(shapes)
    _check_tokenizer(folder)
    weights_bytes = sum(file.stat().st_size for file in files)
    return _facts(folder, config, shapes, weights_bytes)


def content_revision(path: str | Path) -> str:
    """SHA-256 (hex) over names, sizes and contents of everything in the folder that decides what the model does.

    Weights, configurations and tokenizer files are read in pieces. Raises BrokenModelFolder when weights are missing.
    """
    folder = Path(path)
    names = [CONFIG, GENERATION_CONFIG, "tokenizer_config.json", "special_tokens_map.json", *TOKENIZER_FILES]
    chosen = [folder / name for name in names if (folder / name).is_file()]
    digest = hashlib.sha256()
    for file in sorted([*chosen, *weight_files(folder)], key=lambda f: f.name):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        for piece in pieces(file):
            digest.update(piece)
    return digest.hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, one or several. Raises BrokenModelFolder when one is missing."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        return _shards(folder)
    pickles = [name for name in PICKLES if (folder / name).is_file()]
    if pickles:
        raise BrokenModelFolder(
            gettext_noop(
                "The weights are only there as “%(pickles)s”, a pickle that could run code; save them as safetensors."
            )
            % {"pickles": pickles[0]}
        )
    raise BrokenModelFolder(gettext_noop("The folder has no weights: “%(weights)s” is missing.") % {"weights": WEIGHTS})


def _shards(folder: Path) -> list[Path]:
    names = read_json(folder / INDEX).get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise BrokenModelFolder(gettext_noop("“%(index)s” does not list any weight files.") % {"index": INDEX})
    shards = sorted(set(names.values()))
    for name in shards:
        if Path(name).name != name:
            raise BrokenModelFolder(
                gettext_noop("“%(index)s” names “%(name)s”, which lies outside the folder.")
                % {"index": INDEX, "name": name[:80]}
            )
        if not os.path.isfile(folder / name):  # pathlib's raises for names that no file can have
            raise BrokenModelFolder(
                gettext_noop("The weights are incomplete: “%(name)s”, one of %(shards)s parts, is missing.")
                % {"name": name[:80], "shards": len(shards)}
            )
    return [folder / name for name in shards]


def read_json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise BrokenModelFolder(gettext_noop("The folder has no “%(name)s”.") % {"name": file.name})
    if file.stat().st_size > LARGEST_JSON_BYTES:
        raise BrokenModelFolder(
            gettext_noop("“%(name)s” is far too large to be what its name says.") % {"name": file.name}
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, OSError, RecursionError) as error:
        raise BrokenModelFolder(gettext_noop("“%(name)s” cannot be read as JSON.") % {"name": file.name}) from error
    if not isinstance(content, dict):
        raise BrokenModelFolder(gettext_noop("“%(name)s” does not hold a JSON object.") % {"name": file.name})
    return content


def _refuse_constant(name: str) -> float:
    """NaN and Infinity are no JSON, and no size of anything."""
    raise ValueError(name)


def _check_family(config: dict[str, Any]) -> None:
    family = config.get("model_type")
    if family != "musicgen":
        raise BrokenModelFolder(
            gettext_noop("This is not a MusicGen model: its type is “%(family)s”.")
            % {"family": str(family or gettext_noop("not stated"))[:80]}
        )
    for part in ("text_encoder", "audio_encoder", "decoder"):
        if not isinstance(config.get(part), dict):
            raise BrokenModelFolder(
                gettext_noop("“%(config)s” does not describe the %(replace)s.")
                % {"config": CONFIG, "replace": part.replace("_", " ")}
            )


def tensor_shapes(files: list[Path]) -> dict[str, list[int]]:
    """Name and shape of every tensor in `files`, from their headers. Raises BrokenModelFolder for a damaged file."""
    shapes = {}
    for file in files:
        try:
            with safe_open(file, framework="np") as tensors:
                shapes.update({key: tensors.get_slice(key).get_shape() for key in tensors.keys()})  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise BrokenModelFolder(
                gettext_noop("“%(name)s” is damaged or was not copied completely.") % {"name": file.name}
            ) from error
    return shapes


def _check_parts(shapes: dict[str, list[int]]) -> None:
    for prefix, name in PARTS.items():
        if not any(key.startswith(prefix) for key in shapes):
            raise BrokenModelFolder(gettext_noop("The weights of the %(name)s are missing.") % {"name": name})


def _check_tokenizer(folder: Path) -> None:
    present = [name for name in TOKENIZER_FILES if (folder / name).is_file()]
    if not present:
        raise BrokenModelFolder(
            gettext_noop(
                "The tokenizer is missing: copy “tokenizer.json” and “tokenizer_config.json” from where the model is "
                "from."
            )
        )
    if TOKENIZER not in present:
        raise BrokenModelFolder(
            gettext_noop(
                "The tokenizer is only there as “%(present)s”, which cannot be read here: copy “%(tokenizer)s” from "
                "where the model is from, or make it with AutoTokenizer.from_pretrained(…).save_pretrained(…) of "
                "transformers on a machine with the package sentencepiece."
            )
            % {"present": present[0], "tokenizer": TOKENIZER}
        )
    for name in (TOKENIZER, "tokenizer_config.json"):
        if (folder / name).is_file():
            read_json(folder / name)


def _facts(folder: Path, config: dict[str, Any], shapes: dict[str, list[int]], weights_bytes: int) -> ModelFacts:
    """Values left out of a configuration have the defaults of EnCodec's and MusicGen's configuration classes."""
    codec, decoder = config["audio_encoder"], config["decoder"]
    sample_rate = _whole(codec, "sampling_rate", 24000)
    codebooks = _whole(decoder, "num_codebooks", 4, most=64)
    channels = _whole(decoder, "audio_channels", 1, most=2)
    codebook_size = _whole(codec, "codebook_size", 1024)
    frame_rate = _frame_rate(codec, sample_rate)
    window = _window_frames(folder, decoder, codebooks // channels, frame_rate) / frame_rate
    if _whole(decoder, "vocab_size", 2048) < codebook_size:
        raise BrokenModelFolder(
            gettext_noop("Decoder and audio codec do not belong together: their codebooks differ in size.")
        )
    return ModelFacts(
        family="musicgen",
        sample_rate=sample_rate,
        channels=channels,
        codebooks=codebooks,
        codebook_size=codebook_size,
        frame_rate=frame_rate,
        parameters=sum(math.prod(shape) for shape in shapes.values()),
        weights_bytes=weights_bytes,
        # Whole seconds, because exports differ on whether the delay of the last codebook counts in the limit.
        max_duration=float(math.floor(window)) or window,
        architecture=_architecture(config, shapes),
    )


def _architecture(config: dict[str, Any], shapes: dict[str, list[int]]) -> Architecture | None:
    stated = Architecture.stated(config)
    # Layers of all kinds are counted below, and what a stranger's file says may be no number, or have no end.
    counts = (stated.layers, stated.codebooks, stated.text_layers)
    countable = all(isinstance(count, int) and 0 < count <= len(shapes) for count in counts)
    sizes = (stated.vocabulary, stated.hidden_size)
    numbers = countable and all(isinstance(size, int) for size in sizes)
    return stated if numbers and stated.is_borne_out_by(shapes) else None


def _whole(part: dict[str, Any], name: str, default: int, least: int = 1, most: int = LARGEST_WHOLE_NUMBER) -> int:
    """A whole number of a configuration; `default` where it is left out. Raises BrokenModelFolder for anything else."""
    value = part.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BrokenModelFolder(
            gettext_noop("The configuration's “%(name)s” must be a whole number from %(least)s to %(most)s.")
            % {"name": name, "least": least, "most": most}
        )
    return value


def _frame_rate(codec: dict[str, Any], sample_rate: int) -> float:
    """Frames a second: the sample rate divided by all the codec's strides."""
    strides = codec.get("upsampling_ratios", [8, 5, 4, 2])
    if not isinstance(strides, list) or not 0 < len(strides) <= MOST_STRIDES:
        raise BrokenModelFolder(
            gettext_noop("The configuration's “upsampling_ratios” must be a list of 1 to %(most_strides)s numbers.")
            % {"most_strides": MOST_STRIDES}
        )
    frame_rate = sample_rate / math.prod(_whole({"upsampling_ratios": s}, "upsampling_ratios", 1) for s in strides)
    if not FRAME_RATES[0] <= frame_rate <= FRAME_RATES[1]:
        raise BrokenModelFolder(
            gettext_noop(
                "The codec's sampling rate and strides give %(frame_rate)s frames a second; only %(low)s to %(high)s "
                "make sense."
            )
            % {"frame_rate": f"{frame_rate:.3g}", "low": f"{FRAME_RATES[0]:g}", "high": f"{FRAME_RATES[1]:g}"}
        )
    return frame_rate


def _window_frames(folder: Path, decoder: dict[str, Any], delay: int, frame_rate: float) -> int:
    """Frames in one window: `max_length` of the generation settings, or 30 s, as far as there are positions for it."""
    room = _whole(decoder, "max_position_embeddings", 2048) - delay
    if room < 1:
        raise BrokenModelFolder(
            gettext_noop("The decoder has no position left for music: “max_position_embeddings” is too small.")
        )
    settings = read_json(folder / GENERATION_CONFIG) if (folder / GENERATION_CONFIG).is_file() else {}
    stated = 0 if settings.get("max_length") is None else _whole(settings, "max_length", 0, least=0)
    return min(stated if stated >= SHORTEST_WINDOW_FRAMES else int(MUSICGEN_SECONDS * frame_rate), room)


def pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(READ_SIZE):
            yield piece
