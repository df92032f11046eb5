"""Make music from the command line, in this process, and write it to files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from generation.jobs import worker
from generation.models import AudioSample, GenerationJob
from generation.models.jobs import MAX_SAMPLES, MAX_SAMPLES_TO_PICK_FROM
from generation.services import make_music, model_for
from generation.sound.files import load_audio_bytes, load_codes, pack_codes
from prompts.coach.advice import remarks_on
from text2song.exceptions import DomainError
from text2song.workers import presence

SAMPLES_HELP = f"1 to {MAX_SAMPLES}, or to {MAX_SAMPLES_TO_PICK_FROM} with --taste"


class Command(BaseCommand):
    help = "Generate samples from a prompt, e.g. generate 'calm piano at dusk' --samples 2 --out clips"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", help="what you want to hear")
        parser.add_argument("--style", default="")
        parser.add_argument("--mood", default="")
        parser.add_argument("--tempo", type=int, help="BPM")
        parser.add_argument("--instrument", action="append", default=[], help="primary instrument; may be repeated")
        parser.add_argument("--secondary-instrument", action="append", default=[], help="may be repeated")
        parser.add_argument("--samples", type=int, default=1, help=SAMPLES_HELP)
        parser.add_argument("--duration", type=int, help="seconds (default: 10, or the model's limit)")
        parser.add_argument("--long-form", action=argparse.BooleanOptionalAction, default=False)
        parser.add_argument("--seed", type=int, help="sample i uses seed + i (default: random)")
        parser.add_argument("--temperature", type=float, default=1.0)
        parser.add_argument("--top-k", type=int, default=250)
        parser.add_argument("--top-p", type=float, default=0.0)
        parser.add_argument("--guidance-scale", type=float, default=3.0)
        parser.add_argument("--model", help="key of a base model (default: the active one)")
        parser.add_argument("--adapter", metavar="NAME@VERSION", help="adapter of the model, by name or id")
        parser.add_argument("--strength", type=float, default=1.0, help="of the adapter, 0 to 1.5 (default: 1)")
        parser.add_argument("--taste", metavar="NAME[@VERSION]", help="who picks the best, by name or id")
        parser.add_argument(
            "--keep", type=int, help="how many of the samples the taste keeps (default: all, in its order)"
        )
        parser.add_argument("--source-sample", help="id of a sample to continue or vary")
        parser.add_argument("--prefix-seconds", type=float, help="how much of the source to keep")
        parser.add_argument("--kind", choices=GenerationJob.Kind.values, default=GenerationJob.Kind.PROMPT)
        parser.add_argument("--user", help="whose job it is (default: nobody's)")
        parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder for the files")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            options["out"].mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be made: {error.strerror}") from error
        with presence("command") as name:
            try:
                job = self._claimed_job(options, name)
            except ValidationError as error:
                raise CommandError(_sentences(error)) from error
            except DomainError as error:
                raise CommandError(error.message) from error
            self._run(job)
        for sample in job.samples.kept().best_first():
            self._write(sample, options["out"])
        self._tell_of_the_others(job)

    def _claimed_job(self, options: dict[str, Any], name: str) -> GenerationJob:
        """Store the prompt and a job that is this process's from the start, so that no worker ever sees it waiting."""
        with transaction.atomic():
            job = make_music(
                actor=_user(options["user"]),
                prompt={name: options[option] for name, option in _PROMPT.items()},
                base_model=model_for(options["model"]),
                adapter=options["adapter"] or None,
                adapter_strength=options["strength"],
                taste=options["taste"] or None,
                num_samples=options["samples"],
                duration=options["duration"] or None,
                in_queue=False,
                **{name: options[name] for name in _SAME_NAME},
            )
            job.claim(name)
        return job

    def _run(self, job: GenerationJob) -> None:
        from generation.engine import EngineCache

        wearing = f" and {job.adapter_label}" if job.adapter else ""
        self.stderr.write(f"{job}: {job.num_samples} x {job.duration} s with {job.base_model}{wearing} ...")
        for remark in remarks_on(job.reading):
            self.stderr.write(f"{remark.title}. {remark.why}")
        bar = _Bar()
        worker.run_batch(EngineCache(), [job], on_progress=bar)
        job.refresh_from_db()
        bar.end(f"{job.percent} %, {job.get_state_display().lower()}")
        if job.state != GenerationJob.State.COMPLETED:
            raise CommandError(job.error or f"The job ended {job.state}.")

    def _tell_of_the_others(self, job: GenerationJob) -> None:
        if job.taste_note:
            self.stderr.write(job.taste_note)
        if others := job.samples.set_aside().count():
            self.stderr.write(f"{others} set aside; the page of {job} has them.")

    def _write(self, sample: AudioSample, folder: Path) -> None:
        path = folder / f"{sample.job.short_id}-{sample.label}.flac"
        path.write_bytes(load_audio_bytes(sample))
        path.with_suffix(".npz").write_bytes(pack_codes(load_codes(sample)))
        self.stdout.write(f"{path}  {sample.duration:.1f} s  seed {sample.seed}  sample {sample.pk}")


_PROMPT = {
    "text": "text",
    "style": "style",
    "mood": "mood",
    "tempo": "tempo",
    "primary_instruments": "instrument",
    "secondary_instruments": "secondary_instrument",
}
_SAME_NAME = (
    "keep",
    "long_form",
    "temperature",
    "top_k",
    "top_p",
    "guidance_scale",
    "seed",
    "kind",
    "source_sample",
    "prefix_seconds",
)


def _user(name: str | None) -> Any:
    if name is None:
        return None
    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user “{name}”.")
    return user


def _sentences(error: ValidationError) -> str:
    if hasattr(error, "error_dict"):
        return " ".join(f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
    return " ".join(error.messages)


class _Bar:
    """A progress line on stderr, when somebody is looking."""

    def __call__(self, progress: Any) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{100 * progress.done // progress.total} %")
            sys.stderr.flush()

    def end(self, last: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{last}\n")
