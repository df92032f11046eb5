"""How fast the engine makes music, beside `transformers`' own `generate` in the same run.

    .venv/bin/python -m bench.generation --model generation/bundled/studio-tiny --json var/bench/generation.json
    .venv/bin/python -m bench.generation --random studio-tiny
    .venv/bin/python -m bench.generation --random musicgen-small --batch-sizes 1 --seconds 4

A ratio of 3 means three seconds of music per second of computing, all clips of the batch counted; text encoding and
the codec's decoding are included. `--random` makes a folder of random weights in the shape of a known model.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    EncodecConfig,
    GenerationConfig,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
)

from generation.engine import Engine
from generation.specs import ModelSpec, SampleSpec, SamplingSpec

PROMPTS = (
    "calm piano at dusk",
    "energetic rock featuring electric guitar and drums at 140 BPM",
    "dark ambient drone",
    "happy folk featuring ukulele with subtle hand claps",
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the table; `ratio` is seconds of music per second, `reference` the same for `transformers`."""

    batch_size: int
    guidance_scale: float
    seconds: float
    ratio: float
    reference: float | None


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(options.model) if options.model else save_random(options.random, Path(scratch))
        rows = measure(folder, options)
    print_table(rows)
    if options.json:
        write_json(options, rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="folder of a base model")
    source.add_argument("--random", choices=sorted(SHAPES), help="random weights in this shape")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--guidance", type=float, nargs="+", default=[3.0, 1.0])
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each clip")
    parser.add_argument("--repeats", type=int, default=2, help="the fastest run counts")
    parser.add_argument("--threads", type=int, help="computing threads (default: as torch chooses)")
    parser.add_argument("--device", help="cpu, cuda (default: the first GPU, or the CPU)")
    parser.add_argument("--no-reference", action="store_true", help="leave out `transformers`")
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace) -> list[Measurement]:
    """One measurement per batch size and guidance scale, engine and reference alternating."""
    engine = Engine(ModelSpec(folder.name, str(folder), "bench"), device=options.device, max_batch_size=64)
    reference = None if options.no_reference else Reference(folder, engine)
    rows = []
    for size in options.batch_sizes:
        for scale in options.guidance:
            texts = [PROMPTS[i % len(PROMPTS)] for i in range(size)]
            own = fastest(lambda t=texts, s=scale: run_engine(engine, t, s, options.seconds), options.repeats)
            theirs = None
            if reference is not None:
                theirs = fastest(lambda t=texts, s=scale: reference.run(t, s, options.seconds), options.repeats)
            music = size * options.seconds
            rows.append(Measurement(size, scale, own, music / own, theirs and music / theirs))
            print(f"  batch {size}, guidance {scale:g}: {music / own:.1f} x real time", file=sys.stderr)
    return rows


def fastest(run: Callable[[], object], repeats: int) -> float:
    """Wall seconds of the fastest of `repeats` runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def run_engine(engine: Engine, texts: list[str], scale: float, seconds: float) -> None:
    sampling = SamplingSpec(guidance_scale=scale)
    specs = [SampleSpec("bench", i, text, i, seconds, sampling) for i, text in enumerate(texts)]
    assert len(list(engine.generate(specs))) == len(texts)


class Reference:
    """`transformers`' own generation with the same weights and settings."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = MusicgenForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        for part in (self._model.decoder, self._model.text_encoder):
            part.set_attn_implementation("sdpa")
        self._model.to(engine.device)
        self._facts = engine.facts

    def run(self, texts: list[str], scale: float, seconds: float) -> None:
        inputs = self._tokenizer(texts, return_tensors="pt", padding=True).to(self._model.device)
        delay = self._facts.codebooks // self._facts.channels - 1
        self._model.generate(
            input_ids=inputs.input_ids,
            attention_mask=inputs.attention_mask,
            do_sample=True,
            top_k=250,
            guidance_scale=scale,
            max_new_tokens=round(seconds * self._facts.frame_rate) + delay,
        )


def print_table(rows: list[Measurement]) -> None:
    print(f"{'batch':>5} {'guidance':>8} {'seconds':>8} {'x real time':>11} {'transformers':>12} {'faster':>6}")
    for row in rows:
        theirs = "-" if row.reference is None else f"{row.reference:.2f}"
        gain = "-" if row.reference is None else f"{row.ratio / row.reference:.1f}x"
        print(
            f"{row.batch_size:>5} {row.guidance_scale:>8g} {row.seconds:>8.2f} "
            f"{row.ratio:>11.2f} {theirs:>12} {gain:>6}"
        )


def write_json(options: argparse.Namespace, rows: list[Measurement]) -> None:
    """The figures with what is needed to compare them later."""
    content = {
        "model": Path(options.model).name if options.model else f"random {options.random}",
        "clip_seconds": options.seconds,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "measurements": [asdict(row) for row in rows],
    }
    target = Path(options.json)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _studio_tiny() -> MusicgenConfig:
    return MusicgenConfig(
        text_encoder=T5Config(vocab_size=256, d_model=192, d_kv=48, d_ff=512, num_layers=3, num_heads=4),
        audio_encoder=EncodecConfig(
            sampling_rate=16000,
            upsampling_ratios=[8, 5, 4, 2],
            num_filters=16,
            hidden_size=64,
            codebook_dim=64,
            codebook_size=512,
            target_bandwidths=[1.8],
        ),
        decoder=MusicgenDecoderConfig(
            vocab_size=512,
            hidden_size=256,
            num_hidden_layers=6,
            num_attention_heads=4,
            ffn_dim=1024,
            pad_token_id=512,
            bos_token_id=512,
        ),
    )


def _musicgen_small() -> MusicgenConfig:
    return MusicgenConfig(
        text_encoder=T5Config(d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12),
        audio_encoder=EncodecConfig(
            sampling_rate=32000,
            upsampling_ratios=[8, 5, 4, 4],
            num_filters=64,
            codebook_size=2048,
            target_bandwidths=[2.2],
            use_causal_conv=False,
            use_conv_shortcut=False,
        ),
        decoder=MusicgenDecoderConfig(),
    )


SHAPES = {"studio-tiny": _studio_tiny, "musicgen-small": _musicgen_small}


def save_random(shape: str, folder: Path) -> Path:
    """A folder with random weights in a known model's exact shape, and a stand-in tokenizer."""
    config = SHAPES[shape]()
    model = MusicgenForConditionalGeneration(config)
    special = config.decoder.pad_token_id
    model.generation_config = GenerationConfig(
        max_length=1500, pad_token_id=special, bos_token_id=special, decoder_start_token_id=special
    )
    model.save_pretrained(folder)
    words = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *sorted({*" ".join(PROMPTS).split()})])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
