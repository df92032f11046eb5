"""What a dataset's figures mean for training, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
    return found or ["Nothing stands against training on it."]


def _enough_ratings(figures: Mapping[str, Any]) -> str:
    liked = figures["liked"]
    if liked < LIKED_CLIPS_WANTED:
        return (
            f"{liked} clips have 4 stars or more; supervised fine-tuning wants about {LIKED_CLIPS_WANTED}. "
            f"{LIKED_CLIPS_WANTED - liked} more would do."
        )
    return ""


def _enough_pairs(figures: Mapping[str, Any]) -> str:
    decided = figures["rows"] - figures["equal_pairs"]
    if decided < PAIRS_WANTED:
        missing = PAIRS_WANTED - decided
        return f"{decided} pairs are decided; preference training wants about {PAIRS_WANTED}. {missing} more would do."
    return ""


def _labelled(figures: Mapping[str, Any]) -> str:
    """What machine labels are worth, and what the held-out figures of a training then mean."""
    labelled = figures.get("labelled")
    if not labelled:
        return ""
    share = figures["labels"].get("accuracy", {}).get("value")
    right = "" if share is None else f", which predicts {share:.0%} of people's votes on prompts it did not learn from"
    judges = " and ".join(labelled["judges"])
    told = f"{labelled['rows']} of {figures['rows']} pairs were labelled by the {judges}{right}, and judged by nobody."
    if labelled["splits"]["validation"]:
        return f"{told} So were {labelled['splits']['validation']} of those held out: figures on them are the taste's."
    return told


def _held_out(figures: Mapping[str, Any]) -> str:
    empty = [name for name in ("validation", "test") if not figures["splits"][name]["rows"]]
    if not empty:
        return ""
    cost = "early stopping has nothing to go by" if "validation" in empty else "there is nothing to test on"
    splits, are = " and ".join(empty), "are" if len(empty) > 1 else "is"
    prompts = "1 prompt" if figures["prompts"] == 1 else f"{figures['prompts']} prompts"
    return f"With {prompts}, {splits} {are} empty: {cost}. Judge music of more prompts."


def _variety(figures: Mapping[str, Any]) -> str:
    if figures["prompts"] < FEW_PROMPTS:
        return f"Fewer than {FEW_PROMPTS} prompts: the adapter may learn these prompts instead of a taste."
    if figures["largest_prompt"] > LARGE_SHARE * figures["rows"]:
        return "More than half of the rows belong to one prompt; judge others, or leave that one out."
    return ""


def _several_models(figures: Mapping[str, Any]) -> str:
    models = list(figures["models"])
    if len(models) < 2:
        return ""
    return (
        f"Clips come from {len(models)} base models ({', '.join(models)}). Codes fit only models with the same codec."
    )


def _one_sided(figures: Mapping[str, Any]) -> str:
    ratings = {star: count for star, count in figures.get("ratings", {}).items() if count}
    if len(ratings) == 1 and figures["rows"] >= SOME_ROWS:
        return "All clips have about the same rating, so there is nothing to tell good from bad by (kto, ranking)."
    return ""


def _agreement(figures: Mapping[str, Any]) -> str:
    agreement = figures.get("agreement")
    if not agreement or agreement["value"] is None or agreement["value"] >= TENTATIVE:
        return ""
    return (
        f"Raters agree little (Krippendorff's alpha {agreement['value']:.2f}). Collect more answers per clip, "
        "or raise the least reliability of raters."
    )


def _circular(figures: Mapping[str, Any]) -> str:
    consistency = figures.get("consistency")
    if consistency is None or not figures["circular_triads"]:
        return ""
    share = f"{figures['circular_triads']} of {figures['triads']} triples of compared clips go in a circle"
    if consistency <= RANDOM_CONSISTENCY:
        return f"{share}, no fewer than votes at random would give. Use label smoothing, or better controls."
    return f"{share}: some votes contradict one another. Label smoothing helps."


def _ties(figures: Mapping[str, Any]) -> str:
    equal = figures.get("equal_pairs", 0)
    if 2 * equal > figures["rows"]:
        return f"{equal} of {figures['rows']} pairs have no winner: the clips compared may be too alike."
    return ""


def _duplicates(figures: Mapping[str, Any]) -> str:
    count = figures["duplicates"]
    if not count:
        return ""
    return f"{count} clip{'s' if count > 1 else ''} sound{'' if count > 1 else 's'} exactly like another one here."


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
