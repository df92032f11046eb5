"""Rows for tests: experiments, runs in any state, and what runs report.

run = TrainingRunFactory(completed=True)
add_points(run, "loss", [0.7, 0.6, 0.5])
add_lines(run, "Step 1 of 3.", level="info")
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone

from datasets_app.models import Dataset
from generation.tests.factories import BaseModelFactory
from text2song.tests.factories import UserFactory
from training.config import TrainingConfig
from training.models import Experiment, LogLine, MetricPoint, TasteFit, TrainingRun


class DatasetFactory(factory.django.DjangoModelFactory):
    """A built dataset without rows; `DatasetFactory(kind="supervised")` for the other kind."""

    class Meta:
        model = Dataset

    name = factory.Sequence(lambda n: f"dataset-{n}")
    kind = Dataset.Kind.PREFERENCE
    state = Dataset.State.READY
    built_at = factory.LazyFunction(timezone.now)
    content_hash = factory.LazyAttribute(lambda dataset: hashlib.sha256(dataset.name.encode()).hexdigest())
    train_rows = 80
    validation_rows = 10
    test_rows = 10
    created_by = factory.SubFactory(UserFactory)


class ExperimentFactory(factory.django.DjangoModelFactory):
    """A draft with a preference dataset and the default settings."""

    class Meta:
        model = Experiment

    name = factory.Sequence(lambda n: f"experiment-{n}")
    dataset = factory.SubFactory(DatasetFactory)
    base_model = factory.SubFactory(BaseModelFactory)
    config = factory.LazyFunction(lambda: TrainingConfig().to_mapping())
    created_by = factory.SubFactory(UserFactory)


def _ended(**values: Any) -> factory.Trait:
    times = {"started_at": factory.LazyFunction(_ago), "finished_at": factory.LazyFunction(timezone.now)}
    return factory.Trait(worker="host:1:1", total_steps=300, seconds=90.0, **times, **values)


def _ago() -> Any:
    return timezone.now() - timedelta(seconds=90)


class TrainingRunFactory(factory.django.DjangoModelFactory):
    """A queued run; `running=True`, `completed=True`, `failed=True` and `cancelled=True` for the other states."""

    class Meta:
        model = TrainingRun
        skip_postgeneration_save = True

    class Params:
        running = factory.Trait(
            state=TrainingRun.State.RUNNING,
            worker="host:1:1",
            started_at=factory.LazyFunction(_ago),
            step=120,
            total_steps=300,
            seconds=60.0,
            progress_line="step 120 of 300, loss 0.61",
        )
        completed = _ended(
            state=TrainingRun.State.COMPLETED,
            step=300,
            best_step=200,
            best_value=0.55,
            final_loss=0.5,
        )
        failed = _ended(
            state=TrainingRun.State.FAILED,
            step=40,
            error="Memory ran out. Halve the setting “Batch size” and double “Accumulation”, then start a new run.",
        )
        cancelled = _ended(state=TrainingRun.State.CANCELLED, step=40)

    experiment = factory.SubFactory(ExperimentFactory)
    number = factory.LazyAttribute(lambda run: run.experiment.runs.count() + 1)
    name = factory.LazyAttribute(lambda run: f"run-{run.number}")
    config = factory.LazyAttribute(lambda run: run.experiment.config | run.overrides)
    overrides = factory.LazyFunction(dict)
    dataset = factory.LazyAttribute(lambda run: run.experiment.dataset)
    base_model = factory.LazyAttribute(lambda run: run.experiment.base_model)
    base_revision = factory.LazyAttribute(lambda run: run.base_model.revision)
    created_by = factory.LazyAttribute(lambda run: run.experiment.created_by)

    @factory.post_generation
    def follow(self: TrainingRun, create: bool, extracted: bool | None, **kwargs: Any) -> None:  # type: ignore[misc]
        """The experiment takes the state its runs imply; `follow=False` leaves it."""
        if create and extracted is not False:
            self.experiment.follow_runs()


class TasteFitFactory(factory.django.DjangoModelFactory):
    """A queued fit of everybody's votes; `failed=True` for one that found nothing to learn."""

    class Meta:
        model = TasteFit

    class Params:
        failed = factory.Trait(
            state=TasteFit.State.FAILED,
            error="There are 4 votes; a taste needs at least 10 to begin with.",
            started_at=factory.LazyFunction(_ago),
            finished_at=factory.LazyFunction(timezone.now),
        )

    name = factory.Sequence(lambda n: f"taste-{n}")
    base_model = factory.SubFactory(BaseModelFactory)
    created_by = factory.SubFactory(UserFactory)


def add_points(run: TrainingRun, name: str, values: Iterable[float], *, every: int = 1) -> None:
    """A curve: a value at step `every`, 2 · `every` and so on, a second apart."""
    begin = timezone.now() - timedelta(hours=1)
    points = [
        MetricPoint(run=run, name=name, step=n * every, value=value, recorded_at=begin + timedelta(seconds=n * every))
        for n, value in enumerate(values, start=1)
    ]
    MetricPoint.objects.bulk_create(points, batch_size=5000)


def add_lines(run: TrainingRun, *texts: str, level: str = LogLine.Level.INFO) -> None:
    """Further lines of its log."""
    first = run.log_lines.count() + 1
    lines = [LogLine(run=run, number=number, level=level, text=text) for number, text in enumerate(texts, start=first)]
    LogLine.objects.bulk_create(lines, batch_size=5000)
