"""What a page costs whoever looks at it, in a studio with many clips: the other half of `bench.pages`.

The studio is the real one, web process and workers, on SQLite and a data folder of its own. All clips belong to one
person, and half of the jobs to rounds. Told of each main page are the milliseconds of the server (the median of five),
the bytes and requests of a first look with an empty cache, by how much it shifts while it loads (cumulative layout
shift) at 1280 and at 375 pixels, and which other hosts were asked for something. There should be none.

**Measured** (two cores of an EPYC that other machines share; CLS is the layout shift):

   clips  page       server ms     kB  requests  CLS 1280  CLS 375  other hosts
   10000  overview         257    371        47     0.001    0.000  none
   10000  create           302    418        54     0.000    0.001  none
   10000  library          236    385        48     0.001    0.001  none
   10000  clip             247    375        47     0.000    0.015  none
   10000  listen           305    383        50     0.000    0.001  none
   10000  jobs             248    370        47     0.000    0.000  none

Nothing shifts: a clip's row has its height and its length before a script runs. The milliseconds are those of the whole
answer, with three workers beside it. In a process of its own that shares its core, the least of 9: overview 181 ms of
computing time, create 171, library 210, clip 143, listen 174, jobs 137, a page without a list 33. A row of clips takes
4 ms, nearly all of it templates; while each row brought its menu, and each icon, choice and star was a template of its
own, the library answered after 611 ms, and 693 kB came.
"""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from text2song.tests.live import ROOT, LiveStudio

TIMES = 5
PER_JOB, PER_ROUND = 4, 50
AT_ONCE = 500
WIDTHS = {1280: 800, 375: 667}
PAGES = {
    "overview": "/",
    "create": "/create/",
    "library": "/library/",
    "clip": "/samples/{clip}/",
    "listen": "/listen/",
    "jobs": "/jobs/",
}
HEADER = (
    f"{'clips':>8}  {'page':<10}{'server ms':>10}{'kB':>7}{'requests':>10}{'CLS 1280':>10}{'CLS 375':>9}  other hosts"
)
SHIFT = """window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


def measure(clips: int) -> Iterator[dict[str, Any]]:
    """A line for each page."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder, LiveStudio(Path(folder)) as studio:
        command = [sys.executable, "-m", "bench.looks", str(clips)]
        done = subprocess.run(command, cwd=ROOT, env=studio.environment, check=True, stdout=subprocess.PIPE, text=True)
        filled = json.loads(done.stdout.splitlines()[-1])
        with chromium() as browser:
            for page, address in PAGES.items():
                url = studio.url + address.format(**filled)
                cookie = {"name": "sessionid", "value": filled["session"], "url": studio.url}
                yield {"clips": clips, "page": page, **look(browser, url, cookie)}


def line(figures: dict[str, Any]) -> str:
    shifts = f"{figures['shift_1280']:>10.3f}{figures['shift_375']:>9.3f}"
    sizes = f"{figures['server_ms']:>10.0f}{figures['bytes'] / 1000:>7.0f}{figures['requests']:>10}"
    return f"{figures['clips']:>8}  {figures['page']:<10}{sizes}{shifts}  {', '.join(figures['other_hosts']) or 'none'}"


def machine() -> str:
    """How many processors of which kind."""
    info = Path("/proc/cpuinfo")
    names = (
        [row.partition(":")[2] for row in info.read_text().splitlines() if row.startswith("model name")]
        if info.exists()
        else []
    )
    return f"{os.cpu_count()} × {(names[0] if names else platform.processor() or platform.machine()).strip()}"


# -- looking -----------------------------------------------------------------------------------------------------------


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def look(browser: Any, url: str, cookie: dict[str, str]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    hosts: set[str] = set()
    for width, height in WIDTHS.items():
        context = browser.new_context(viewport={"width": width, "height": height})
        context.add_cookies([cookie])
        context.add_init_script(SHIFT)
        tab = context.new_page()
        asked: list[Any] = []
        tab.on("requestfinished", lambda request, asked=asked: asked.append(request))
        tab.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        tab.goto(url, wait_until="load")
        tab.wait_for_timeout(1500)
        figures[f"shift_{width}"] = tab.evaluate("() => window.shift")
        if "bytes" not in figures:
            sizes = [request.sizes() for request in asked]
            figures["bytes"] = sum(size["responseHeadersSize"] + size["responseBodySize"] for size in sizes)
            figures["requests"] = len(asked)
            figures["server_ms"] = statistics.median(_milliseconds(context, url) for _ in range(TIMES))
        context.close()
    return {**figures, "other_hosts": sorted(hosts - {urlsplit(url).netloc, ""})}


def _milliseconds(context: Any, url: str) -> float:
    began = time.perf_counter()
    answer = context.request.get(url)
    answer.body()
    if answer.status != 200:
        raise SystemExit(f"{url} answered {answer.status}.")
    return 1000 * (time.perf_counter() - began)


# -- filling, in a process of its own --------------------------------------------------------------------------------


def fill(clips: int, per_job: int = PER_JOB) -> dict[str, str]:
    """Finished jobs with `clips` clips, which share one sound; returns what a look needs: a session, and one clip."""
    import numpy as np
    import soundfile
    from django.contrib.auth import get_user_model
    from django.core.files.base import ContentFile
    from django.db import connection
    from django.test import Client
    from django.utils import timezone

    from generation.models import AudioSample, BaseModel, GenerationJob
    from generation.sound.files import pack_codes
    from generation.sound.processing import peaks
    from prompts.models import Prompt

    owner = get_user_model().objects.get(username="studio")
    model = BaseModel.objects.get(key="studio-tiny")
    wave = np.sin(np.arange(16_000 * 4) / 20).astype(np.float32) * np.hanning(16_000 * 4)
    sound = io.BytesIO()
    soundfile.write(sound, wave, 16_000, format="FLAC")
    fields = {name: AudioSample._meta.get_field(name).storage for name in ("audio_file", "codes_file")}
    codes = pack_codes(np.zeros((4, 200), np.int16))
    shared = {
        "audio_file": fields["audio_file"].save("bench.flac", ContentFile(sound.getvalue())),
        "codes_file": fields["codes_file"].save("bench.npz", ContentFile(codes)),
        "peaks": peaks(wave[None]),
        **{"duration": 4.0, "sample_rate": 16_000, "channels": 1, "seed": 1, "sha256": "0" * 64, "size": 1},
    }
    now, wanted = timezone.now(), -(-clips // per_job)
    prompts = Prompt.objects.bulk_create(
        [
            Prompt(text=f"calm piano, number {n}", rendered_text=f"calm piano, number {n}", author=owner)
            for n in range(200)
        ]
    )
    jobs = [
        GenerationJob(
            **{"prompt": prompts[n % len(prompts)], "num_samples": per_job, "seed": 1, "base_model": model},
            **{"state": "completed", "duration": 4, "requested_by": owner},
            **{"created_at": (at := now - timedelta(minutes=n)), "started_at": at, "finished_at": at},
        )
        for n in range(wanted)
    ]
    GenerationJob.objects.bulk_create(jobs, batch_size=AT_ONCE)
    samples = [
        AudioSample(
            id=job.sample_id(n), job=job, index=n, rendered_text=job.prompt.text, created_at=job.created_at, **shared
        )
        for job in jobs
        for n in range(per_job)
    ]
    AudioSample.objects.bulk_create(samples[:clips], batch_size=AT_ONCE)
    _gather(jobs[::2], owner, model)
    connection.cursor().execute("ANALYZE")
    client = Client()
    client.force_login(owner)
    return {"session": client.cookies["sessionid"].value, "clip": str(samples[0].pk)}


def _gather(jobs: list[Any], owner: Any, model: Any) -> None:
    """Let rounds have sent them."""
    from django.utils import timezone

    from prompts.models import PromptSuite
    from training.models import Round

    suite = PromptSuite.objects.create(name="bench", created_by=owner, frozen_at=timezone.now())
    over = {"state": "completed", "finished_at": timezone.now(), "base_model": model, "suite": suite, "owner": owner}
    for number, start in enumerate(range(0, len(jobs), PER_ROUND), 1):
        Round.objects.create(number=number, **over).jobs.set(jobs[start : start + PER_ROUND])


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(fill(int(sys.argv[1]))))
