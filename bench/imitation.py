"""Expert iteration: is an adapter that imitates what a taste likes best worth its training?

    .venv/bin/python -m bench.imitation [--tastes brightness busyness] [--seeds 31 32 33 34 35] [--json FILE]

The walk of `make demo` with another lesson: from 100 votes a taste is fitted, whether usable or not; of each prompt's
eight clips it picks the best two; an adapter imitates them (`sft`, settings as `make demo` has them for imitation); and
the synthetic rater, who errs in a tenth of the answers, judges it blind against the base. Beside it stands what
`bench.taste adapters` shows: the same votes through the same taste's labels on pairs (`dpo`).

The taste's picks are stored as ratings of an account of its own, marked as a program's. The studio itself never stores
what a taste thinks as anybody's rating: this is for the figure alone.

**Measured** (two shared cores, one thread, beside other work; one walk each, beside it the same taste's labels):

    taste       seed  accuracy  imitated  interval         guards  labels
    brightness    33    82.0 %    67.2 %  59.2 to 73.4 %   hold    86.5 %
    busyness      33    71.0 %    64.1 %  55.1 to 70.7 %   hold    87.0 %
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.walks import set_up_django, throw_away, told_in

if TYPE_CHECKING:
    from training.demo.outcome import Outcome

ROOT = Path(__file__).resolve().parents[1]
PICKED = 2
"""Of the eight clips of each prompt."""
HEADER = f"{'taste':<28}{'seed':>5}{'accuracy':>10}{'win':>8}  {'interval':<18}{'guards':<8}{'seconds':>8}"


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    if options.in_folder:
        return _walk_here(options)
    print(HEADER)
    rows = [walk(taste, seed) for taste in options.tastes for seed in options.seeds]
    if options.json:
        machine = {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine()}
        options.json.write_text(json.dumps({**machine, "rows": rows}, indent=2) + "\n")
    return None


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tastes", nargs="+", default=["brightness", "busyness"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[31, 32, 33, 34, 35])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--in-folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def walk(taste: str, seed: int) -> dict[str, Any]:
    """One walk in a throw-away studio and a process of its own."""
    with throw_away() as folder:
        choices = ["--tastes", taste, "--seeds", str(seed), "--in-folder", str(folder)]
        row = told_in(folder, "imitation.json", "-m", "bench.imitation", *choices)
    interval = f"{row['win_rate_low']:.1%} to {row['win_rate_high']:.1%}"
    held = "hold" if row["guards"]["hold"] else "broken"
    known = f"{taste:<28}{seed:>5}{row['learned']['accuracy']['value']:>10.1%}"
    print(f"{known}{row['win_rate']:>8.1%}  {interval:<18}{held:<8}{row['seconds']:>8.0f}", flush=True)
    return row


def _walk_here(options: argparse.Namespace) -> None:
    set_up_django()
    outcome = imitate(options.tastes[0], options.seeds[0])
    (options.in_folder / "imitation.json").write_text(json.dumps(outcome.to_mapping()))


def imitate(taste: str, seed: int) -> Outcome:
    """Votes, taste, its picks, imitation, blind test; in the studio that is set up."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import User

    from datasets_app.models import Dataset
    from feedback.models import RaterProfile
    from feedback.services.ratings import rate
    from generation.models import AudioSample, ClipScore
    from text2song.management.commands.setup import FIRST_USER
    from training.config import Method
    from training.demo import loop
    from training.demo.tastes import find_taste

    class Imitation(loop.Demo):
        """A walk that votes on pairs, and then learns from ratings by the taste of these votes."""

        def _rate(self, samples: dict[Any, list[AudioSample]]) -> int:
            votes = self._vote(samples)
            self.learned = self._learn()
            scores = dict(ClipScore.objects.filter(taste=self.learned).values_list("sample", "score"))
            for clips in samples.values():
                for place, clip in enumerate(sorted(clips, key=lambda clip: -scores[clip.pk])):
                    liked = loop.LIKED if place < PICKED else loop.NOT_LIKED
                    rate(sample=clip, rater=picker(), scores={loop.OVERALL: liked})
            return votes

        def _build_dataset(self, prompts: Any) -> Dataset:
            filters = {"raters": [picker().get_username()]}
            kind = Dataset.Kind.SUPERVISED
            return loop.create_dataset(actor=self.actor, name=self.title, kind=kind, filters=filters, now=True)

    def picker() -> User:
        user, _ = get_user_model().objects.get_or_create(username="a-taste")
        RaterProfile.objects.update_or_create(user=user, defaults={"kind": RaterProfile.Kind.SYNTHETIC})
        return user

    actor = get_user_model().objects.get(username=FIRST_USER)
    return Imitation(actor=actor, taste=find_taste(taste), seed=seed, say=print, method=Method.SFT, votes=100).run()


if __name__ == "__main__":
    main()
