"""How many presses and seconds the usual things take: by mouse at 1280 px, by touch alone at 375, by keyboard alone,
and by names alone, as a screen reader goes from one to the next.

    .venv/bin/python -m bench.ease [--json FILE] [--hand mouse touch keyboard names]

The studio is the real one, with the bundled model, on a throw-away data folder. Whatever is used is found by its role
and its name; what has neither cannot be used and ends the bench. Counted are presses of the mouse, touches, and keys
other than the letters of a text; of names, what is done and not the ways between. Seconds are those of a hand that
never hesitates: they are the studio's, its music included.

    task        from                               until
    first sound the empty page Create              a candidate of one's own sounds
    rate        the row of a clip                  four stars are kept
    heart       the row of a clip                  it is a favourite
    download    the row of a clip                  the file has come
    extend      the row of a clip                  the longer clip's job is on the page
    collect     the row of a clip                  it is in a collection that was made for it
    share       the row of a clip                  there is a link to it
    find        the overview                       a clip of last week sounds
    judge       Listen                             ten clips are heard and rated

**Measured**: docs/design.md, "Presses and seconds".
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from bench import looks
from bench.hands import Hand, Keyboard, Mouse, Names, Touch
from text2song.tests.live import PASSWORD, LiveStudio

OLD, OTHER = "a slow tune of last week", "a lively tune"
JUDGED = 10
PATIENCE = 120_000
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 667}
HANDS: dict[str, tuple[Callable[[Page], Hand], dict[str, Any]]] = {
    "mouse": (Mouse, {"viewport": DESK}),
    "touch": (Touch, {"viewport": PHONE, "has_touch": True, "is_mobile": True}),
    "keyboard": (Keyboard, {"viewport": DESK}),
    "names": (Names, {"viewport": DESK}),
}
COUNT = """
let presses = Number(sessionStorage.getItem("presses") ?? 0);
const count = () => sessionStorage.setItem("presses", String(++presses));
addEventListener("mousedown", (event) => event.isTrusted && event.detail < 2 && count(), true); // a tap sends one too
addEventListener("keydown", (event) => {
  const writes = event.key.length === 1 && !event.ctrlKey && event.target.matches("input:not([type=radio]), textarea");
  if (event.isTrusted && !writes && !["Control", "Shift", "Alt"].includes(event.key)) count();
}, true);
"""
PRESSES = "() => Number(sessionStorage.getItem('presses') ?? 0)"
SOUNDS = """() => [...document.querySelectorAll("#player-bar > audio, [data-own-player] audio")]
  .some(audio => !audio.paused && audio.currentTime > 0)"""


class Walk:
    """Does the tasks one after the other with one hand."""

    def __init__(self, tab: Page, hand: Hand, judged: int = JUDGED) -> None:
        self.tab = tab
        self.hand = hand
        self.judged = judged
        self.prompt = f"calm piano over soft rain, at {time.time():.0f}"
        self.figures: dict[str, dict[str, float]] = {}

    def all(self) -> dict[str, dict[str, float]]:
        """Presses and seconds of each task, by its name."""
        self.tab.goto("/create/")
        for task in (
            *(self.first_sound, self.rate, self.heart, self.download, self.extend, self.collect, self.share),
            *(self.find, self.judge),
        ):
            if task in (self.rate, self.heart, self.download, self.extend, self.collect, self.share):
                self._row.get_by_role("button", name=re.compile("^(Play|Pause)")).focus()
            before, began = self.tab.evaluate(PRESSES), time.perf_counter()
            task()
            seconds = time.perf_counter() - began
            name = task.__name__.replace("_", " ")
            self.figures[name] = {"presses": self.tab.evaluate(PRESSES) - before, "seconds": round(seconds, 1)}
        return self.figures

    # -- the tasks -----------------------------------------------------------------------------------------------------

    def first_sound(self) -> None:
        self.hand.write(self.tab.get_by_role("textbox", name="Prompt"), self.prompt)
        self.hand.press(self.tab.get_by_role("button", name="Generate", exact=True), "Control+Enter")
        self._play(self._row)

    def rate(self) -> None:
        stars = self._row.get_by_role("radio", name=re.compile("^4"))
        self.hand.tick(stars)
        self._row.locator("[value='4'][checked]").wait_for(state="attached")

    def heart(self) -> None:
        heart = self._row.get_by_role("button", name=re.compile("^Favourite"))
        self.hand.press(heart)
        expect(heart).to_have_attribute("aria-pressed", "true")

    def download(self) -> None:
        with self.tab.expect_download() as found:
            self._do("link", "Download .* as WAV", "Download as WAV")
        if found.value.failure():
            raise AssertionError(found.value.failure())

    def extend(self) -> None:
        cards = self.tab.get_by_role("article")
        before = cards.count()
        self._do("button", "^Extend", "^Extend:")
        expect(cards).to_have_count(before + 1)

    def collect(self) -> None:
        self._do("link", "Add to a collection", "Add to a collection")
        dialog = self.tab.get_by_role("dialog", name="Add to a collection")
        self.hand.write(dialog.get_by_role("textbox", name="Name of the collection"), f"Mornings {time.time():.0f}")
        self.hand.press(dialog.get_by_role("button", name="Make it and add"))
        self.tab.get_by_text("1 clip was added to").wait_for()

    def share(self) -> None:
        self._do("link", "Share", "Share")
        make = self.tab.get_by_role("button", name="Make a link")
        make.wait_for()
        self.hand.press(make)
        self.tab.get_by_text("/s/").first.wait_for()

    def find(self) -> None:
        self.tab.goto("/")
        self._ready()
        self.hand.press(self.tab.get_by_role("link", name="Library").locator("visible=true").first)
        search = self.tab.get_by_role("searchbox", name="Search")
        self.hand.write(search, "last week")
        self.tab.keyboard.press("Enter")
        expect(self.tab.get_by_role("main").get_by_text(OTHER)).to_have_count(0)
        row = self.tab.get_by_role("listitem").filter(has_text=OLD).first
        self._play(row)

    def judge(self) -> None:
        self.tab.goto("/listen/")
        self.hand.press(self.tab.get_by_role("button", name="Rate single clips instead"))
        for number in range(self.judged):
            deck = self.tab.locator("[data-own-player][data-ready]")
            deck.wait_for()
            shown = deck.get_attribute("data-own-player")
            self.hand.press(self.tab.get_by_role("button", name=re.compile("^Play")).first, " ")
            self.tab.wait_for_function(SOUNDS)
            self.hand.tick(self.tab.get_by_role("radio", name=re.compile("^4")).first, "4")
            if number < self.judged - 1:
                self.hand.press(self.tab.get_by_role("button", name="Next clip"), "n")
                self.tab.locator(f"[data-own-player]:not([data-own-player='{shown}'])").wait_for()

    # -- parts of them -------------------------------------------------------------------------------------------------

    @property
    def _row(self) -> Locator:
        """The first clip of the job that was sent: what comes of it stands above."""
        return self.tab.get_by_role("article", name=self.prompt).last.get_by_role("listitem").first

    def _play(self, row: Locator) -> None:
        self.hand.press(row.get_by_role("button", name=re.compile("^Play")))
        self.tab.wait_for_function(SOUNDS)

    def _do(self, role: Any, sign: str, words: str) -> None:
        """By the sign in the row where there is one, else by the words of its menu."""
        one = self._row.get_by_role(role, name=re.compile(sign))
        if one.count() and one.first.is_visible():
            self.hand.press(one.first)
            return
        self.hand.press(self._row.locator("summary").filter(visible=True))
        self.hand.press(self._row.locator(".menu-panel").get_by_text(re.compile(words)))

    def _ready(self) -> None:
        self.tab.wait_for_load_state("networkidle")


def walk(browser: Any, url: str, name: str, judged: int = JUDGED) -> dict[str, dict[str, float]]:
    """All tasks with the hand of that name, by somebody who has just signed in; `judged` clips on Listen."""
    make, looks_like = HANDS[name]
    context = browser.new_context(base_url=url, reduced_motion="reduce", **looks_like)
    context.set_default_timeout(PATIENCE)
    context.add_init_script(COUNT)
    tab = context.new_page()
    tab.goto("/sign-in/")
    tab.get_by_label("User name").fill("studio")
    tab.get_by_label("Password", exact=True).fill(PASSWORD)
    tab.keyboard.press("Enter")
    tab.wait_for_url(lambda address: "/sign-in/" not in address)
    figures = Walk(tab, make(tab), judged).all()
    context.close()
    return figures


def prepare(studio: LiveStudio) -> None:
    """A clip of last week, and enough to judge."""
    code = (
        "from datetime import timedelta; from django.utils import timezone; from generation.models import AudioSample, "
        f"GenerationJob; jobs = GenerationJob.objects.filter(prompt__text={OLD!r}); "
        "at = timezone.now() - timedelta(days=7); jobs.update(created_at=at); "
        "AudioSample.objects.filter(job__in=jobs).update(created_at=at)"
    )
    made = studio.generate(OLD, num_samples=8, duration=4, seed=1)
    more = studio.generate(OTHER, num_samples=8, duration=4, seed=2)
    for job in (made, more):
        studio.wait_for(job["id"], "completed")
    studio.manage("shell", "--no-imports", "-c", code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hand", nargs="+", choices=HANDS, default=list(HANDS))
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    told: dict[str, dict[str, dict[str, float]]] = {}
    for hand in options.hand:
        with (
            tempfile.TemporaryDirectory(prefix="studio-bench-") as folder,
            LiveStudio(Path(folder)) as studio,
            looks.chromium() as browser,
        ):
            prepare(studio)
            told[hand] = walk(browser, studio.url, hand)
    print(f"{'task':<14}" + "".join(f"{hand:>22}" for hand in told))
    for task in next(iter(told.values())):
        cells = (
            f"{figures[task]['presses']:>4.0f} presses {figures[task]['seconds']:>5.1f} s" for figures in told.values()
        )
        print(f"{task:<14}" + "".join(f"{cell:>22}" for cell in cells))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": looks.machine(), "ease": told}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
