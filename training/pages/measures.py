"""What charts show: the metrics of runs, those that belong together under one name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from training.runs.curves import Curve

HELD_OUT = "eval_"


@dataclass(frozen=True, slots=True)
class Measure:
    """Metrics drawn in one chart. `key` stands in addresses; `names` are those that were reported."""

    key: str
    label: str
    explanation: str
    names: tuple[str, ...]


KNOWN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "loss": (
        gettext_lazy("Loss"),
        gettext_lazy(
            "What training makes smaller. The held-out loss is measured on clips that are never "
            "trained on: when it rises while the other falls, the adapter is learning by heart."
        ),
        ("loss",),
    ),
    "learning_rate": (
        gettext_lazy("Learning rate"),
        gettext_lazy("Size of the steps: it warms up, then falls along a cosine."),
        ("learning_rate",),
    ),
    "grad_norm": (
        gettext_lazy("Gradient norm"),
        gettext_lazy("Length of the gradient before clipping. Spikes ask for a lower learning rate."),
        ("grad_norm",),
    ),
    "rewards": (
        "Rewards",
        gettext_lazy(
            "How much more likely than under the base model a clip has become, times beta. Preferred "
            "clips should lie above rejected ones."
        ),
        ("rewards/chosen", "rewards/rejected"),
    ),
    "rewards/margins": (
        gettext_lazy("Reward margin"),
        gettext_lazy("How far preferred clips lie above rejected ones."),
        ("rewards/margins",),
    ),
    "rewards/accuracies": (
        gettext_lazy("Reward accuracy"),
        gettext_lazy("Share of pairs in which the preferred clip is rewarded more; 0.5 is chance."),
        ("rewards/accuracies",),
    ),
    "logps": (
        "Log-probabilities",
        gettext_lazy(
            "How likely the clips are under the model in training. Both falling fast: tie it closer to its base (beta)."
        ),
        ("logps/chosen", "logps/rejected"),
    ),
    "kl_per_code": (
        "Drift",
        gettext_lazy("How far the model has moved from its base, per code of a clip."),
        ("kl_per_code",),
    ),
}


def measures(names: Iterable[str]) -> list[Measure]:
    """The measures of the metrics `names`, the loss first, unknown metrics last under their own names."""
    reported = set(names)
    found = []
    for key, (label, explanation, members) in KNOWN.items():
        if there := _reported(members, reported):
            found.append(Measure(key, label, explanation, there))
    covered = {name for measure in found for name in measure.names}
    others = dict.fromkeys(name.removeprefix(HELD_OUT) for name in sorted(reported - covered))
    return found + [Measure(name, name, "", _reported((name,), reported)) for name in others]


def choose(found: Sequence[Measure], key: str) -> Measure | None:
    """The measure of this key, else the first; None of none."""
    return next((measure for measure in found if measure.key == key), found[0] if found else None)


def _reported(members: Iterable[str], reported: set[str]) -> tuple[str, ...]:
    wanted = (name for member in members for name in (member, HELD_OUT + member))
    return tuple(name for name in wanted if name in reported)


def for_chart(curves: Iterable[tuple[str, Curve]]) -> list[dict[str, Any]]:
    """Labelled curves as the charts' script reads them: columns of steps, values (None where not finite), seconds."""
    return [
        {
            "label": label,
            "steps": [point.step for point in curve.points],
            "values": [point.value if math.isfinite(point.value) else None for point in curve.points],
            "times": [round(point.at.timestamp()) for point in curve.points],
        }
        for label, curve in curves
    ]
