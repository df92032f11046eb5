"""Making a sample again: the command and the API body that give the same codes."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from generation.listening.lineage import is_visible
from generation.models import AudioSample, GenerationJob

OUT_FOLDER = "replay"


def replay_command(sample: AudioSample) -> str:
    """A shell command, to be run in the studio's own folder, that makes the same codes and writes them to files."""
    return shlex.join([_python(), "manage.py", "generate", *_arguments(sample)])


def replay_body(sample: AudioSample) -> str:
    """The JSON body which, posted to `/api/v1/generate/`, sends a job that makes the same codes."""
    job = sample.job
    body: dict[str, Any] = {
        "prompt": str(job.prompt_id),
        "model": job.base_model.key,
        "num_samples": 1,
        "duration": job.duration,
        "long_form": job.long_form,
        "seed": sample.seed,
        "temperature": job.temperature,
        "top_k": job.top_k,
        "top_p": job.top_p,
        "guidance_scale": job.guidance_scale,
    }
    if job.adapter is not None:
        body |= {"adapter": str(job.adapter_id), "adapter_strength": job.adapter_strength}
    if job.kind != GenerationJob.Kind.PROMPT:
        body |= {
            "kind": job.kind,
            "source_sample": str(job.source_sample_id),
            "prefix_seconds": job.prefix_seconds,
        }
    return json.dumps(body, indent=2, ensure_ascii=False)


def replay_warnings(sample: AudioSample) -> list[str]:
    """Why a replay would not give the same codes on this machine now, in sentences; none when it would."""
    job = sample.job
    warnings = []
    if not job.base_model.is_ready:
        warnings.append(
            gettext("The files of %(display_name)s are not on this machine. %(remedy)s")
            % {"display_name": job.base_model.display_name, "remedy": job.base_model.remedy}
        )
    elif sample.base_revision != job.base_model.revision:
        warnings.append(
            gettext("%(display_name)s has other files now than when this was made, so the replay will sound different.")
            % {"display_name": job.base_model.display_name}
        )
    if job.adapter is not None and (job.adapter.is_deleted or not job.adapter.is_active):
        warnings.append(
            gettext("%(adapter_label)s is not active any more, so this cannot be made again.")
            % {"adapter_label": job.adapter_label}
        )
    if job.source_sample is not None and not is_visible(job.source_sample):
        warnings.append(gettext("The sample this one continues was deleted, so it cannot be made again."))
    if job.prompt.is_deleted:
        warnings.append(gettext("The prompt was deleted: only the command makes this again, the API does not."))
    return warnings


def _arguments(sample: AudioSample) -> list[str]:
    """Everything that decides the codes is named, so that changed defaults change nothing. Floats round-trip."""
    job, prompt = sample.job, sample.job.prompt
    arguments = []
    for flag, value in (("--style", prompt.style), ("--mood", prompt.mood), ("--tempo", prompt.tempo)):
        if value:
            arguments += [flag, str(value)]
    for slug in prompt.primary_instruments:
        arguments += ["--instrument", slug]
    for slug in prompt.secondary_instruments:
        arguments += ["--secondary-instrument", slug]
    arguments += ["--samples", "1", "--duration", str(job.duration)]
    arguments += ["--long-form"] if job.long_form else []
    arguments += ["--seed", str(sample.seed), "--temperature", repr(job.temperature), "--top-k", str(job.top_k)]
    arguments += ["--top-p", repr(job.top_p), "--guidance-scale", repr(job.guidance_scale)]
    arguments += ["--model", job.base_model.key]
    if job.adapter is not None:
        arguments += ["--adapter", str(job.adapter_id), "--strength", repr(job.adapter_strength)]
    if job.kind != GenerationJob.Kind.PROMPT:
        arguments += ["--source-sample", str(job.source_sample_id)]
        arguments += ["--prefix-seconds", repr(job.prefix_seconds), "--kind", job.kind]
    arguments += ["--out", OUT_FOLDER]
    # A text that begins with a dash would be taken for an option, so it goes last, behind the mark that ends them.
    return [*arguments, "--", prompt.text] if prompt.text.startswith("-") else [prompt.text, *arguments]


def _python() -> str:
    """The interpreter as it is called from the studio's folder: its virtual environment's, or the system's."""
    try:
        return str(Path(sys.executable).relative_to(settings.BASE_DIR))
    except ValueError:
        return "python"
