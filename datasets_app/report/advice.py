"""What a dataset's figures mean for training, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext_noop

from datasets_app.building.selection import LIKED_CLIPS_WANTED, PAIRS_WANTED
from feedback.statistics.agreement import TENTATIVE

FEW_PROMPTS = 10
LARGE_SHARE = 0.5
RANDOM_CONSISTENCY = 0.75
SOME_ROWS = 20


def advice(kind: str, figures: Mapping[str, Any]) -> list[str]:
    """Recommendations, the most important first; a dataset without fault gets one sentence that says so."""
    rules = (_enough_ratings if kind == "supervised" else _enough_pairs, *_RULES)
    found = [sentence for rule in rules if (sentence := rule(figures))]
    return found or [gettext_noop("Nothing stands against training on it.")]


def _enough_ratings(figures: Mapping[str, Any]) -> str:
    liked = figures["liked"]
    if liked < LIKED_CLIPS_WANTED:
        return gettext_noop(
            "%(liked)s clips have 4 stars or more; supervised fine-tuning wants about %(wanted)s. %(missing)s more "
            "would do."
        ) % {"liked": liked, "wanted": LIKED_CLIPS_WANTED, "missing": LIKED_CLIPS_WANTED - liked}
    return ""


def _enough_pairs(figures: Mapping[str, Any]) -> str:
    decided = figures["rows"] - figures["equal_pairs"]
    if decided < PAIRS_WANTED:
        return gettext_noop(
            "%(decided)s pairs are decided; preference training wants about %(wanted)s. %(missing)s more would do."
        ) % {"decided": decided, "wanted": PAIRS_WANTED, "missing": PAIRS_WANTED - decided}
    return ""


def _labelled(figures: Mapping[str, Any]) -> str:
    """What machine labels are worth, and what the held-out figures of a training then mean."""
    labelled = figures.get("labelled")
    if not labelled:
        return ""
    share = figures["labels"].get("accuracy", {}).get("value")
    said = gettext_noop("%(labelled)s of %(rows)s pairs were labelled by the %(judges)s, and judged by nobody.")
    if share is not None:
        said = gettext_noop(
            "%(labelled)s of %(rows)s pairs were labelled by the %(judges)s, which predicts %(share)s of people's "
            "votes on prompts it did not learn from, and judged by nobody."
        )
    told = said % {
        "labelled": labelled["rows"],
        "rows": figures["rows"],
        "judges": gettext_noop(" and ").join(labelled["judges"]),
        "share": f"{share or 0:.0%}",
    }
    if held_out := labelled["splits"]["validation"]:
        more = gettext_noop("So were %(held_out)s of those held out: figures on them are the taste's.")
        return f"{told} {more % {'held_out': held_out}}"
    return told


def _held_out(figures: Mapping[str, Any]) -> str:
    empty = [name for name in ("validation", "test") if not figures["splits"][name]["rows"]]
    if not empty:
        return ""
    said = gettext_noop("With %(prompts)s prompts, test is empty: there is nothing to test on.")
    if empty == ["validation"]:
        said = gettext_noop("With %(prompts)s prompts, validation is empty: early stopping has nothing to go by.")
    elif len(empty) > 1:
        said = gettext_noop(
            "With %(prompts)s prompts, validation and test are empty: early stopping has nothing to go by."
        )
    if figures["prompts"] == 1:
        said = gettext_noop("With 1 prompt, validation and test are empty: early stopping has nothing to go by.")
    remedy = gettext_noop("Judge music of more prompts.")
    return f"{said % {'prompts': figures['prompts']}} {remedy}"


def _variety(figures: Mapping[str, Any]) -> str:
    if figures["prompts"] < FEW_PROMPTS:
        return gettext_noop("Fewer than %(few)s prompts: the adapter may learn these prompts instead of a taste.") % {
            "few": FEW_PROMPTS
        }
    if figures["largest_prompt"] > LARGE_SHARE * figures["rows"]:
        return gettext_noop("More than half of the rows belong to one prompt; judge others, or leave that one out.")
    return ""


def _several_models(figures: Mapping[str, Any]) -> str:
    models = list(figures["models"])
    if len(models) < 2:
        return ""
    return gettext_noop(
        "Clips come from %(number)s base models (%(models)s). Codes fit only models with the same codec."
    ) % {"number": len(models), "models": ", ".join(models)}


def _one_sided(figures: Mapping[str, Any]) -> str:
    ratings = {star: count for star, count in figures.get("ratings", {}).items() if count}
    if len(ratings) == 1 and figures["rows"] >= SOME_ROWS:
        return gettext_noop(
            "All clips have about the same rating, so there is nothing to tell good from bad by (kto, ranking)."
        )
    return ""


def _agreement(figures: Mapping[str, Any]) -> str:
    agreement = figures.get("agreement")
    if not agreement or agreement["value"] is None or agreement["value"] >= TENTATIVE:
        return ""
    return gettext_noop(
        "Raters agree little (Krippendorff's alpha %(alpha)s). Collect more answers per clip, or raise the least "
        "reliability of raters."
    ) % {"alpha": f"{agreement['value']:.2f}"}


def _circular(figures: Mapping[str, Any]) -> str:
    consistency = figures.get("consistency")
    if consistency is None or not figures["circular_triads"]:
        return ""
    said = gettext_noop(
        "%(circles)s of %(triads)s triples of compared clips go in a circle: some votes contradict one another. Label "
        "smoothing helps."
    )
    if consistency <= RANDOM_CONSISTENCY:
        said = gettext_noop(
            "%(circles)s of %(triads)s triples of compared clips go in a circle, no fewer than votes at random would "
            "give. Use label smoothing, or better controls."
        )
    return said % {"circles": figures["circular_triads"], "triads": figures["triads"]}


def _ties(figures: Mapping[str, Any]) -> str:
    equal = figures.get("equal_pairs", 0)
    if 2 * equal > figures["rows"]:
        return gettext_noop("%(equal)s of %(rows)s pairs have no winner: the clips compared may be too alike.") % {
            "equal": equal,
            "rows": figures["rows"],
        }
    return ""


def _duplicates(figures: Mapping[str, Any]) -> str:
    count = figures["duplicates"]
    if not count:
        return ""
    said = gettext_noop("1 clip sounds exactly like another one here.")
    if count > 1:
        said = gettext_noop("%(count)s clips sound exactly like another one here.")
    return said % {"count": count}


_RULES: tuple[Callable[[Mapping[str, Any]], str], ...] = (
    _labelled,
    _held_out,
    _variety,
    _several_models,
    _one_sided,
    _agreement,
    _circular,
    _ties,
    _duplicates,
)
