"""The losses two adapters were trained to, as far as they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext

from adapters.models import Adapter
from adapters.pages.listing import Measure
from training.config import Method
from training.runs.yardstick import Yardstick, differences

FORMS = {Method.DPO: "dpo_loss", Method.RANKING: "ranking_loss"}
"""Of methods with several forms of loss: the setting that says which."""
LOSSES = {"Training loss": "final_loss", "Best held-out loss": "best_value"}


def side_by_side(adapters: Sequence[Adapter]) -> list[Measure]:
    """Training and held-out loss of two adapters, the lower one marked; nothing if neither has any.

    Losses of different methods, or of different forms of a method, are in different units and are not shown. With other
    settings of the loss (`beta`) or on different data they are shown, and none is marked.
    """
    configs = [adapter.training_config for adapter in adapters]
    if not any(config.get(key) is not None for config in configs for key in LOSSES.values()):
        return []
    names = [_loss(config) for config in configs]
    if len(set(names)) > 1:
        return [
            Measure(
                "Loss", names, verdict=gettext("Not comparable: losses of different methods measure different things.")
            )
        ]
    differing = differences(
        [Yardstick.of(made.training_config, made.training_config.get("dataset_hash")) for made in adapters]
    )
    return [_compared(name, [config.get(key) for config in configs], differing) for name, key in LOSSES.items()]


def _loss(config: dict[str, Any]) -> str:
    """As in "dpo (sigmoid)"."""
    method = config.get("method")
    if not method:
        return gettext("not known")
    form = config.get(FORMS.get(method, ""))
    return f"{method} ({form})" if form else str(method)


def _compared(name: str, values: Sequence[float | None], differing: Sequence[str]) -> Measure:
    words = ["–" if value is None else f"{value:.4g}" for value in values]
    one, other = values
    if one is None or other is None or one == other:
        return Measure(name, words)
    if differing:
        return Measure(
            name,
            words,
            verdict=gettext("They differ in %(join)s: neither is ahead for it.") % {"join": ", ".join(differing)},
        )
    return Measure(name, words, int(other < one), "lower")
