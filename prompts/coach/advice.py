"""The prompt coach: which attributes are missing, which would help most and why, and what would fit.

Pure: it reads a draft, the vocabulary and what a model reads of the draft, nothing else. The model was trained on
captions that name style, instruments, mood and tempo, so a prompt that leaves one out lets chance decide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from django.utils.text import Truncator
from django.utils.translation import gettext

from prompts.coach.knowledge import INSTRUMENT_WORDS, MOOD_TEMPOS, MOOD_WORDS, STYLE_PROFILES, STYLE_WORDS, TEMPO_WORDS
from prompts.wording.reading import Reading
from prompts.wording.rendering import Rendered, render_prompt
from prompts.wording.validators import is_blank
from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, MAX_TEMPO, MIN_TEMPO, MOOD_BY_SLUG, STYLE_BY_SLUG, Term

MAX_OPTIONS = 3
MAX_HINTED_INSTRUMENTS = 3
MAX_NAMED = 6


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has written so far. Attributes are vocabulary slugs; empty means not set."""

    text: str = ""
    style: str = ""
    mood: str = ""
    tempo: int | None = None
    primary_instruments: Sequence[str] = ()
    secondary_instruments: Sequence[str] = ()

    @property
    def rendered(self) -> Rendered:
        return render_prompt(**asdict(self))


@dataclass(frozen=True, slots=True)
class Option:
    """One value that can be added in one click. `value` is a slug, a tempo, or slugs joined by commas."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A missing attribute. `field` is the draft's; `said` means the text already speaks of it."""

    field: str
    title: str
    why: str
    options: tuple[Option, ...]
    said: bool = False


@dataclass(frozen=True, slots=True)
class Remark:
    """Something of the text that does not reach the model, and what to do about it."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Coaching:
    """What to add, the most helpful first, and what to say otherwise. Nothing is missing without `suggestions`."""

    suggestions: tuple[Suggestion, ...] = field(default=())
    remarks: tuple[Remark, ...] = field(default=())
    has_text: bool = True

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(suggestion.field for suggestion in self.suggestions)

    @property
    def is_complete(self) -> bool:
        return self.has_text and not self.suggestions and not self.remarks


def coach(draft: Draft, reading: Reading | None = None) -> Coaching:
    """Suggest the attributes a draft lacks, ordered by what would help most, and say what is lost in `reading`.

    What the text does not speak of at all comes first, in the order style, instruments, mood, tempo; what it
    mentions in passing follows, since setting it there only makes it certain.
    """
    hints = read_hints(draft.text)
    suggestions = []
    if not draft.style:
        suggestions.append(_suggest_style(draft, hints))
    if not draft.primary_instruments and not draft.secondary_instruments:
        suggestions.append(_suggest_instruments(draft, hints))
    if not draft.mood:
        suggestions.append(_suggest_mood(draft, hints))
    if draft.tempo is None:
        suggestions.append(_suggest_tempo(draft, hints))
    return Coaching(
        tuple(sorted(suggestions, key=lambda item: item.said)),
        remarks_on(reading) if reading else (),
        has_text=not is_blank(draft.text),
    )


def remarks_on(reading: Reading) -> tuple[Remark, ...]:
    """What of a prompt does not reach the model, the gravest first; nothing where all of it does."""
    return tuple(_remarks(reading))


def _remarks(reading: Reading) -> Iterator[Remark]:
    if reading.says_nothing:
        why = gettext(
            "It knows none of these words, so chance decides. Use plain English words, or choose style and mood."
        )
        yield Remark(gettext("The model does not understand this text"), why)
    elif reading.unknown_words:
        words = ", ".join(f"“{word}”" for word in reading.unknown_words[:MAX_NAMED])
        more = (
            gettext(" and %(value)s more") % {"value": len(reading.unknown_words) - MAX_NAMED}
            if len(reading.unknown_words) > MAX_NAMED
            else ""
        )
        why = gettext(
            "It passes over %(words)s%(more)s. Use other, plain English words, or choose style, mood and instruments."
        ) % {"words": words, "more": more}
        yield Remark(gettext("Words that the model does not know"), why)
    if reading.cut:
        words = Truncator(reading.cut).words(8, truncate=" …")
        why = gettext("From “%(words)s” on, your text is more than the model takes. Say it in fewer words.") % {
            "words": words
        }
        yield Remark(gettext("The end of your text is not read"), why)
    if reading.cut_attributes:
        why = gettext("“%(cut_attributes)s” is more than the model takes. Choose fewer instruments.") % {
            "cut_attributes": reading.cut_attributes
        }
        yield Remark(gettext("Not all that you chose is read"), why)


@dataclass(frozen=True, slots=True)
class Hints:
    """What a free text speaks of, in the order it says it."""

    styles: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    tempo: int | None = None


def read_hints(text: str) -> Hints:
    """Find styles, moods, instruments and a tempo that `text` mentions, by vocabulary and common synonyms."""
    words = " ".join(text.casefold().split())
    return Hints(
        styles=_mentioned(words, STYLE_BY_SLUG, STYLE_WORDS),
        moods=_mentioned(words, MOOD_BY_SLUG, MOOD_WORDS),
        instruments=_mentioned(words, INSTRUMENT_BY_SLUG, INSTRUMENT_WORDS),
        tempo=_mentioned_tempo(words),
    )


def _mentioned(words: str, vocabulary: Mapping[str, Term], synonyms: Mapping[str, str]) -> tuple[str, ...]:
    """Slugs spoken of in `words`, in order; of two phrases at one place the longer counts."""
    phrases = {term.spoken.casefold(): slug for slug, term in vocabulary.items()}
    phrases |= {slug: slug for slug in vocabulary} | dict(synonyms)
    found: dict[str, None] = {}
    alternatives = "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))
    for match in re.finditer(rf"(?<!\w)(?:{alternatives})(?!\w)", words):
        found.setdefault(phrases[match.group()])
    return tuple(found)


def _mentioned_tempo(words: str) -> int | None:
    if match := re.search(r"(?<!\d)(\d{2,3})\s*(?:bpm|beats per minute)(?!\w)", words):
        tempo = int(match.group(1))
        return tempo if MIN_TEMPO <= tempo <= MAX_TEMPO else None
    for phrase in sorted(TEMPO_WORDS, key=len, reverse=True):
        if re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", words):
            return TEMPO_WORDS[phrase]
    return None


def _suggest_style(draft: Draft, hints: Hints) -> Suggestion:
    if hints.styles:
        slugs, said = hints.styles, True
        why = gettext("Your text speaks of %(value)s; set as the style it leads the prompt.") % {
            "value": _spoken(STYLE_BY_SLUG, slugs[0])
        }
    else:
        slugs, said = _fitting_styles(draft, hints), False
        why = gettext("Style decides the sound more than anything else; without it the model picks one by chance.")
    return Suggestion("style", gettext("Choose a style"), why, _options(STYLE_BY_SLUG, slugs), said)


def _fitting_styles(draft: Draft, hints: Hints) -> tuple[str, ...]:
    """Styles in order of how well mood, instruments and tempo of the draft suit them."""
    moods = {draft.mood, *hints.moods} - {""}
    instruments = {*draft.primary_instruments, *draft.secondary_instruments, *hints.instruments}
    tempo = draft.tempo or hints.tempo

    def fit(slug: str) -> float:
        profile = STYLE_PROFILES[slug]
        score = 3.0 * len(instruments & set(profile.instruments)) + 2.0 * len(moods & set(profile.moods))
        return score + (1 - min(1.0, abs(tempo - profile.tempo) / 40) if tempo else 0.0)

    return tuple(sorted(STYLE_PROFILES, key=fit, reverse=True))


def _suggest_instruments(draft: Draft, hints: Hints) -> Suggestion:
    if hints.instruments:
        slugs = hints.instruments[:MAX_HINTED_INSTRUMENTS]
        why = gettext("You mention %(value)s; marked as primary, it will be featured.") % {
            "value": _spoken(INSTRUMENT_BY_SLUG, *slugs)
        }
        return Suggestion("primary_instruments", gettext("Name the instruments"), why, (_together(slugs),), True)
    why = gettext("Named instruments are what listeners notice first; without them the arrangement is left to chance.")
    if style := draft.style or next(iter(hints.styles), ""):
        usual = STYLE_PROFILES[style].instruments
        options = (_together(usual[:2]), *_options(INSTRUMENT_BY_SLUG, usual))
    else:
        options = _options(INSTRUMENT_BY_SLUG, ("acoustic-piano", "acoustic-guitar", "analog-synth-pad"))
    return Suggestion("primary_instruments", gettext("Name the instruments"), why, options[:MAX_OPTIONS])


def _suggest_mood(draft: Draft, hints: Hints) -> Suggestion:
    if hints.moods:
        slugs, said = hints.moods, True
        why = gettext("Your text sounds %(value)s; as the mood it colours the whole clip.") % {
            "value": _spoken(MOOD_BY_SLUG, slugs[0])
        }
    else:
        style = draft.style or next(iter(hints.styles), "")
        usual = STYLE_PROFILES[style].moods if style else ("peaceful", "energetic", "dramatic")
        slugs, said = usual, False
        why = gettext("Mood steers harmony and dynamics: the same style can be dark or uplifting.")
    return Suggestion("mood", gettext("Set a mood"), why, _options(MOOD_BY_SLUG, slugs), said)


def _suggest_tempo(draft: Draft, hints: Hints) -> Suggestion:
    style = draft.style or next(iter(hints.styles), "")
    mood = draft.mood or next(iter(hints.moods), "")
    if hints.tempo is not None:
        tempo, said = hints.tempo, True
        why = gettext("What you wrote suggests about %(tempo)s BPM; stated as a number, it is kept more steadily.") % {
            "tempo": tempo
        }
    elif style:
        tempo, said = STYLE_PROFILES[style].tempo, False
        why = gettext("%(tempo)s BPM is typical of %(spoken)s; without a tempo each candidate finds its own.") % {
            "tempo": tempo,
            "spoken": STYLE_BY_SLUG[style].spoken,
        }
    else:
        tempo, said = MOOD_TEMPOS.get(mood, 100), False
        why = gettext("A tempo keeps candidates comparable; without one each finds its own.")
    return Suggestion("tempo", gettext("Give a tempo"), why, (Option(str(tempo), f"{tempo} BPM"),), said)


def _options(vocabulary: Mapping[str, Term], slugs: Sequence[str]) -> tuple[Option, ...]:
    return tuple(Option(slug, vocabulary[slug].label) for slug in slugs[:MAX_OPTIONS])


def _together(slugs: Sequence[str]) -> Option:
    return Option(",".join(slugs), " + ".join(INSTRUMENT_BY_SLUG[slug].label for slug in slugs))


def _spoken(vocabulary: Mapping[str, Term], *slugs: str) -> str:
    return " and ".join(vocabulary[slug].spoken for slug in slugs)
