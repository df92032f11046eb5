"""What `make demo` finds for several tastes and seeds, each in a throw-away studio of its own.

    .venv/bin/python -m bench.demo [--tastes brightness darkness] [--seeds 1 2 3] [--methods dpo sft] [--json FILE]

**The walk.** The studio generates clips, a declared synthetic rater judges them by a taste that is measured from the
sound alone, an adapter is trained, and the same rater compares it blind with its base on prompts never trained on. The
rater errs in a tenth of its answers, in training and in the test: an adapter that always wins would show 90 %. *dpo*
learns from 400 votes on pairs. *sft* imitates the best rated quarter of 800 clips, a weaker lesson: it is only asked to
move the measure the right way.

**Columns.** `win` is the win rate with its 95 % interval over `test` votes; `measure` and `base` are the means of the
taste's measure over the clips of the test (darkness and calm are negative: larger is liked), and `gained` is the 95 %
interval of their difference over prompts; `guards` are those of `training.quality.guards`; `seconds` is the whole walk.
*dpo* trains with what the studio proposes to anybody for these votes (`training.proposal`).

Two walks of one seed differ by chance: prompts get random ids, by which a dataset is split and ordered.

**Measured** (two cores, one thread a walk, two walks at a time beside other work; seeds that nothing was tuned on):

    taste       method  seed  votes  test     win        interval   measure      base          gained  guards   seconds
    brightness  dpo       11    400   192   87.0%     81.5%-91.0%      1618      1362      221 to 289  hold         420
    brightness  dpo       12    400   192   81.2%     75.1%-86.1%      1481      1325      134 to 179  hold         367
    brightness  dpo       13    400   192   83.9%     78.0%-88.4%      1549      1335      182 to 246  hold         488
    brightness  dpo       14    400   192   86.5%     80.9%-90.6%      1562      1345      186 to 248  hold         425
    busyness    dpo       11    400   192   84.9%     79.1%-89.3%    0.3989    0.3705 0.0244 to 0.0324  hold         414
    busyness    dpo       12    400   192   82.8%     76.8%-87.5%    0.4085    0.3778 0.0268 to 0.0347  hold         377
    busyness    dpo       13    400   192   85.4%     79.7%-89.7%    0.4038     0.375 0.0246 to 0.0331  hold         479
    busyness    dpo       14    400   192   83.3%     77.4%-87.9%    0.4068    0.3788 0.0234 to 0.0325  hold         422

Darkness, calm and `sft` were not walked again since guards and settings changed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.demo.tastes import TASTES

ROOT = Path(__file__).resolve().parents[1]
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
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        environment = {**os.environ, "STUDIO_DATA_DIR": folder}
        manage = [sys.executable, str(ROOT / "manage.py")]
        subprocess.run([*manage, "setup"], env=environment, check=True, capture_output=True)
        choices = ["--taste", taste, "--method", method, "--seed", str(seed)]
        done = subprocess.run([*manage, "demo", *choices], env=environment, capture_output=True, text=True)
        found = Path(folder) / "demo.json"
        if not found.is_file():
            raise SystemExit(f"The walk for {taste} by {method} with seed {seed} failed:\n{done.stderr}")
        return json.loads(found.read_text())


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
