"""Settings for the votes at hand: what learned from a few hundred of them, fitted to their number and their clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from datasets_app.models import Dataset
from generation.models import AudioSample
from training.config import FEW_VOTES, PRESETS, Method

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
    values = {"method": Method.DPO.value, **PRESETS[FEW_VOTES], **_sampler(dataset)}
    values["gradient_accumulation_steps"] = round(per_step / values["batch_size"])
    what = f"{dataset.row_count} judged pairs: "
    if dataset.labelled_rows:
        values["max_kl"] = LABELLED_KL
    if dataset.labelled_rows >= LABELLED_SHARE * dataset.row_count:
        values["max_steps"] = LABELLED_STEPS
        what = f"{dataset.row_count} pairs, most of them labelled by a taste: few steps, as such pairs teach fast, "
    return Proposal(
        values,
        f"Proposed for {what}large steps, a loose tie to the base model, the first {values['max_frames'] / 50:g} s of "
        f"each clip, and the sampler that made them (guidance {values['guidance_scale']:g}, temperature "
        f"{values['temperature']:g}).",
    )


def _sampler(dataset: Dataset) -> dict[str, float]:
    """Guidance and temperature that most of the clips were made with; nothing of clips from another studio."""
    samples = dataset.items.order_by().values("chosen__sample")
    jobs = AudioSample.objects.filter(pk__in=samples).order_by().values("job__guidance_scale", "job__temperature")
    most = jobs.annotate(clips=Count("pk")).order_by("-clips", "job__guidance_scale", "job__temperature").first()
    return (
        {}
        if most is None
        else {
            "guidance_scale": most["job__guidance_scale"],
            "temperature": most["job__temperature"],
        }
    )
