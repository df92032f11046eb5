"""A small audio-text model of the published ones' kind, taught two words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import ClapProcessor, PreTrainedTokenizerFast

from generation.engine.tests.encoders import CLAP_RATE as RATE
from generation.engine.tests.encoders import clap_extractor, clap_model

PITCHES = {"a low tone": (100, 300), "a high tone": (2000, 4000)}


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """With a little hiss, so that no band is as silent as no recording is."""
    length = round(rate * seconds)
    hiss = np.random.default_rng(round(hertz)).standard_normal(length)
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(length) / rate) + 0.003 * hiss).astype(np.float32)


def _processor() -> ClapProcessor:
    words = ["<s>", "<pad>", "</s>", "<unk>", "a", "low", "high", "tone"]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return ClapProcessor(
        feature_extractor=clap_extractor(), tokenizer=PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
    )


def save_listener(folder: Path) -> Path:
    """A folder with a model that tells low from high."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = clap_model()
    processor, pick = _processor(), np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    norm = model.audio_model.audio_encoder.batch_norm
    norm.running_mean.fill_(-30.0)  # what it hears comes in decibels
    norm.running_var.fill_(900.0)
    for _ in range(120):
        sounds = [tone(pick.uniform(*span), pick.uniform(0.4, 1.0)) for span in PITCHES.values()]
        batch = processor(text=list(PITCHES), audio=sounds, sampling_rate=RATE, return_tensors="pt")
        optimizer.zero_grad()
        model(**batch, return_loss=True).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
