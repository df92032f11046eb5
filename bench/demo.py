"""What `make demo LEARN=votes VOTES=400` finds for several tastes and seeds, each in a throw-away studio of its own.

    .venv/bin/python -m bench.demo [--tastes brightness darkness] [--seeds 1 2 3] [--methods dpo sft] [--json FILE]

**The walk.** The studio generates clips, a declared synthetic rater judges them by a taste that is measured from the
sound alone, an adapter is trained, and the same rater compares it blind with its base on prompts never trained on. The
rater errs in a tenth of its answers, in training and in the test: an adapter that always wins would show 90 %. *dpo*
learns from 400 votes on pairs. *sft* imitates the best rated quarter of 800 clips, a weaker lesson: it is only asked to
move the measure the right way.

**Columns.** `win` is the win rate with its 95 % interval over `test` votes; `measure` and `base` are the means of the
taste's measure over the clips of the test (darkness and calm are negative: larger is liked), and `gained` is the 95 %
interval of their difference over prompts; `guards` are those of `training.quality.guards`; `seconds` is the whole walk.
*dpo* trains with what the studio proposes to anybody for these votes (`training.runs.proposal`).

Two walks of one seed differ by chance: prompts get random ids, by which a dataset is split and ordered.

**Measured** (two cores, one thread a walk, two walks at a time beside other work, hence the seconds; seeds that nothing
was tuned on; `noise` is the adapter's noise by its base's, of which 1.05 is the limit; 400 votes, 192 in the test, by
*dpo*):

    taste       seed     win        interval   measure      base             gained  noise  guards   seconds
    brightness    11   89.1%     83.9%-92.7%      1615      1362         224 to 282  1.033  hold         274
    brightness    12   79.2%     72.9%-84.3%      1510      1325         166 to 205  1.013  hold         336
    brightness    13   86.5%     80.9%-90.6%      1572      1335         200 to 274  1.022  hold         468
    brightness    14   85.9%     80.3%-90.2%      1532      1345         159 to 215  1.022  hold         583
    brightness    15   81.8%     75.7%-86.6%      1534      1351         155 to 212  1.027  hold         466
    darkness      11   80.7%     74.6%-85.7%     -1153     -1362         174 to 245  0.974  hold         433
    darkness      12   84.9%     79.1%-89.3%     -1096     -1325         203 to 255  0.975  hold        2235
    darkness      13   79.7%     73.4%-84.8%     -1133     -1335         168 to 236  0.977  hold        1135
    darkness      14   88.0%     82.7%-91.9%     -1097     -1345         217 to 280  0.980  hold         360
    darkness      15   84.4%     78.6%-88.8%     -1146     -1351         178 to 230  0.974  hold         842
    busyness      11   82.3%     76.3%-87.0%    0.3983    0.3705   0.0232 to 0.0324  0.983  hold         277
    busyness      12   85.4%     79.7%-89.7%    0.4096    0.3778   0.0283 to 0.0354  0.984  hold         334
    busyness      13   82.3%     76.3%-87.0%    0.4095     0.375   0.0293 to 0.0399  0.993  hold         488
    busyness      14   78.6%     72.3%-83.9%    0.4062    0.3788   0.0223 to 0.0324  0.992  hold         575
    busyness      15   81.2%     75.1%-86.1%    0.4064    0.3745    0.028 to 0.0359  1.000  hold         467
    calm          11   84.9%     79.1%-89.3%   -0.3475   -0.3705   0.0195 to 0.0265  1.013  hold         426
    calm          12   75.5%     69.0%-81.1%   -0.3593   -0.3778   0.0148 to 0.0222  1.023  hold        2210
    calm          13   83.3%     77.4%-87.9%   -0.3537    -0.375   0.0183 to 0.0243  1.008  hold        1150
    calm          14   81.8%     75.7%-86.6%   -0.3542   -0.3788   0.0211 to 0.0282  1.017  hold         357
    calm          15   76.6%     70.1%-82.0%   -0.3541   -0.3745   0.0163 to 0.0245  1.011  hold         844

`sft` was not walked again since guards and settings changed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.walks import ROOT, throw_away, told_in
from training.demo.tastes import TASTES

HEADER = (
    f"{'taste':<12}{'method':<8}{'seed':>4}{'votes':>7}{'test':>6}{'win':>8}{'interval':>16}"
    f"{'measure':>10}{'base':>10}{'gained':>19}{'noise':>7}  {'guards':<8}{'seconds':>8}"
)


def main() -> None:
    options = _options()
    print(HEADER)
    rows = []
    for row in walks(options):
        print(line(row), flush=True)
        rows.append(row)
    if options.json:
        write_json(options.json, rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tastes", nargs="+", choices=list(TASTES), default=["brightness", "darkness"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--methods", nargs="+", choices=["dpo", "sft"], default=["dpo", "sft"])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def walks(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for method in options.methods:
        for taste in options.tastes:
            for seed in options.seeds:
                yield walk(taste, method, seed)


def walk(taste: str, method: str, seed: int) -> dict[str, Any]:
    """The figures of one walk, as the demo writes them; guards that do not hold are a figure, not an error."""
    choices = ["--taste", taste, "--method", method, "--seed", str(seed), "--learn", "votes", "--votes", "400"]
    with throw_away() as folder:
        return told_in(folder, "demo.json", str(ROOT / "manage.py"), "demo", *choices)


def line(row: dict[str, Any]) -> str:
    interval = f"{row['win_rate_low']:.1%}-{row['win_rate_high']:.1%}"
    gained = f"{row['gain_low']:.3g} to {row['gain_high']:.3g}"
    heard = row["guards"]["figures"]["noise"]
    guards = "hold" if row["guards"]["hold"] else "broken"
    return (
        f"{row['taste']:<12}{row['method']:<8}{row['seed']:>4}{row['votes']:>7}{row['test_votes']:>6}"
        f"{row['win_rate']:>8.1%}{interval:>16}{row['measure']:>10.4g}{row['base_measure']:>10.4g}"
        f"{gained:>19}{heard['value'] / heard['base']:>7.3f}  {guards:<8}{row['seconds']:>8.0f}"
    )


def write_json(target: Path, rows: list[dict[str, Any]]) -> None:
    """The figures with what is needed to compare them later."""
    content = {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine(), "walks": rows}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
