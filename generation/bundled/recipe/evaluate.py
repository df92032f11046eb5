"""Measure how well the model follows prompts.

    python -m generation.bundled.recipe.evaluate [--model DIR] [--prompts 64] [--json FILE] [--data-dir DIR]

Prints a table: the model on prompts of the corpus grammar and on prompts written by hand, beside the true renders of
the grammar prompts' clips, those renders through the codec, and chance. All judging is by audio alone
(`classifier.Listener` and `tempo.estimate_tempo`). Needs the rendered notes (`notes`).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import AutoTokenizer, MusicgenForConditionalGeneration, PreTrainedTokenizerBase

from generation.bundled.recipe.classifier import SOUNDS, Listener, auc, round_trip, train_listener
from generation.bundled.recipe.composer import bpm
from generation.bundled.recipe.constants import CLIP_FRAMES, DEFAULT_DATA_DIR, HOP_LENGTH, MODEL_DIR
from generation.bundled.recipe.losses import si_sdr
from generation.bundled.recipe.mixer import render
from generation.bundled.recipe.notes import load_bank
from generation.bundled.recipe.prompts_for_evaluation import HAND_WRITTEN, JudgedPrompt, grammar_prompts
from generation.bundled.recipe.styles import FAMILIES, MOOD_FAMILIES
from generation.bundled.recipe.tempo import estimate_tempo
from generation.bundled.recipe.tokenizer import MAX_TOKENS
from generation.sound.tempo import same_tempo

SILENT_DBFS, CLIPPED_SHARE = -50.0, 1e-3
LEAST_EXAMPLES = 3
"""A sound's AUC is taken only where at least so many prompts name it, and so many do not."""

BATCH = 96
KEPT = 8
"""How many grammar prompts' clips are kept for the picture."""


@torch.no_grad()
def generate(
    model: MusicgenForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    settings: dict[str, Any],
    seed: int,
    frames: int = CLIP_FRAMES,
) -> np.ndarray:
    """Waveforms `[n, frames * 320]` for prompts, by `transformers`' own `generate`."""
    waves = []
    for start in tqdm(range(0, len(texts), BATCH), desc="generating", unit="batch"):
        torch.manual_seed(seed + start)
        inputs = tokenizer(
            list(texts[start : start + BATCH]),
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        )
        made = model.generate(
            input_ids=inputs.input_ids,
            attention_mask=inputs.attention_mask,
            do_sample=True,
            max_new_tokens=frames + model.decoder.config.num_codebooks - 1,
            **settings,
        )
        waves.append(made[:, 0].float().numpy())
    return np.concatenate(waves)


def waves_path(data_dir: Path) -> Path:
    return data_dir / "evaluation.npz"


def judge(waves: np.ndarray, prompts: Sequence[JudgedPrompt], listener: Listener) -> dict[str, float]:
    """Figures for clips made for prompts; each question is asked of the prompts that state an answer."""
    heard = listener.listen(waves)
    figures: dict[str, float] = {}
    for name, options, wanted in (
        ("style", FAMILIES, [prompt.family for prompt in prompts]),
        ("mood", MOOD_FAMILIES, [prompt.mood for prompt in prompts]),
    ):
        hits = [options[int(row.argmax())] == want for row, want in zip(heard[name], wanted, strict=True) if want]
        figures[name] = float(np.mean(hits))
    figures["instruments"] = _mean_sound_auc(heard["sounds"], prompts)
    told = [i for i, prompt in enumerate(prompts) if prompt.drums is not None]
    figures["drums"] = auc(heard["drums"][told, 0], np.array([float(bool(prompts[i].drums)) for i in told]))
    figures["tempo"] = float(
        np.mean(
            [
                same_tempo(estimate_tempo(wave), prompt.tempo)
                for wave, prompt in zip(waves, prompts, strict=True)
                if prompt.tempo is not None
            ]
        )
    )
    rms = 20 * np.log10(np.sqrt((waves**2).mean(axis=1)) + 1e-9)
    clipped = (np.abs(waves) >= 0.999).mean(axis=1)
    figures["silent_or_clipped"] = float(((rms < SILENT_DBFS) | (clipped > CLIPPED_SHARE)).mean())
    return figures


def _mean_sound_auc(scores: np.ndarray, prompts: Sequence[JudgedPrompt]) -> float:
    areas = []
    for index, name in enumerate(SOUNDS):
        labels = np.array([float(name in prompt.sounds) for prompt in prompts])
        if LEAST_EXAMPLES <= labels.sum() <= len(labels) - LEAST_EXAMPLES:
            areas.append(auc(scores[:, index], labels))
    return float(np.mean(areas))


@torch.no_grad()
def measure_speed(
    model: MusicgenForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, settings: dict[str, Any], batch: int
) -> float:
    """Seconds of audio per second of computing, for 8 s clips, the best of two runs."""
    frames, best = 400, 0.0
    for _ in range(2):
        started = time.perf_counter()
        generate(model, tokenizer, ["calm piano at dusk"] * batch, settings, seed=0, frames=frames)
        best = max(best, batch * frames * HOP_LENGTH / 16_000 / (time.perf_counter() - started))
    return best


def chance() -> dict[str, float]:
    """What a model deaf to its prompt scores (for tempo: a tempo drawn from the corpus, against another)."""
    rng = np.random.default_rng(0)
    tempi = [bpm(spec.eighth) for _, spec in grammar_prompts(400, 5)]
    pairs = rng.permutation(len(tempi))
    lucky = float(np.mean([same_tempo(tempi[a], tempi[b]) for a, b in enumerate(pairs)]))
    return {
        "style": 1 / len(FAMILIES),
        "mood": 1 / len(MOOD_FAMILIES),
        "instruments": 0.5,
        "drums": 0.5,
        "tempo": lucky,
    }


def evaluate(
    model_dir: Path, data_dir: Path, *, count: int, seed: int, settings: dict[str, Any], speed: bool
) -> dict[str, Any]:
    """All figures of a model folder."""
    model = MusicgenForConditionalGeneration.from_pretrained(model_dir, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    bank = load_bank(data_dir)
    listener = train_listener(bank, model.audio_encoder, data_dir / "listener.safetensors")
    pairs = grammar_prompts(count, seed)
    prompts = [prompt for prompt, _ in pairs]
    true = np.stack([render(spec, bank) for _, spec in pairs])
    coded = round_trip(model.audio_encoder, true)
    fidelity = si_sdr(torch.from_numpy(coded), torch.from_numpy(true)).numpy()
    texts = [prompt.text for prompt in (*prompts, *HAND_WRITTEN)]
    everything = generate(model, tokenizer, texts, settings, seed)
    made, by_hand = everything[:count], everything[count:]
    np.savez_compressed(
        waves_path(data_dir),
        made=made[:KEPT].astype(np.float16),
        true=true[:KEPT].astype(np.float16),
        texts=[prompt.text for prompt in prompts[:KEPT]],
    )
    result: dict[str, Any] = {
        "settings": {
            **settings,
            "seconds": CLIP_FRAMES / 50,
            "seed": seed,
            "grammar_prompts": count,
            "hand_written_prompts": len(HAND_WRITTEN),
        },
        "grammar": judge(made, prompts, listener),
        "hand_written": judge(by_hand, HAND_WRITTEN, listener),
        "all": judge(everything, [*prompts, *HAND_WRITTEN], listener),
        "true_render": judge(true, prompts, listener),
        "codec_round_trip": judge(coded, prompts, listener),
        "chance": chance(),
        "codec_si_sdr_db": {"median": float(np.median(fidelity)), "p10": float(np.percentile(fidelity, 10))},
        "megabytes": sum(path.stat().st_size for path in model_dir.iterdir()) / 1e6,
    }
    if speed:
        result["times_real_time"] = {f"batch_{n}": measure_speed(model, tokenizer, settings, n) for n in (1, 8)}
    return result


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    columns = ("grammar", "hand_written", "all", "true_render", "codec_round_trip", "chance")
    lines = ["| | " + " | ".join(name.replace("_", " ") for name in columns) + " |", "|---" * 7 + "|"]
    for row in ("style", "mood", "instruments", "drums", "tempo", "silent_or_clipped"):
        cells = [f"{result[name][row]:.2f}" if row in result[name] else "" for name in columns]
        lines.append(f"| {row.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how well the model follows prompts.")
    parser.add_argument("--model", type=Path, default=MODEL_DIR)
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DATA_DIR)
    parser.add_argument("--prompts", type=int, default=64, help="prompts of the corpus grammar")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=250)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args()
    settings = {"guidance_scale": options.guidance, "temperature": options.temperature, "top_k": options.top_k}
    result = evaluate(
        options.model,
        options.data_dir,
        count=options.prompts,
        seed=options.seed,
        settings=settings,
        speed=not options.no_speed,
    )
    print(table(result))
    print(json.dumps({key: result[key] for key in result if key not in ("grammar", "hand_written", "all")}, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
