"""The guard by an audio-text model, on a small one that tells low from high."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile

from generation.engine.exceptions import ModelLoadError
from generation.models import AudioSample
from generation.sound.processing import encode_flac
from generation.tests.factories import AudioSampleFactory
from prompts.tests.factories import PromptFactory
from training.quality.guards import RULE_BY_KEY, Guards
from training.quality.measuring import fit_figure
from training.tests.listener import PITCHES, RATE, tone
from training.trainer.clap import Clap


@pytest.mark.parametrize("rate", [RATE, 32_000])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.3])
def test_sounds_are_nearest_to_their_own_words(clap_folder: Path, seconds: float, rate: int) -> None:
    clap, words = Clap.load(clap_folder), list(PITCHES)
    for place, hertz in enumerate((180, 3000)):
        stereo = np.stack([tone(hertz, seconds, rate)] * 2)
        found = clap.similarity(stereo, rate, words)
        assert found[place] > found[1 - place] + 0.1
        assert found == clap.similarity(stereo, rate, words), "the same clip is heard the same way twice"
        assert clap.similarity(stereo, rate, words[::-1]) == pytest.approx(found[::-1], abs=1e-5)


def test_a_long_clip_is_heard_whole(clap_folder: Path) -> None:
    clap = Clap.load(clap_folder)
    low, high = tone(180), tone(3000)
    first, last = (clap.similarity(sound[None], RATE, ["a low tone"])[0] for sound in (low, high))
    (both,) = clap.similarity(np.concatenate([low, high])[None], RATE, ["a low tone"])
    assert both == pytest.approx((first + last) / 2, abs=1e-5)


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_broken_folder_is_named(clap_folder: Path, tmp_path: Path, broken: str) -> None:
    copy = Path(shutil.copytree(clap_folder, tmp_path / "broken"))
    (copy / broken).write_text("{")
    with pytest.raises(ModelLoadError, match=r"audio-text model in .*broken cannot be loaded"):
        Clap.load(copy)


def clips(*hertz: float) -> list[AudioSample]:
    """Clips of the two prompts, as loud as they come."""
    made = []
    for text, pitch in zip(PITCHES, hertz, strict=True):
        sample = AudioSampleFactory(job__prompt=PromptFactory(text=text), job__completed=True)
        sample.audio_file.save(f"{sample.pk}-tone.flac", ContentFile(encode_flac(tone(pitch)[None], RATE)), save=True)
        made.append(sample)
    return made


@pytest.mark.django_db
def test_clips_that_no_longer_fit_their_prompts_break_the_guard(clap_folder: Path) -> None:
    rule = RULE_BY_KEY["fit"]
    good = fit_figure(clips(150, 2500), clips(200, 3000), folder=clap_folder)
    assert good.value > 0.2 and good.base > 0.2 and not rule.judge(good).problem
    for made in (clips(2500, 150), clips(180, 180)):
        bad = fit_figure(made, clips(200, 3000), folder=clap_folder)
        assert "fit their prompts less" in rule.judge(bad).problem
        assert not Guards({"fit": bad}).hold
    assert bad.value == pytest.approx(0, abs=1e-6), "one clip for every prompt fits none of them better"
    same = fit_figure(clips(2500, 150), clips(2500, 150), folder=clap_folder)
    assert same.base < 0 and not rule.judge(same).problem, "as good as its opponent is never worse"


@pytest.mark.django_db
def test_clips_of_one_prompt_alone_are_not_judged(clap_folder: Path) -> None:
    sample = clips(150, 2500)[0]
    assert np.isnan(fit_figure([sample], [sample], folder=clap_folder).value)
