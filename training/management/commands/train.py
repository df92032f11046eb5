"""Train an adapter in this process, on a dataset of the studio or on an exported one.

Under `accelerate launch` every process runs this command; only the main one writes to the database.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import tomllib
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from tqdm import tqdm

from adapters.models import Adapter
from adapters.services.selection import find_adapter, require_selectable
from datasets_app.models import Dataset
from generation.jobs.worker import adapter_spec
from generation.models import BaseModel
from generation.services import model_for
from generation.services.adapters import register_adapter
from text2song.exceptions import DomainError
from text2song.workers import presence
from training.config import Method, TrainingConfig
from training.exceptions import NothingLearned, RunIsFinished
from training.models import TrainingRun
from training.promotion.services import open_for_new
from training.runs.strength import keep_what_holds
from training.runs.worker import failure_sentence, train_run, trainable_items
from training.services import create_experiment, create_run
from training.services.experiments import read_config
from training.specs import ReportCallback, StepReport, TrainingResult
from training.tasks import share_processor

EXPERIMENT_NAME_LENGTH, ADAPTER_NAME_LENGTH = 200, 100


class Command(BaseCommand):
    help = "Train an adapter, e.g. train --dataset 3f0c… --method dpo --set beta=0.2 --set epochs=5"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="ID|PATH", help="a built dataset, or an exported one")
        parser.add_argument("--method", choices=[method.value for method in Method], help="default: what fits the data")
        parser.add_argument("--config", type=Path, metavar="FILE", help="settings as .json or .toml")
        parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; repeatable")
        parser.add_argument("--name", default="", help="of the experiment, or of the adapter from an exported dataset")
        parser.add_argument("--base", help="key of the base model (default: the active one)")
        parser.add_argument("--parent", metavar="NAME@VERSION", help="the adapter it goes on from")
        register = "put the best checkpoint into the registry (default), or leave it in its folder"
        parser.add_argument("--register", action=argparse.BooleanOptionalAction, default=True, help=register)
        blind = "open a blind test of the adapter against what it goes on from (default), or do not"
        parser.add_argument("--blind-test", action=argparse.BooleanOptionalAction, default=True, help=blind)
        out = "exported datasets: folder for checkpoints; a run found half done there goes on"
        parser.add_argument("--out", type=Path, metavar="DIR", help=out)
        parser.add_argument("--user", help="whose experiment it is (default: nobody's)")

    def handle(self, *args: Any, **options: Any) -> None:
        share_processor()
        try:
            self._train(options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except DomainError as error:
            raise CommandError(error.message) from error

    def _train(self, options: dict[str, Any]) -> None:
        base_model = model_for(options["base"])
        parent = find_adapter(options["parent"]) if options["parent"] else None
        if parent is not None:
            require_selectable(parent, base_model)
        source = _source(options["dataset"])
        values = _settings(options)
        if isinstance(source, Path):
            self._train_on_files(source, values, base_model, parent, options)
        elif _is_main_process():
            self._train_on_dataset(source, values, base_model, parent, options)
        else:
            config = read_config({"method": source.methods[0], **values})
            with tempfile.TemporaryDirectory(prefix="train-") as scratch:
                _call_trainer(source, config, base_model, parent, Path(scratch), None, self.stderr.write)

    # -- a dataset of the studio ---------------------------------------------------------------------------------------

    def _train_on_dataset(
        self,
        dataset: Dataset,
        values: Mapping[str, Any],
        base_model: BaseModel,
        parent: Adapter | None,
        options: dict[str, Any],
    ) -> None:
        with presence("command") as worker:
            actor = _user(options["user"])
            # Claimed in the same transaction, so that no other worker ever sees the run waiting.
            with transaction.atomic():
                experiment = create_experiment(
                    actor=actor,
                    name=options["name"] or dataset.name[:EXPERIMENT_NAME_LENGTH],
                    dataset=dataset,
                    base_model=base_model,
                    config=values,
                )
                run = create_run(
                    experiment=experiment,
                    actor=actor,
                    parent=parent,
                    register=options["register"],
                    blind_test=options["blind_test"],
                )
                run.claim(worker)
            self.stderr.write(f"{experiment} / {run}  (run {run.pk})")
            self._train_claimed(run)
        if run.state != TrainingRun.State.COMPLETED:
            raise CommandError(
                run.error
                or f"The run ended {run.state}; its page says when and by whom. Resume it there, or start another."
            )
        self._tell(run.adapter, run.folder / "best", run.best_step, run.result, run.result_name)

    def _train_claimed(self, run: TrainingRun) -> None:
        try:
            with _Bar() as bar:
                train_run(run, bar.report)
        except KeyboardInterrupt as error:
            try:
                run.cancel()
            except RunIsFinished:
                return
            raise CommandError("Cancelled; its checkpoints are kept, and it can be resumed from its page.") from error
        run.refresh_from_db()

    # -- an exported dataset -------------------------------------------------------------------------------------------

    def _train_on_files(
        self,
        path: Path,
        values: Mapping[str, Any],
        base_model: BaseModel,
        parent: Adapter | None,
        options: dict[str, Any],
    ) -> None:
        config = read_config(values)
        folder = options["out"] or settings.RUNS_DIR / f"command-{uuid.uuid4()}"
        try:
            with _Bar(hidden=not _is_main_process()) as bar:
                result = _call_trainer(path, config, base_model, parent, folder, bar.report, self.stderr.write)
        except DomainError:
            raise
        except Exception as error:
            raise CommandError(failure_sentence(error)) from error
        if not _is_main_process():
            return
        if not result.folder:
            raise NothingLearned(result.untrained_value)
        adapter = None
        if options["register"]:
            adapter = register_adapter(
                actor=_user(options["user"]),
                files=Path(result.folder),
                name=options["name"] or f"{path.stem}-{config.method}"[:ADAPTER_NAME_LENGTH],
                base_model=base_model,
                parent=parent,
                source=Adapter.Source.TRAINING,
                description=f"Trained with {config.method} on the exported dataset “{path.name}”.",
                training_config=config.to_mapping()
                | {"steps": result.steps, "best_step": result.best_step, "kept_share": result.kept_share},
            )
            if options["blind_test"]:
                self.stderr.write(open_for_new(adapter))
        held_out = result.best_value if result.best_value < float("inf") else None
        self._tell(adapter, Path(result.folder), result.best_step, held_out, "Held-out loss")

    def _tell(self, adapter: Adapter | None, folder: Path, step: int | None, value: float | None, what: str) -> None:
        measured = "" if value is None else f"{what} {value:.4f}. "
        self.stdout.write(self.style.SUCCESS(f"{measured}The best checkpoint is that of step {step}: {folder}"))
        if adapter is not None:
            self.stdout.write(f"Registered as {adapter.label}\nid {adapter.pk}")


class _Bar:
    """A progress bar over optimizer steps."""

    def __init__(self, hidden: bool = False) -> None:
        self._bar = tqdm(unit="step", disable=hidden)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def report(self, report: StepReport) -> None:
        self._bar.total = report.total
        shown = {name: report.metrics[name] for name in ("loss", "eval_loss") if name in report.metrics}
        self._bar.set_postfix({name: f"{value:.4f}" for name, value in shown.items()}, refresh=False)
        self._bar.update(report.step - self._bar.n)


def _call_trainer(
    source: Dataset | Path,
    config: TrainingConfig,
    base_model: BaseModel,
    parent: Adapter | None,
    folder: Path,
    on_step: ReportCallback | None,
    say: Callable[[str], None],
) -> TrainingResult:
    """Train without a run in the database."""
    from training.trainer.loop import train

    items = trainable_items(source, config.method)
    begins = adapter_spec(parent) if parent else None
    result = train(
        base=base_model.spec(),
        config=config,
        training=items.training,
        validation=items.validation,
        folder=folder,
        parent=begins,
        on_step=on_step,
    )
    if not _is_main_process():
        return result
    return keep_what_holds(
        result,
        source=source,
        items=items.training,
        config=config,
        base_model=base_model,
        parent=begins,
        say=say,
        at=lambda line: None,
        should_stop=lambda: False,
    )


def _is_main_process() -> bool:
    """Whether this is the only process, or the first of those that `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"


def _source(given: str) -> Dataset | Path:
    if Path(given).exists():
        return Path(given)
    try:
        dataset = Dataset.objects.visible().filter(pk=uuid.UUID(given)).first()
    except ValueError:
        dataset = None
    if dataset is None:
        raise CommandError(
            f"“{given}” is neither the id of a dataset nor a file or folder here. Datasets are listed on the page "
            "Datasets; those of another data folder are found with STUDIO_DATA_DIR set to it."
        )
    return dataset


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """Settings from the file, then from --set, then the method; not checked yet."""
    values = _read_file(options["config"]) if options["config"] else {}
    for given in options["set"]:
        name, equals, text = given.partition("=")
        if not equals:
            raise CommandError(f"--set takes KEY=VALUE, not “{given}”.")
        values[name.strip()] = _value(name.strip(), text.strip())
    return values | ({"method": options["method"]} if options["method"] else {})


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read as {'TOML' if path.suffix == '.toml' else 'JSON'}.") from error
    if not isinstance(values, dict):
        raise CommandError(f'{path} must hold settings by name, as in {{"beta": 0.2}}.')
    return values


def _value(name: str, text: str) -> Any:
    """A value as it would stand in JSON; words need no quotes, lists are separated by commas."""
    if get_type_hints(TrainingConfig).get(name) == tuple[str, ...]:
        return [part.strip() for part in text.strip("[]").split(",")]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _user(name: str | None) -> Any:
    if name is None:
        return None
    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user “{name}”: give the name somebody signs in with, or leave --user out.")
    return user
