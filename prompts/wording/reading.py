"""What a model reads of a prompt: the words that reach it, those that do not, and those that mean nothing to it.

Models are known by the app that plays them, which registers its reader here; a reader needs no model weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from prompts.wording.rendering import Rendered

NOT_RECORDED = "What the model did with this text was not recorded."
NO_READER = "No model is known here, so nobody can say what it would read."


@dataclass(frozen=True, slots=True)
class Reading:
    """`text` is what is given to the model, `cut` what the free text lost, `cut_attributes` what the attributes lost.

    `unknown_words` are words of `text` that the model's tokenizer cannot express; `known_words` counts the others.
    `not_known` is empty, or says why nothing but `text` is known; then `text` is the whole prompt, which the model may
    still cut.
    """

    text: str
    cut: str = ""
    cut_attributes: str = ""
    unknown_words: tuple[str, ...] = ()
    known_words: int = 0
    not_known: str = ""

    @property
    def says_nothing(self) -> bool:
        """Whether there is text, and not one word of it means anything to the model."""
        return bool(self.unknown_words) and not self.known_words

    def record(self) -> dict[str, Any]:
        """Everything but the text, as JSON stores it."""
        values = asdict(self) | {"unknown_words": list(self.unknown_words)}
        del values["text"]
        return values

    @classmethod
    def recorded(cls, text: str, record: dict[str, Any] | None) -> Reading:
        """The reading that `record` was made of; without a record it is not known."""
        if not record:
            return cls(text, not_known=NOT_RECORDED)
        return cls(text, **record | {"unknown_words": tuple(record["unknown_words"])})


Reader: TypeAlias = Callable[[Rendered, str], Reading]
_readers: list[Reader] = []


def register_reader(reader: Reader) -> None:
    """Let `reader` say what the model of a key reads; an empty key means the model that is used unless one is named."""
    _readers[:] = [reader]


def read(rendered: Rendered, model: str = "") -> Reading:
    """What the model with this key reads of a prompt."""
    return _readers[0](rendered, model) if _readers else Reading(str(rendered), not_known=NO_READER)
