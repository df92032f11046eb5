"""What must hold in a studio after any fault, once its work is done; run as a module inside that studio's settings."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psutil

from bench.faults.figures import Line, exactly
from text2song.tests.live import ROOT, LiveStudio

WANTED = {
    "jobs that are not completed": 0,
    "completed jobs without exactly num_samples clips": 0,
    "files of rows that are missing": 0,
    "files of rows that are not what their sha256 says": 0,
    "work of any kind that failed": 0,
    "work of any kind that is unfinished": 0,
    "rows claimed by a dead worker": 0,
}
LEFT = "stored files left for prune"


def invariants(fault: str, studio: LiveStudio, left: int | None = 0, failed: int | None = 0) -> Iterator[Line]:
    """Look at all rows, files and processes.

    `left` is how many files may be nobody's, None where the fault may leave some; `failed` is None where work may
    fail, with a reason that the fault tells of itself.
    """
    found = inside(studio)
    for figure, wanted in WANTED.items():
        if failed is None and figure in ("work of any kind that failed", "jobs that are not completed"):
            yield Line(fault, figure, found[figure])
        else:
            yield exactly(fault, figure, found[figure], wanted)
    yield Line(fault, LEFT, found[LEFT]) if left is None else exactly(fault, LEFT, found[LEFT], left)
    if found[LEFT]:
        studio.manage("prune", "--older-than", "0", "--yes")
        again = inside(studio)
        yield exactly(fault, "the same after `prune --older-than 0 --yes`", again[LEFT], 0)
        yield exactly(fault, "files of rows that are missing after it", again["files of rows that are missing"], 0)
    yield exactly(fault, "processes left over", len(left_over(studio)), 0)
    for detail in found["details"]:
        print(f"  {fault}: {detail}", file=sys.stderr)


def inside(studio: LiveStudio) -> dict[str, Any]:
    """The figures of `look`, in a process with the studio's settings."""
    command = [sys.executable, "-m", "bench.faults.invariants"]
    done = subprocess.run(
        command, cwd=ROOT, env=studio.environment, stdout=subprocess.PIPE, text=True, check=True, timeout=300
    )
    return json.loads(done.stdout.splitlines()[-1])


def left_over(studio: LiveStudio, *others: int) -> list[psutil.Process]:
    """Processes of this studio that are neither supervisor's nor among `others`."""
    assert studio.supervisor is not None
    known = {os.getpid(), studio.supervisor.pid, *others, *(process.pid for process in studio.processes())}
    found = []
    for process in psutil.process_iter():
        try:
            is_its = process.environ().get("STUDIO_DATA_DIR") == studio.environment["STUDIO_DATA_DIR"]
            if is_its and process.pid not in known and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


# -- inside ------------------------------------------------------------------------------------------------------------


def look() -> dict[str, Any]:
    """All figures of `WANTED` and `LEFT`, and what is amiss in words."""
    from generation.models import GenerationJob
    from text2song.pruning import orphans
    from text2song.work import kinds

    found: Counter[str] = Counter()
    details: list[str] = []
    for job in GenerationJob.objects.exclude(state="cancelled"):
        if job.state != "completed":
            found["jobs that are not completed"] += 1
        elif sorted(job.samples.values_list("index", flat=True)) != list(range(job.num_samples)):
            found["completed jobs without exactly num_samples clips"] += 1
            details.append(f"job {job.pk} has {job.samples.count()} of {job.num_samples}")
    for name, digest in _files():
        if problem := _problem(name, digest):
            found[problem] += 1
            details.append(f"{problem}: {name}")
    for kind in kinds():
        for work in kind.objects.filter(state=kind.FAILED):
            found["work of any kind that failed"] += 1
            details.append(f"{kind.__name__} {work.pk} failed after {work.attempts}: {work.error}")
        found["rows claimed by a dead worker"] += kind.objects.left_behind().count()
        found["work of any kind that is unfinished"] += _unfinished(kind)
    nobodys = list(orphans(timedelta(0)))
    details += [f"left for prune: {orphan.name} ({orphan.size} bytes)" for orphan in nobodys]
    found[LEFT] = len(nobodys)
    return {**dict.fromkeys(WANTED, 0), **found, "details": details}


def _unfinished(kind: Any) -> int:
    from training.models import Promotion

    rows = kind.objects.unfinished()
    return (rows.filter(test__finished_at__isnull=False) if kind is Promotion else rows).count()


def _files() -> Iterator[tuple[str, str]]:
    """Every stored file that a row names, with its sha256 where the row tells it."""
    from adapters.models import Adapter
    from datasets_app.models import Export
    from generation.models import AudioSample
    from training.models import TrainingRun

    for sample in AudioSample.objects.all():
        yield sample.audio_file.name, sample.sha256
        yield sample.codes_file.name, ""
    for export in Export.objects.filter(state=Export.DONE):
        yield export.file.name, export.sha256
    for adapter in Adapter.objects.all():
        yield adapter.file_name("adapter_model.safetensors"), adapter.sha256
        yield adapter.file_name("adapter_config.json"), ""
    for run in TrainingRun.objects.all():
        for prefix in run.checkpoints.values():
            yield f"{prefix}/progress.json", ""


def _problem(name: str, digest: str) -> str:
    from django.core.files.storage import storages

    try:
        with storages["default"].open(name, "rb") as file:
            content = file.read()
    except Exception:
        return "files of rows that are missing"
    if not content or (digest and hashlib.sha256(content).hexdigest() != digest):
        return "files of rows that are not what their sha256 says"
    return ""


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(look()))
