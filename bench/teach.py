"""“Teach the studio” from an empty studio to its decision, by the pages alone: a program clicks for the listener.

    .venv/bin/python -m bench.teach [--taste brightness] [--seed 1] [--keyboard] [--json FILE] [--pictures FOLDER]

**Who votes.** A declared synthetic rater: it measures what the pages play by one taste and errs in a tenth of its
answers, before training and in the blind test. It uses the first user's account, which is not marked as a program's:
the votes of marked accounts choose no default, and what is walked here is the way of a person, whose votes do. Nothing
that comes of it says what people hear.

**The walk.** A throw-away studio with the bundled model is set up and started as `make run` does. In a real browser the
listener signs in, begins the first round with what the form proposes, waits for the clips, judges one pair after the
other, reads what was understood, lets it train, judges every trial of the blind test with the clips played in real time
as far as the test demands, and reads the decision; last it looks whether the adapter is the default on its page and
whether the next round begins with it. It never loads a page again: what goes on by itself must show by itself. By mouse
every step is a click at what can be seen; with `--keyboard` Tab, arrows, Enter and the keys the pages offer, each focus
being visible.

`--seed` is that of the listener's errors; the prompts are drawn by the studio.

**Measured** (two shared cores, one thread a worker, beside much other work; seed 1101, by mouse, 100 votes, clips of
10 s, four of each prompt; one walk each, of which 90 % is the most):

    prompts  taste, on other prompts  trained on  win rate, blind                      decision      minutes
    24       67 % (56 to 78 %)        the votes   70.8 % (50.2 to 82.3 %) of 48 votes  not promoted  25.3
    72       73 % (63 to 83 %)        the taste   85.0 % (57.7 to 93.5 %) of 20 votes  promoted      23.7

The taste was a head of everything alone then, without the narrow one beside it (`training.trainer.heads`), and labels
were trained on in eight steps. The guards held in both. With the same votes on three times as many prompts the taste
could be relied on, and the test ended early. Of the 23.7 minutes the listener judged 2.8 before training and 7.8 in the
blind test, which plays at least eight seconds of each clip.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bench.hands import Keyboard, Mouse
from bench.listener import ERRORS, Ears, Listener, Wishes
from text2song.tests.live import PASSWORD, LiveStudio
from training.demo.tastes import Taste, find_taste

PERSON = "studio"
"""The first user of a new studio."""
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 375, "height": 800}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    figures = walk(find_taste(options.taste), options.seed, Keyboard if options.keyboard else Mouse, options)
    for line in table(figures):
        print(line, flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taste", default="brightness", help="as of make demo: a name, or package.module:function")
    parser.add_argument("--seed", type=int, default=1, help="of the listener's errors")
    parser.add_argument("--keyboard", action="store_true", help="use no mouse")
    parser.add_argument("--drawn", default="", help="prompts; without, what the form proposes")
    parser.add_argument("--votes", default="", help="likewise, one of the form's choices")
    parser.add_argument("--clips", default="", help="likewise, of each prompt")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--pictures", type=Path, help="store pictures of every step in this folder")
    return parser.parse_args(arguments)


def walk(taste: Taste, seed: int, hand: type[Mouse] | type[Keyboard], options: argparse.Namespace) -> dict[str, Any]:
    """All figures of one walk in a studio of its own."""
    ears = Ears(taste, np.random.default_rng(seed))
    wishes = Wishes(options.drawn, options.votes, options.clips)
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder, LiveStudio(Path(folder)) as studio:
        with chromium() as browser, watched_tab(browser, studio.url) as tab:
            look = photographer(tab, options.pictures) if options.pictures else lambda step: None
            listener = Listener(tab, hand(tab), ears, look=look)
            told = listener.walk(PERSON, PASSWORD, wishes)
        (promotion,) = studio.api.get("/promotions/").raise_for_status().json()["results"]
        (round_,) = studio.api.get("/rounds/").raise_for_status().json()["results"]
    return {
        "machine": machine(),
        "cpus": os.cpu_count(),
        "taste": taste.name,
        "seed": seed,
        "hand": hand.__name__.lower(),
        "errs": ERRORS,
        "votes": told.votes,
        "trials": told.trials,
        "trains_on": round_["trains_on"],
        "understood": round_["understood"],
        "outcome": promotion["outcome"],
        **{name: promotion[name] for name in ("win_rate", "win_rate_low", "win_rate_high", "reason", "guards")},
        "test_votes": promotion["votes"],
        "promoted_on_the_page": told.is_promoted,
        "default_on_the_page": told.is_default,
        "next_round_begins_with": told.begins_with,
        "minutes": {stage: round(seconds / 60, 2) for stage, seconds in listener.seconds.items()},
    }


def table(figures: dict[str, Any]) -> Iterator[str]:
    """The evidence as lines of text."""
    interval = f"{figures['win_rate_low']:.1%} to {figures['win_rate_high']:.1%}, {figures['test_votes']} votes"
    accuracy = figures["understood"]["accuracy"] or {}
    rows = {
        "Listener": f"{figures['taste']}, by {figures['hand']}, seed {figures['seed']}, errs in {figures['errs']:.0%}",
        "Machine": f"{figures['cpus']} × {figures['machine']}",
        "Votes, trials": f"{figures['votes']}, {figures['trials']}",
        "Taste": f"predicts {accuracy.get('value', 0):.0%} of votes on other prompts; usable: "
        f"{figures['understood']['is_usable']}; trained on {figures['trains_on']}",
        "Win rate, blind": f"{figures['win_rate']:.1%} ({interval})",
        "Guards": "hold" if figures["guards"].get("hold") else " ".join(figures["guards"].get("problems", [])),
        "Decision": f"{figures['outcome']}. {figures['reason']}",
        "On the pages": f"default: {figures['default_on_the_page']}; the next round begins with "
        f"{figures['next_round_begins_with']}",
        **{f"Minutes: {stage}": f"{minutes:.1f}" for stage, minutes in figures["minutes"].items()},
        "Minutes": f"{sum(figures['minutes'].values()):.1f}",
    }
    width = max(map(len, rows))
    yield from (f"{name:<{width}}  {value}" for name, value in rows.items())


@contextmanager
def chromium() -> Iterator[Browser]:
    """A real, headless browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Chromium is not installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--mute-audio"])
        yield browser
        browser.close()


@contextmanager
def watched_tab(browser: Browser, url: str) -> Iterator[Page]:
    """A tab of its own in which an error of a script, or of the server, ends the walk."""
    problems: list[str] = []
    context = browser.new_context(base_url=url, viewport=DESK, reduced_motion="reduce")
    tab = context.new_page()
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("response", lambda answer: problems.extend([f"{answer.status}: {answer.url}"] * (answer.status >= 500)))
    yield tab
    context.close()
    if problems:
        raise AssertionError("\n".join(problems))


def photographer(tab: Page, folder: Path) -> Callable[[str], None]:
    """A function that takes four pictures of a step: on a desk and on a phone, in light and in dark."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: dict[str, int] = {}

    def look(step: str) -> None:
        number = taken.setdefault(step, len(taken) + 1)
        for view, size in (("desk", DESK), ("phone", PHONE)):
            for scheme in ("light", "dark"):
                tab.set_viewport_size(size)
                tab.emulate_media(color_scheme=scheme)
                tab.wait_for_timeout(300)
                tab.screenshot(path=folder / f"{number:02} {step} {view} {scheme}.png", full_page=True)
        tab.set_viewport_size(DESK)
        tab.emulate_media(color_scheme="light")

    return look


def machine() -> str:
    """The processor measured on."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
