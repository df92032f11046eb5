"""Marks sentences for translation where nothing may know Django, as in the engine.

They are raised and stored in English; whoever shows them says them in a language (`text2song/retelling.py`).
"""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """A text to be translated later; written and stored in English."""
    return text
