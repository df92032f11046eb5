"""What one session remembers of its turns on Listen: what was passed over, what was said, and what stays on the page.

An answer is remembered with all that is needed to take it back (`feedback/services/undoing.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase

from feedback import services
from feedback.models import Preference, Rating
from feedback.models.judgements import set_key
from feedback.services import Given
from feedback.services.asking import PairTurn, Proposal, Reason, pair_of
from feedback.services.listening_queue import clip_to_show
from generation.models import AudioSample

Entry: TypeAlias = dict[str, Any]
SKIPPED = "listening_queue_skipped"
SKIPPED_PAIRS = "listening_queue_skipped_pairs"
SINGLES = "listening_queue_singles"
SAID = "listening_queue_said"
SHOWN = "listening_queue_shown"
MOST_SKIPPED = 200
MOST_SAID = 50


class TurnMemory:
    """Reads and writes the session; every method that changes something says so to it."""

    def __init__(self, session: SessionBase, rater: User) -> None:
        self.session = session
        self.rater = rater

    @property
    def skipped(self) -> list[str]:
        return self.session.get(SKIPPED, [])

    @property
    def skipped_pairs(self) -> list[str]:
        return self.session.get(SKIPPED_PAIRS, [])

    @property
    def singles(self) -> bool:
        return bool(self.session.get(SINGLES))

    @property
    def can_undo(self) -> bool:
        return bool(self.session.get(SAID))

    def choose_singles(self, singles: bool) -> None:
        self.session[SINGLES] = singles
        self.go_on()

    def shown(self) -> AudioSample | PairTurn | None:
        """What stays on the page until the rater goes on, if it can still be judged."""
        entry: Entry | None = self.session.get(SHOWN)
        if entry is None:
            return None
        if "sample" in entry:
            return clip_to_show(UUID(entry["sample"]))
        return pair_of(rater=self.rater, proposal=_proposal(entry))

    def keep(self, sample: AudioSample) -> None:
        """Leave this clip on the page until the rater goes on, although it is judged by now."""
        self.session[SHOWN] = {"sample": str(sample.pk)}

    def go_on(self) -> None:
        self.session.pop(SHOWN, None)

    # -- what is said --------------------------------------------------------------------------------------------------

    def rate(self, sample: AudioSample, slug: str, score: int) -> None:
        """Store the score, and remember what it took the place of. Raises as `services.rate`."""
        earlier = Rating.objects.filter(rater=self.rater, sample=sample, criterion__slug=slug).first()
        before = earlier.score if earlier else None
        if before == score:
            return
        (rating,), _ = services.rate(sample=sample, rater=self.rater, scores={slug: score})
        self._said({"sample": str(sample.pk), "before": before}, rating)

    def pass_over(self, sample: UUID) -> None:
        self.session[SKIPPED] = [*self.skipped, str(sample)][-MOST_SKIPPED:]
        self._said({"sample": str(sample)})

    def prefer(self, sample_a: AudioSample, sample_b: AudioSample, winner: str, reason: Reason) -> None:
        """Store the choice. Raises as `services.prefer`."""
        preference, _ = services.prefer(sample_a=sample_a, sample_b=sample_b, winner=winner, rater=self.rater)
        self._said(_pair(sample_a.pk, sample_b.pk, reason), preference)

    def pass_over_pair(self, first: UUID, second: UUID, reason: Reason) -> None:
        self.session[SKIPPED_PAIRS] = [*self.skipped_pairs, set_key((first, second))][-MOST_SKIPPED:]
        self._said(_pair(first, second, reason))

    def _said(self, entry: Entry, item: Rating | Preference | None = None) -> None:
        if item is not None:
            entry |= {"item": str(item.pk), "at": item.updated_at.isoformat()}
        self.session[SAID] = [*self.session.get(SAID, []), entry][-MOST_SAID:]

    def undo(self) -> bool:
        """Take the last answer back and show what it was about again; False where there is none.

        Raises what `services.take_back_rating` and `services.take_back_choice` raise; the answer is forgotten then.
        """
        said: list[Entry] = self.session.get(SAID, [])
        if not said:
            return False
        *rest, entry = said
        self.session[SAID] = rest
        if "sample" in entry:
            self._take_back_of_clip(entry)
        else:
            self._take_back_of_pair(entry)
        self.session[SHOWN] = {name: entry[name] for name in ("sample", "first", "second", "reason") if name in entry}
        return True

    def _take_back_of_clip(self, entry: Entry) -> None:
        given = _given(entry)
        if given is None:
            self.session[SKIPPED] = [pk for pk in self.skipped if pk != entry["sample"]]
        elif earlier := services.take_back_rating(rater=self.rater, given=given):
            at = earlier.updated_at.isoformat()  # so that it can be taken back in its turn
            self.session[SAID] = [e | {"at": at} if e.get("item") == entry["item"] else e for e in self.session[SAID]]

    def _take_back_of_pair(self, entry: Entry) -> None:
        key = set_key(_proposal(entry).samples)
        if given := _given(entry):
            services.take_back_choice(rater=self.rater, pair_key=key, given=given)
        else:
            self.session[SKIPPED_PAIRS] = [skipped for skipped in self.skipped_pairs if skipped != key]


def _pair(first: UUID, second: UUID, reason: Reason) -> Entry:
    return {"first": str(first), "second": str(second), "reason": reason.value}


def _proposal(entry: Entry) -> Proposal:
    return Proposal((UUID(entry["first"]), UUID(entry["second"])), Reason(entry["reason"]))


def _given(entry: Entry) -> Given | None:
    if "item" not in entry:
        return None
    return Given(UUID(entry["item"]), datetime.fromisoformat(entry["at"]), entry.get("before"))
