"""What models make of clips: drift is what its definition says, and clips belong to their own texts."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model

from generation.engine import Engine
from generation.engine.delay import codebook_delays
from generation.engine.loading import load_model
from generation.engine.text import TextEncoder
from generation.specs import AdapterSpec, SampleSpec, SamplingSpec
from training.config import TrainingConfig
from training.specs import PlayedClip
from training.trainer.likelihood import Judge
from training.trainer.lora import attach_adapter, save_adapter
from training.trainer.sequences import PLAIN, ClipCollator, log_probabilities
from training.trainer.tests.conftest import random_codes

CLIPS = [
    PlayedClip("calm piano at dusk", random_codes(1)),
    PlayedClip("a bass", random_codes(2, frames=11)),
    PlayedClip("", random_codes(3)),
] * 2
PLAYED = SamplingSpec(temperature=0.8, top_k=0, top_p=0.0, guidance_scale=3.0)


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory) -> list[AdapterSpec]:
    """Two strong adapters."""
    made = []
    for seed in (1, 2):
        loaded = load_model(base, torch.device("cpu"), torch.float32)
        network = attach_adapter(loaded, base, TrainingConfig(lora_r=4, lora_alpha=8.0, seed=seed), None)
        for parameter in network.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.3)
        folder = tmp_path_factory.mktemp("adapter")
        save_adapter(network, folder)
        made.append(AdapterSpec(str(folder), str(seed)))
    return made


@pytest.fixture(scope="module")
def judge(base) -> Judge:
    return Judge.load(base, "cpu")


def per_code(base, clips, adapter: AdapterSpec | None, sampling: SamplingSpec) -> list[float]:
    """Each clip on its own, by the network that training attaches the adapter to."""
    loaded = load_model(base, torch.device("cpu"), torch.float32)
    network = loaded.model.decoder.eval()
    collate = ClipCollator(network, TextEncoder(loaded.model, loaded.tokenizer), 1500)
    if adapter is not None:
        network = attach_adapter(loaded, base, TrainingConfig(), adapter).eval()
    delays = codebook_delays(4, 1)
    with torch.no_grad():
        return [
            float(log_probabilities(network, collate([(clip.text, clip.codes)]), delays, sampling).double().mean())
            for clip in clips
        ]


def test_nothing_moved_is_no_drift(judge, adapters):
    assert judge.kl_per_code(CLIPS, reference=adapters[0], adapter=adapters[0]) == [0.0] * 6
    assert judge.kl_per_code([], reference=None, adapter=adapters[0]) == []


@pytest.mark.parametrize("sampling", [PLAIN, PLAYED], ids=["plain", "as played"])
def test_it_is_the_loss_of_log_probability_per_code(base, judge, adapters, sampling):
    for reference, adapter in ((None, adapters[0]), (adapters[1], adapters[0])):
        was, now = (per_code(base, CLIPS, each, sampling) for each in (reference, adapter))
        wanted = [a - b for a, b in zip(was, now, strict=True)]
        found = judge.kl_per_code(CLIPS, reference=reference, adapter=adapter, sampling=sampling)
        assert max(map(abs, wanted)) > 1e-3 and found == pytest.approx(wanted, abs=1e-5)


def test_drift_is_measured_in_the_guidance_that_plays(judge, adapters):
    plain, played = (
        judge.kl_per_code(CLIPS, reference=None, adapter=adapters[0], sampling=sampling) for sampling in (PLAIN, PLAYED)
    )
    assert sum(played) > 1.5 * sum(plain)


def test_adherence_is_the_loss_under_another_text(base, judge):
    others = ["a bass", "", "calm piano at dusk"] * 2
    strange = [PlayedClip(text, clip.codes) for text, clip in zip(others, CLIPS, strict=True)]
    own, other = (per_code(base, clips, None, PLAIN) for clips in (CLIPS, strange))
    wanted = [a - b for a, b in zip(own, other, strict=True)]
    assert judge.adherence_per_code(CLIPS) == pytest.approx(wanted, abs=1e-5)


def test_clips_of_one_text_say_nothing_of_adherence(judge):
    assert all(value != value for value in judge.adherence_per_code(CLIPS[:1] * 2))


def test_drift_knows_adapters_that_change_how_texts_are_read(base, tmp_path):
    """One on the projection of the text states alone: peft on the whole model says how far its clips moved."""
    loaded = load_model(base, torch.device("cpu"), torch.float32)
    torch.manual_seed(4)
    whole = get_peft_model(loaded.model, LoraConfig(r=4, target_modules=["enc_to_dec_proj"]))
    torch.nn.init.normal_(loaded.model.enc_to_dec_proj.lora_B["default"].weight, std=0.5)
    whole.save_pretrained(str(tmp_path))
    clips = [clip for clip in CLIPS if clip.text]
    found = Judge.load(base, "cpu").kl_per_code(clips, reference=None, adapter=AdapterSpec(str(tmp_path), "w"))
    wanted = []
    for clip in clips:
        collate = ClipCollator(loaded.model.decoder, TextEncoderWithPeft(loaded), 1500)
        batch = collate([(clip.text, clip.codes)])
        with torch.no_grad():
            now = float(log_probabilities(loaded.model.decoder, batch, codebook_delays(4, 1)).double().mean())
        wanted.append(per_code(base, [clip], None, PLAIN)[0] - now)
    assert max(map(abs, wanted)) > 1e-2 and found == pytest.approx(wanted, abs=1e-4)


class TextEncoderWithPeft:
    """States as the model with its peft layers makes them."""

    def __init__(self, loaded) -> None:
        self._loaded = loaded

    @torch.no_grad()
    def encode(self, text: str) -> torch.Tensor:
        model = self._loaded.model
        ids = self._loaded.tokenizer(text, return_tensors="pt").input_ids
        states = model.text_encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return model.enc_to_dec_proj(states)[0]


def test_the_weights_judged_are_those_that_play(base, judge):
    exact = dict(judge.loaded.model.decoder.named_parameters())
    rounded = dict(Judge.load(base, "cpu", torch.bfloat16).loaded.model.decoder.named_parameters())
    assert all(weight.dtype == torch.float32 for weight in rounded.values())
    assert all(torch.equal(weight, exact[name].bfloat16().float()) for name, weight in rounded.items())
    assert any(not torch.equal(weight, exact[name]) for name, weight in rounded.items())


def test_drift_in_the_precision_that_plays_is_that_of_the_clips_it_made(base):
    """In bfloat16 a clip's own base finds it as likely as the engine did that drew it."""
    spec = SampleSpec("job", 0, "calm piano", 3, 0.5, SamplingSpec(), record_logprobs=True)
    (made,) = Engine(base, device="cpu", dtype=torch.bfloat16).generate([spec])
    rounded = Judge.load(base, "cpu", torch.bfloat16)
    found = rounded._per_code(rounded._network(None), [("calm piano", made.codes)], PLAIN)
    assert found == pytest.approx([float(made.logprobs.mean())], abs=5e-3)
