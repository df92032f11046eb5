"""What a base model reads of a prompt, by its own tokenizer and without torch."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import structlog
from tokenizers import Encoding, Tokenizer

from prompts.wording.reading import Reading
from prompts.wording.rendering import Rendered
from text2song.words import EDGES

log = structlog.get_logger(__name__)

LONGEST_TEXT = 512
"""Tokens, the end's own included. A tokenizer that allows fewer is obeyed."""
LONGEST_WORD = 40
"""Characters. What is longer is a script without blanks, and may be cut anywhere."""
UNKNOWN_TOKENS = ("<unk>", "[UNK]")

NOT_HERE = "The model's files are not on this machine yet, so what it will read is not known."
NO_TOKENIZER = "The model's folder has no readable “tokenizer.json”, so what it will read is not known."


class TextReader:
    """A model's tokenizer and how many tokens the model takes."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        file = folder / "tokenizer_config.json"
        config = json.loads(file.read_text(encoding="utf-8-sig")) if file.is_file() else {}
        self.limit = int(min(config.get("model_max_length") or LONGEST_TEXT, LONGEST_TEXT))
        self._unknown = self._unknown_id(config.get("unk_token"))

    def _unknown_id(self, named: object) -> int | None:
        name = named.get("content") if isinstance(named, dict) else named
        names = [name] if isinstance(name, str) else UNKNOWN_TOKENS
        return next((found for name in names if (found := self._tokenizer.token_to_id(name)) is not None), None)

    def read(self, rendered: Rendered) -> Reading:
        """The whole text if it fits, else one whose free text is shorter; attributes are cut only if nothing else is
        left, from the end."""
        text, cut, cut_attributes = str(rendered), "", ""
        if not self._fits(text):
            body, cut = self._shortened(rendered.body, rendered.with_body)
            text = rendered.with_body(body)
        if not self._fits(text):
            text, cut_attributes = _longest(text.split(" "), " ", lambda shorter: self._fits(shorter.rstrip(",")))
            text = text.rstrip(",")
        known, unknown = self._words(text)
        return Reading(text, cut, cut_attributes, tuple(dict.fromkeys(unknown)), len(known))

    def _fits(self, text: str) -> bool:
        return len(self._tokenizer.encode(text).ids) <= self.limit

    def _shortened(self, body: str, whole: Callable[[str], str]) -> tuple[str, str]:
        """As many words of `body` as fit, and the rest."""
        words = body.split(" ")
        kept, cut = _longest(words, " ", lambda shorter: self._fits(whole(shorter)))
        if kept or len(words[0]) <= LONGEST_WORD:
            return kept, cut
        return _longest(list(body), "", lambda shorter: self._fits(whole(shorter)))

    def _words(self, text: str) -> tuple[list[str], list[str]]:
        """The words that the model knows, and those with a letter, digit or sign that no token stands for."""
        covered = self._covered(self._tokenizer.encode(text, add_special_tokens=False))
        known: list[str] = []
        unknown: list[str] = []
        for match in re.finditer(r"\S+", text):
            meant = [place for place in range(*match.span()) if _means_something(text[place])]
            if meant:
                word = match.group().strip(EDGES)
                (known if covered.issuperset(meant) else unknown).append(word)
        return known, unknown

    def _covered(self, encoding: Encoding) -> set[int]:
        """Places of the characters that known tokens were made from."""
        pairs = zip(encoding.ids, encoding.offsets, strict=True)
        return {place for token, span in pairs if token != self._unknown for place in range(*span)}


def read_by(folder: Path, rendered: Rendered) -> Reading:
    """What the model in `folder` reads of a prompt; where that is not known, the reading says so."""
    if not (folder / "config.json").is_file():
        return Reading(str(rendered), not_known=NOT_HERE)
    try:
        reader = _reader(folder, (folder / "tokenizer.json").stat().st_mtime_ns)
    except Exception:  # the library raises bare `Exception` for a file it cannot read
        log.info("no_reader", folder=str(folder), exc_info=True)
        return Reading(str(rendered), not_known=NO_TOKENIZER)
    return reader.read(rendered)


@lru_cache(maxsize=4)
def _reader(folder: Path, changed_at: int) -> TextReader:
    return TextReader(folder)


def _longest(parts: list[str], joint: str, fits: Callable[[str], bool]) -> tuple[str, str]:
    """The longest beginning of `parts` that fits, and the rest."""
    low, high = 0, len(parts)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(joint.join(parts[:middle])) else (low, middle - 1)
    return joint.join(parts[:low]), joint.join(parts[low:])


def _means_something(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind[0] in "LN" or kind == "So"
