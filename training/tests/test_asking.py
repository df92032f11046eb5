"""Which pair the queue asks about: of what may be asked, by what this rater said, and soon enough for a page."""

from __future__ import annotations

import factory
import numpy as np
import pytest
from django.urls import reverse

from adapters.models import Taste
from feedback.models.judgements import set_key
from feedback.services import prefer
from feedback.services.asking import next_pair
from generation.jobs.hearing import kinds_for
from generation.models import AudioSample, BaseModel, ClipFeatures, GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, EncoderFactory, GenerationJobFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.tests.factories import UserFactory
from training.tastes import asking
from training.tastes.asking import candidates, propose
from training.trainer.asking import PENALTY, next_pairs

pytestmark = pytest.mark.django_db
WIDTH = 12


def hear(samples, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        ClipFeatures(sample=sample, kind=kind, vector=rng.standard_normal(WIDTH).astype("<f4").tobytes())
        for sample in samples
        for kind in kinds_for(sample.job.base_model)
    ]
    ClipFeatures.objects.bulk_create(rows)


class TasteFactory(factory.django.DjangoModelFactory):
    """A taste that was fitted some time; nobody opens its files here."""

    class Meta:
        model = Taste

    name = factory.Sequence(lambda number: f"taste-{number}")
    votes = 50
    sha256 = "0" * 64


@pytest.fixture
def model():
    return BaseModelFactory(key="test-tiny", is_active=True)


def clips_of(model, prompts=4, clips=4, **job):
    made = []
    for number in range(prompts):
        prompt = PromptFactory(text=f"a tune of the {number}th kind")
        values = {"prompt": prompt, "base_model": model, "completed": True} | job
        made += [AudioSampleFactory(job=GenerationJobFactory(**values), index=index) for index in range(clips)]
    AudioSample.objects.update(sha256="")
    for sample in made:
        AudioSample.objects.filter(pk=sample.pk).update(sha256=str(sample.pk).replace("-", "")[:64])
    return made


@pytest.fixture
def clips(model):
    made = clips_of(model)
    hear(made)
    return made


def all_pairs(rater):
    seen = []
    while (proposal := propose(rater, [set_key(pair) for pair in seen])) is not None:
        seen.append(proposal.samples)
    return seen


def test_every_pair_of_a_prompt_is_asked_once_and_none_across_prompts(user, clips):
    seen = all_pairs(user)
    assert len({set_key(pair) for pair in seen}) == len(seen) == 4 * 6
    prompt = {sample.pk: sample.job.prompt_id for sample in clips}
    assert all(prompt[one] == prompt[other] for one, other in seen)


def test_what_was_compared_is_not_asked_of_this_rater_again_but_of_others(user, clips):
    first = propose(user, [])
    one, other = (AudioSample.objects.get(pk=pk) for pk in first.samples)
    prefer(sample_a=one, sample_b=other, winner="a", rater=user)
    keys = {set_key(pair) for pair in all_pairs(user)}
    assert set_key(first.samples) not in keys and len(keys) == 23
    assert len(all_pairs(UserFactory())) == 24


def test_the_same_answers_bring_the_same_pair(user, clips):
    assert propose(user, []) == propose(user, [])


@pytest.mark.parametrize("hide", ["unheard", "withheld", "deleted", "running", "other model", "frozen suite"])
def test_what_may_not_be_asked_never_is(user, model, clips, hide):
    job = GenerationJob.objects.filter(prompt=clips[0].job.prompt)
    hidden = set(AudioSample.objects.filter(job__prompt=clips[0].job.prompt).values_list("pk", flat=True))
    if hide == "unheard":
        ClipFeatures.objects.filter(sample__in=hidden, kind=kinds_for(model)[1]).delete()
    elif hide == "withheld":
        job.update(withheld=True)
    elif hide == "deleted":
        AudioSample.objects.filter(pk__in=hidden).update(deleted_at="2026-01-01T00:00:00Z")
    elif hide == "running":
        job.update(state="running")
    elif hide == "other model":
        job.update(base_model=BaseModelFactory(key="another"))
    else:
        PromptSuiteFactory(prompts=[clips[0].job.prompt], frozen=True)
    assert not hidden & {clip.pk for clip in candidates(model)}
    pairs = all_pairs(user)
    assert len(pairs) == 18 and not [pair for pair in pairs if set(pair) & hidden]


def test_two_clips_of_one_prompt_are_enough_and_none_of_many_prompts(user, model, monkeypatch):
    hear(clips_of(model, prompts=3, clips=1))
    monkeypatch.setattr(asking, "votes_of", lambda spec: pytest.fail("nothing can be asked, and votes are read"))
    assert propose(user, []) is None
    monkeypatch.undo()
    two = clips_of(model, prompts=1, clips=2)
    hear(two, seed=1)
    # The prompt is one of the three before, too: any two of its three clips.
    assert len(all_pairs(user)) == 3


def test_an_encoder_that_is_added_stops_no_asking(user, clips):
    EncoderFactory()
    assert propose(user, ()) is not None


def test_equal_clips_are_never_a_pair(user, clips):
    AudioSample.objects.filter(pk__in=[clips[0].pk, clips[1].pk]).update(sha256="the same")
    keys = {set_key(pair) for pair in all_pairs(user)}
    assert set_key((clips[0].pk, clips[1].pk)) not in keys and len(keys) == 23


def test_what_others_said_changes_nothing(user, clips):
    before = propose(user, [])
    prefer(sample_a=clips[0], sample_b=clips[1], winner="a", rater=UserFactory())
    assert propose(user, []) == before


def test_own_votes_are_what_it_is_chosen_by(user, clips, monkeypatch):
    given = {}

    def watched(points, pairs, votes, **values):
        given.update(votes=votes, **values)
        return next_pairs(points, pairs, votes, **values)

    monkeypatch.setattr("training.tastes.asking.next_pairs", watched)
    prefer(sample_a=clips[0], sample_b=clips[1], winner="b", rater=user)
    prefer(sample_a=clips[4], sample_b=clips[5], winner="tie", rater=user)
    prefer(sample_a=clips[6], sample_b=clips[7], winner="a", rater=UserFactory())
    propose(user, [])
    assert [round(vote.preference, 3) for vote in given["votes"]] == [
        pytest.approx(given["votes"][0].preference, 0.01),
        0.5,
    ]
    assert given["votes"][0].preference < 0.5 and len({vote.left for vote in given["votes"]}) == 2
    assert given["penalty"] == PENALTY
    TasteFactory(base_model=clips[0].job.base_model, filters={"raters": ["rita"]}, report={"penalty": 0.7})
    TasteFactory(base_model=clips[0].job.base_model, filters={"raters": ["olga"]}, report={"penalty": 0.9})
    propose(user, [])
    assert given["penalty"] == 0.7, "of the taste of this rater alone"


def test_prompts_that_were_asked_least_come_first(user, model, monkeypatch):
    monkeypatch.setattr("training.tastes.asking.PROMPTS", 2)
    hear(clips_of(model, prompts=8, clips=3))
    prompts = set()
    for _ in range(8):
        one, other = (AudioSample.objects.get(pk=pk) for pk in propose(user, []).samples)
        prefer(sample_a=one, sample_b=other, winner="a", rater=user)
        prompts.add(one.job.prompt_id)
    assert len(prompts) >= 7
    assert len(all_pairs(user)) == 8 * 3 - 8, "prompts of which all was said make room for others"


def test_without_a_model_or_features_nothing_is_proposed(page, user, model):
    clips_of(model, prompts=1)
    assert propose(user, []) is None and next_pair(rater=user) is None
    assert page.get(reverse("listen")).context["turn"].sample is not None
    BaseModel.objects.update(is_active=False)
    assert propose(user, []) is None


def test_the_queue_asks_a_real_pair(page, clips):
    turn = page.get(reverse("listen")).context["turn"]
    assert turn.pair is not None and turn.sample is None
    assert turn.pair.first.job.prompt_id == turn.pair.second.job.prompt_id


def test_a_few_queries_however_many_clips(user, model, clips, django_assert_max_num_queries):
    more = clips_of(model, prompts=12, clips=3)
    hear(more, seed=1)
    with django_assert_max_num_queries(9):
        assert propose(user, []) is not None
