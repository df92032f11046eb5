"""What chooses the rows of a dataset: one specification for form, API, command and builder."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter
from datasets_app.building.taste_choice import require_usable
from datasets_app.exceptions import InvalidFilters, TasteNotUsable
from feedback.judgements.tag_names import normal_name
from feedback.models import Criterion, Tag
from feedback.models.judgements import HIGHEST_SCORE, LOWEST_SCORE
from generation.models import BaseModel
from prompts.models import Prompt
from text2song.exceptions import Refused
from text2song.moments import MomentField

ANY_CRITERION = "any"
NO_ADAPTER = "none"
"""In place of an adapter's id: clips of the base model alone."""
RATING_FILTERS = ("criterion", "min_rating", "max_rating")
"""Those that only supervised datasets have."""
TASTE_SETTINGS = ("taste_share", "taste_pairs")
"""Those that only a taste has."""
LONGEST_LIST = 500
TASTE_SHARE, TASTE_PAIRS, MOST_TASTE_PAIRS = 0.8, 4, 16


@dataclass(frozen=True, slots=True)
class FilterSpec:
    """Everything given has to hold; what is said of clips holds for every clip of a row.

    Ratings are limited after they are pooled over raters. `raters` (user names), `min_rater_weight`, `since` and
    `until` choose the answers that are pooled; `prompts`, `adapters`, `base_models`, tags and `favorites` (somebody's
    heart is on it) the clips. Empty means no limit.

    `taste` (an id) adds pairs that nobody judged and of whose order that taste is sure: at most `taste_pairs` of a
    text, and at most `taste_share` of all rows; 1 lets a dataset be made of them alone.
    """

    criterion: str = "overall"
    min_rating: float | None = None
    max_rating: float | None = None
    required_tags: tuple[str, ...] = ()
    excluded_tags: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    raters: tuple[str, ...] = ()
    min_rater_weight: float = 0.0
    since: str | None = None
    until: str | None = None
    favorites: bool = False
    taste: str | None = None
    taste_share: float = TASTE_SHARE
    taste_pairs: int = TASTE_PAIRS

    @property
    def since_moment(self) -> datetime | None:
        """The first moment of an answer, UTC."""
        return MomentField(required=False).clean(self.since)

    @property
    def until_moment(self) -> datetime | None:
        """The last moment of an answer, UTC; a day alone includes the whole of it."""
        return MomentField(required=False, end_of_day=True).clean(self.until)

    def to_mapping(self) -> dict[str, Any]:
        """JSON values of what differs from no limit, which `from_mapping` reads back."""
        values = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        chosen = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> FilterSpec:
        """What a dataset keeps, read without asking whether all it names still exists."""
        read: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**read)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], kind: str) -> FilterSpec:
        """A specification from JSON or form values for a dataset of `kind`.

        Empty values are taken as not given. Raises `InvalidFilters`, which names every filter that is unknown, of the
        wrong kind, out of range, contradicts another, or names something that does not exist.
        """
        problems = {
            name: gettext("There is no filter “%(value)s”. Known: %(join)s.")
            % {"value": str(name)[:80], "join": ", ".join(_READERS)}
            for name in values
            if name not in _READERS
        }
        given = {name: value for name, value in values.items() if name in _READERS and value not in (None, "", [], ())}
        read: dict[str, Any] = {}
        for name, value in given.items():
            try:
                read[name] = _READERS[name](value)
            except _Wrong as error:
                problems[name] = f"{name}: {error}"
        problems |= _contradictions(read, kind, problems)
        if problems:
            raise InvalidFilters(problems)
        return cls(**read)


class _Wrong(ValueError):
    """A value that cannot be read, with a sentence."""


def _contradictions(read: Mapping[str, Any], kind: str, problems: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if kind == "preference":
        for name in RATING_FILTERS:
            if name in read:
                found[name] = gettext(
                    "%(name)s: a preference dataset is made of comparisons; ratings do not filter it."
                ) % {"name": name}
    found |= _of_taste(read, kind, problems)
    low, high = read.get("min_rating"), read.get("max_rating")
    if low is not None and high is not None and low > high:
        found.setdefault(
            "max_rating",
            gettext("max_rating: the highest rating (%(high)s) is below the lowest (%(low)s).")
            % {"high": f"{high:g}", "low": f"{low:g}"},
        )
    both = sorted({*read.get("required_tags", ())} & {*read.get("excluded_tags", ())})
    if both:
        found["excluded_tags"] = gettext("excluded_tags: %(join)s cannot be required and excluded at once.") % {
            "join": ", ".join(both)
        }
    if "since" in read and "until" in read and not problems.keys() & {"since", "until"}:
        spec = FilterSpec(since=read["since"], until=read["until"])
        if spec.since_moment > spec.until_moment:  # type: ignore[operator]  # both are given
            found["until"] = gettext("until: the last day is before the first.")
    return found


def _of_taste(read: Mapping[str, Any], kind: str, problems: Mapping[str, str]) -> dict[str, str]:
    names = [name for name in ("taste", *TASTE_SETTINGS) if name in read]
    if kind == "supervised":
        return {
            name: gettext("%(name)s: a taste labels pairs; choose a preference dataset.") % {"name": name}
            for name in names
        }
    if "taste" not in read:
        return (
            {}
            if "taste" in problems
            else {name: gettext("%(name)s: choose a taste too.") % {"name": name} for name in names}
        )
    try:
        require_usable(read["taste"], read.get("base_models", ()))
    except TasteNotUsable as error:
        return {"taste": error.message}
    return {}


# -- reading values ------------------------------------------------------------------------------------------------


def _number(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise _Wrong(gettext("give a number from %(low)s to %(high)s.") % {"low": f"{low:g}", "high": f"{high:g}"})
        try:
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise _Wrong(
                gettext("give a number from %(low)s to %(high)s.") % {"low": f"{low:g}", "high": f"{high:g}"}
            ) from error
        if not math.isfinite(number) or not low <= number <= high:
            raise _Wrong(
                gettext("must be from %(low)s to %(high)s, not %(number)s.")
                % {"low": f"{low:g}", "high": f"{high:g}", "number": f"{number:g}"}
            )
        return number

    return read


def _share(value: Any) -> float:
    share = _number(0.0, 1.0)(value)
    if not share:
        raise _Wrong(gettext("must be above 0; leave the taste out for no labels of it."))
    return share


def _pairs(value: Any) -> int:
    pairs = _number(1, MOST_TASTE_PAIRS)(value)
    if pairs != int(pairs):
        raise _Wrong(
            gettext("give a whole number from 1 to %(most_taste_pairs)s.") % {"most_taste_pairs": MOST_TASTE_PAIRS}
        )
    return int(pairs)


def _taste(value: Any) -> str:
    """Its id, in the way it is stored; whether it may label is asked once all is read."""
    names = _names(value)
    try:
        return str(uuid.UUID(names[0]))
    except (IndexError, ValueError) as error:
        raise _Wrong(gettext("give the id of a taste.")) from error


def _names(value: Any) -> tuple[str, ...]:
    """A list of words, or one word, without repetition."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str | uuid.UUID) for part in parts):
        raise _Wrong(gettext("give a list of names."))
    names = dict.fromkeys(str(part).strip() for part in parts)
    if len(names) > LONGEST_LIST:
        raise _Wrong(
            gettext("name at most %(longest_list)s, not %(names)s.")
            % {"longest_list": LONGEST_LIST, "names": len(names)}
        )
    if any("\x00" in name for name in names):
        raise _Wrong(gettext("names cannot hold control characters."))
    return tuple(name for name in names if name)


def _known(found: set[str], names: tuple[str, ...], thing: str) -> tuple[str, ...]:
    unknown = [name for name in names if name not in found]
    if unknown:
        raise _Wrong(gettext("there is no %(thing)s “%(value)s”.") % {"thing": thing, "value": unknown[0][:80]})
    return tuple(sorted(names))


def _named(thing: str, queryset: Callable[[], QuerySet], field: str) -> Callable[[Any], tuple[str, ...]]:
    """Existing things by their names."""

    def read(value: Any) -> tuple[str, ...]:
        names = _names(value)
        found = queryset().filter(**{f"{field}__in": names}).order_by().values_list(field, flat=True)
        return _known(set(found), names, thing)

    return read


def _identified(thing: str, queryset: Callable[[], QuerySet], *others: str) -> Callable[[Any], tuple[str, ...]]:
    """Existing things by their ids, or one of the `others`."""

    def read(value: Any) -> tuple[str, ...]:
        try:
            names = tuple(name if name in others else str(uuid.UUID(name)) for name in _names(value))
        except ValueError as error:
            raise _Wrong(gettext("give ids of %(thing)ss.") % {"thing": thing}) from error
        ids = [name for name in names if name not in others]
        found = queryset().filter(pk__in=ids).order_by().values_list("pk", flat=True)
        return _known({str(pk) for pk in found} | set(others), names, thing)

    return read


def _tags(value: Any) -> tuple[str, ...]:
    """Existing tags however written; a synonym means its target."""
    try:
        names = tuple(normal_name(name) for name in _names(value))
    except Refused as error:
        raise _Wrong(error.message) from error
    tags = {tag.name: tag for tag in Tag.objects.filter(name__in=names).select_related("synonym_of")}
    return tuple(sorted({(tags[name].synonym_of or tags[name]).name for name in _known(set(tags), names, "tag")}))


def _criterion(value: Any) -> str:
    names = _names(value)
    if len(names) != 1:
        raise _Wrong(gettext("name one criterion."))
    if names[0] == ANY_CRITERION:
        return ANY_CRITERION
    found = set(Criterion.objects.filter(slug=names[0]).values_list("slug", flat=True))
    return _known(found, names, "criterion")[0]


def _moment(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else value
    if not isinstance(text, str):
        raise _Wrong(gettext("give a date such as 2026-03-31, or an ISO 8601 time."))
    try:
        MomentField().clean(text)
    except ValidationError as error:
        raise _Wrong(" ".join(error.messages)) from error
    return text.strip()


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(gettext("say true or false."))
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "criterion": _criterion,
    "min_rating": _number(LOWEST_SCORE, HIGHEST_SCORE),
    "max_rating": _number(LOWEST_SCORE, HIGHEST_SCORE),
    "required_tags": _tags,
    "excluded_tags": _tags,
    "prompts": _identified("prompt", Prompt.objects.visible),
    "adapters": _identified("adapter", Adapter.objects.visible, NO_ADAPTER),
    "base_models": _named(gettext_lazy("base model"), BaseModel.objects.all, "key"),
    "raters": _named("rater", get_user_model().objects.all, "username"),
    "min_rater_weight": _number(0.0, 1.0),
    "since": _moment,
    "until": _moment,
    "favorites": _truth,
    "taste": _taste,
    "taste_share": _share,
    "taste_pairs": _pairs,
}
_DEFAULTS: dict[str, Any] = {spec.name: spec.default for spec in fields(FilterSpec)}
