"""After training: how much of what was learned is kept, found out from clips and told in sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from datasets_app.models import Dataset
from generation.models import BaseModel
from generation.specs import AdapterSpec
from training.config import TrainingConfig
from training.runs.items import frames_of, made_with, wishes_of
from training.specs import StopCallback, TrainingItem, TrainingResult

if TYPE_CHECKING:
    from training.trainer.strength import Try


def keep_what_holds(
    result: TrainingResult,
    *,
    source: Dataset | Path,
    items: Sequence[TrainingItem],
    config: TrainingConfig,
    base_model: BaseModel,
    parent: AdapterSpec | None,
    say: Callable[[str], None],
    at: Callable[[str], None],
    should_stop: StopCallback,
) -> TrainingResult:
    """`result` with the part of its adapter that the sound bears, as `config` asks for; `cancelled` when stopped.

    `say` is given sentences, `at` how far it is.
    """
    if not config.guard_clips or not result.folder or result.cancelled:
        return result
    from generation.engine.exceptions import OutOfMemory
    from training.trainer.strength import keep_what_holds

    def on_clip(share: float | None, done: int, total: int) -> None:
        at(f"Clip {done} of {total} {_by(share)}")

    say(f"Making about {config.guard_clips} clips by the base alone, and as many with the adapter, to hear its price.")
    sampling = made_with(source) if isinstance(source, Dataset) else None
    try:
        tried = keep_what_holds(
            base=base_model.spec(),
            trained=Path(result.folder),
            parent=parent,
            wishes=wishes_of(source, items),
            clips=config.guard_clips,
            seconds=frames_of(items) / base_model.frame_rate,
            sampling=sampling or config.sampling,
            seed=config.seed,
            should_stop=should_stop,
            on_clip=on_clip,
        )
    except OutOfMemory as error:
        say(f"It could not be heard: {error} All of it is kept.")
        return result
    if tried is None:
        return replace(result, cancelled=True)
    say(told(tried))
    return replace(result, kept_share=tried[-1].share)


def told(tried: Sequence[Try]) -> str:
    """As in “70 % of it is kept. Of what guards allow, “Noise” used up 98 % with all of it, 61 % with 70 % of it.”"""
    used = ", ".join(
        f"“{one.guard or 'none'}” used up {100 * one.used:.0f} % with {_part(one.share)} of it" for one in tried
    )
    kept = _part(tried[-1].share)
    return f"{kept[0].upper()}{kept[1:]} of it is kept. Of what guards allow, {used}."


def _by(share: float | None) -> str:
    if share is None:
        return "of the base alone"
    return f"with {_part(share)} of it" if share else "of what it goes on from"


def _part(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.0f} %"
