"""This machine: what torch sees, disk, memory, and whether the installed packages fit each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from packaging.requirements import Requirement

from text2song import system_state
from text2song.doctor.examination import SECONDS
from text2song.doctor.finding import Finding, in_units, in_words, ok, warning, wrong

SCRIPT = """
import json, torch
devices = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
print(json.dumps({
    "version": torch.__version__,
    "built_for_gpu": torch.backends.cuda.is_built(),
    "mps": torch.backends.mps.is_available(),
    "devices": [[device.name, device.total_memory] for device in devices],
}))
"""
NO_TORCH = "torch is not installed, so this machine serves pages only."
TOO_FULL = 500_000_000
"""Bytes free from which on it is a matter of minutes until something fails."""
SIZING_SECONDS = 3.0


def gpu(*, seconds: float = SECONDS - 1) -> Iterator[Finding]:
    """Asked of torch in a process of its own: this one stays free of it."""
    if find_spec("torch") is None:
        yield ok(NO_TORCH)
        return
    try:
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        yield warning(f"torch did not load within {seconds:.0f} seconds.", "`--deep` gives it two minutes.")
        return
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        yield wrong(f"torch is installed and cannot be used: {said}.", "Install requirements.txt again.")
        return
    yield judge_devices(json.loads(done.stdout.splitlines()[-1]), has_nvidia=Path("/dev/nvidia0").exists())


def judge_devices(seen: dict, *, has_nvidia: bool) -> Finding:
    """What torch sees, beside what there is."""
    torch = f"torch {seen['version']}"
    if seen["devices"]:
        named = ", ".join(f"{name} ({in_units(size)})" for name, size in seen["devices"])
        return ok(f"{torch} sees {named}.")
    if seen["mps"]:
        return ok(f"{torch} sees Apple's GPU.")
    if has_nvidia and os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ok(f"{torch} sees no GPU because CUDA_VISIBLE_DEVICES hides them; the processor makes the music.")
    if has_nvidia and not seen["built_for_gpu"]:
        return warning(f"{torch} is built without CUDA beside an NVIDIA GPU.", "Install torch's build for CUDA.")
    if has_nvidia:
        return warning(
            f"{torch} does not see the NVIDIA GPU of this machine.",
            "Update the driver to what this torch needs; in a container, start it with the GPU (docs/deployment.md).",
        )
    return ok(f"{torch} sees no GPU; the processor makes the music.")


def disk() -> Iterator[Finding]:
    """Room for data and for temporary files, and that both folders can be written."""
    yield _room(settings.DATA_DIR, "STUDIO_DATA_DIR")
    try:
        scratch = Path(tempfile.gettempdir())
    except OSError:
        yield wrong("No folder for temporary files can be written.", "Free space in /tmp, or set TMPDIR.")
        return
    yield _room(scratch, "TMPDIR")


def _room(folder: Path, variable: str) -> Finding:
    try:
        room = system_state.disk(folder)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="doctor-") as file:
            file.write(bytes(100_000))
            file.flush()
    except OSError as error:
        sentence = f"{folder} cannot be written: {error.strerror or in_words(error)}{_filled_by(folder)}."
        return wrong(sentence, f"Free space, give the user that runs the studio the right, or set {variable}.")
    free = f"{in_units(room.free)} of {in_units(room.total)} free on the disk of {folder}"
    if room.free < TOO_FULL:
        return wrong(f"Only {free}{_filled_by(folder)}.", f"Free space there, or set {variable} to a larger disk.")
    if room.is_low:
        return warning(f"Only {free}{_filled_by(folder)}.", f"Free space there, or set {variable} to a larger disk.")
    return ok(f"{free}{_filled_by(folder)}.")


def _filled_by(folder: Path) -> str:
    """The largest of what is in the data folder, in words; other folders are not the studio's to tell."""
    if folder != settings.DATA_DIR or not folder.is_dir():
        return ""
    deadline = time.monotonic() + SIZING_SECONDS
    sizes = {entry.name: _size(entry, deadline) for entry in os.scandir(folder)}
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:3]
    named = ", ".join(f"{name} {in_units(sizes[name])}" for name in largest)
    return f"; it holds {named}" + (" and more" if time.monotonic() > deadline else "") if named else ""


def _size(entry: os.DirEntry, deadline: float) -> int:
    """Bytes of a file, or of a folder as far as there is time."""
    if not entry.is_dir(follow_symlinks=False):
        return entry.stat(follow_symlinks=False).st_size
    size = 0
    for path, _, files in os.walk(entry.path):
        for name in files:
            try:
                size += os.lstat(os.path.join(path, name)).st_size
            except FileNotFoundError:
                continue
        if time.monotonic() > deadline:
            break
    return size


def memory() -> Iterator[Finding]:
    """Main memory that can be had."""
    state = system_state.memory()
    free = f"{in_units(state.available)} of {in_units(state.total)} available"
    if state.is_low:
        yield warning(
            f"Only {free}.", "End what else runs here, or use a smaller model: the system kills what asks last."
        )
    else:
        yield ok(f"{free}.")


def versions() -> Iterator[Finding]:
    """Installed packages are those of the requirements files; torch's are asked for where torch is installed."""
    files = ["requirements-web.txt", *(["requirements.txt"] if find_spec("torch") else [])]
    faults = [fault for file in files for line in _requirements(file) if (fault := misfit(Requirement(line)))]
    for fault in faults:
        yield wrong(fault, f"Run `pip install -r {files[-1]}` in the studio's environment.")
    if not faults:
        yield ok(f"All packages are of the versions that {files[-1]} names.")


def _requirements(file: str) -> Iterator[str]:
    for line in (settings.BASE_DIR / file).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith(("#", "-")):
            yield line


def misfit(requirement: Requirement) -> str:
    """What is wrong with the installed package, in a sentence; empty when it fits."""
    if requirement.marker and not requirement.marker.evaluate():
        return ""
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed; {requirement} is needed."
    if requirement.specifier.contains(installed, prereleases=True):
        return ""
    return f"{requirement.name} {installed} is installed; {requirement} is needed."
