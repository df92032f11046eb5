"""A declared synthetic rater who is led through a round of “Teach the studio” by its pages alone.

It hears what the pages play: the address of a pair's players is fetched as the browser fetches it, and measured by one
taste. It errs in a stated share of its answers. The account it uses is an ordinary person's and not marked as a
program's, since the votes of marked accounts promote nothing; whoever runs this says so.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import soundfile
from playwright.sync_api import Error, Locator, Page

from bench.hands import Hand
from training.demo.tastes import Taste

LOOK_MS = 250
HEARD_A_MOMENT = 0.3
"""Seconds of each clip of an open pair that are played at least. A blind trial asks for more by itself."""
ERRORS = 0.1
NOTHING = "nothing yet"


class WalkEnded(AssertionError):
    """The pages led no further; the message says where."""


@dataclass
class Ears:
    """What is liked, and how often it errs."""

    taste: Taste
    rng: np.random.Generator
    errs: float = ERRORS

    def prefer_first(self, first: bytes, second: bytes) -> bool:
        """Whether the first of two audio files is preferred."""
        return (self._liked(first) > self._liked(second)) != (self.rng.random() < self.errs)

    def _liked(self, content: bytes) -> float:
        audio, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
        return self.taste.measure(audio.T, rate)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is chosen on the form of a new round; empty values are left as the page proposes them."""

    drawn: str = ""
    votes: str = ""
    clips: str = ""


@dataclass
class Told:
    """What the pages told on the way, in their words."""

    understood: str = ""
    decision: str = ""
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    begins_with: str = ""
    is_default: bool = False
    votes: int = 0
    trials: int = 0
    progress: list[str] = field(default_factory=list)

    @property
    def is_promoted(self) -> bool:
        return self.decision == "It is the new default"


class Listener:
    """Signs in, begins a round, judges its pairs, lets it train, judges blind, and reads what was decided.

    `patience` is how long, in seconds, the studio may take for one step of its own. `look` is called with the name of
    each step when its page is there.
    """

    def __init__(
        self,
        tab: Page,
        hand: Hand,
        ears: Ears,
        *,
        patience: float = 3600,
        look: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.tab, self.hand, self.ears = tab, hand, ears
        self.patience, self.look = patience, look
        self.seconds: dict[str, float] = {}
        self.told = Told()

    def walk(self, name: str, password: str, wishes: Wishes) -> Told:
        """From the sign-in page to the form of the next round."""
        with self._timed("sign in and begin"):
            self.sign_in(name, password)
            self.begin(wishes)
        with self._timed("clips"):
            self.wait_for(self.tab.get_by_role("link", name="Judge pairs"), "pairs to judge")
        with self._timed("votes"):
            self.judge()
        with self._timed("taste"):
            self.understand()
        with self._timed("dataset, training, clips of the test"):
            self.wait_for(self._way_to_test, "the blind test")
        with self._timed("blind test"):
            self.judge_blind()
        with self._timed("decision"):
            self.read_decision()
        self.check_default()
        return self.told

    # -- steps -------------------------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str) -> None:
        self.tab.goto("/")
        self.look("sign in")
        self.hand.write(self.tab.get_by_label("User name"), name)
        self.hand.write(self.tab.get_by_label("Password"), password)
        self._go(self.tab.get_by_role("button", name="Sign in"))

    def begin(self, wishes: Wishes) -> None:
        """The first round, with prompts drawn from the templates."""
        self._go(self.tab.get_by_role("link", name="Teach the studio"))
        self.look("rounds")
        self._go(self.tab.get_by_role("link", name="Begin the first round"))
        self.look("new round")
        self.hand.tick(self.tab.get_by_label("Prompts drawn from the templates"))
        if wishes.drawn:
            self.hand.write(self.tab.get_by_label("How many to draw"), wishes.drawn)
        if wishes.votes:
            self.hand.choose(self.tab.get_by_label("Votes you give"), wishes.votes)
        if wishes.clips:
            self.hand.choose(self.tab.get_by_label("Clips of each prompt"), wishes.clips)
        self._go(self.tab.get_by_role("button", name="Begin"))
        self.tab.get_by_role("heading", name="Round 1").wait_for()
        self.look("making")

    def judge(self) -> None:
        """Every pair that is asked about, until the page asks no more."""
        self.look("judging")
        self._go(self.tab.get_by_role("link", name="Judge pairs"))
        while "/judge/" in self.tab.url:
            if not self.told.votes:
                self.look("pair")
            before = self._progress()
            self._answer_pair()
            self.told.votes += 1
            if "/judge/" in self.tab.url and self._progress() == before:
                raise WalkEnded(f"The answer was not counted: it still says “{before}”.")

    def _answer_pair(self) -> None:
        deck = self.tab.locator("[data-compare][data-ready]")
        deck.wait_for()
        for number in (1, 2):
            self.hand.hear(deck, number)
            self._heard_a_moment(deck, number)
        first = self.ears.prefer_first(*self._sounds(deck))
        form = self.tab.get_by_role("form", name="Your answer")
        with self._another_page():
            self.hand.answer(form.get_by_role("button", name="Clip 1" if first else "Clip 2"))

    def _heard_a_moment(self, deck: Locator, number: int) -> None:
        """Wait until the clip is the one that is heard, and has been for a moment."""
        deck.locator(f"[data-track]:nth-child({number})[data-current]").wait_for()
        self.tab.wait_for_function(
            "least => Number(document.querySelector('[data-compare]').dataset.position) > least",
            arg=HEARD_A_MOMENT * number,
        )

    def understand(self) -> None:
        """Read what it understood, and where it waits for a word, say that it is to train."""
        title = self.tab.get_by_role("heading", name="What it understood")
        self.wait_for(title, "what it understood")
        self.told.understood = _words(title.locator("xpath=following-sibling::p[1]"))
        self.look("understood")
        choice = self.tab.get_by_role("button", name=re.compile("^Train on "))
        self.wait_for(choice.or_(self._at("Build the dataset", "Train", "Judge blind")), "training")
        if choice.count():
            self._go(choice.first)
        self.look("training")

    def judge_blind(self) -> None:
        """Go to the test and come back to the round, until it is decided; some trials open before others."""
        all_in = self.tab.get_by_text("The votes are in.").or_(self.tab.locator("#decision-title"))
        self.look("test")
        while not self._is_shown(all_in):
            if self._is_shown(self._way_to_test):
                self._go(self._way_to_test)
                self._judge_trials()
                self._go(self.tab.get_by_role("link", name="Back to round 1"))
            self.wait_for(all_in.or_(self._way_to_test), "more trials, or the end of the test")
        self.look("votes are in")

    def _judge_trials(self) -> None:
        """Until nothing is left at the moment."""
        deck, end = self.tab.locator("[data-trial][data-ready]"), self.tab.locator("[data-trial-end]")
        self.wait_for(deck.or_(end), "a trial")
        while not end.count():
            if not self.told.trials:
                self.look("trial")
            self._answer_trial(deck)
            self.told.trials += 1
            self.wait_for(deck.or_(end), "the next trial")
        self.look("trials over")

    def _answer_trial(self, deck: Locator) -> None:
        place = deck.get_attribute("data-heard-url")
        self.hand.loop(deck)
        for number in (1, 2):
            self.hand.hear(deck, number)
            deck.locator("[data-enough]").nth(number - 1).wait_for(state="visible", timeout=60_000)
        first = self.ears.prefer_first(*self._sounds(deck))
        for _ in range(5):
            self.hand.answer(deck.get_by_role("button", name="Prefer 1" if first else "Prefer 2"))
            if self._left(place):
                return
        raise WalkEnded(f"The trial takes no answer: {_words(self.tab.locator('#trial-problem'))}")

    def _left(self, place: str | None) -> bool:
        """Whether another trial, or the end, comes within some seconds; not if the answer was refused."""
        for _ in range(40):
            if not self.tab.locator(f'[data-heard-url="{place}"]').count():
                return True
            self.tab.wait_for_timeout(LOOK_MS)
            if self.tab.locator("#trial-problem .notice").count():
                self.tab.wait_for_timeout(1000)
                return False
        return False

    def read_decision(self) -> None:
        title = self.tab.locator("#decision-title")
        self.wait_for(title, "the decision")
        section = self.tab.locator("section[aria-labelledby=decision-title]")
        self.told.decision = _words(title)
        self.told.reason = _words(section.locator(".notice"))
        names, values = section.locator("dt"), section.locator("dd")
        self.told.facts = {_words(names.nth(n)): _words(values.nth(n)) for n in range(names.count())}
        self.look("decided")

    def check_default(self) -> None:
        """What the adapter's page says of it, and what the next round offers to begin with."""
        back = self.tab.url
        self._go(self.tab.locator("section[aria-labelledby=made-title] a[href*='/adapters/']"))
        self.told.is_default = self.tab.locator(".adapter-badges").first.get_by_text("Default").count() > 0
        self.look("adapter")
        self.tab.goto(back)
        self._go(self.tab.get_by_role("link", name="Begin the next round"))
        begins = re.search(r"It begins with (.+?)\.$", _words(self.tab.locator(".lede")))
        self.told.begins_with = begins[1] if begins else NOTHING
        self.look("next round")

    # -- waiting, reading, hearing -----------------------------------------------------------------------------------

    @property
    def _way_to_test(self) -> Locator:
        return self.tab.locator("#round-test")

    def _at(self, *steps: str) -> Locator:
        """The heading of the step under way, if it is one of these."""
        return self.tab.locator("#now-title").filter(has_text=re.compile(f"^({'|'.join(steps)})$"))

    def wait_for(self, thing: Locator, what: str) -> None:
        """Until the page shows it by itself, noting the progress that is told meanwhile. Raises `WalkEnded`."""
        deadline = time.monotonic() + self.patience
        while not self._is_shown(thing):
            if time.monotonic() > deadline:
                page = _words(self.tab.locator("main"))
                raise WalkEnded(f"No sign of {what} after {self.patience:.0f} s on {self.tab.url}: {page[:1000]}")
            self.tab.wait_for_timeout(LOOK_MS)

    def _is_shown(self, thing: Locator) -> bool:
        """Whether it is there now. A page that loads anew meanwhile has not shown it yet."""
        try:
            if thing.first.is_visible():
                return True
            failure, said = _words(self.tab.locator("#round-status .notice-danger")), self._progress()
        except Error:
            return False
        if failure:
            raise WalkEnded(f"The round failed: {failure}")
        if said and said not in self.told.progress[-1:]:
            self.told.progress.append(said)
        return False

    def _progress(self) -> str:
        bars = self.tab.locator("main .progress")
        return _words(bars.first) if bars.count() else ""

    def _sounds(self, deck: Locator) -> list[bytes]:
        """The files that the players of a pair play."""
        found = []
        for address in deck.locator("audio").evaluate_all("all => all.map(audio => audio.src)"):
            answer = self.tab.request.get(address)
            if not answer.ok:
                raise WalkEnded(f"{address} answers {answer.status}.")
            found.append(answer.body())
        return found

    def _go(self, thing: Locator) -> None:
        """To the page behind a link or button."""
        with self._another_page():
            self.hand.press(thing)

    @contextmanager
    def _another_page(self) -> Iterator[None]:
        """Wait for the next page, whether it is loaded as a whole or takes the place of this one's shell."""
        self.tab.locator("main").evaluate("main => { main.dataset.walked = '' }")
        yield
        self.tab.locator("main:not([data-walked])").wait_for()

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - began, 1)


def _words(thing: Locator) -> str:
    return " ".join(thing.inner_text().split()) if thing.count() else ""
