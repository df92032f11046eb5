"""What a duration means for a model, told before anything is generated."""

from __future__ import annotations

from dataclasses import dataclass

from generation.exceptions import DurationOverLimit
from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from generation.models import BaseModel, GenerationJob

WARN_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class DurationPlan:
    """How a clip of `duration` seconds would be made. `level` is "ok", "warning" or "over"; `windows` 0 when over."""

    duration: int
    limit: int
    level: str
    windows: int
    overlap: float
    model: BaseModel
    long_form: bool

    @property
    def refusal(self) -> str:
        """What is said when it is over."""
        over = DurationOverLimit(self.duration, self.limit, self.model.display_name, long_form=self.long_form)
        return over.message


def plan_duration(model: BaseModel, duration: int, *, long_form: bool) -> DurationPlan:
    """Windows of a clip, and whether its length is past 80 % of the limit or over it."""
    job = GenerationJob(base_model=model, duration=duration, long_form=long_form)
    limit = LONG_FORM_MAX_SECONDS if long_form else model.max_duration
    level = "over" if duration > limit else "warning" if duration > WARN_SHARE * limit else "ok"
    windows = 0 if level == "over" else job.window_count
    return DurationPlan(duration, limit, level, windows, job.overlap_seconds, model, long_form)
