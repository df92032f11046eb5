"""How many votes a taste needs when the listening queue chooses what is asked, and when pairs come by lot.

    .venv/bin/python -m bench.asking [--seeds 21 22] [--repetitions 6] [--null 100] [--json FILE]

**Clips.** For each seed the bundled model makes clips of prompts of its own: 60 prompts with 8 clips to vote on, and 30
with 8 on which accuracy is measured. They are heard as the studio hears them.

**Rater.** Five tastes, each one number measured from the sound. The rater prefers the clip with more of it and errs in
a tenth of the answers, whatever the pair.

**Strategies.** `random` takes any pair not yet asked. `asked` takes what `training.trainer.asking` proposes, as the
queue does: among the 40 prompts asked least, a quarter of the pairs by lot, the penalty chosen anew every 50 votes.

**Columns.** Accuracy is that of the fitted head on all pairs of the held-out prompts, so on pairs by lot, the mean over
seeds and repetitions. `votes` is how many `asked` needs until it is as good as `random` with 100 and with 200 votes
(interpolated; inf: not within 200), `ratio` that number by 100 and by 200.

**Null.** A rater who answers by lot, asked by the queue: how often the gate (`training.trainer.evidence`) ever opens
when it is looked at after every tenth vote. A pair is chosen before its vote, so it should in 5 % at most.

**Measured** on the clips of seeds 902 and 904 of `bench/taste.py` (60 of its prompts to vote on, its 48 held out, clips
of 4 s; five repetitions each; two shared cores, one thread), where no rule was chosen:

    taste         random 100    200  asked 100    200   ratio at 100   at 200
    brightness         0.893  0.938      0.897  0.946           0.91     0.91
    busyness           0.814  0.861      0.828  0.871           0.79     0.94
    dynamics           0.769  0.803      0.778  0.804           0.73     0.99
    bass               0.871  0.913      0.870  0.922           1.01     0.84
    percussion         0.775  0.822      0.774  0.812           1.02      inf
    median                                                      0.91     0.94

So asking saves a vote in eleven, or nothing: since the head tries single statistics (`training.trainer.heads`), pairs
by lot teach it quickly, too. With the broad head alone, on other clips, asking saved a quarter at 200 votes and nothing
at 100, and reached 80.7 %; now it is 87.1 %. A choice by what an answer tells of the single statistics was tried on one
pool, alone and with the other: it was not better. The null was not run anew on these clips.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.sound.features import describe
from generation.sound.noise import FRAME, power_spectra
from generation.sound.processing import normalise
from generation.specs import ModelSpec, SampleSpec, SamplingSpec, Waveform
from training.demo.prompts import DemoPrompt, draw_prompts
from training.demo.tastes import HOP, brightness, busyness
from training.trainer.asking import Pairs, next_pairs, pairs_of
from training.trainer.evidence import Bets, predictions_in_order
from training.trainer.heads import Recipe, Space, choose_penalty
from training.trainer.votes import Floats, Table, Vote

ROOT = Path(__file__).resolve().parents[1]
MODEL = ModelSpec("studio-tiny", str(ROOT / "generation" / "bundled" / "studio-tiny"), "bench")
SAMPLING = SamplingSpec(temperature=0.8, top_k=200, top_p=0.9, guidance_scale=3.0)
ERRORS = 0.1
VOTES = 200
CHECKED = (20, 30, 40, 50, 60, 80, 100, 125, 150, 175, 200)
REFIT = 50
PROMPTS_AT_ONCE, COMPONENTS = 40, 32
"""As in `training.tastes.asking`."""
FITTED = 48
"""Components of each kind in which the head is fitted: fewer than the studio's, which costs and gains little here."""


# -- clips and tastes ------------------------------------------------------------------------------------------------


def dynamics(audio: Waveform, rate: int) -> float:
    """Standard deviation of the level in decades."""
    energy = power_spectra(audio, HOP).sum(1)
    return float(np.log10(energy + 1e-6 * energy.max()).std())


def bass(audio: Waveform, rate: int) -> float:
    """Share of the power below 150 Hz."""
    power = power_spectra(audio, HOP)
    return float(power[:, np.fft.rfftfreq(FRAME, 1 / rate) < 150].sum() / max(power.sum(), 1e-9))


def percussion(audio: Waveform, rate: int) -> float:
    """Share of the magnitude that is percussive (median filtering: Fitzgerald, 2010)."""
    from scipy.ndimage import median_filter

    magnitude = np.sqrt(power_spectra(audio, HOP))
    held, struck = median_filter(magnitude, (9, 1)), median_filter(magnitude, (1, 17))
    return float((struck**2 / (held**2 + struck**2 + 1e-12) * magnitude).sum() / max(magnitude.sum(), 1e-9))


TASTES: dict[str, Callable[[Waveform, int], float]] = {
    "brightness": brightness,
    "busyness": busyness,
    "dynamics": dynamics,
    "bass": bass,
    "percussion": percussion,
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Clips `[N, D]` with what each taste makes of them `[N]`, and pairs to vote on and to be measured on."""

    features: Floats
    sizes: tuple[int, ...]
    liked: dict[str, Floats]
    voted: Pairs
    held_out: Pairs
    asked_in: Floats
    fitted_in: Floats
    components: int
    """Of the columns of `fitted_in`, the first."""

    @classmethod
    def of(
        cls, features: Floats, sizes: Sequence[int], liked: dict[str, Floats], prompt: Sequence[int], new: int
    ) -> Pool:
        """Prompts from `new` on are held out."""
        pairs = pairs_of(prompt)
        numbers = np.array(prompt)
        held = numbers[pairs.left] >= new
        seen = features[numbers < new]
        asked, fitted = (Space.of(seen, sizes, most) for most in (COMPONENTS, FITTED))
        points = asked.points(features)[:, : asked.components], fitted.points(features)
        return cls(features, tuple(sizes), liked, pairs.only(~held), pairs.only(held), *points, fitted.components)


def make_pool(seed: int, prompts: int = 60, held_out: int = 30, clips: int = 8) -> Pool:
    from generation.engine import Engine

    engine = Engine(MODEL)
    texts = [_text(prompt) for prompt in draw_prompts(prompts + held_out, seed)]
    specs = [
        SampleSpec(
            job_id=str(number),
            index=index,
            text=text,
            seed=(seed * 100_003 + number * 64 + index) % 2**31,
            duration=4.0,
            sampling=SAMPLING,
        )
        for number, text in enumerate(texts)
        for index in range(clips)
    ]
    heard, liked, numbers = [], [], []
    for made in engine.generate(specs):
        sound = normalise(made.audio, made.sample_rate).audio.astype(np.float32)
        parts = [describe(sound, made.sample_rate), engine.hear(texts[int(made.job_id)], made.codes)]
        heard.append(np.concatenate(parts))
        liked.append([measure(sound, made.sample_rate) for measure in TASTES.values()])
        numbers.append(int(made.job_id))
    by_taste = dict(zip(TASTES, np.array(liked).T, strict=True))
    return Pool.of(np.stack(heard).astype(np.float64), [len(part) for part in parts], by_taste, numbers, prompts)


def _text(prompt: DemoPrompt) -> str:
    instruments = " and ".join(name.replace("-", " ") for name in prompt.primary_instruments)
    return f"{prompt.mood} {prompt.style}, {prompt.text}, featuring {instruments}, {prompt.tempo} BPM"


# -- asking ----------------------------------------------------------------------------------------------------------

Answer = Callable[[int, int], bool]
"""Whether the first of two clips is preferred."""


def vote(pool: Pool, strategy: str, answer: Answer, rng: np.random.Generator, count: int = VOTES) -> list[Vote]:
    """Votes in the order in which they were given."""
    pairs, votes = pool.voted, list[Vote]()
    waiting, penalty = np.ones(len(pairs), dtype=bool), 0.1
    while len(votes) < count:
        if len(votes) and len(votes) % REFIT == 0:
            penalty = _penalty(pool.asked_in, votes)
        place = _by_lot(waiting, rng) if strategy == "random" else _proposed(pool, waiting, votes, penalty, rng)
        waiting[place] = False
        left, right = int(pairs.left[place]), int(pairs.right[place])
        votes.append(Vote(left, right, 0.9 if answer(left, right) else 0.1, int(pairs.prompt[place]), "rater"))
    return votes


def _by_lot(waiting: npt.NDArray[np.bool_], rng: np.random.Generator) -> int:
    return int(rng.choice(np.flatnonzero(waiting)))


def _proposed(
    pool: Pool, waiting: npt.NDArray[np.bool_], votes: Sequence[Vote], penalty: float, rng: np.random.Generator
) -> int:
    prompts = np.unique(pool.voted.prompt[waiting])
    asked = np.bincount([int(str(one.prompt)) for one in votes], minlength=prompts.max() + 1)[prompts]
    least = prompts[np.argsort(asked + rng.random(len(prompts)))[:PROMPTS_AT_ONCE]]
    open_ = np.flatnonzero(waiting & np.isin(pool.voted.prompt, least))
    seed = int(rng.integers(2**31))
    chosen = next_pairs(pool.asked_in, pool.voted.only(open_), votes, penalty=penalty, seed=seed)
    return int(open_[chosen[0].place])


def _penalty(points: Floats, votes: Sequence[Vote]) -> float:
    table = Table.of(votes)
    return choose_penalty(points[table.left] - points[table.right], table)


def accuracies(pool: Pool, votes: Sequence[Vote], liked: Floats, checked: Sequence[int] = CHECKED) -> Floats:
    """Of the heads fitted on the first so many votes, on all pairs of the prompts held out."""
    found, recipe = [], Recipe()
    for number, count in enumerate(checked):
        table = Table.of(votes[:count])
        design = pool.fitted_in[table.left] - pool.fitted_in[table.right]
        recipe = Recipe.chosen(design, pool.components, table) if number % 2 == 0 else recipe
        scores = pool.fitted_in @ recipe.head(design, pool.components, table)
        sides = pool.held_out.left, pool.held_out.right
        found.append(float(((scores[sides[0]] > scores[sides[1]]) == (liked[sides[0]] > liked[sides[1]])).mean()))
    return np.array(found)


def needed(curve: Floats, wanted: float, checked: Sequence[int] = CHECKED) -> float:
    """Votes until the curve, which never falls once risen, is at `wanted`; inf if it never is."""
    risen = np.maximum.accumulate(curve)
    if risen[-1] < wanted:
        return math.inf
    return float(np.interp(wanted, risen + 1e-12 * np.arange(len(risen)), checked))


def ever_opened(pool: Pool, rng: np.random.Generator, count: int = VOTES) -> bool:
    """Whether chance alone ever opens the gate under the queue's choice."""
    table = Table.of(vote(pool, "asked", lambda left, right: bool(rng.random() < 0.5), rng, count))
    margins = predictions_in_order(pool.features, pool.sizes, table)
    bets = Bets.of(margins, table)
    order = np.flatnonzero(margins != 0)
    looked = (bets_until(bets, int((order < seen).sum())) for seen in range(20, count + 1, 10))
    return any(first.wealth() >= 20 for first in looked)


def bets_until(bets: Bets, count: int) -> Bets:
    return Bets(bets.right[:count], bets.certainty[:count], bets.prompt[:count])


# -- the benchmark ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One taste; accuracies by number of votes."""

    taste: str
    random: list[float]
    asked: list[float]
    votes_for_100: float
    votes_for_200: float


def rows(pools: Sequence[Pool], repetitions: int) -> Iterator[Row]:
    for taste in TASTES:
        curves = {strategy: _curve(pools, taste, strategy, repetitions) for strategy in ("random", "asked")}
        random = np.maximum.accumulate(curves["random"])
        votes = [needed(curves["asked"], random[CHECKED.index(count)]) for count in (100, 200)]
        yield Row(taste, curves["random"].tolist(), curves["asked"].tolist(), *votes)


def _curve(pools: Sequence[Pool], taste: str, strategy: str, repetitions: int) -> Floats:
    found = []
    for number, pool in enumerate(pools):
        liked = pool.liked[taste]
        for repetition in range(repetitions):
            rng = np.random.default_rng([number, repetition])
            votes = vote(pool, strategy, lambda a, b: bool((liked[a] > liked[b]) != (rng.random() < ERRORS)), rng)  # noqa: B023
            found.append(accuracies(pool, votes, liked))
    return np.mean(found, axis=0)


def main() -> None:
    options = _options()
    print("Making clips ...", flush=True)
    pools = [make_pool(seed) for seed in options.seeds]
    print(f"{'taste':<12}{'random 100':>11}{'200':>7}{'asked 100':>11}{'200':>7}{'votes for':>11}{'':>6}{'ratio':>8}")
    found = []
    for row in rows(pools, options.repetitions):
        found.append(row)
        print(line(row), flush=True)
    medians = [float(np.median([getattr(row, f"votes_for_{n}") / n for row in found])) for n in (100, 200)]
    print(f"median ratio: {medians[0]:.2f} at 100 votes, {medians[1]:.2f} at 200")
    opened = sum(ever_opened(pools[run % len(pools)], np.random.default_rng([7, run])) for run in range(options.null))
    print(f"chance opened the gate in {opened} of {options.null} runs")
    if options.json:
        figures = {"rows": [asdict(row) for row in found], "medians": medians, "opened": opened, "null": options.null}
        write_json(options.json, figures)


def line(row: Row) -> str:
    at = [CHECKED.index(100), CHECKED.index(200)]
    shares = "".join(f"{curve[at[0]]:>11.3f}{curve[at[1]]:>7.3f}" for curve in (row.random, row.asked))
    ratios = f"{row.votes_for_100 / 100:>8.2f}{row.votes_for_200 / 200:>6.2f}"
    return f"{row.taste:<12}{shares}{row.votes_for_100:>11.0f}{row.votes_for_200:>6.0f}{ratios}"


def write_json(target: Path, figures: dict[str, Any]) -> None:
    """The figures with what is needed to compare them later."""
    content = {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine(), **figures}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[21, 22])
    parser.add_argument("--repetitions", type=int, default=6)
    parser.add_argument("--null", type=int, default=100, help="runs of a rater who answers by lot")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
