"""How much of a taste is learned from few votes, and what is made of it.

    .venv/bin/python -m bench.taste accuracy [--seeds 11 12 13 14 15] [--json FILE]
    .venv/bin/python -m bench.taste random
    .venv/bin/python -m bench.taste opposite
    .venv/bin/python -m bench.taste adapters [--tastes ...] [--votes 100 50]

**accuracy.** The engine makes clips of 4 s for a hundred prompts, eight of each, and sixteen for each of 48 prompts
that are held out. A declared synthetic rater, who errs in a tenth of the votes, compares pairs; a taste is fitted as
the studio does it. On the held-out prompts, without errors of the rater: *pairs* is the share of pairs of clips of one
prompt that the taste puts in the right order; *best of 8* how often the clip it likes best of eight beats another clip
of the prompt. Intervals are over the prompts of all seeds together. *audio* hears statistics of the sound alone, *all*
the base model's hidden states beside them, which is what the studio uses.

**random.** A rater who votes by a coin, 200 votes: in how many simulations a taste ever becomes usable, when it is
looked at after every ten votes.

**opposite.** Two raters, one liking what the other does not: what their own tastes and the common one are worth.

**adapters.** `make demo` with LEARN=taste beside LEARN=votes, in throw-away studios; those of one seed begin with the
same clips. The win rate in the blind test, whose rater errs in a tenth of the answers too, so that 90 % is the most.

**Measured** (two shared cores, one thread, beside other work): `accuracy` on seeds 31, 902 and 904, `random` on seed
904, `opposite` on all three, and `adapters` on seeds 41 to 45 (the votes alone on 41 to 43, and with 100 of them) stand
in `docs/taste.md`. The mean best of 8 of the first five tastes was, with audio alone and with all features, 0.796 and
0.795 (50 votes), 0.869 and 0.870 (100), 0.903 and 0.901 (200), 0.911 and 0.910 (400).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.walks import Beginning, throw_away

FIVE = ("brightness", "busyness", "dynamics", "bass", "percussion")
"""The tastes of which a mean is told: those that a trial found to be learned."""
COUNTS = (50, 100, 200, 400)
ERRORS = 0.1
SECONDS = 4.0
PROMPTS, CLIPS, HELD_PROMPTS, HELD_CLIPS = 100, 8, 48, 16
SEEDS = (11, 12, 13, 14, 15)
RELIABILITY = 0.5
"""Of a rater about whom nothing is known, as the studio takes it."""
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Pool:
    """Clips of one seed: `prompt` `[N]` numbers them, the first `PROMPTS` to vote on, the others held out.

    `features` `[N, D]` are audio statistics and hidden states side by side, of `sizes`; `liking` `[N]` by taste.
    """

    prompt: npt.NDArray[np.intp]
    features: Floats
    sizes: tuple[int, int]
    liking: dict[str, Floats]

    @property
    def held(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.prompt >= PROMPTS)

    def of(self, prompt: int) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.prompt == prompt)


def make_pool(seed: int) -> Pool:
    """Make, hear and measure the clips of one seed."""
    from bench.tastes import TASTES
    from generation.engine import Engine
    from generation.sound.features import describe
    from generation.sound.processing import normalise

    engine = Engine(_model())
    audio_features, hidden, prompts = [], [], []
    liking: dict[str, list[float]] = {name: [] for name in TASTES}
    specs = list(_specs(seed))
    texts = {spec.job_id: spec.text for spec in specs}
    for made in engine.generate(specs):
        sound = normalise(made.audio, made.sample_rate).audio
        audio_features.append(describe(sound, made.sample_rate))
        hidden.append(engine.hear(texts[made.job_id], made.codes))
        prompts.append(int(made.job_id))
        for name, measure in TASTES.items():
            liking[name].append(measure(sound, made.sample_rate))
    return Pool(
        prompt=np.array(prompts),
        features=np.concatenate([np.stack(audio_features), np.stack(hidden)], axis=1).astype(np.float64),
        sizes=(len(audio_features[0]), len(hidden[0])),
        liking={name: np.array(values) for name, values in liking.items()},
    )


def _specs(seed: int) -> Iterator[Any]:
    from generation.jobs.reading import read_by
    from generation.specs import SampleSpec, SamplingSpec
    from prompts.models import Prompt
    from training.demo.loop import SAMPLING
    from training.demo.prompts import draw_prompts

    sampling = SamplingSpec(**{name: SAMPLING[name] for name in ("temperature", "top_k", "top_p", "guidance_scale")})
    for number, drawn in enumerate(draw_prompts(PROMPTS + HELD_PROMPTS, seed)):
        values = asdict(drawn) | {"primary_instruments": list(drawn.primary_instruments)}
        text = read_by(Path(_model().path), Prompt(**values).rendered).text
        for index in range(CLIPS if number < PROMPTS else HELD_CLIPS):
            clip_seed = (seed * 100_003 + number * 64 + index) % 2**31
            yield SampleSpec(str(number), index, text, clip_seed, SECONDS, sampling)


def _model() -> Any:
    from django.conf import settings

    from generation.specs import ModelSpec

    return ModelSpec("studio-tiny", str(settings.BUNDLED_MODEL_DIR), "bundled")


def vote(pool: Pool, liking: Floats, count: int, rng: np.random.Generator, rater: str = "rater") -> list[Any]:
    """`count` votes on different pairs, prompts in turn, a tenth of them wrong."""
    from training.trainer.votes import Vote

    order = rng.permutation(PROMPTS)
    clips = {prompt: rng.permutation(pool.of(prompt)) for prompt in range(PROMPTS)}
    found = []
    for number in range(count):
        prompt = int(order[number % PROMPTS])
        place = 2 * (number // PROMPTS)
        left, right = clips[prompt][place : place + 2]
        better = (liking[left] > liking[right]) != (rng.random() < ERRORS)
        preference = (1 + RELIABILITY) / 2 if better else (1 - RELIABILITY) / 2
        found.append(Vote(int(left), int(right), preference, prompt, rater))
    return found


# -- accuracy --------------------------------------------------------------------------------------------------------


def accuracy(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows by taste, number of votes and features; figures by prompt of all seeds together."""
    found: dict[tuple[str, int, str], dict[str, list[float]]] = {}
    for seed in options.seeds:
        began = time.perf_counter()
        pool = make_pool(seed)
        print(f"# seed {seed}: {len(pool.prompt)} clips in {time.perf_counter() - began:.0f} s", flush=True)
        for name, liking in pool.liking.items():
            for count in COUNTS:
                for heard in ("audio", "all"):
                    row = found.setdefault((name, count, heard), {"pairs": [], "best_of_8": [], "usable": [], "s": []})
                    _measure(pool, liking, count, heard, seed, row)
    rows = [
        {"taste": name, "votes": count, "features": heard, **_told(row)} for (name, count, heard), row in found.items()
    ]
    print(f"{'taste':<12}{'votes':>6}  {'features':<9}{'pairs':>15}{'best of 8':>15}{'usable':>8}{'fit s':>7}")
    for row in rows:
        pairs, best = (f"{row[key]:.2f} ±{row[f'{key}_half']:.2f}" for key in ("pairs", "best_of_8"))
        what = f"{row['taste']:<12}{row['votes']:>6}  {row['features']:<9}"
        print(f"{what}{pairs:>15}{best:>15}{row['usable']:>8.0%}{row['seconds']:>7.1f}")
    for count in COUNTS:
        audio, both = (_mean_of_five(rows, count, heard) for heard in ("audio", "all"))
        print(f"mean best of 8 of the first five, {count} votes: audio {audio:.3f}, all {both:.3f}")
    return rows


def _mean_of_five(rows: list[dict[str, Any]], votes: int, heard: str) -> float:
    chosen = [row for row in rows if row["votes"] == votes and row["features"] == heard and row["taste"] in FIVE]
    return float(np.mean([row["best_of_8"] for row in chosen]))


def _measure(pool: Pool, liking: Floats, count: int, heard: str, seed: int, row: dict[str, list[float]]) -> None:
    from training.trainer.taste import fit

    features, kinds = pool.features, [("audio", pool.sizes[0]), ("hidden", pool.sizes[1])]
    if heard == "audio":
        features, kinds = features[:, : pool.sizes[0]], kinds[:1]
    votes = vote(pool, liking, count, np.random.default_rng(seed))
    began = time.perf_counter()
    fitted = fit(features, kinds, votes, seed=seed)
    row["s"].append(time.perf_counter() - began)
    row["usable"].append(float(fitted.report.is_usable))
    scores = fitted.heads.score(features).mean
    for prompt in range(PROMPTS, PROMPTS + HELD_PROMPTS):
        clips = pool.of(prompt)
        row["pairs"].append(_ordered(scores[clips], liking[clips]))
        row["best_of_8"].append(_best(scores[clips], liking[clips], 8))


def _ordered(told: Floats, true: Floats) -> float:
    apart = ~np.eye(len(told), dtype=bool)
    return float((np.sign(told[:, None] - told) == np.sign(true[:, None] - true))[apart].mean())


def _best(told: Floats, true: Floats, among: int) -> float:
    """How often the best liked of each `among` clips beats another clip of the prompt."""
    wins = []
    for start in range(0, len(told), among):
        best = start + int(np.argmax(told[start : start + among]))
        wins.append(float((true[best] > np.delete(true, best)).mean()))
    return float(np.mean(wins))


def _told(row: dict[str, list[float]]) -> dict[str, float]:
    told = {"usable": float(np.mean(row["usable"])), "seconds": float(np.mean(row["s"]))}
    for key in ("pairs", "best_of_8"):
        values = np.array(row[key])
        told |= {key: float(values.mean()), f"{key}_half": float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))}
    return told


# -- who knows nothing, and who disagrees ----------------------------------------------------------------------------


def random_voter(options: argparse.Namespace) -> list[dict[str, Any]]:
    """In how many simulations a coin's votes ever make a taste usable."""
    from training.trainer.evidence import ERROR, Bets, predictions_in_order
    from training.trainer.votes import Table

    pool, fooled = make_pool(options.seeds[0]), 0
    for simulation in range(options.simulations):
        rng = np.random.default_rng((options.seeds[0], simulation))
        table = Table.of(vote(pool, rng.standard_normal(len(pool.prompt)), 200, rng))
        margins = predictions_in_order(pool.features, pool.sizes, table)
        looks = (Bets.of(margins[:n], table.first(n)).wealth() for n in range(20, 201, 10))
        fooled += max(looks) >= 1 / ERROR
    row = {"simulations": options.simulations, "ever_usable": fooled}
    print(f"A coin's 200 votes, looked at after every ten: usable in {fooled} of {options.simulations} simulations.")
    return [row]


def opposite(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Two raters who like the opposite, 100 votes each."""
    from training.trainer.taste import fit

    rows = []
    for seed in options.seeds:
        pool = make_pool(seed)
        kinds = [("audio", pool.sizes[0]), ("hidden", pool.sizes[1])]
        liking = pool.liking["brightness"]
        anna = vote(pool, liking, 100, np.random.default_rng(seed), "anna")
        ben = vote(pool, -liking, 100, np.random.default_rng(seed + 1), "ben")
        both = fit(pool.features, kinds, [v for pair in zip(anna, ben, strict=True) for v in pair], members=2).report
        row: dict[str, Any] = {"seed": seed, "common_usable": both.is_usable, "common": both.accuracy.value}
        row["agreements"] = [[str(a.rater), str(a.other), a.share.value, a.share.high] for a in both.agreements]
        for name, votes, likes in (("anna", anna, liking), ("ben", ben, -liking)):
            scores = fit(pool.features, kinds, votes, members=2).heads.score(pool.features).mean
            held_out = [pool.of(prompt) for prompt in range(PROMPTS, PROMPTS + HELD_PROMPTS)]
            row[name] = float(np.mean([_ordered(scores[clips], likes[clips]) for clips in held_out]))
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


# -- adapters --------------------------------------------------------------------------------------------------------


def adapters(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Walks of the demo, with the taste and with the same votes alone; those of one seed begin with the same clips."""
    rows = []
    for seed in options.seeds:
        with throw_away() as folder:
            beginning = Beginning(seed, folder)
            for taste, votes, learn in product(options.tastes, options.votes, options.learn):
                row = beginning.walk(taste, votes, learn)
                rows.append(row)
                print(adapter_line(row), flush=True)
    return rows


def adapter_line(row: dict[str, Any]) -> str:
    learned, interval = row["learned"], f"{row['win_rate_low']:.1%} to {row['win_rate_high']:.1%}"
    through = "taste" if learned and learned["usable"] else "votes, as no taste is usable" if learned else "votes"
    heard = row["guards"]["figures"]["noise"]
    held = "hold" if row["guards"]["hold"] else "broken"
    return (
        f"{row['taste']:<28}{row['votes']:>5}{row['seed']:>5}{row['win_rate']:>7.1%}  {interval:<18}"
        f"{heard['value'] / heard['base']:>6.3f}  {held:<8}{row['seconds']:>6.0f} s  {through}"
    )


# -- the command -----------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "accuracy": accuracy,
    "random": random_voter,
    "opposite": opposite,
    "adapters": adapters,
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "text2song.settings")
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        os.environ.setdefault("STUDIO_DATA_DIR", folder)
        import django

        django.setup()
        rows = PARTS[options.part](options)
    if options.json:
        machine = {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine()}
        options.json.write_text(json.dumps({**machine, options.part: rows}, indent=2) + "\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--simulations", type=int, default=100, help="of random")
    parser.add_argument("--tastes", nargs="+", default=["brightness", "busyness", "bench.tastes:dynamics"])
    parser.add_argument("--votes", nargs="+", type=int, default=[100, 50], help="of adapters")
    learn = ("taste", "votes")
    parser.add_argument("--learn", nargs="+", choices=learn, default=list(learn), help="of adapters")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
