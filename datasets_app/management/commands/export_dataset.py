"""Write a dataset to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from datasets_app.formats.exports import write_file
from datasets_app.formats.training_command import training_command
from datasets_app.models import Dataset, Export
from text2song.exceptions import DomainError


class Command(BaseCommand):
    help = "Write a dataset to a file, e.g. export_dataset <id> --format huggingface --output liked.zip"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", help="its id")
        parser.add_argument("--format", choices=Export.Format.values, default=Export.Format.JSONL.value)
        parser.add_argument("--output", type=Path, help="file to write (default: dataset-<id> in this folder)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            dataset = Dataset.objects.visible().filter(pk=options["dataset"]).first()
        except ValidationError as error:
            raise CommandError(f"“{options['dataset']}” is not the id of a dataset.") from error
        if dataset is None:
            raise CommandError(f"There is no dataset {options['dataset']}.")
        suffix = Export.SUFFIXES[options["format"]]
        path: Path = options["output"] or Path(f"dataset-{dataset.short_id}.{suffix}")
        part = path.with_name(f"{path.name}.part")
        try:
            with tqdm(total=dataset.row_count, unit="row", disable=None) as bar:
                write_file(dataset, options["format"], part, on_row=lambda done: bar.update(done - bar.n) and None)
            part.replace(path)
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            part.unlink(missing_ok=True)
        self.stdout.write(self.style.SUCCESS(f"{dataset.row_count} rows are in {path}."))
        self.stdout.write(f"\nTrain on it:\n  {training_command(dataset)}")
