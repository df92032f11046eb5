"""How long a person waits: start of the studio, click to finished clips, and what the web process weighs.

    .venv/bin/python -m bench.studio [--json FILE] [--samples 4] [--seconds 8]

Starts the real processes on a temporary data folder with the bundled model.

**Measured** of the web application alone (two cores of an EPYC that other machines share; medians of seven, in turn
with the studio as it was before what works on sound was loaded at use): it stands after 1.8 s (4.5 s before) in 129 MB
(195 MB).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from text2song.tests.live import LiveStudio


def measure(samples: int, seconds: int) -> dict[str, Any]:
    """All figures from one run: seconds, megabytes."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        began = time.perf_counter()
        with LiveStudio(Path(folder)) as studio:
            figures: dict[str, Any] = {"first_start_s": time.perf_counter() - began}
            figures["first_job_s"] = _job_seconds(studio, samples, seconds)
            figures["next_job_s"] = _job_seconds(studio, samples, seconds)
            figures["audio_per_second"] = samples * seconds / figures["next_job_s"]
            figures |= {
                f"{name}_rss_mb": _memory(studio, name) for name in ("web", "default", "generation", "training")
            }
    return figures


def web_start() -> dict[str, float]:
    """Seconds and megabytes of loading the web application in a fresh process, and whether torch came along."""
    script = (
        "import sys, time, psutil; t = time.perf_counter();"
        "from text2song.wsgi import application; from django.urls import get_resolver; get_resolver().url_patterns;"
        "print(time.perf_counter() - t, psutil.Process().memory_info().rss / 1e6, int('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seconds, megabytes, torch_loaded = map(float, done.stdout.split())
    return {"web_import_s": seconds, "web_import_rss_mb": megabytes, "web_loads_torch": torch_loaded}


def _job_seconds(studio: LiveStudio, samples: int, seconds: int) -> float:
    began = time.perf_counter()
    job = studio.generate("calm piano at dusk", num_samples=samples, duration=seconds)
    studio.wait_for(job["id"], "completed")
    return time.perf_counter() - began


def _memory(studio: LiveStudio, name: str) -> float:
    process = studio.main(name)
    return sum(part.memory_info().rss for part in [process, *process.children(recursive=True)]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = web_start() | measure(options.samples, options.seconds)
    for name, value in figures.items():
        print(f"{name:24}{value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
