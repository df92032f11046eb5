"""Looking into the folder of an audio encoder without loading it: can the studio hear with it, and may it?

An encoder is a model that `transformers` itself has the code of, with safetensors weights and a feature extractor.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.base_models.folder import CONFIG, BrokenModelFolder, pieces, read_json, tensor_shapes, weight_files
from generation.texts import gettext_noop

FAMILIES = {
    "clap": "CLAP",
    "wav2vec2": "Wav2Vec2",
    "wav2vec2-conformer": "Wav2Vec2-Conformer",
    "hubert": "HuBERT",
    "wavlm": "WavLM",
    "data2vec-audio": "Data2Vec",
    "unispeech": "UniSpeech",
    "unispeech-sat": "UniSpeech-SAT",
    "audio-spectrogram-transformer": "AST",
}
"""By the type in `config.json`: those whose code is in `transformers`, and of which something can be pooled."""
EXTRACTORS = ("preprocessor_config.json", "processor_config.json")
"""Where a feature extractor is described: alone, or as a part of a processor."""
READMES = ("README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "LICENCE.txt")
MOST_LICENCE_BYTES = 256 * 1024
LICENCE_LENGTH = 100
SAMPLE_RATES = (1000, 400_000)
REMOTE_CODE = "auto_map"


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """What an encoder's folder says about itself. `size` is bytes of weights; `licence` is empty where none is stated.

    `architecture` is the name of its class, `family` the type by which its code is found.
    """

    family: str
    architecture: str
    sample_rate: int
    size: int
    licence: str


def inspect_encoder_folder(path: str | Path) -> EncoderFacts:
    """Check that the studio can hear with `path`, and read its facts; nothing in it is run.

    Only configurations and the headers of the weight files are read. Raises BrokenModelFolder.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise BrokenModelFolder(gettext_noop("There is no folder “%(folder)s”.") % {"folder": folder})
    config = read_json(folder / CONFIG)
    family = _family(config)
    sample_rate = _sample_rate(folder)
    files = weight_files(folder)
    if not tensor_shapes(files):
        raise BrokenModelFolder(gettext_noop("The weight files hold no weights."))
    return EncoderFacts(
        family=family,
        architecture=_architecture(config, family),
        sample_rate=sample_rate,
        size=sum(file.stat().st_size for file in files),
        licence=read_licence(folder),
    )


def encoder_revision(path: str | Path) -> str:
    """SHA-256 (hex) over names, sizes and contents of everything that decides what the encoder hears.

    Raises BrokenModelFolder when weights are missing.
    """
    folder = Path(path)
    chosen = [folder / name for name in (CONFIG, *EXTRACTORS) if (folder / name).is_file()]
    digest = hashlib.sha256()
    for file in sorted([*chosen, *weight_files(folder)], key=lambda f: f.name):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        for piece in pieces(file):
            digest.update(piece)
    return digest.hexdigest()


def read_licence(folder: Path) -> str:
    """As its README.md states it in the front matter, or the first line of a licence file; empty for neither."""
    for name in READMES:
        file = folder / name
        if not file.is_file():
            continue
        try:
            with file.open("rb") as stream:
                text = stream.read(MOST_LICENCE_BYTES).decode("utf-8", errors="replace")
        except OSError:
            continue
        if found := _stated_licence(text) if name == "README.md" else _title(text):
            return found[:LICENCE_LENGTH]
    return ""


def _stated_licence(readme: str) -> str:
    """`license_name` (that of a licence of its own) or `license` of a model card's front matter."""
    front = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", readme, re.DOTALL)
    if front is None:
        return ""
    named = dict(re.findall(r"^(licen[sc]e(?:_name)?)[ \t]*:[ \t]*(\S[^\r\n]*)$", front[1], re.MULTILINE))
    listed = re.search(r"^licen[sc]e[ \t]*:[ \t]*\r?\n[ \t]*-[ \t]*(\S[^\r\n]*)$", front[1], re.MULTILINE)
    keys = ("license_name", "licence_name", "license", "licence")
    found = next((named[key] for key in keys if key in named), listed[1] if listed else "")
    return _shown(re.sub(r"\s+#.*$", "", found).strip().strip("[]\"' "))


def _title(text: str) -> str:
    """The first line with words in it, a heading's marks left out."""
    return next((_shown(line.strip("#*= \t")) for line in text.splitlines() if re.search(r"\w", line)), "")


def _shown(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _family(config: dict[str, Any]) -> str:
    if config.get(REMOTE_CODE):
        raise _needs_code(CONFIG)
    family = config.get("model_type")
    if not isinstance(family, str) or not family:
        raise BrokenModelFolder(
            gettext_noop("“%(config)s” does not say which type of model this is (“model_type”).") % {"config": CONFIG}
        )
    if family not in FAMILIES:
        raise BrokenModelFolder(
            gettext_noop("“%(family)s” is no audio encoder whose code the studio has. It hears with %(values)s.")
            % {"family": family[:80], "values": ", ".join(FAMILIES.values())}
        )
    return family


def _needs_code(name: str) -> BrokenModelFolder:
    return BrokenModelFolder(
        gettext_noop(
            "This model needs code from elsewhere (“%(remote_code)s” in “%(name)s”), which the studio never runs. "
            "Save it as one of a family that transformers has the code of, such as HuBERT."
        )
        % {"remote_code": REMOTE_CODE, "name": name}
    )


def _sample_rate(folder: Path) -> int:
    """Hz, of the feature extractor."""
    for name in EXTRACTORS:
        if not (folder / name).is_file():
            continue
        content = read_json(folder / name)
        inner = content.get("feature_extractor")
        extractor = inner if isinstance(inner, dict) else content
        if REMOTE_CODE in content or REMOTE_CODE in extractor:
            raise _needs_code(name)
        if "sampling_rate" in extractor:
            return _rate(extractor["sampling_rate"], name)
    raise BrokenModelFolder(
        gettext_noop(
            "The folder does not say how sound is prepared for the model: “%(extractors)s” with a “sampling_rate” is "
            "missing. Copy it from where the model is from."
        )
        % {"extractors": EXTRACTORS[0]}
    )


def _rate(value: Any, name: str) -> int:
    least, most = SAMPLE_RATES
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BrokenModelFolder(
            gettext_noop("“sampling_rate” in “%(name)s” must be a whole number from %(least)s to %(most)s.")
            % {"name": name, "least": least, "most": most}
        )
    return value


def _architecture(config: dict[str, Any], family: str) -> str:
    stated = config.get("architectures")
    first = stated[0] if isinstance(stated, list) and stated else None
    return _shown(first)[:100] if isinstance(first, str) else FAMILIES[family]
