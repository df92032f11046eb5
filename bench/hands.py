"""Ways to use a page: by mouse, by touch, by keyboard, by names, each alone. All drive a real browser's tab.

What cannot be done so is an error: a mouse that finds nothing to click, a key that leads nowhere, a focus that is never
reached or cannot be seen.
"""

from __future__ import annotations

from typing import Protocol

from playwright.sync_api import Locator, Page

MOST_TABS = 150
IS_FOCUSED = "element => document.activeElement === element"
LIES_BEHIND = """element => Boolean(
  document.activeElement.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING
)"""
SHOWS_FOCUS = """element => {
  const shown = [element, element.closest("label")].filter(Boolean).map(each => getComputedStyle(each));
  const outlined = style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return shown.some(style => outlined(style) || style.boxShadow !== "none");
}"""


class CannotBeUsed(AssertionError):
    """The message names what on which page."""


class Hand(Protocol):
    """How links and buttons are pressed, forms are filled in, and clips are heard and judged."""

    def press(self, thing: Locator, key: str = "") -> None:
        """Follow a link or press a button; `key` does the same on this page."""

    def tick(self, radio: Locator, key: str = "") -> None:
        """Choose one of a group of radio buttons; `key` does the same on this page."""

    def choose(self, select: Locator, value: str) -> None: ...

    def write(self, field: Locator, text: str) -> None:
        """Replace what stands in a text field."""

    def hear(self, deck: Locator, number: int) -> None:
        """Play clip 1 or 2 of a pair from where the other one is."""

    def loop(self, deck: Locator) -> None:
        """Let the clips begin again at their end."""

    def answer(self, button: Locator) -> None:
        """Give an answer on a pair."""


class Mouse:
    def __init__(self, tab: Page) -> None:
        self.tab = tab

    def press(self, thing: Locator, key: str = "") -> None:
        thing.click()

    def tick(self, radio: Locator, key: str = "") -> None:
        label = radio.locator("xpath=ancestor::label")
        (label if label.count() else radio).click()

    def choose(self, select: Locator, value: str) -> None:
        select.select_option(value)

    def write(self, field: Locator, text: str) -> None:
        field.click(click_count=3)
        self.tab.keyboard.type(text)

    def hear(self, deck: Locator, number: int) -> None:
        deck.locator("[data-switch]").nth(number - 1).click()
        if deck.get_attribute("data-playing") is None:
            deck.locator("[data-play]").click()

    def loop(self, deck: Locator) -> None:
        deck.locator("[data-loop]").click()

    def answer(self, button: Locator) -> None:
        button.click()


class Touch(Mouse):
    """A thumb: it taps, and what is too small or hidden cannot be met. The tab's context has touch."""

    def press(self, thing: Locator, key: str = "") -> None:
        thing.tap()

    def tick(self, radio: Locator, key: str = "") -> None:
        radio.locator("xpath=ancestor::label").tap()

    def write(self, field: Locator, text: str) -> None:
        field.tap()
        self.tab.keyboard.type(text)


class Keyboard:
    """Tab, arrows, Enter, and the keys that pages offer. Each focus must be visible when it is used."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab

    def press(self, thing: Locator, key: str = "") -> None:
        if not key:
            self.reach(thing)
        self.tab.keyboard.press(key or "Enter")

    def tick(self, radio: Locator, key: str = "") -> None:
        if key:
            self.tab.keyboard.press(key)
            return
        name = radio.get_attribute("name")
        self.reach(radio, f"element => document.activeElement.name === '{name}'")
        for _ in range(20):
            if radio.evaluate(IS_FOCUSED):
                return
            self.tab.keyboard.press("ArrowDown")
        raise CannotBeUsed(f"The arrows never choose {radio} on {self.tab.url}.")

    def choose(self, select: Locator, value: str) -> None:
        self.reach(select)
        self.tab.keyboard.press("Home")
        for _ in range(select.locator("option").count()):
            if select.input_value() == value:
                return
            self.tab.keyboard.press("ArrowDown")
        raise CannotBeUsed(f"The arrows never choose {value} in {select} on {self.tab.url}.")

    def write(self, field: Locator, text: str) -> None:
        self.reach(field)
        self.tab.keyboard.press("Control+a")
        self.tab.keyboard.type(text)

    def hear(self, deck: Locator, number: int) -> None:
        self.tab.keyboard.press(str(number))

    def loop(self, deck: Locator) -> None:
        self.tab.keyboard.press("l")

    def answer(self, button: Locator) -> None:
        """By the key that stands on it."""
        self.tab.keyboard.press(button.get_attribute("data-key") or "Enter")

    def reach(self, thing: Locator, there: str = IS_FOCUSED) -> None:
        """Press Tab, or Shift and Tab, until `thing` has the focus (or `there` holds of it). Raises `CannotBeUsed`."""
        towards = "Shift+Tab" if thing.evaluate(LIES_BEHIND) else "Tab"
        for _ in range(MOST_TABS):
            if thing.evaluate(there):
                break
            self.tab.keyboard.press(towards)
        else:
            raise CannotBeUsed(f"Tab never reaches {thing} on {self.tab.url}.")
        if there == IS_FOCUSED and not thing.evaluate(SHOWS_FOCUS):
            raise CannotBeUsed(f"Nobody sees that {thing} on {self.tab.url} has the focus.")


class Names(Keyboard):
    """A screen reader: it goes to what it is told by name, wherever that stands, and knows no keys of the page."""

    def press(self, thing: Locator, key: str = "") -> None:
        super().press(thing)

    def tick(self, radio: Locator, key: str = "") -> None:
        radio.focus()
        self.tab.keyboard.press("Space")

    def reach(self, thing: Locator, there: str = IS_FOCUSED) -> None:
        for _ in range(10):  # an answer that just came may still put the focus where it was
            thing.focus()
            self.tab.wait_for_timeout(50)
            if thing.evaluate(there):
                return
        raise CannotBeUsed(f"{thing} on {self.tab.url} takes no focus.")
