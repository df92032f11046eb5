"""Files that no row names are found and removed; everything that a row names stays."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command

from adapters.models import AdapterRegistration
from adapters.tests.factories import AdapterFactory, AdapterRegistrationFactory
from generation.tests.factories import AudioSampleFactory
from text2song.pruning import OLD, orphans, prune
from training.tests.factories import TrainingRunFactory

pytestmark = pytest.mark.django_db
NOW = timedelta(0)


def store(name: str) -> str:
    return storages["default"].save(name, ContentFile(b"something"))


@pytest.fixture
def kept(storage_backend: str) -> set[str]:
    """One stored file of each kind that a row names, also where the row is hidden."""
    sample, hidden = AudioSampleFactory(), AudioSampleFactory(job__deleted_at="2026-01-01T00:00:00Z")
    names = {file.name for s in (sample, hidden) for file in (s.audio_file, s.codes_file)}
    adapter, registration = AdapterFactory(), AdapterRegistrationFactory()
    names |= {store(f"{row.files}/adapter_config.json") for row in (adapter, registration)}
    run = TrainingRunFactory()
    run.checkpoints = {"step-000002": f"runs/{run.pk}/aa/step-000002"}
    run.save()
    return names | {store(f"runs/{run.pk}/aa/step-000002/state.safetensors")}


def orphan_names(kept: set[str]) -> set[str]:
    """What died workers leave, and what others have put there."""
    run = next(name for name in kept if name.startswith("runs/")).split("/")[1]
    refused = AdapterRegistrationFactory(state=AdapterRegistration.State.REFUSED, error="It does not fit.")
    return {
        store(name)
        for name in (
            "samples/0123.flac",
            "samples/0123.npz",
            f"runs/{run}/bb/step-000002/state.safetensors",
            f"runs/{run}/aa/step-000001/state.safetensors",
            "runs/no-such-run/aa/step-000001/adapter_config.json",
            f"{refused.files}/adapter_config.json",
            "exports/0123.zip",
            "datasets/no-such/0123.npz",
        )
    }


def test_only_what_no_row_names_is_removed(kept: set[str], stored_files: Any):
    left = orphan_names(kept)
    before = set(stored_files())
    assert {orphan.name for orphan in orphans(NOW)} == left
    assert {orphan.name for orphan in prune(NOW)} == left
    assert set(stored_files()) == before - left >= kept


def test_young_files_may_be_about_to_be_named(kept: set[str]):
    orphan_names(kept)
    assert list(orphans(OLD)) == [] and prune(OLD) == []


def test_the_command_lists_and_removes_only_when_told(kept: set[str], stored_files: Any):
    left = orphan_names(kept)

    def said(*arguments: str) -> str:
        out = StringIO()
        call_command("prune", *arguments, stdout=out)
        return out.getvalue()

    assert "Every stored file is named by a row." in said()
    listed = said("--older-than", "0")
    assert all(name in listed for name in left) and not any(name in listed for name in kept)
    assert "would be removed" in listed and left <= set(stored_files())
    assert f"{len(left)} files" in said("--older-than", "0", "--yes")
    assert not left & set(stored_files()) and kept <= set(stored_files())
