"""How much of an adapter's change plays, by its size and precision, and what it costs per step.

    .venv/bin/python -m bench.adapters --json var/bench/adapters.json
    .venv/bin/python -m bench.adapters --random musicgen-small --steps 10

Both ways of applying an adapter are measured in the same run: *merged*, the change added to the weight and rounded with
it, and *as played*, which is what the engine does (the branch apart in low precision, merged in float32). `weight` is
share and cosine of the change in the matrix that multiplies, `output` in what a layer computes for random inputs, where
the rounding of the output itself, which base and adapter have alike, lowers the cosine but not the share. A share of
1 is all of the change. Time is that of one decoding step; base, merged and branch take turns.

Measured on one thread of an AMD EPYC with AVX-512 (torch 2.11, studio-tiny's shape, 8 rows, rank 16 on all layers,
other work beside it). In bfloat16 the merged weight keeps 0.99, 0.78, 0.49 and 0.29 of changes of 0.0053, 0.0018,
0.0009 and 0.0005, with cosines 0.96, 0.79, 0.61 and 0.47; as played 1.00 of each, cosine 1.00. In float32 both keep
1.00. A step with the branch takes 1.1 times the merged step in float32, which is why float32 merges, and 1.5 times in
bfloat16.
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

from bench.generation import SHAPES, save_random
from generation.engine.decoder import BatchDecoder, row_quantum
from generation.engine.loading import choose_device, load_model
from generation.engine.weights import DecoderWeights, LowRank, Projection, is_exact, read_weights, with_branch
from generation.specs import ModelSpec

SIZES = (0.0053, 0.0018, 0.0009, 0.0005)
RANK = 16
ROWS = 4096
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Kept:
    """Share and cosine of a change of `size` relative to its weight."""

    precision: str
    size: float
    way: str
    weight_share: float
    weight_cosine: float
    output_share: float
    output_cosine: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds of one step, median over turns, and over base."""

    precision: str
    way: str
    milliseconds: float
    over_base: float


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    device = choose_device(options.device)
    kept = [row for name in options.precisions for size in SIZES for row in kept_at(name, size, device)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = save_random(options.random, Path(scratch))
        paces = [row for name in options.precisions for row in pace_of(name, folder, device, options)]
    print(f"{machine(device)}, {torch.get_num_threads()} thread(s), torch {torch.__version__}")
    print_tables(kept, paces)
    if options.json:
        write_json(options, machine(device), kept, paces)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", choices=sorted(SHAPES), default="studio-tiny", help="shape of the model to time")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=["float32", "bfloat16"])
    parser.add_argument("--rows", type=int, default=8, help="rows decoded together")
    parser.add_argument("--steps", type=int, default=40, help="steps of each turn")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, help="computing threads (default: as torch chooses)")
    parser.add_argument("--device", help="cpu, cuda (default: the first GPU, or the CPU)")
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def merged(matrix: Tensor, change: LowRank) -> Projection:
    """The change added to the weight, and rounded with it."""
    return Projection((matrix.float() + change.product().t().float()).to(matrix.dtype))


def as_played(matrix: Tensor, change: LowRank) -> Projection:
    """What the engine does in this precision."""
    return merged(matrix, change) if is_exact(matrix.dtype) else with_branch(matrix, [matrix.shape[1]], [change])


WAYS: dict[str, Callable[[Tensor, LowRank], Projection]] = {"merged": merged, "as played": as_played}


def kept_at(precision: str, size: float, device: torch.device) -> list[Kept]:
    """Both ways at one size, on a layer of 1024 inputs and outputs."""
    generator = torch.Generator().manual_seed(0)
    dtype, width = PRECISIONS[precision], 1024
    matrix = (torch.randn(width, width, generator=generator) * width**-0.5).to(device, dtype)
    change = random_change(matrix.t(), size, generator)
    rows = torch.randn(ROWS, width, generator=generator).to(device, dtype)
    delta = change.product().t().double()
    rows_change = rows.double() @ delta
    made = []
    for name, way in WAYS.items():
        projection = way(matrix, change)
        weight = share_and_cosine(effective(projection) - matrix.double(), delta)
        output = share_and_cosine(projection(rows).double() - Projection(matrix)(rows).double(), rows_change)
        made.append(Kept(precision, size, name, *weight, *output))
    return made


def random_change(weight: Tensor, size: float, generator: torch.Generator) -> LowRank:
    """A change of `weight` `[out, in]` whose norm is `size` of the weight's."""
    out, inner = weight.shape
    left, right = torch.randn(out, RANK, generator=generator), torch.randn(RANK, inner, generator=generator)
    right = right * inner**-0.5
    scale = size * float(weight.float().norm()) / float((left @ right).norm())
    return LowRank(left * scale, right).to(weight.device)


def effective(projection: Projection) -> Tensor:
    """The matrix that a projection multiplies with, float64."""
    if projection.down is None or projection.up is None:
        return projection.matrix.double()
    return projection.matrix.double() + projection.down.double() @ projection.up.double()


def share_and_cosine(change: Tensor, wanted: Tensor) -> tuple[float, float]:
    """How much of `wanted` is in `change`, and how alike their directions are."""
    product, size = float((change * wanted).sum()), float(wanted.norm())
    return product / size**2, product / size / max(float(change.norm()), 1e-300)


def pace_of(precision: str, folder: Path, device: torch.device, options: argparse.Namespace) -> list[Pace]:
    """Time per step of base, merged and as played, taking turns. All linear layers of the decoder are adapted."""
    loaded = load_model(ModelSpec("bench", str(folder), "bench"), device, PRECISIONS[precision])
    base = read_weights(loaded.model.decoder, options.steps)
    ways = {"base": base, "merged": adapted(base, merged), "branch": adapted(base, _apart)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    quantum = row_quantum(base) or 4
    for turn in range(options.turns + 1):
        for name, weights in ways.items():
            taken = run_steps(weights, options, quantum)
            if turn:  # the first turn warms up
                times[name].append(taken)
    plain = median(times["base"])
    return [Pace(precision, name, median(each) * 1000, median(each) / plain) for name, each in times.items()]


def _apart(matrix: Tensor, change: LowRank) -> Projection:
    return with_branch(matrix, [matrix.shape[1]], [change])


def adapted(base: DecoderWeights, way: Callable[[Tensor, LowRank], Projection]) -> DecoderWeights:
    """All projections of all layers with a change of rank 16."""
    generator = torch.Generator().manual_seed(1)

    def change(projection: Projection) -> Projection:
        return way(projection.matrix, random_change(projection.matrix.t(), 0.0018, generator))

    names = ("qkv", "self_out", "cross_query", "cross_key", "cross_value", "cross_out", "ffn_in", "ffn_out")
    layers = tuple(replace(layer, **{name: change(getattr(layer, name)) for name in names}) for layer in base.layers)
    return replace(base, layers=layers)


def run_steps(weights: DecoderWeights, options: argparse.Namespace, quantum: int) -> float:
    """Seconds per step."""
    texts = [torch.zeros(8, weights.hidden_size, dtype=weights.dtype, device=weights.device)] * options.rows
    decoder = BatchDecoder(weights, texts, 0, options.steps, quantum)
    tokens = torch.zeros(options.rows, weights.codebooks, dtype=torch.int64, device=weights.device)
    _wait(weights.device)
    start = time.perf_counter()
    for position in range(options.steps):
        decoder.step(tokens, position)
    _wait(weights.device)
    return (time.perf_counter() - start) / options.steps


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: torch.device) -> str:
    """The processor or GPU measured on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def print_tables(kept: list[Kept], paces: list[Pace]) -> None:
    print(f"{'':>28} {'weight':>14} {'output':>14}")
    print(f"{'precision':>9} {'size':>7} {'way':>10} {'share':>7} {'cosine':>6} {'share':>7} {'cosine':>6}")
    for row in kept:
        print(
            f"{row.precision:>9} {row.size:>7g} {row.way:>10} {row.weight_share:>7.3f} {row.weight_cosine:>6.3f} "
            f"{row.output_share:>7.3f} {row.output_cosine:>6.3f}"
        )
    print(f"{'precision':>9} {'way':>10} {'ms a step':>10} {'over base':>10}")
    for pace in paces:
        print(f"{pace.precision:>9} {pace.way:>10} {pace.milliseconds:>10.2f} {pace.over_base:>10.2f}")


def write_json(options: argparse.Namespace, name: str, kept: list[Kept], paces: list[Pace]) -> None:
    """The figures with what is needed to compare them later."""
    content = {
        "machine": name,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "torch": torch.__version__,
        "model": f"random {options.random}",
        "rows": options.rows,
        "rank": RANK,
        "kept": [asdict(row) for row in kept],
        "paces": [asdict(row) for row in paces],
    }
    target = Path(options.json)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
