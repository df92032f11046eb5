"""Which pair a round asks about: evenly in the first, and where the owner's taste is unsure once there is one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from adapters.models import Taste
from feedback.services import prefer
from feedback.services.asking import PairTurn, Reason
from generation.jobs.hearing import AUDIO, hidden_kind
from generation.models import AudioSample, BaseModel, ClipFeatures
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from prompts.models import Prompt
from prompts.tests.factories import PromptFactory
from text2song.tests.factories import UserFactory
from training.models import Round
from training.rounds.pairs import all_pairs, is_by_lot, next_pair
from training.rounds.services import cancel_round
from training.rounds.tests.factories import begun, clips, make_clips, taste_of

pytestmark = pytest.mark.django_db
WIDTH = 4


def hear(clip: AudioSample, model: BaseModel, numbers: Any) -> None:
    for kind in (AUDIO, hidden_kind(model)):
        ClipFeatures.objects.create(sample=clip, kind=kind, vector=np.asarray(numbers, "<f4").tobytes())


def judged_before(owner: Any, model: BaseModel, prompts: int = 12) -> None:
    """The owner has always preferred the clip whose first number is the greater one; nothing is known of the others."""
    for number in range(prompts):
        prompt = PromptFactory(text=f"an earlier tune, number {number}")
        job = GenerationJobFactory(prompt=prompt, base_model=model, completed=True)
        pair = [AudioSampleFactory(job=job, index=index) for index in range(2)]
        for clip, first in zip(pair, (2.0, -2.0), strict=True):
            hear(clip, model, [first, 0.0, 0.0, 0.0])
        prefer(sample_a=pair[0], sample_b=pair[1], winner="a", rater=owner)


def second_round(owner: Any, **values: Any) -> Round:
    """A round whose owner has a taste; nothing of its clips was heard yet."""
    first = begun(owner)
    taste_of(first, usable=False)
    cancel_round(actor=owner, round_=first)
    return make_clips(begun(owner, clips_per_prompt=4, **values))


def hear_all(round_: Round) -> list[Prompt]:
    """Clips of half its prompts differ in what the taste knows, those of the other half, which are returned, in what
    it does not.
    """
    prompts = list(round_.prompts.order_by("pk"))
    for clip in clips(round_):
        numbers = np.zeros(WIDTH)
        numbers[0 if clip.job.prompt_id in [prompt.pk for prompt in prompts[:2]] else 1] = 4.0 * (clip.index - 1.5)
        hear(clip, round_.base_model, numbers)
    return prompts[2:]


def all_turns(round_: Round) -> list[PairTurn]:
    turns = []
    while turn := next_pair(round_):
        turns.append(turn)
        prefer(sample_a=turn.first, sample_b=turn.second, winner="tie", rater=round_.owner)
    return turns


def test_a_first_round_spreads_votes_evenly_though_its_clips_were_heard(user):
    round_ = make_clips(begun(user, clips_per_prompt=4))
    hear_all(round_)
    turns = all_turns(round_)[:12]
    assert {turn.reason for turn in turns} == {Reason.SPREAD}
    assert set(Counter(turn.first.job.prompt_id for turn in turns).values()) == {3}


def test_a_second_round_asks_where_the_taste_is_unsure(user, monkeypatch):
    monkeypatch.setattr("training.rounds.pairs.is_by_lot", lambda key: False)
    round_ = second_round(user)
    judged_before(user, round_.base_model)
    unsure = {prompt.pk for prompt in hear_all(round_)}
    turn = next_pair(round_)
    assert turn.reason is Reason.TEACHES and turn.first.job.prompt_id in unsure
    assert {turn.first.index, turn.second.index} == {0, 3}, "the two that lie farthest apart tell most"


def test_the_taste_of_somebody_else_or_of_other_clips_is_not_the_owners(user):
    round_ = make_clips(begun(user, clips_per_prompt=4))
    hear_all(round_)
    taste_of(round_, name="others", filters={"raters": ["olga"]})
    taste_of(round_, name="all", filters={})
    assert next_pair(round_).reason is Reason.SPREAD
    mine = taste_of(round_)
    assert next_pair(round_).reason is not Reason.SPREAD
    Taste.objects.filter(pk=mine.pk).update(deleted_at="2026-01-01T00:00:00Z")
    assert next_pair(round_).reason is Reason.SPREAD


def test_a_quarter_comes_by_lot_from_pairs_that_no_taste_chooses(user):
    round_ = second_round(user)
    hear_all(round_)
    keys = {pair.key for pair in all_pairs(round_)}
    set_aside = {key for key in keys if is_by_lot(key)}
    turns = all_turns(round_)
    assert {turn.key for turn in turns} == keys and len(turns) == len(keys), "each pair once"
    assert all((turn.key in set_aside) == (turn.reason is not Reason.TEACHES) for turn in turns)
    assert 0.15 < np.mean([is_by_lot(f"{number * 13:032x}") for number in range(20_000)]) < 0.35


def test_turns_by_lot_are_among_the_others(user, monkeypatch):
    monkeypatch.setattr("training.rounds.pairs.is_by_lot", lambda key: key[0] in "0123456789abcdef"[::2])
    round_ = second_round(user, votes_wanted=24)
    hear_all(round_)
    reasons = [turn.reason for turn in all_turns(round_)]
    assert Reason.RANDOM in reasons[:16] and Reason.TEACHES in reasons[:8]
    assert reasons[:12].count(Reason.RANDOM) < 8


def test_clips_that_were_not_heard_are_asked_about_evenly(user):
    round_ = second_round(user)
    assert {turn.reason for turn in all_turns(round_)[:6]} == {Reason.SPREAD}


def test_what_was_not_heard_is_asked_when_nothing_else_is_left(user):
    round_ = second_round(user)
    hear_all(round_)
    deaf = round_.prompts.order_by("pk").first()
    ClipFeatures.objects.filter(sample__job__prompt=deaf).delete()
    turns = all_turns(round_)
    assert len({turn.key for turn in turns}) == len(all_pairs(round_))
    teaching = [turn for turn in turns if turn.reason is Reason.TEACHES]
    assert teaching and deaf.pk not in {turn.first.job.prompt_id for turn in teaching}


def test_the_page_says_why_and_shows_the_same_pair_again(page, user):
    round_ = second_round(user, votes_wanted=24)
    hear_all(round_)
    address = reverse("round-judge", args=[round_.pk])
    seen = set()
    for _ in range(6):
        html, again = page.get(address), page.get(address)
        assert html.context["samples"] == again.context["samples"]
        turn = next_pair(round_)
        assert turn.samples == html.context["samples"] and turn.reason.in_words in html.content.decode()
        seen.add(turn.reason)
        sent = {"sample_a": turn.first.pk, "sample_b": turn.second.pk, "winner": "a"}
        page.post(address, sent)
    assert Reason.TEACHES in seen


def test_votes_of_others_change_nothing(user):
    round_ = second_round(user)
    judged_before(user, round_.base_model)
    hear_all(round_)
    before = next_pair(round_)
    judged_before(UserFactory(), round_.base_model)
    assert next_pair(round_) == before


def test_a_few_queries_however_many_clips(user, django_assert_max_num_queries):
    round_ = second_round(user)
    judged_before(user, round_.base_model)
    hear_all(round_)
    with django_assert_max_num_queries(12):
        next_pair(round_)
