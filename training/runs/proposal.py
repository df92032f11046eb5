"""Settings for the votes at hand: what learned from a few hundred of them, fitted to their number and their clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from datasets_app.models import Dataset
from training.config import FEW_VOTES, PRESETS, Method
from training.runs.items import made_with

MOST_ROWS = 1000
"""Beyond so many pairs nothing was measured, and the defaults are as good a guess."""
STEPS_AN_EPOCH = 10
FEWEST_PAIRS, MOST_PAIRS = 8, 32
"""Of an optimizer step."""
LABELLED_SHARE = 0.5
"""From which on the pairs speak as a taste's labels do: far apart, and nearly all right."""
LABELLED_STEPS = 30
"""Optimizer steps on such pairs at most."""
LABELLED_KL = 0.2
"""Nats per code after which training ends where a taste labelled any: what is easily learned takes a quarter of the
steps, and goes on into noise."""
LABELLED_CLIPS = 96
"""Made to find out how much of what was learned from labels the sound bears."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings that differ from the defaults, as JSON values, and why in a sentence."""

    values: dict[str, Any]
    reason: str


def proposal(dataset: Dataset) -> Proposal | None:
    """What to train `dataset` with; None where the defaults are as good: ratings, or thousands of pairs."""
    if Method.DPO not in dataset.methods or dataset.row_count > MOST_ROWS:
        return None
    per_step = min(MOST_PAIRS, max(FEWEST_PAIRS, dataset.row_count // STEPS_AN_EPOCH))
    values = {"method": Method.DPO.value, **PRESETS[FEW_VOTES]}
    if made := made_with(dataset):
        values |= {"guidance_scale": made.guidance_scale, "temperature": made.temperature}
    values["gradient_accumulation_steps"] = round(per_step / values["batch_size"])
    what = gettext("%(row_count)s judged pairs: ") % {"row_count": dataset.row_count}
    if dataset.labelled_rows:
        values |= {"max_kl": LABELLED_KL, "guard_clips": LABELLED_CLIPS}
    if dataset.labelled_rows >= LABELLED_SHARE * dataset.row_count:
        values["max_steps"] = LABELLED_STEPS
        what = gettext(
            "%(row_count)s pairs, most of them labelled by a taste: few steps, as such pairs teach fast, "
        ) % {"row_count": dataset.row_count}
    return Proposal(
        values,
        gettext(
            "Proposed for %(what)slarge steps, a loose tie to the base model, the first %(value)s s "
            "of each clip, and the sampler that made them (guidance %(guidance_scale)s, temperature "
            "%(temperature)s)."
        )
        % {
            "what": what,
            "value": f"{values['max_frames'] / 50:g}",
            "guidance_scale": f"{values['guidance_scale']:g}",
            "temperature": f"{values['temperature']:g}",
        },
    )
