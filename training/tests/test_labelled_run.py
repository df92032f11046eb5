"""A real run on pairs that a taste labelled, and where it is said."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from datasets_app.tests.factories import built, heard_prompts, seed_that_trains_on, taste
from feedback.models import Preference
from generation.models import AudioSample, BaseModel
from text2song.tests.html import flat
from training.models import TrainingRun
from training.tests.trainable import CODES, SETTINGS

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def give_codes(sample: AudioSample, low: int, high: int) -> None:
    """Codes that the tiny model knows."""
    buffer = io.BytesIO()
    codes = np.random.default_rng(sample.seed).integers(low, high, (4, 24), dtype=np.int16)
    np.savez_compressed(buffer, codes=codes)
    sample.codes_file.save(f"tiny-{sample.pk}.npz", ContentFile(buffer.getvalue()))


def test_dpo_learns_what_a_taste_labelled_and_the_run_says_so(
    tiny: BaseModel, no_tests_by_themselves: None, user: object, page: Client
) -> None:
    made = heard_prompts(5, tiny)
    for best, good, poor, worst in made:
        for sample, low in ((best, 0), (good, 0), (poor, CODES // 2), (worst, CODES // 2)):
            give_codes(sample, low, low + CODES // 2)
    seed = seed_that_trains_on(made, held_out=1)
    dataset = built("preference", {"taste": str(taste(tiny).pk), "taste_share": 1}, seed=seed)
    assert (dataset.train_rows, dataset.validation_rows) == (16, 4)
    settings = [f"{name}={json.dumps(value)}" for name, value in SETTINGS.items()]
    call_command("train", dataset=str(dataset.pk), name="By taste", user="rita", method="dpo", set=settings)
    run = TrainingRun.objects.get()
    assert run.state == "completed", run.error
    assert run.best_value is not None and run.best_value < np.log(2)
    assert run.adapter is not None
    for address in (reverse("run-detail", args=[run.pk]), reverse("adapter-detail", args=[run.adapter.pk])):
        shown = re.sub("<[^>]+>", "", flat(page.get(address).text))
        assert "20 of 20 pairs were labelled by the taste anna@1" in shown
    assert not Preference.objects.exists()
