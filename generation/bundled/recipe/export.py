"""Assemble codec, language model and tokenizer into the model folder.

    python -m generation.bundled.recipe.export [--data-dir DIR] [--out DIR]

The folder loads with `MusicgenForConditionalGeneration.from_pretrained`, `AutoTokenizer` and `AutoProcessor`. Weights
are stored in half precision; computing in float32 is meant (`dtype=torch.float32`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import (
    EncodecFeatureExtractor,
    GenerationConfig,
    MusicgenForConditionalGeneration,
    MusicgenProcessor,
    PreTrainedTokenizerFast,
)

from generation.bundled.recipe.checkpoint import load_checkpoint
from generation.bundled.recipe.codec import restore_weight_norm
from generation.bundled.recipe.constants import (
    CLIP_FRAMES,
    DEFAULT_DATA_DIR,
    MODEL_DIR,
    NUM_CODEBOOKS,
    SAMPLE_RATE,
)
from generation.bundled.recipe.lm import PAD_CODE, attach_codec, build_model
from generation.bundled.recipe.train_codec import load_codec
from generation.bundled.recipe.train_lm import lm_path

STORED_DTYPE = torch.float16
GUIDANCE_SCALE, TOP_K, TEMPERATURE = 3.0, 250, 0.8


def generation_config() -> GenerationConfig:
    """Sampling defaults: T frames take T + 3 new tokens after the start token."""
    return GenerationConfig(
        do_sample=True,
        guidance_scale=GUIDANCE_SCALE,
        top_k=TOP_K,
        temperature=TEMPERATURE,
        max_length=CLIP_FRAMES + NUM_CODEBOOKS,
        pad_token_id=PAD_CODE,
        bos_token_id=PAD_CODE,
        decoder_start_token_id=PAD_CODE,
    )


def assemble(data_dir: Path) -> tuple[MusicgenForConditionalGeneration, PreTrainedTokenizerFast]:
    """The trained parts as one float32 model."""
    model, tokenizer = build_model(0)
    audio_encoder = model.audio_encoder
    del model.audio_encoder
    load_checkpoint(lm_path(data_dir), model)
    model.audio_encoder = audio_encoder
    codec = load_codec(data_dir)
    restore_weight_norm(codec)
    attach_codec(model, codec)
    model.generation_config = generation_config()
    model.config.decoder_start_token_id = PAD_CODE
    model.config.pad_token_id = PAD_CODE
    return model.eval(), tokenizer


def export(data_dir: Path, out: Path) -> None:
    """Write the model folder, and leave its README and picture alone."""
    model, tokenizer = assemble(data_dir)
    model = model.to(STORED_DTYPE)
    model.save_pretrained(out)
    extractor = EncodecFeatureExtractor(feature_size=1, sampling_rate=SAMPLE_RATE, padding_side="left")
    tokenizer.save_pretrained(out)
    MusicgenProcessor(extractor, tokenizer).save_pretrained(out)
    for path in out.iterdir():
        path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the model folder.")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--out", type=Path, default=MODEL_DIR)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    export(options.data_dir, options.out)
    size = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"{options.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
