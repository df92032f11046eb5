"""Guards: each a figure of an adapter's clips beside its opponent's, a limit, and why the limit is where it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from training.texts import gettext, gettext_noop


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of an adapter's clips and its opponent's, each the mean over prompts, and the 95 % interval of the
    difference of the means (Student's t over prompts). NaN: it could not be measured; an interval needs two prompts.
    """

    value: float
    base: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, made: Sequence[float], rival: Sequence[float]) -> Figure:
        """From the figures of the same prompts in the same order; those that one side lacks are left out."""
        pairs = np.array([pair for pair in zip(made, rival, strict=True) if not np.isnan(pair).any()])
        if not len(pairs):
            return cls(math.nan, math.nan)
        value, base = (float(mean) for mean in pairs.mean(axis=0))
        return cls(value, base, *_interval(pairs[:, 0] - pairs[:, 1]))


def _interval(differences: np.ndarray) -> tuple[float, float]:
    from scipy.stats import t

    if len(differences) < 2:
        return math.nan, math.nan
    half = float(t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / math.sqrt(len(differences)))
    mean = float(differences.mean())
    return mean - half, mean + half


@dataclass(frozen=True, slots=True)
class Rule:
    """What a figure may be. `limit` takes the opponent's value; `is_most` tells a ceiling from a floor.

    `shown` formats a value, `moved` a difference; `problem` is the sentence when the limit is passed, with `{value}`,
    `{base}` and `{limit}`. `adds_up`: what adapters that go on from one another each take is added up, or ten small
    steps would lead past a limit that forbids a large one.
    """

    key: str
    name: str
    limit: Callable[[float], float]
    is_most: bool
    shown: Callable[[float], str]
    explanation: str
    problem: str
    moved: Callable[[float], str] = "{:+.3f}".format
    adds_up: bool = True

    def judge(self, figure: Figure, used_before: float = 0.0) -> Guard:
        """`used_before` is the share of what is allowed that adapters before it took."""
        limit = self.limit(figure.base)
        name, explanation = gettext(self.name), gettext(self.explanation)
        words = gettext("at most %(limit)s") if self.is_most else gettext("at least %(limit)s")
        wanted = words % {"limit": self.shown(limit)}
        if math.isnan(figure.value) or math.isnan(limit):
            missing = gettext("%(name)s could not be measured.") % {"name": name}
            return Guard(self.key, name, gettext("not measured"), "", "", gettext("not known"), explanation, missing)
        holds = figure.value <= limit if self.is_most else figure.value >= limit
        words = {"value": self.shown(figure.value), "base": self.shown(figure.base), "limit": self.shown(limit)}
        interval = (
            ""
            if math.isnan(figure.low)
            else gettext("%(low)s to %(high)s") % {"low": self.moved(figure.low), "high": self.moved(figure.high)}
        )
        problem = "" if holds else gettext(self.problem).format(**words)
        used = self.used(figure)
        if holds and self.adds_up and used > 0 and used_before + used > 1:
            problem = gettext(
                "%(name)s: with the adapters it goes on from it has used up %(value)s of what is allowed "
                "against the base model."
            ) % {"name": name, "value": f"{used_before + used:.0%}"}
        return Guard(self.key, name, words["value"], words["base"], interval, wanted, explanation, problem)

    def used(self, figure: Figure) -> float:
        """Share of what the rule allows that is used up: 0 at the opponent's value, 1 at the limit. NaN where that is
        not known, or where the opponent itself is past the limit.
        """
        allowed = self.limit(figure.base) - figure.base
        if allowed == 0 or math.isnan(allowed) or (allowed > 0) is not self.is_most:
            return math.nan
        return (figure.value - figure.base) / allowed


@dataclass(frozen=True, slots=True)
class Guard:
    """One figure in words: its value, the opponent's, the interval of their difference, the limit and why it is there.

    `problem` is empty when it holds.
    """

    key: str
    name: str
    value: str
    base: str
    interval: str
    limit: str
    explanation: str
    problem: str


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _points(value: float) -> str:
    return gettext("%(points)s points") % {"points": f"{100 * value:+.1f}"}


def _decibels(value: float) -> str:
    return f"{value:+.1f} dB"


RULES: tuple[Rule, ...] = (
    Rule(
        "noise",
        gettext_noop("Noise"),
        lambda base: base * 1.05,
        True,
        _plain,
        gettext_noop(
            "How flat the spectrum is within octaves: 0 is pure tones, 1 is hiss. Brighter sound "
            "hardly raises it, added noise does: hiss 30 dB below the music takes clips of the "
            "bundled model to the limit."
        ),
        gettext_noop("The clips are noisier ({value} against {base})."),
    ),
    Rule(
        "tempo",
        gettext_noop("Tempo kept"),
        lambda base: base - 0.05,
        False,
        _percent,
        gettext_noop("Share of clips in which the tempo that the prompt asks for is found. One in twenty may be lost."),
        gettext_noop("Fewer clips keep the tempo asked for ({value} against {base})."),
        _points,
    ),
    Rule(
        "adherence",
        gettext_noop("Prompt adherence"),
        lambda base: base - 0.3 * abs(base),
        False,
        _plain,
        gettext_noop(
            "How much more likely the base model finds a clip under its own prompt than under "
            "another one's, in nats per code. Where it falls, clips of different prompts become "
            "interchangeable."
        ),
        gettext_noop("Clips follow their prompts less ({value} nats per code against {base})."),
    ),
    Rule(
        "fit",
        gettext_noop("Prompt fit by CLAP"),
        lambda base: base - 0.3 * abs(base),
        False,
        _plain,
        gettext_noop(
            "How much better a clip fits its own prompt than another one, by the cosines of the "
            "audio-text model installed here. The limit is that of prompt adherence, of which this "
            "is a second opinion."
        ),
        gettext_noop("Clips fit their prompts less, by the audio-text model ({value} against {base})."),
    ),
    Rule(
        "loudness",
        gettext_noop("Loudness moved"),
        lambda base: 3.0,
        True,
        lambda value: f"{value:.1f} dB",
        gettext_noop(
            "How far the loudness before matching lies from the opponent's. Loudness wins votes "
            "wherever it is not matched, and 3 dB is what everybody hears."
        ),
        gettext_noop("The clips' own loudness moved by {value}."),
        _decibels,
        adds_up=False,
    ),
    Rule(
        "diversity",
        gettext_noop("Diversity within prompts"),
        lambda base: base * 0.9,
        False,
        _plain,
        gettext_noop(
            "Share of codes in which two clips of one prompt differ where they are most alike, "
            "shifted against each other or not: eight copies of one clip have none."
        ),
        gettext_noop("Clips of one prompt are too alike ({value} against {base})."),
    ),
    Rule(
        "variety",
        gettext_noop("Diversity across prompts"),
        lambda base: base * 0.9,
        False,
        _plain,
        gettext_noop("The same between clips of different prompts: one favourite for everything has none."),
        gettext_noop("Clips of different prompts are too alike ({value} against {base})."),
    ),
    Rule(
        "silent",
        gettext_noop("Silent"),
        lambda base: 0.05,
        True,
        _percent,
        gettext_noop("Share of clips below -50 LUFS before loudness is matched. One in twenty may fail."),
        gettext_noop("{value} of the clips are silent."),
        _points,
        adds_up=False,
    ),
    Rule(
        "clipped",
        gettext_noop("Clipped"),
        lambda base: 0.05,
        True,
        _percent,
        gettext_noop("Share of clips that went past full scale before loudness was matched."),
        gettext_noop("{value} of the clips are clipped."),
        _points,
        adds_up=False,
    ),
    Rule(
        "drift",
        gettext_noop("Drift"),
        lambda base: 0.5,
        True,
        lambda value: gettext("%(value)s nats per code") % {"value": f"{value:.3f}"},
        gettext_noop(
            "How much less likely the opponent's clips became, under the guidance and sampling that "
            "they were played with. Half a nat leaves a code three fifths of its probability."
        ),
        gettext_noop("It drifted {value} from what it goes on from."),
        adds_up=False,
    ),
)
RULE_BY_KEY = {rule.key: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class Guards:
    """All figures that were measured, by the rules' keys. What no prompt asks for (a tempo) has no figure, nor has what
    needs a model that is not installed. `used_before` is by key, too: see `Rule.judge`."""

    figures: Mapping[str, Figure]
    used_before: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, stored: Mapping[str, Any]) -> Guards:
        """What `to_mapping` made. Of figures stored before there were so many, those that are still measured alike."""
        if "figures" not in stored:
            names = {"silent_share": "silent", "clipped_share": "clipped"}
            return cls({key: Figure(_number(stored.get(name)), math.nan) for name, key in names.items()})
        return cls(
            {
                key: Figure(*(_number(values.get(name)) for name in ("value", "base", "low", "high")))
                for key, values in stored["figures"].items()
                if key in RULE_BY_KEY
            },
            stored.get("used_before", {}),
        )

    def to_mapping(self) -> dict[str, Any]:
        """JSON values; what could not be measured is None."""
        figures = {
            key: {name: None if math.isnan(value) else value for name, value in asdict(figure).items()}
            | {"limit": _limit(key, figure)}
            for key, figure in self.figures.items()
        }
        before = {"used_before": dict(self.used_before)} if self.used_before else {}
        return {"figures": figures, **before, "hold": self.hold}

    def used_with(self) -> dict[str, float]:
        """What is used up of what adds up, by key, with what was before; what is given back is taken off."""
        used = dict(self.used_before)
        for rule in RULES:
            share = rule.used(self.figures[rule.key]) if rule.adds_up and rule.key in self.figures else math.nan
            if not math.isnan(share):
                used[rule.key] = used.get(rule.key, 0.0) + share
        return used

    @property
    def guards(self) -> list[Guard]:
        """Each beside its limit, in the rules' order."""
        return [
            rule.judge(self.figures[rule.key], self.used_before.get(rule.key, 0.0))
            for rule in RULES
            if rule.key in self.figures
        ]

    @property
    def problems(self) -> list[str]:
        """What is wrong, in sentences; empty when all hold."""
        return [guard.problem for guard in self.guards if guard.problem]

    @property
    def hold(self) -> bool:
        return not self.problems


def _limit(key: str, figure: Figure) -> float | None:
    limit = RULE_BY_KEY[key].limit(figure.base)
    return None if math.isnan(limit) else limit


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
