"""What the services store, replace and refuse."""

from __future__ import annotations

import pytest

from feedback.exceptions import PartOfAnother, TagInUse, TagTaken
from feedback.judgements.tag_names import normal_name
from feedback.models import Criterion, Note, Preference, Ranking, Rating, SampleTag, Tag
from feedback.services import (
    TagUse,
    add_tags,
    create_tag,
    delete_feedback,
    delete_tag,
    merge_tag,
    prefer,
    rank,
    rate,
    replace_tags,
    resolve_tag,
    write_note,
)
from feedback.tests.factories import PreferenceFactory, SampleTagFactory, TagFactory, TrialFactory
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.exceptions import Conflict, Forbidden, Refused
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample():
    return AudioSampleFactory(stored=False)


@pytest.fixture
def four():
    """Four samples of one prompt, made by two jobs."""
    first = GenerationJobFactory(completed=True)
    second = GenerationJobFactory(completed=True, prompt=first.prompt, base_model=first.base_model)
    return [AudioSampleFactory(job=job, stored=False) for job in (first, first, second, second)]


# -- ratings --------------------------------------------------------------------------------------------------------


def test_each_criterion_is_a_rating_of_its_own(sample, user):
    ratings, created = rate(sample=sample, rater=user, scores={"musicality": 5, "overall": 4})
    assert created and [(r.criterion.slug, r.score) for r in ratings] == [("overall", 4), ("musicality", 5)]
    assert Rating.objects.count() == 2


def test_rating_again_replaces_and_leaves_others_alone(sample, user):
    rate(sample=sample, rater=user, scores={"overall": 4})
    rate(sample=sample, rater=UserFactory(), scores={"overall": 1})
    (rating,), created = rate(sample=sample, rater=user, scores={"overall": 2})
    assert not created and rating.score == 2
    assert sorted(Rating.objects.values_list("score", flat=True)) == [1, 2]


@pytest.mark.parametrize("score", [0, 6, -1, 5.5, "5.5", "5", None, True, float("nan"), 10**30])
def test_a_score_that_is_none_is_refused_and_nothing_is_stored(sample, user, score):
    with pytest.raises(Refused) as refusal:
        rate(sample=sample, rater=user, scores={"overall": 3, "melody": score})
    assert list(refusal.value.fields) == ["scores.melody"]
    assert not Rating.objects.exists()


def test_unknown_and_retired_criteria_are_refused_by_name(sample, user):
    Criterion.objects.filter(slug="melody").update(is_active=False)
    for slug in ("groove", "melody"):
        with pytest.raises(Refused, match=f"Unknown criterion: {slug}. Known: overall"):
            rate(sample=sample, rater=user, scores={slug: 3})


# -- preferences and rankings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("winner", ["a", "b", "tie", "both_bad"])
def test_every_answer_is_stored_as_it_is(four, user, winner):
    preference, created = prefer(sample_a=four[0], sample_b=four[3], winner=winner, rater=user)
    assert created
    assert Preference.objects.get() == preference
    assert (preference.winner, preference.source, preference.strength) == (winner, "direct", None)


def test_the_same_pair_either_way_round_is_one_choice(four, user):
    prefer(sample_a=four[0], sample_b=four[1], winner="a", strength=5, rater=user)
    _, created = prefer(sample_a=four[1], sample_b=four[0], winner="tie", rater=user)
    assert not created
    stored = Preference.objects.get()
    assert (stored.sample_a, stored.sample_b, stored.winner, stored.strength) == (four[1], four[0], "tie", None)
    prefer(sample_a=four[1], sample_b=four[0], winner="a", rater=UserFactory())
    assert Preference.objects.count() == 2


@pytest.mark.parametrize("values", [{"winner": "c"}, {"strength": 0}, {"strength": 6}, {"strength": True}])
def test_what_is_no_preference_is_refused(four, user, values):
    with pytest.raises(Refused):
        prefer(**({"sample_a": four[0], "sample_b": four[1], "winner": "a", "rater": user} | values))
    assert not Preference.objects.exists()


def test_a_tie_has_no_strength(four, user):
    with pytest.raises(Refused, match="Only a preference for one of the two"):
        prefer(sample_a=four[0], sample_b=four[1], winner="tie", strength=3, rater=user)


def test_samples_must_differ_and_share_the_prompt(four, user):
    with pytest.raises(Refused, match="named once"):
        prefer(sample_a=four[0], sample_b=four[0], winner="a", rater=user)
    with pytest.raises(Refused, match="2 different prompts"):
        prefer(sample_a=four[0], sample_b=AudioSampleFactory(stored=False), winner="a", rater=user)
    with pytest.raises(Refused, match="2 different prompts"):
        rank(samples=[*four, AudioSampleFactory(stored=False)], rater=user)


def test_a_ranking_of_four_is_six_preferences_stored_once(four, user):
    order = [four[2], four[0], four[3], four[1]]
    ranking, created = rank(samples=order, rater=user)
    assert created
    assert [place.sample for place in ranking.places.all()] == order
    implied = set(ranking.preferences.values_list("sample_a", "sample_b", "winner", "source"))
    assert implied == {
        (better.pk, worse.pk, "a", "ranking") for at, better in enumerate(order) for worse in order[at + 1 :]
    }
    assert len(implied) == Preference.objects.count() == 6
    assert all(p.pair_key for p in Preference.objects.all())


def test_ranking_the_same_set_again_replaces_the_order_and_its_pairs(four, user):
    first, _ = rank(samples=four, rater=user)
    second, created = rank(samples=four[::-1], rater=user)
    assert (second.pk, created) == (first.pk, False)
    assert [place.sample for place in second.places.all()] == four[::-1]
    assert set(Preference.objects.values_list("sample_a", flat=True)) == {s.pk for s in four[1:]}
    assert Preference.objects.count() == 6
    rank(samples=four[:3], rater=user)
    assert (Ranking.objects.count(), Preference.objects.count()) == (2, 6)


@pytest.mark.parametrize("number", [0, 1, 9])
def test_a_ranking_has_two_to_eight_samples(user, number):
    job = GenerationJobFactory(completed=True)
    other = GenerationJobFactory(completed=True, prompt=job.prompt)
    samples = [AudioSampleFactory(job=job if n < 8 else other, stored=False) for n in range(number)]
    with pytest.raises(Refused, match="Rank 2 to 8"):
        rank(samples=samples, rater=user)
    assert not Ranking.objects.exists()


def test_a_sample_has_one_place(four, user):
    with pytest.raises(Refused, match="named once"):
        rank(samples=[four[0], four[1], four[0]], rater=user)
    assert not Ranking.objects.exists() and not Preference.objects.exists()


# -- tags -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [(" Good  Melody ", "good_melody"), ("x" * 100, "x" * 100), ("ÉTÉ", "été"), ("a_b", "a_b"), ("🎺", "🎺")],
)
def test_tags_are_written_one_way(text, name):
    assert normal_name(text) == name


@pytest.mark.parametrize("text", ["", "  ", "x" * 101, "a\tb", "a\nb", "a\x00b", "a\u202eb", "\ud800", "a\x7f"])
def test_what_is_no_tag_is_refused(text):
    with pytest.raises(Refused):
        normal_name(text)


def test_a_new_word_becomes_a_free_tag_and_a_known_one_keeps_its_sign(sample, user):
    uses = add_tags(
        sample=sample,
        rater=user,
        uses=[TagUse("Warm Bass", sign="good"), TagUse("Noisy"), TagUse("odd", sign="neutral")],
    )
    assert [(u.tag.name, u.tag.sign, u.tag.is_curated) for u in uses] == [
        ("warm_bass", "good", False),
        ("noisy", "bad", True),
        ("odd", "neutral", False),
    ]
    with pytest.raises(Refused, match="“noisy” is a bad tag"):
        add_tags(sample=sample, rater=UserFactory(), uses=[TagUse("noisy", sign="good")])


def test_the_same_tag_twice_is_a_conflict_that_stores_nothing(sample, user):
    add_tags(sample=sample, rater=user, uses=[TagUse("catchy")])
    with pytest.raises(TagTaken, match="“catchy” on this sample already"):
        add_tags(sample=sample, rater=user, uses=[TagUse("brand new", sign="good"), TagUse("Catchy")])
    with pytest.raises(TagTaken):
        add_tags(sample=sample, rater=user, uses=[TagUse("muddy"), TagUse("muddy")])
    assert SampleTag.objects.count() == 1
    assert not Tag.objects.filter(name="brand_new").exists()
    add_tags(sample=sample, rater=UserFactory(), uses=[TagUse("catchy")])


def test_a_synonym_means_its_target(sample, user, curator):
    merge_tag(tag=TagFactory(name="groove"), into=TagFactory(name="groovy"), actor=curator)
    (use,) = add_tags(sample=sample, rater=user, uses=[TagUse("Groove")])
    assert use.tag.name == "groovy"
    with pytest.raises(TagTaken):
        add_tags(sample=sample, rater=user, uses=[TagUse("groovy")])


def test_a_span_is_kept_and_must_lie_within_the_clip(user):
    sample = AudioSampleFactory(stored=False, duration=8.004)
    (use,) = add_tags(sample=sample, rater=user, uses=[TagUse("clipping", start=1.234, end=8.01)])
    assert (use.start, use.end) == (1.23, 8.0)
    for start, end in [(-0.1, 1), (2, 2), (3, 1), (7, 8.2), (float("nan"), 1), (0, float("inf")), (1, None), (None, 1)]:
        with pytest.raises(Refused):
            add_tags(sample=sample, rater=user, uses=[TagUse("muddy", start=start, end=end)])
    with pytest.raises(Refused, match="shorter"):
        add_tags(sample=sample, rater=user, uses=[TagUse("muddy", start=1.001, end=1.002)])
    with pytest.raises(TagTaken, match=r"on 1\.23 to 8 s"):
        add_tags(sample=sample, rater=user, uses=[TagUse("clipping", start=1.23, end=8.0)])
    add_tags(sample=sample, rater=user, uses=[TagUse("clipping"), TagUse("clipping", start=2, end=3)])
    assert SampleTag.objects.count() == 3


def test_replacing_as_a_set_leaves_exactly_the_new_set(sample, user):
    kept, _ = add_tags(sample=sample, rater=user, uses=[TagUse("catchy"), TagUse("noisy")])
    theirs = SampleTagFactory(sample=sample)
    wanted = [TagUse("catchy"), TagUse("Catchy"), TagUse("groovy", start=0.1, end=0.5)]
    now = replace_tags(sample=sample, rater=user, uses=wanted)
    assert {(u.tag.name, u.start) for u in now} == {("catchy", None), ("groovy", 0.1)}
    assert set(SampleTag.objects.filter(rater=user)) == set(now)
    assert kept in now, "what stays is not made anew"
    replace_tags(sample=sample, rater=user, uses=[])
    assert list(SampleTag.objects.all()) == [theirs]


def test_merging_moves_uses_drops_doubles_and_keeps_the_word_as_synonym(sample, user, curator):
    good, other, older = TagFactory(name="groovy"), TagFactory(name="grooves"), TagFactory(name="groov")
    merge_tag(tag=older, into=other, actor=curator)
    doubled = SampleTagFactory(sample=sample, rater=user, tag=other)
    SampleTagFactory(sample=sample, rater=user, tag=good)
    spanned = SampleTagFactory(sample=sample, rater=user, tag=other, start=0.0, end=0.5)
    SampleTagFactory(sample=sample, rater=user, tag=good, start=0.0, end=0.6)
    moved = SampleTagFactory(tag=other)
    nameless = (
        SampleTagFactory(sample=sample, rater=None, tag=other),
        SampleTagFactory(sample=sample, rater=None, tag=good),
    )
    assert merge_tag(tag=other, into=good, actor=curator) == good
    assert not SampleTag.objects.filter(pk=doubled.pk).exists()
    for use in (spanned, moved, *nameless):
        assert SampleTag.objects.get(pk=use.pk).tag == good
    assert SampleTag.objects.filter(tag=good).count() == 6
    for word in ("grooves", "groov"):
        assert resolve_tag(name=word) == good
    with pytest.raises(Conflict, match="the same tag already"):
        merge_tag(tag=good, into=other, actor=curator)
    with pytest.raises(Conflict, match="the same tag already"):
        merge_tag(tag=good, into=good, actor=curator)


def test_the_vocabulary_is_the_curators(user, curator):
    tag = create_tag(actor=user, name="My Word", sign="good")
    assert (tag.name, tag.is_curated) == ("my_word", False)
    assert create_tag(actor=curator, name="house word", sign="bad").is_curated
    with pytest.raises(TagTaken):
        create_tag(actor=user, name="my word", sign="good")
    with pytest.raises(Forbidden):
        merge_tag(tag=tag, into=TagFactory(), actor=user)
    SampleTagFactory(tag=tag)
    with pytest.raises(TagInUse, match="used on one sample"):
        delete_tag(tag=tag, actor=curator)


# -- notes ----------------------------------------------------------------------------------------------------------


def test_a_note_is_trimmed_kept_and_replaced(sample, user):
    assert write_note(sample=sample, rater=user, text=" first\r\nline ")[1]
    note, created = write_note(sample=sample, rater=user, text="second")
    assert not created and Note.objects.get() == note and note.text == "second"
    write_note(sample=sample, rater=user, text="\r\n".join("x" * 1000))
    assert len(Note.objects.get().text) == 1999, "line ends count as one character"


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001, "a\x00b", "\ud800"])
def test_what_is_no_note_is_refused(sample, user, text):
    with pytest.raises(Refused):
        write_note(sample=sample, rater=user, text=text)
    assert not Note.objects.exists()


# -- deletion -------------------------------------------------------------------------------------------------------


def test_raters_delete_their_own_and_curators_any(sample, user, curator):
    for actor, refused in ((UserFactory(), True), (user, False), (curator, False)):
        (rating,), _ = rate(sample=sample, rater=user, scores={"overall": 4})
        if refused:
            with pytest.raises(Forbidden):
                delete_feedback(item=rating, actor=actor)
        else:
            delete_feedback(item=rating, actor=actor)
        assert Rating.objects.exists() is refused


def test_a_ranking_goes_with_its_pairs_and_they_do_not_go_alone(four, user):
    ranking, _ = rank(samples=four, rater=user)
    with pytest.raises(PartOfAnother, match="follows from a ranking"):
        delete_feedback(item=ranking.preferences.first(), actor=user)
    delete_feedback(item=ranking, actor=user)
    assert not Ranking.objects.exists() and not Preference.objects.exists()


def test_a_vote_of_a_test_is_not_deleted(curator):
    trial = TrialFactory()
    vote = PreferenceFactory(
        sample_a=trial.pair.sample_x, sample_b=trial.pair.sample_y, rater=trial.rater, trial=trial, source="trial"
    )
    for actor in (trial.rater, curator):
        with pytest.raises(PartOfAnother, match="vote of a listening test"):
            delete_feedback(item=vote, actor=actor)
