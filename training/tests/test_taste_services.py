"""Who may learn whose taste, under which name, and what is said of it to whom."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django_q.models import OrmQ

from adapters.models import Taste
from adapters.tests.factories import TasteFactory, share, taste_report
from datasets_app.exceptions import DatasetNotReady, InvalidFilters
from datasets_app.models import Dataset
from datasets_app.tests.factories import clips, prefer, rated, rater
from feedback.listening_tests.tests.listening import running
from feedback.services import rate
from generation.exceptions import ModelNotReady, UnknownModel
from generation.models import AudioSample
from generation.tests.factories import BaseModelFactory, ClipScoreFactory
from text2song.exceptions import Conflict, Forbidden, NotFound, Refused
from text2song.tests.factories import UserFactory
from training.exceptions import FitIsRunning
from training.models import TasteFit
from training.services.tastes import delete_taste, fit_again, fit_taste, may_change
from training.tastes.scores import extremes, scores_for
from training.tastes.telling import agreement_in_words, differences, report_for, verdict
from training.tests.factories import DatasetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def model():
    return BaseModelFactory(key="base", is_active=True)


# -- learning --------------------------------------------------------------------------------------------------------


def test_people_learn_from_their_own_votes_and_from_everybody_s(model, user):
    own = fit_taste(actor=user, name=" mine ", raters=["rita"], refit_every=20)
    all_ = fit_taste(actor=user, name="everybody")
    assert (own.name, own.filters, own.created_by, own.base_model) == ("mine", {"raters": ["rita"]}, user, model)
    assert (own.state, all_.filters, all_.refit_every) == ("queued", {}, 0)
    assert OrmQ.objects.filter(key="generation").count() == 2


@pytest.mark.parametrize(
    "values",
    [
        {"raters": ["carl"]},
        {"raters": ["rita", "carl"]},
        {"filters": {"min_rater_weight": 0.5}},
        {"filters": {"raters": ["carl"]}},
        {"dataset": True},
    ],
)
def test_only_curators_learn_from_the_votes_of_others(model, user, curator, values):
    if "dataset" in values:
        values = {"dataset": DatasetFactory()}
    with pytest.raises(Forbidden, match="your own votes, or from everybody's"):
        fit_taste(actor=user, name="theirs", **values)
    assert not TasteFit.objects.exists()
    assert fit_taste(actor=curator, name="theirs", **values).state == "queued"


def test_a_taste_learns_from_no_other_taste(model, curator):
    """What a taste labelled is no answer of anybody's."""
    other = TasteFactory(base_model=model)
    with pytest.raises(Refused, match="never from what another taste labelled"):
        fit_taste(actor=curator, name="echo", filters={"taste": str(other.pk)}, base_model=model)
    assert not TasteFit.objects.exists()


def test_a_second_fit_of_a_name_waits_for_the_first(model, user):
    fit_taste(actor=user, name="mine")
    with pytest.raises(FitIsRunning, match="being fitted already"):
        fit_taste(actor=user, name="mine")
    assert TasteFit.objects.count() == 1


def test_a_name_of_other_votes_is_refused_and_names_nobody_to_strangers(model, user, curator):
    TasteFactory(name="warm", base_model=model, filters={"raters": ["anna"]}, created_by=user)
    with pytest.raises(Conflict) as refused:
        fit_taste(actor=user, name="warm")
    assert "Choose another name" in refused.value.message and "anna" not in refused.value.message
    with pytest.raises(Conflict, match="anna"):
        fit_taste(actor=curator, name="warm")
    with pytest.raises(Conflict, match="taste of other votes"):
        fit_taste(actor=curator, name="warm", raters=["carl"], base_model=BaseModelFactory())
    assert not TasteFit.objects.exists()


def test_a_deleted_name_stays_that_of_its_votes(model, user):
    taste = TasteFactory(name="warm", base_model=model, filters={"raters": ["rita"]}, created_by=user)
    delete_taste(actor=user, taste=taste)
    with pytest.raises(Conflict):
        fit_taste(actor=user, name="warm")
    assert fit_taste(actor=user, name="warm", raters=["rita"]).created_by == user


def test_somebody_else_s_taste_gets_no_version_from_others(model, user):
    TasteFactory(name="everybody", base_model=model)
    with pytest.raises(Conflict, match="made by somebody else"):
        fit_taste(actor=user, name="everybody")


def test_a_curator_s_version_stays_its_maker_s(model, user, curator):
    taste = TasteFactory(name="mine", base_model=model, filters={"raters": ["rita"]}, created_by=user, refit_every=7)
    fit = fit_again(actor=curator, taste=taste)
    assert (fit.created_by, fit.refit_every, fit.filters) == (user, 7, {"raters": ["rita"]})
    assert list(TasteFit.objects.visible_to(user)) == [fit]


def test_only_the_maker_and_curators_fit_anew_and_delete(model, user, curator):
    taste = TasteFactory(name="everybody", base_model=model)
    for service in (fit_again, delete_taste):
        with pytest.raises(Forbidden, match="or a curator, can"):
            service(actor=user, taste=taste)
    assert not may_change(user, taste) and may_change(curator, taste) and may_change(taste.created_by, taste)
    assert not may_change(user, TasteFactory(created_by=None))
    fit_again(actor=taste.created_by, taste=taste)
    TasteFactory(name="everybody", version=2, base_model=model)
    delete_taste(actor=curator, taste=taste)
    assert not Taste.objects.visible().filter(name="everybody").exists()
    with pytest.raises(NotFound, match="deleted already"):
        delete_taste(actor=curator, taste=taste)


def test_datasets_have_to_be_preference_datasets_ready_and_alone(model, curator):
    with pytest.raises(Refused, match="preference dataset") as refused:
        fit_taste(actor=curator, name="d", dataset=DatasetFactory(kind="supervised"))
    assert "dataset" in refused.value.fields
    with pytest.raises(DatasetNotReady, match="not ready"):
        fit_taste(actor=curator, name="d", dataset=Dataset.objects.create(name="later", kind="preference"))
    with pytest.raises(Refused, match="not both"):
        fit_taste(actor=curator, name="d", dataset=DatasetFactory(), raters=["carl"])
    with pytest.raises(Refused, match="never changes"):
        fit_taste(actor=curator, name="d", dataset=DatasetFactory(), refit_every=5)
    assert not TasteFit.objects.exists()


def test_a_dataset_that_was_deleted_is_told(model, curator):
    with pytest.raises(NotFound, match="learned from was deleted"):
        fit_again(actor=curator, taste=TasteFactory(filters={"dataset": str(UserFactory().pk).zfill(32)}))


def test_what_is_wrong_is_told_before_anything_waits(model, user, curator):
    for name in ("", "  ", "x" * 101, "two\nlines"):
        with pytest.raises(ValidationError):
            fit_taste(actor=user, name=name)
    with pytest.raises(InvalidFilters):
        fit_taste(actor=curator, name="mine", raters=["nobody-here"])
    with pytest.raises(InvalidFilters):
        fit_taste(actor=curator, name="mine", filters={"min_rating": 3})
    with pytest.raises(UnknownModel):
        fit_taste(actor=user, name="mine", base_model="none")
    with pytest.raises(ModelNotReady):
        fit_taste(actor=user, name="mine", base_model=BaseModelFactory(installed=False))
    with pytest.raises(ValidationError):
        fit_taste(actor=user, name="mine", refit_every=-1)
    assert not TasteFit.objects.exists()


# -- who sees what ---------------------------------------------------------------------------------------------------


def test_people_see_their_own_and_everybody_s_curators_all(user, curator):
    everybody = TasteFactory()
    own = TasteFactory(filters={"raters": ["rita"]})
    TasteFactory(filters={"raters": ["anna"]})
    TasteFactory(filters={"raters": ["rita", "anna"]})
    TasteFactory(filters={"dataset": str(DatasetFactory().pk)})
    assert set(Taste.objects.visible_to(user)) == {everybody, own}
    assert Taste.objects.visible_to(curator).count() == 5


AGREEMENTS = [
    {"rater": "anna", "other": "ben", **share(0.2, 0.1, 0.3)},
    {"rater": "ben", "other": "anna", **share(0.4, 0.2, 0.6)},
    {"rater": "anna", "other": "rita", **share(0.8, 0.7, 0.9)},
    {"rater": "rita", "other": "anna", **share(0.6, 0.4, 0.8)},
    {"rater": "ben", "other": "rita", **share(0.5, 0.4, 0.6)},
]


def test_how_raters_differ_is_said_with_names_to_curators_and_to_themselves(user, curator):
    by_rater = {"anna": share(0.7, 0.6, 0.8), "rita": share(0.6, 0.5, 0.7)}
    taste = TasteFactory(report=taste_report(raters=3, agreements=AGREEMENTS, by_rater=by_rater))
    summary = "Of 3 pairs of raters with enough votes, 1 share a taste and 1 have opposite ones; of 1 the votes do not "
    assert agreement_in_words(curator, taste) == [
        f"{summary}tell.", "anna and ben have opposite tastes.", "anna and rita share a taste."
    ]  # fmt: skip
    assert agreement_in_words(user, taste) == [f"{summary}tell.", "anna and you share a taste."]
    assert len(agreement_in_words(UserFactory(), taste)) == 1
    told = report_for(user, taste)
    assert set(told["by_rater"]) == {"rita"} and all("rita" in (a["rater"], a["other"]) for a in told["agreements"])
    assert report_for(UserFactory(), taste)["agreements"] == [] and report_for(curator, taste) == taste.report


def test_two_raters_are_told_in_one_sentence_and_one_in_none(curator):
    taste = TasteFactory(report=taste_report(agreements=AGREEMENTS[:2]))
    assert agreement_in_words(curator, taste)[0] == "The two raters with enough votes have opposite tastes."
    gone = [{"rater": "", "other": "ben", **share(0.8, 0.7, 0.9)}]
    told = agreement_in_words(curator, TasteFactory(report=taste_report(agreements=gone)))
    assert told[1] == "A rater whose account is gone and ben share a taste."
    assert agreement_in_words(curator, TasteFactory()) == []


def test_only_styles_that_surely_differ_are_told():
    groups = {
        "style: jazz": share(0.9, 0.8, 0.95),
        "style: rock": share(0.4, 0.3, 0.6),
        "tempo: slow": share(0.75, 0.65, 0.85),
        "tempo: fast": share(None, 0.0, 1.0),
    }
    found = differences(taste_report(groups=groups))
    assert [(each.name, each.is_better) for each in found] == [("style: jazz", True), ("style: rock", False)]


@pytest.mark.parametrize(
    ("usable", "changes", "sentence"),
    [
        (True, {}, "It can be used"),
        (False, {"votes_wanted": 1240}, "about 1,240 more votes"),
        (False, {"votes_wanted": None}, "nothing tells that more votes of this kind would help"),
        (False, {"votes_wanted": None, "agreements": AGREEMENTS}, "opposite tastes. Learn one of each"),
        (False, {"votes_wanted": 0}, "still holds one half"),
    ],
)
def test_whether_it_can_be_used_is_said_and_what_would_help(usable, changes, sentence):
    assert sentence in verdict(TasteFactory(is_usable=usable, report=taste_report(**changes)))


# -- clips -----------------------------------------------------------------------------------------------------------


def scored(taste: Taste, samples, first: float = 1.0) -> None:
    for place, sample in enumerate(samples):
        ClipScoreFactory(taste=taste, sample=sample, score=first - place)


def test_most_and_least_liked_are_of_different_prompts_and_stand_on_one_side_only(curator):
    taste = TasteFactory()
    one, two, three = clips(3), clips(3), clips(1)
    scored(taste, [one[0], one[1], two[0], three[0], two[1], one[2], two[2]])
    most, least = extremes(curator, taste, 2)
    assert [score.sample for score in most] == [one[0], two[0]]
    assert [score.sample for score in least] == [three[0]]


def test_deleted_and_withheld_clips_are_heard_by_nobody(curator):
    taste = TasteFactory()
    shown, deleted = clips(2)
    withheld = AudioSample.objects.filter(job__arm_job__arm__test=running()).first()
    scored(taste, [shown, deleted, withheld])
    AudioSample.objects.filter(pk=deleted.pk).update(deleted_at=deleted.created_at)
    assert [score.sample for score in scores_for(curator, taste)] == [shown]


def test_a_taste_of_others_tells_nothing_of_clips_they_judged_before_the_reader_has(user, curator):
    taste, own = TasteFactory(), TasteFactory(filters={"raters": ["rita"]})
    judged, compared, unjudged = rated([5])[0], *clips(2)
    for each in (taste, own):
        scored(each, [judged, compared, unjudged])
    prefer(compared, clips(1, prompt=compared.job.prompt)[0], rater())
    told = [score.sample for score in scores_for(user, taste)]
    assert told == [unjudged]
    assert len(scores_for(curator, taste)) == 3 and len(scores_for(user, own)) == 3
    rate(sample=judged, rater=user, scores={"overall": 1})
    assert [score.sample for score in scores_for(user, taste)] == [judged, unjudged]
