"""Tastes are fitted by a worker with a real model: learned, tried, listed and scored; or nothing, with a sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.utils import timezone

from adapters.models import Taste
from datasets_app.tests.factories import built, prefer, rater, seed_with_every_split
from feedback.models import Preference, RaterProfile
from feedback.services import rate
from feedback.tests.factories import PreferenceFactory
from generation.base_models.catalogue import sync_catalogue
from generation.engine import EngineCache
from generation.jobs import hearing
from generation.jobs.hearing import AUDIO, hear_and_score, hidden_kind
from generation.models import AudioSample, BaseModel, ClipFeatures, ClipScore
from generation.services import model_for
from generation.tests.factories import BaseModelFactory
from prompts.tests.factories import PromptFactory
from text2song.outages import write_refused
from training.models import TasteFit
from training.services.tastes import fit_again, fit_taste
from training.tastes import fitting
from training.tastes.fitting import fit_waiting
from training.tastes.telling import ears, not_heard, relations
from training.tests.judged import all_prefer, pairs_of

pytestmark = pytest.mark.django_db
WORKER = "host:1:1"


@pytest.fixture
def engines():
    made = EngineCache()
    yield made
    made.clear()


def fitted(engines, name="mine", **values) -> TasteFit:
    fit = fit_taste(actor=None, name=name, **values)
    fit_waiting(engines, WORKER)
    fit.refresh_from_db()
    return fit


def refused(engines, **values) -> str:
    """The sentence of a fit that fails, and leaves nothing."""
    before = set(Taste.objects.values_list("pk", flat=True))
    fit = fitted(engines, **values)
    assert (fit.state, fit.taste) == (TasteFit.State.FAILED, None)
    assert set(Taste.objects.values_list("pk", flat=True)) == before
    assert stored_weights() == len(before), "no file is left behind"
    assert ClipScore.objects.exclude(taste__in=before).count() == 0
    return fit.error


def stored_weights() -> int:
    return len(storages["default"].listdir("tastes")[1]) if storages["default"].exists("tastes") else 0


def mean_score(taste: Taste, index: int) -> float:
    scores = ClipScore.objects.filter(taste=taste, sample__index=index).values_list("score", flat=True)
    return sum(scores) / len(scores)


# -- what comes of votes ---------------------------------------------------------------------------------------------


def test_a_taste_is_learned_from_votes_and_scores_every_clip(tiny, engines, user):
    pairs = pairs_of(tiny, 30)
    all_prefer(pairs, user)
    RaterProfile.objects.update_or_create(user=user, defaults={"evidence": {"repeats": 6, "repeats_same": 5}})
    fit = fitted(engines, raters=["rita"], refit_every=20)
    taste = fit.taste
    assert (fit.state, fit.error, taste.label, taste.whose) == ("completed", "", "mine@1", "rita")
    assert taste.is_usable and taste.accuracy["value"] > 0.9 and taste.votes == 30 and taste.refit_every == 20
    assert taste.kinds == [AUDIO, hidden_kind(tiny)] and taste.base_revision == tiny.revision
    assert taste.report["left_out"] == 0 and taste.report["consistency"] == {"same": 5, "repeats": 6}
    assert ClipScore.objects.filter(taste=taste).count() == 60
    assert mean_score(taste, 0) > mean_score(taste, 1) + 1
    assert stored_weights() == 1 and len(taste.weights.read()) > 100


def test_it_scores_clips_that_are_made_later_by_what_it_heard(tiny, engines, user):
    all_prefer(pairs_of(tiny, 30), user)
    taste = fitted(engines, raters=["rita"]).taste
    high, low = pairs_of(tiny, 1)[0]
    hear_and_score([high, low], engines)
    scores = dict(ClipScore.objects.filter(taste=taste, sample__in=[high, low]).values_list("sample", "score"))
    assert scores[high.pk] > scores[low.pk]


def test_a_taste_is_learned_with_the_bundled_model(engines, user):
    sync_catalogue()
    model = model_for(None)
    assert model.key == "studio-tiny"
    all_prefer(pairs_of(model, 12), user)
    taste = fitted(engines, raters=["rita"]).taste
    assert taste.kinds == [AUDIO, hidden_kind(model)] and taste.accuracy["value"] > 0.8
    assert mean_score(taste, 0) > mean_score(taste, 1)


def test_ratings_alone_make_a_taste(tiny, engines, user):
    for high, low in pairs_of(tiny, 12):
        rate(sample=high, rater=user, scores={"overall": 5})
        rate(sample=low, rater=user, scores={"overall": 2})
    taste = fitted(engines, raters=["rita"]).taste
    assert taste.votes == 12 and mean_score(taste, 0) > mean_score(taste, 1)


def test_two_raters_of_opposite_tastes(tiny, engines):
    pairs = pairs_of(tiny, 30)
    anna, ben = rater(), rater()
    all_prefer(pairs, anna, "a")
    all_prefer(pairs, ben, "b")
    together = fitted(engines, name="everybody").taste
    assert not together.is_usable and together.accuracy["value"] == pytest.approx(0.5, abs=0.1)
    assert [relation.kind for relation in relations(together.report)] == ["opposite"]
    of_anna = fitted(engines, name="anna", raters=[anna.username]).taste
    of_ben = fitted(engines, name="ben", raters=[ben.username]).taste
    assert of_anna.is_usable and of_ben.is_usable
    assert mean_score(of_anna, 0) > mean_score(of_anna, 1) and mean_score(of_ben, 0) < mean_score(of_ben, 1)


def test_votes_that_contradict_each_other_make_a_taste_that_cannot_be_used(tiny, engines, user):
    for n, (high, low) in enumerate(pairs_of(tiny, 30)):
        PreferenceFactory(sample_a=high, sample_b=low, rater=user, winner="ab"[n // 2 % 2])
    taste = fitted(engines, raters=["rita"]).taste
    assert not taste.is_usable and taste.accuracy["low"] < 0.5


def test_a_dataset_s_rows_make_a_taste_of_that_dataset(tiny, engines, curator):
    pairs = pairs_of(tiny, 20)
    all_prefer(pairs, rater())
    dataset = built("preference", seed=seed_with_every_split(pairs))
    taste = fitted(engines, dataset=dataset).taste
    assert taste.filters == {"dataset": str(dataset.pk)} and taste.whose == "a dataset"
    assert taste.votes == dataset.train_rows and mean_score(taste, 0) > mean_score(taste, 1)
    again = fit_again(actor=curator, taste=taste)
    fit_waiting(engines, WORKER)
    again.refresh_from_db()
    assert (again.dataset, again.taste.label) == (dataset, "mine@2")


def test_the_same_name_makes_the_next_version_of_more_votes(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12), user)
    first = fitted(engines, raters=["rita"]).taste
    all_prefer(pairs_of(tiny, 3), user)
    fit = fit_again(actor=None, taste=first)
    fit_waiting(engines, WORKER)
    fit.refresh_from_db()
    assert (fit.taste.label, fit.taste.votes, first.votes) == ("mine@2", 15, 12)
    assert list(Taste.objects.newest()) == [fit.taste]


# -- what cannot be heard --------------------------------------------------------------------------------------------


def test_clips_of_other_files_of_the_model_are_heard_by_their_sound_alone(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12, base_revision="of-before"), user)
    taste = fitted(engines, raters=["rita"]).taste
    assert taste.kinds == [AUDIO] and mean_score(taste, 0) > mean_score(taste, 1)
    assert not ClipFeatures.objects.exclude(kind=AUDIO).exists()


def test_few_clips_of_other_files_are_left_out_and_counted(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12), user)
    all_prefer(pairs_of(tiny, 1, base_revision="of-before"), user)
    taste = fitted(engines, raters=["rita"]).taste
    assert taste.kinds == [AUDIO, hidden_kind(tiny)] and (taste.votes, taste.report["left_out"]) == (12, 1)


@pytest.mark.parametrize("part", ["audio_file", "codes_file"])
def test_clips_whose_files_are_gone_are_left_out_and_counted(tiny, engines, user, part):
    pairs = pairs_of(tiny, 14)
    all_prefer(pairs, user)
    for high, _ in pairs[:2]:
        storages["default"].delete(getattr(high, part).name)
    taste = fitted(engines, raters=["rita"]).taste
    assert (taste.votes, taste.report["left_out"]) == (12, 2)


def lose(part):
    for sample in AudioSample.objects.all():
        storages["default"].delete(getattr(sample, part).name)


def test_where_all_sound_is_gone_nothing_is_learned(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12), user)
    lose("audio_file")
    assert refused(engines, raters=["rita"]).startswith("None of the clips that were judged can be read any more")


def test_where_all_codes_are_gone_the_sound_alone_is_heard_and_said_to_be(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12), user)
    lose("codes_file")
    taste = fitted(engines, raters=["rita"]).taste
    assert taste.kinds == [AUDIO] and ears(taste) == "the sound itself"
    assert not_heard(taste.report) == [f"what {tiny.key} makes of a clip, known of 0 of 24 judged clips."]


# -- what there is nothing to learn from -----------------------------------------------------------------------------


def test_votes_on_one_prompt_are_refused(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12, prompts=1), user)
    assert refused(engines, raters=["rita"]).startswith("All votes are on one prompt.")


def test_ties_alone_are_refused(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12), user, "tie")
    assert "ties alone tell no taste" in refused(engines, raters=["rita"])


def test_too_few_votes_are_refused_with_their_number(tiny, engines, user):
    all_prefer(pairs_of(tiny, 9), user)
    assert refused(engines, raters=["rita"]).startswith("There are 9 votes; a taste needs at least 10")


def test_nobody_s_votes_are_refused(tiny, engines, user):
    all_prefer(pairs_of(tiny, 12), rater())
    assert refused(engines, raters=["rita"]).startswith("Nobody has compared or rated clips")


def test_votes_on_clips_of_another_base_model_are_no_votes(tiny, engines, user, tiny_folder):
    other = BaseModelFactory(source="folder", location=str(tiny_folder), revision="r1", installed=False)
    all_prefer(pairs_of(tiny, 12), user)
    assert refused(engines, raters=["rita"], base_model=other).startswith("Nobody has compared or rated clips")
    taste = fitted(engines, raters=["rita"], base_model=tiny).taste
    assert list(Taste.objects.usable_for(other)) == [] and taste.base_model == tiny


def test_an_error_on_the_way_leaves_no_file_and_the_version_before(tiny, engines, user, monkeypatch):
    all_prefer(pairs_of(tiny, 12), user)
    first = fitted(engines, raters=["rita"]).taste

    def broken(*_):
        raise RuntimeError("secret of /home/somebody")

    monkeypatch.setattr(fitting, "_list", broken)
    assert refused(engines, raters=["rita"]) == write_refused(RuntimeError(), TasteFit.BROKEN) == TasteFit.BROKEN
    assert list(Taste.objects.newest()) == [first]


def test_a_worker_that_is_asked_to_stop_gives_the_fit_back(tiny, engines, user, monkeypatch):
    from text2song.work import HandedBack

    all_prefer(pairs_of(tiny, 12), user)

    def stop():
        raise HandedBack

    monkeypatch.setattr(fitting, "raise_if_stopping", stop)
    fit = fit_taste(actor=None, name="mine", raters=["rita"])
    assert fit.claim(WORKER)
    fitting.run_fit(fit, engines)
    assert (fit.state, fit.attempts, stored_weights()) == ("queued", 0, 0)


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_fits_and_tells(tiny, user, capsys):
    all_prefer(pairs_of(tiny, 30), user)
    call_command("fit_taste", "mine", "--rater", "rita", "--refit-every", "5")
    told = capsys.readouterr().out
    assert "mine@1: the taste of rita, from 30 votes on 30 prompts." in told and "It can be used" in told
    assert Taste.objects.get().refit_every == 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["mine", "--rater", "rita"], "Nobody has compared or rated"),
        (["mine", "--rater", "nobody"], "nobody"),
        ([" "], "blank"),
        (["mine", "--dataset", "none"], "There is no dataset none."),
        (["mine", "--dataset", "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11"], "There is no dataset"),
        (["mine", "--model", "none"], "There is no model “none”"),
        (["mine", "--refit-every=-1"], "greater than or equal to 0"),
        (["mine", "--refit-every=9999999999"], "Say how many"),
    ],
)
def test_the_command_refuses_with_a_sentence(tiny, user, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("fit_taste", *arguments)
    assert not Taste.objects.exists() and not TasteFit.objects.unfinished().exists()


# -- by itself -------------------------------------------------------------------------------------------------------


def test_a_taste_is_fitted_anew_after_enough_new_votes_and_not_twice(tiny, engines, user):
    from training.tasks import refit_tastes

    all_prefer(pairs_of(tiny, 12), user)
    first = fitted(engines, raters=["rita"], refit_every=5).taste
    all_prefer(pairs_of(tiny, 4), user)
    refit_tastes()
    assert not TasteFit.objects.unfinished().exists(), "four of five"
    all_prefer(pairs_of(tiny, 1), user)
    refit_tastes()
    refit_tastes()
    assert [fit.name for fit in TasteFit.objects.unfinished()] == ["mine"]
    fit_waiting(engines, WORKER)
    refit_tastes()
    assert not TasteFit.objects.unfinished().exists()
    second = Taste.objects.newest().get()
    assert (second.label, second.votes, second.refit_every) == ("mine@2", 17, 5)
    assert second.created_by == first.created_by


def test_a_fit_that_failed_waits_for_as_many_votes_again(tiny, engines, user):
    from training.tasks import refit_tastes

    pairs = pairs_of(tiny, 12)
    all_prefer(pairs, user)
    fitted(engines, raters=["rita"], refit_every=5)
    all_prefer(pairs_of(tiny, 5), user)
    refit_tastes()
    for sample in AudioSample.objects.all():  # what it has heard is lost, and cannot be heard again
        storages["default"].delete(sample.audio_file.name)
    ClipFeatures.objects.all().delete()
    fit_waiting(engines, WORKER)
    assert TasteFit.objects.get(state="failed").error.startswith("None of the clips")
    refit_tastes()
    assert not TasteFit.objects.unfinished().exists(), "it would fail again"
    all_prefer(pairs_of(tiny, 5), user)
    refit_tastes()
    assert TasteFit.objects.unfinished().count() == 1


def test_votes_of_a_test_count_when_it_is_over_whenever_they_were_given(tiny, engines, user):
    from training.tasks import refit_tastes

    all_prefer(pairs_of(tiny, 12), user)
    fitted(engines, raters=["rita"], refit_every=5)
    all_prefer(pairs_of(tiny, 5), user)
    Preference.objects.update(created_at=timezone.now() - timedelta(days=1))
    refit_tastes()
    assert TasteFit.objects.unfinished().count() == 1


def test_tastes_that_are_told_to_wait_or_deleted_are_left_alone(tiny, engines, user):
    from training.services.tastes import delete_taste
    from training.tasks import refit_tastes

    user.is_staff = True
    all_prefer(pairs_of(tiny, 12), user)
    fitted(engines, raters=["rita"])
    deleted = fitted(engines, name="gone", raters=["rita"], refit_every=1).taste
    delete_taste(actor=user, taste=deleted)
    all_prefer(pairs_of(tiny, 9), user)
    refit_tastes()
    assert not TasteFit.objects.unfinished().exists()


def test_a_model_whose_files_are_away_is_tried_at_the_next_sweep(tiny, engines, user):
    from training.tasks import refit_tastes

    all_prefer(pairs_of(tiny, 12), user)
    fitted(engines, raters=["rita"], refit_every=1)
    all_prefer(pairs_of(tiny, 1), user)
    BaseModel.objects.update(location="/nowhere")
    refit_tastes()
    assert not TasteFit.objects.unfinished().exists()


def test_the_two_names_of_what_the_model_hears_agree():
    from generation.engine import hidden

    assert hearing.HIDDEN_REVISION == hidden.REVISION


def test_a_prompt_that_differs_in_nothing_is_one_prompt(tiny, engines, user):
    """Clips of the same text under two rows are votes on one prompt, which is not held out against itself."""
    text = {"text": "calm", "style": "", "mood": "", "tempo": None}
    for _ in range(12):
        high, low = pairs_of(tiny, 1)[0]
        prompt = PromptFactory(**text)
        type(high.job).objects.filter(pk=high.job_id).update(prompt=prompt)
        prefer(high, low, user)
    assert refused(engines, raters=["rita"]).startswith("All votes are on one prompt.")
