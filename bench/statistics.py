"""How often intervals hold the truth, and equal arms are called unequal, when raters and prompts go their own way.

    .venv/bin/python -m bench.statistics [intervals promotion leaderboard] [--repetitions 1000] [--json FILE]

**Votes.** Rater r on prompt p prefers x to y with probability 1 / (1 + exp(-(lead + u_p + v_r))), u with a standard
deviation of 1 logit, v with the one told. There are 24 prompts; 1 and 3 raters judge each twice, 8 once. With one
rater v is 0: what is asked is that rater's preference.

**intervals.** Share of 95 % intervals that hold the average win rate (`cover`), and of tests that call an arm better
(`claims`), for a lead of 0, 1 and 2 logits. *old* is Wilson's interval with the sign test, which takes votes for
unlike.

**promotion.** Share of adapters that are promoted though equal to their opponent (lead 0), and though better (lead
1.4), of 48 votes dealt to the raters by chance. *one*: looked at when all votes are in; *early*: stopped as soon as it
promotes, looked at after ten votes and every fourth from then on; *again*: tested up to four times; *both*. *old*
promotes when the interval clears one half. `votes` is where *early* stopped on average.

**leaderboard.** Five equal arms, 96 votes by 8 raters on 12 prompts: share of boards that rank any two arms apart.
*old* calls two arms apart when their difference in the plain Bradley-Terry model is 1.96 of its standard deviations.

**Measured** (1,000 repetitions; two cores beside other work). Promotion takes an hour and a half:

    intervals            lead   cover old  claims old   cover new  claims new
    1 raters, sd 0.0       0.0       0.908       0.049       0.956       0.044
    1 raters, sd 0.0       1.0       0.919       0.749       0.954       0.695
    1 raters, sd 0.0       2.0       0.946       1.000       0.932       0.999
    3 raters, sd 0.5       0.0       0.678       0.277       0.990       0.010
    3 raters, sd 0.5       1.0       0.709       0.922       0.990       0.390
    3 raters, sd 0.5       2.0       0.771       1.000       0.962       0.963
    3 raters, sd 1.0       0.0       0.494       0.467       0.952       0.048
    3 raters, sd 1.0       1.0       0.526       0.818       0.961       0.279
    3 raters, sd 1.0       2.0       0.563       0.989       0.952       0.789
    8 raters, sd 0.5       0.0       0.745       0.223       0.969       0.031
    8 raters, sd 0.5       1.0       0.764       0.971       0.961       0.777
    8 raters, sd 0.5       2.0       0.807       1.000       0.931       1.000
    8 raters, sd 1.0       0.0       0.627       0.340       0.966       0.034
    8 raters, sd 1.0       1.0       0.662       0.894       0.955       0.510
    8 raters, sd 1.0       2.0       0.688       1.000       0.930       0.978

    promotion            lead   one    early  again  both   (old)    one    early  again  both   (new)  votes
    1 raters, sd 0.0       0.0   0.020  0.053  0.080  0.209            0.000  0.001  0.002  0.004            14
    1 raters, sd 0.0       1.4   0.939  0.956  0.939  0.956            0.617  0.695  0.617  0.695            28
    3 raters, sd 0.5       0.0   0.054  0.100  0.147  0.266            0.000  0.000  0.000  0.000             -
    3 raters, sd 0.5       1.4   0.890  0.924  0.890  0.924            0.051  0.114  0.051  0.114            24
    3 raters, sd 1.0       0.0   0.121  0.184  0.253  0.359            0.000  0.005  0.001  0.006            24
    3 raters, sd 1.0       1.4   0.772  0.832  0.772  0.832            0.065  0.120  0.065  0.120            23
    8 raters, sd 0.5       0.0   0.038  0.085  0.119  0.249            0.000  0.002  0.000  0.002            16
    8 raters, sd 0.5       1.4   0.906  0.935  0.906  0.935            0.335  0.449  0.335  0.449            26
    8 raters, sd 1.0       0.0   0.075  0.114  0.178  0.285            0.002  0.004  0.003  0.006            26
    8 raters, sd 1.0       1.4   0.828  0.864  0.828  0.864            0.243  0.353  0.243  0.353            25

    leaderboard          apart old  apart new
    8 raters, sd 0.5       0.431      0.008
    8 raters, sd 1.0       0.479      0.006

With a lead of 0 a claim or a promotion is false. With one rater votes tell of that rater and little is lost. Several
raters who share 48 votes and may differ decide little, whatever is made of the votes: that they agree must be seen
first.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from feedback.statistics.bradley_terry import fit, leaderboard, win_matrix
from feedback.statistics.outcomes import Comparison, Outcome
from feedback.statistics.pooling import log_evidence
from feedback.statistics.proportions import binomial_p, wilson_interval
from feedback.statistics.win_rate import MIN_DECIDED, summarise

PROMPTS, PROMPT_SD = 24, 1.0
RATERS = ((1, 0.0), (3, 0.5), (3, 1.0), (8, 0.5), (8, 1.0))
"""Raters, and how far they go their own way."""
WANTED = math.log(60.0)
ATTEMPTS = 4


def main() -> None:
    options = _options()
    rows = []
    for name in options.parts:
        for row in PARTS[name](options.repetitions):
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            rows.append({"part": name, **row})
    if options.json:
        machine = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        options.json.write_text(json.dumps({**machine, "repetitions": options.repetitions, "rows": rows}, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


# -- votes -----------------------------------------------------------------------------------------------------------


class Studio:
    """Raters and prompts with ways of their own, and the votes they give on x against y."""

    def __init__(self, rng: np.random.Generator, lead: float, raters: int, rater_sd: float) -> None:
        self._rng, self._lead, self.raters = rng, lead, raters
        self._own, self._theirs = rng.normal(0, PROMPT_SD, PROMPTS), rng.normal(0, rater_sd, raters)

    def everybody(self, rounds: int) -> list[Comparison]:
        """Each rater judges each prompt so often, in an order of chance."""
        cells = list(itertools.product(range(self.raters), range(PROMPTS))) * rounds
        return [self._vote(*cells[place]) for place in self._rng.permutation(len(cells))]

    def dealt(self, rounds: int) -> list[Comparison]:
        """Each prompt is judged so often, by a rater of chance."""
        prompts = [prompt for _ in range(rounds) for prompt in self._rng.permutation(PROMPTS).tolist()]
        return [self._vote(int(self._rng.integers(self.raters)), prompt) for prompt in prompts]

    def _vote(self, rater: int, prompt: int) -> Comparison:
        chance = 1 / (1 + math.exp(-(self._lead + self._own[prompt] + self._theirs[rater])))
        won = Outcome.A if self._rng.random() < chance else Outcome.B
        return Comparison("x", "y", won, rater=rater, prompt=prompt)


def old_claim(votes: Sequence[Comparison]) -> tuple[float, float, bool, bool]:
    """Wilson's interval, whether one arm is called better, and whether it is x."""
    wins = sum(vote.outcome is Outcome.A for vote in votes)
    low, high = wilson_interval(wins, len(votes))
    sure = len(votes) >= MIN_DECIDED and (binomial_p(wins, len(votes) - wins) or 1.0) < 0.05
    return low, high, sure and not low <= 0.5 <= high, sure and low > 0.5


# -- parts -----------------------------------------------------------------------------------------------------------


def intervals(repetitions: int) -> Iterator[dict[str, Any]]:
    for (raters, rater_sd), lead in itertools.product(RATERS, (0.0, 1.0, 2.0)):
        rng = np.random.default_rng(1)
        points, weights = np.polynomial.hermite_e.hermegauss(60)
        logits = lead + points * math.hypot(PROMPT_SD, rater_sd)
        truth = float((weights / (1 + np.exp(-logits))).sum() / weights.sum())
        found = np.zeros(4)
        for _ in range(repetitions):
            votes = Studio(rng, lead, raters, rater_sd).everybody(1 if raters == 8 else 2)
            rate, (low, high, claimed, _) = summarise(votes, "x", "y"), old_claim(votes)
            found += [low <= truth <= high, claimed, rate.low <= truth <= rate.high, rate.is_decided]
        names = ("cover old", "claims old", "cover new", "claims new")
        yield {"raters": raters, "rater sd": rater_sd, "lead": lead, **_shares(names, found / repetitions)}


def promotion(repetitions: int) -> Iterator[dict[str, Any]]:
    for (raters, rater_sd), lead in itertools.product(RATERS, (0.0, 1.4)):
        rng = np.random.default_rng(2)
        found, votes_given = np.zeros(8), []
        for _ in range(repetitions):
            studio = Studio(rng, lead, raters, rater_sd)
            tests = [studio.dealt(2) for _ in range(ATTEMPTS if lead == 0 else 1)]
            new, stopped = _promotions(tests, lambda votes: log_evidence(votes, "x", "y") >= WANTED, together=True)
            old, _ = _promotions(tests, lambda votes: old_claim(votes)[3], together=False)
            found += [*old, *new]
            votes_given += [stopped] if stopped else []
        names = [f"{how} {which}" for which in ("old", "new") for how in ("one", "early", "again", "both")]
        row = {"raters": raters, "rater sd": rater_sd, "lead": lead, **_shares(names, found / repetitions)}
        yield row | {"votes": f"{np.mean(votes_given):.0f}" if votes_given else "-"}


def _promotions(
    tests: list[list[Comparison]], promotes: Callable[[list[Comparison]], bool], *, together: bool
) -> tuple[list[bool], int]:
    """Whether it is promoted by one look, early looks, tests begun again, and both; votes of the first at its stop."""
    early = again = both = False
    first = stopped = 0
    for number, test in enumerate(tests):
        before = [vote for each in tests[:number] for vote in each] if together else []
        for look in (*range(MIN_DECIDED, len(test), 4), len(test)):
            if both and look < len(test):
                continue
            if promotes([*before, *test[:look]]):
                both = True
                if number == 0:
                    early, stopped = True, stopped or look
                if look == len(test):
                    again, first = True, first or number == 0
    return [bool(first), early, again, both], stopped


def boards(repetitions: int) -> Iterator[dict[str, Any]]:
    for rater_sd in (0.5, 1.0):
        rng = np.random.default_rng(3)
        found = np.zeros(2)
        for _ in range(repetitions):
            votes = _votes_on_five(rng, rater_sd)
            plain = fit(win_matrix(votes, range(5)))
            spread = np.sqrt(np.add.outer(np.diag(plain.covariance), np.diag(plain.covariance)) - 2 * plain.covariance)
            lead = np.abs(np.subtract.outer(plain.strengths, plain.strengths))
            apart = (lead > 1.96 * np.where(spread > 0, spread, np.inf)).any()
            ranked = any((s.rank_low, s.rank_high) != (1, 5) for s in leaderboard(votes).standings)
            found += [apart, ranked]
        yield {"raters": 8, "rater sd": rater_sd, **_shares(("apart old", "apart new"), found / repetitions)}


def _votes_on_five(rng: np.random.Generator, rater_sd: float) -> list[Comparison]:
    liked = rng.normal(0, rater_sd / math.sqrt(2), (8, 5))
    fits = rng.normal(0, PROMPT_SD / math.sqrt(2), (12, 5))
    votes = []
    for rater, prompt in itertools.product(range(8), range(12)):
        a, b = rng.choice(5, 2, replace=False).tolist()
        lead = liked[rater, a] - liked[rater, b] + fits[prompt, a] - fits[prompt, b]
        outcome = Outcome.A if rng.random() < 1 / (1 + math.exp(-lead)) else Outcome.B
        votes.append(Comparison(a, b, outcome, rater=rater, prompt=prompt))
    return votes


def _shares(names: Sequence[str], shares: np.ndarray) -> dict[str, str]:
    return {name: f"{share:.3f}" for name, share in zip(names, shares, strict=True)}


PARTS: dict[str, Callable[[int], Iterator[dict[str, Any]]]] = {
    "intervals": intervals,
    "promotion": promotion,
    "leaderboard": boards,
}

if __name__ == "__main__":
    main()
