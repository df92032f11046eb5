"""What everything else stands on: the model folder in the repository."""

from __future__ import annotations

import json
import time

import pytest
import torch
from transformers import AutoProcessor, MusicgenForConditionalGeneration

from generation.bundled.recipe.constants import CODEBOOK_SIZE, HOP_LENGTH, MODEL_DIR, NUM_CODEBOOKS
from generation.bundled.recipe.lm import PAD_CODE, code_logits, delay
from generation.bundled.recipe.losses import si_sdr
from prompts.wording.rendering import render_prompt
from prompts.wording.vocabulary import INSTRUMENT_BY_SLUG, MAX_TEMPO, MIN_TEMPO, MOODS, STYLES


def random_codes(batch: int, frames: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(CODEBOOK_SIZE, (batch, NUM_CODEBOOKS, frames), generator=generator)


def test_folder_is_small_readable_and_without_pickle():
    files = [path for path in MODEL_DIR.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40_000_000
    assert not [path.name for path in files if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in files)


def test_loads_in_seconds():
    started = time.perf_counter()
    MusicgenForConditionalGeneration.from_pretrained(MODEL_DIR, dtype=torch.float32)
    assert time.perf_counter() - started < 10


def test_processor_loads_and_counts_the_codec_rate():
    processor = AutoProcessor.from_pretrained(MODEL_DIR)
    assert processor.feature_extractor.sampling_rate == 16_000
    assert processor(text=["calm piano"], padding=True, return_tensors="pt").input_ids.shape[0] == 1


def test_special_tokens_agree_everywhere(shipped):
    assert shipped.model.decoder.config.pad_token_id == PAD_CODE
    assert shipped.model.generation_config.decoder_start_token_id == PAD_CODE
    assert shipped.model.generation_config.pad_token_id == PAD_CODE
    config = json.loads((MODEL_DIR / "config.json").read_text())
    assert config["decoder"]["vocab_size"] == CODEBOOK_SIZE == config["audio_encoder"]["codebook_size"]


@torch.no_grad()
def test_a_later_code_changes_no_earlier_logit(shipped):
    text = shipped.tokenizer(["fast techno beat, 125 BPM"], return_tensors="pt")
    inputs, _ = delay(random_codes(1, 60))
    before = code_logits(shipped.model, text.input_ids, text.attention_mask, inputs)
    changed = inputs.clone()
    changed[:, :, 40] = (changed[:, :, 40] + 1) % CODEBOOK_SIZE
    after = code_logits(shipped.model, text.input_ids, text.attention_mask, changed)
    assert torch.equal(before[:, :, :40], after[:, :, :40])
    assert not torch.allclose(before[:, :, 40:], after[:, :, 40:], atol=1e-3)


@torch.no_grad()
def test_text_padding_changes_nothing(shipped):
    inputs, _ = delay(random_codes(1, 30))
    alone = shipped.tokenizer(["slow sad cello"], return_tensors="pt")
    long = "peaceful jazz, calm piano at dusk, featuring acoustic piano, with subtle shaker, 80 BPM"
    padded = shipped.tokenizer(["slow sad cello", long], padding=True, return_tensors="pt")
    one = code_logits(shipped.model, alone.input_ids, alone.attention_mask, inputs)
    two = code_logits(shipped.model, padded.input_ids, padded.attention_mask, inputs.repeat(2, 1, 1))
    assert torch.allclose(one[0], two[0], atol=1e-4)
    assert not torch.allclose(two[0], two[1], atol=1e-2)


def test_delay_pattern_is_that_of_transformers(shipped):
    codes = random_codes(2, 20)
    inputs, targets = delay(codes)
    start = torch.full((2 * NUM_CODEBOOKS, 1), PAD_CODE)
    given = torch.cat([start, codes.reshape(-1, 20)], dim=-1)
    length = 20 + NUM_CODEBOOKS
    _, pattern = shipped.model.decoder.build_delay_pattern_mask(given, PAD_CODE, max_length=length)
    theirs = pattern.view(2, NUM_CODEBOOKS, length)
    assert torch.equal(inputs, theirs[..., :-1])
    kept = targets != -100
    assert torch.equal(targets[kept], theirs[..., 1:][kept])
    assert torch.equal(theirs[..., 1:][~kept], torch.full_like(targets[~kept], PAD_CODE))
    assert int(kept.sum()) == codes.numel()


def test_generated_music_survives_the_codec(shipped):
    audio = shipped.generate(["happy pop, featuring acoustic piano, 125 BPM"], 150, do_sample=True)
    assert audio.shape == (1, 1, 150 * HOP_LENGTH)
    with torch.no_grad():
        again = shipped.model.audio_encoder(audio).audio_values
    assert float(si_sdr(again[:, 0], audio[:, 0])) > 3.0


@torch.no_grad()
def test_codes_depend_on_no_later_sound(shipped):
    generator = torch.Generator().manual_seed(1)
    wave = 0.1 * torch.randn(1, 1, 40 * HOP_LENGTH, generator=generator)
    whole = shipped.model.audio_encoder.encode(wave).audio_codes
    half = shipped.model.audio_encoder.encode(wave[..., : 20 * HOP_LENGTH]).audio_codes
    assert torch.equal(whole[..., :20], half)


def test_everything_the_prompt_form_writes_is_in_the_vocabulary(shipped):
    unknown = shipped.tokenizer.unk_token_id
    for style in STYLES:
        text = str(render_prompt("", style=style.slug, mood=MOODS[0].slug, tempo=MIN_TEMPO))
        assert unknown not in shipped.tokenizer(text).input_ids, text
    for mood in MOODS:
        text = str(render_prompt("calm piano at dusk", mood=mood.slug, tempo=MAX_TEMPO))
        assert unknown not in shipped.tokenizer(text).input_ids, text
    for slug in INSTRUMENT_BY_SLUG:
        text = str(render_prompt("", primary_instruments=[slug], secondary_instruments=[slug, "shaker"]))
        assert unknown not in shipped.tokenizer(text).input_ids, text
    for tempo in range(MIN_TEMPO, MAX_TEMPO + 1):
        assert unknown not in shipped.tokenizer(f"{tempo}BPM").input_ids


@pytest.mark.parametrize("text", ["qwrtz xyzzy plugh", "", "!!! ???", "日本語 のテキスト"])
def test_nonsense_still_gives_music(shipped, text):
    audio = shipped.generate([text], 100, do_sample=True)
    assert torch.isfinite(audio).all()
    assert float(audio.square().mean().sqrt()) > 10 ** (-45 / 20)


def test_the_text_changes_the_music(shipped):
    settings = {"do_sample": False, "guidance_scale": 3.0}
    calm = shipped.generate(["peaceful ambient, warm pad, no drums, 62 BPM"], 60, **settings)
    wild = shipped.generate(["aggressive metal, distorted guitar and drums, 167 BPM"], 60, **settings)
    assert not torch.allclose(calm, wild, atol=1e-2)
