"""Votes for tests: of given counts, or drawn from the model of `pooling`."""

from __future__ import annotations

import numpy as np

from feedback.statistics.outcomes import Comparison, Outcome


def cast(
    wins: int, losses: int, ties: int = 0, both_bad: int = 0, *, raters: int | None = None, prompts: int | None = None
) -> list[Comparison]:
    """Votes of "x" against "y" in an order of chance, dealt to raters in turn and to prompts by chance; each has its
    own rater and prompt where no number is told.
    """
    outcomes = [Outcome.A] * wins + [Outcome.B] * losses + [Outcome.TIE] * ties + [Outcome.BOTH_BAD] * both_bad
    rng = np.random.default_rng(1)
    places, asked = rng.permutation(len(outcomes)).tolist(), rng.permutation(len(outcomes)).tolist()
    return [
        Comparison(
            "x", "y", outcomes[place], rater=n % (raters or len(outcomes)), prompt=on % (prompts or len(outcomes))
        )
        for n, (place, on) in enumerate(zip(places, asked, strict=True))
    ]


def drawn(
    lead: float,
    *,
    raters: int,
    prompts: int,
    rounds: int = 1,
    prompt_sd: float = 1.0,
    rater_sd: float = 0.5,
    seed: int = 0,
) -> list[Comparison]:
    """Votes of "x" against "y", the stronger by `lead` logits: each rater judges each prompt `rounds` times, in an
    order of chance; raters and prompts go their own way by as much as told.
    """
    rng = np.random.default_rng(seed)
    own, theirs = rng.normal(0, prompt_sd, prompts), rng.normal(0, rater_sd, raters)
    made = []
    for place in rng.permutation(raters * prompts * rounds).tolist():
        rater, prompt = place % raters, place // raters % prompts
        won = rng.random() < 1 / (1 + np.exp(-(lead + own[prompt] + theirs[rater])))
        made.append(Comparison("x", "y", Outcome.A if won else Outcome.B, rater=rater, prompt=prompt))
    return made
