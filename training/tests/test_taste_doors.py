"""Tastes by pages, API and admin."""

from __future__ import annotations

import json
import re

import pytest
from django.urls import reverse
from django.utils.html import escape

from adapters.models import Taste
from adapters.tests.factories import TasteFactory, share, taste_report
from datasets_app.models import Dataset
from datasets_app.tests.factories import clips, rater
from feedback.tests.factories import RatingFactory
from generation.tests.factories import BaseModelFactory, ClipScoreFactory
from generation.tests.test_admin import act, list_url
from text2song.tests.clients import caller, caller_with_key
from training.models import TasteFit
from training.tests.factories import DatasetFactory, TasteFitFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def model():
    return BaseModelFactory(key="base", display_name="Base", is_active=True)


def text_of(answer) -> str:
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", words)


def own(user, **values) -> Taste:
    return TasteFactory(
        **({"name": user.username, "filters": {"raters": [user.username]}, "created_by": user} | values)
    )


# -- pages: the list -------------------------------------------------------------------------------------------------


def test_where_there_is_none_the_list_says_what_a_taste_is(page):
    text = text_of(page.get(reverse("tastes")))
    assert "No tastes yet" in text and "ten votes on four prompts" in text
    assert reverse("taste-new") in page.get(reverse("tastes")).content.decode()


def test_the_list_has_the_newest_version_of_each_and_not_those_of_others(page, user):
    own(user)
    own(user, version=2, is_usable=False)
    TasteFactory(name="everybody")
    TasteFactory(name="secret", filters={"raters": ["anna"]})
    text = text_of(page.get(reverse("tastes")))
    assert "version 2" in text and "version 1" in text and "secret" not in text
    assert text.count("Can be used") == 1 and "Still learning" in text
    assert "from your own votes" in text and "70 % (62 to 78 %)" in text


def test_the_list_takes_the_same_queries_however_long(page, user, django_assert_max_num_queries):
    TasteFactory(created_by=user)
    TasteFitFactory(created_by=user)
    page.get(reverse("tastes"))
    with django_assert_max_num_queries(40) as few:
        page.get(reverse("tastes"))
    for _ in range(5):
        TasteFactory(created_by=user)
        TasteFitFactory(created_by=user)
    with django_assert_max_num_queries(len(few)):
        page.get(reverse("tastes"))


def test_an_unfinished_fit_asks_again_and_one_that_ended_does_not(page, user):
    fit = TasteFitFactory(created_by=user)
    polls = f'hx-get="{reverse("taste-fit", args=[fit.pk])}"'
    assert polls in page.get(reverse("tastes")).content.decode()
    answer = page.get(reverse("taste-fit", args=[fit.pk]), headers={"HX-Request": "true"})
    assert polls in answer.content.decode() and "<html" not in answer.content.decode()
    TasteFit.objects.filter(pk=fit.pk).update(state="failed", error="All votes are on one prompt.")
    answer = page.get(reverse("taste-fit", args=[fit.pk]), headers={"HX-Request": "true"})
    assert "hx-get" not in answer.content.decode() and "All votes are on one prompt." in text_of(answer)
    assert "<html" in page.get(reverse("taste-fit", args=[fit.pk])).content.decode(), "without script it is a page"


def test_a_failure_is_told_until_a_later_fit_of_the_name(page, user):
    TasteFitFactory(created_by=user, name="mine", failed=True)
    assert "taste needs at least 10" in text_of(page.get(reverse("tastes")))
    TasteFitFactory(created_by=user, name="mine", state="completed", taste=own(user))
    assert "taste needs at least 10" not in text_of(page.get(reverse("tastes")))


def test_fits_of_others_are_not_found(page):
    fit = TasteFitFactory(failed=True)
    assert page.get(reverse("taste-fit", args=[fit.pk])).status_code == 404
    assert fit.error not in text_of(page.get(reverse("tastes")))


# -- pages: learning -------------------------------------------------------------------------------------------------


def test_the_form_is_filled_in_with_one_s_own_name(page, curator_page, model):
    answer = page.get(reverse("taste-new"))
    html = answer.content.decode()
    assert 'value="rita"' in html and "chosen raters" not in html and 'name="dataset"' not in html
    assert 'value="everybody"' in page.get(f"{reverse('taste-new')}?votes=everybody").content.decode()
    assert "Of chosen raters" in curator_page.get(reverse("taste-new")).content.decode()
    TasteFactory(name="rita", filters={"raters": ["anna"]})
    assert 'value="rita-2"' in page.get(reverse("taste-new")).content.decode()


def body(model, **values):
    return {"votes": "mine", "name": "warm", "base_model": str(model.pk), "refit_every": 20} | values


@pytest.mark.parametrize(("votes", "filters"), [("mine", {"raters": ["rita"]}), ("everybody", {})])
def test_the_form_sends_a_fit(page, user, model, votes, filters):
    answer = page.post(reverse("taste-new"), body(model, votes=votes), follow=True)
    assert answer.redirect_chain[0][0] == reverse("tastes") and "“warm” is being learned" in text_of(answer)
    fit = TasteFit.objects.get()
    assert (fit.filters, fit.refit_every, fit.created_by) == (filters, 20, user)


def test_curators_choose_raters_or_a_dataset(curator_page, model):
    judge = RatingFactory(rater=rater()).rater
    sent = body(model, votes="raters", raters=[judge.username], dataset=str(DatasetFactory().pk))
    assert curator_page.post(reverse("taste-new"), sent).status_code == 302
    dataset = DatasetFactory()
    sent = body(model, votes="dataset", dataset=str(dataset.pk), name="cold", raters=[judge.username])
    assert curator_page.post(reverse("taste-new"), sent).status_code == 302
    first, second = TasteFit.objects.order_by("created_at")
    assert (first.filters, first.dataset) == ({"raters": [judge.username]}, None)
    assert (second.filters, second.dataset, second.refit_every) == ({}, dataset, 0)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "A taste's name has 1 to 100 characters."),
        ({"name": "x" * 101}, "A taste's name has 1 to 100 characters."),
        ({"name": "rita", "votes": "everybody"}, "“rita” would be taken for your own taste"),
        ({"name": "taken"}, "is the taste of other votes"),
        ({"name": "busy"}, "is being fitted already"),
        ({"votes": "raters"}, "not one of the available choices"),
        ({"votes": "dataset"}, "not one of the available choices"),
        ({"refit_every": "-1"}, "greater than or equal to 0"),
        ({"refit_every": "many"}, "Enter a whole number"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(page, user, model, values, sentence):
    TasteFactory(name="taken", filters={"raters": ["anna"]})
    TasteFitFactory(name="busy")
    sent = body(model, **values)
    answer = page.post(reverse("taste-new"), sent)
    assert answer.status_code == 400 and escape(sentence) in answer.content.decode()
    if len(sent["name"]) in range(1, 100):
        assert f'value="{sent["name"]}"' in answer.content.decode()
    assert TasteFit.objects.filter(created_by=user).count() == 0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"votes": "raters"}, "Choose at least one rater."),
        ({"votes": "dataset"}, "Choose a preference dataset"),
        ({"votes": "dataset", "dataset": "building"}, "This dataset cannot be chosen"),
    ],
)
def test_curators_have_to_say_which_raters_or_dataset(curator_page, model, values, sentence):
    if values.get("dataset"):
        values = values | {"dataset": str(Dataset.objects.create(name="later", kind="preference").pk)}
    assert sentence in text_of(curator_page.post(reverse("taste-new"), body(model, **values)))
    assert not TasteFit.objects.exists()


# -- pages: a taste --------------------------------------------------------------------------------------------------


def test_a_taste_tells_how_good_it_is(page, user):
    report = taste_report(
        consistency={"same": 5, "repeats": 6}, left_out=3, groups={"style: jazz": share(0.95, 0.9, 1.0)}
    )
    text = text_of(page.get(reverse("taste-detail", args=[own(user, report=report).pk])))
    for words in (
        "Can be used",
        "70 %",
        "95 % interval 62 % to 78 %",
        "over 56 %",
        "you gave 5 of 6 hidden repeats the same answer",
        "Style: jazz: it foretells 95 % (90 to 100 %), more than of all",
        "3 votes on clips that cannot be heard any more",
        "within 4 percentage points",
        "about 66 to 74 % come true",
    ):
        assert words in text, words


def test_a_taste_that_cannot_be_used_says_what_it_wants(page, user):
    taste = own(user, is_usable=False, report=taste_report(lower=0.31, votes_wanted=40, wealth=3.0))
    text = text_of(page.get(reverse("taste-detail", args=[taste.pk])))
    assert "It probably needs about 40 more votes." in text and "Nothing above one half is sure yet" in text
    assert "not enough votes on any style" in text


def test_names_of_raters_are_for_curators(page, curator_page):
    agreements = [{"rater": "anna", "other": "ben", **share(0.2, 0.1, 0.3)}]
    report = taste_report(raters=2, agreements=agreements, by_rater={"anna": share(0.7, 0.6, 0.8)})
    address = reverse("taste-detail", args=[TasteFactory(report=report).pk])
    assert "have opposite tastes" in text_of(page.get(address))
    assert "anna" not in page.get(address).content.decode()
    assert "anna and ben have opposite tastes." in text_of(curator_page.get(address))
    for url in (reverse("taste-report-download", args=[Taste.objects.get().pk]),):
        assert "anna" not in page.get(url).content.decode() and "anna" in curator_page.get(url).content.decode()


def test_it_plays_what_it_likes_most_and_least(page, user):
    taste = own(user)
    first, second = clips(1)[0], clips(1)[0]
    ClipScoreFactory(taste=taste, sample=first, score=2.0)
    ClipScoreFactory(taste=taste, sample=second, score=-2.0)
    html = page.get(reverse("taste-detail", args=[taste.pk])).content.decode()
    assert html.index(f'data-player="{first.pk}"') < html.index(f'data-player="{second.pk}"')
    first.job.withheld = True
    first.job.save()
    assert str(first.pk) not in page.get(reverse("taste-detail", args=[taste.pk])).content.decode()


def test_its_versions_are_told_and_that_there_is_a_newer_one(page, user):
    first = own(user, report=taste_report(accuracy=share(0.55, 0.45, 0.65)), is_usable=False)
    second = own(user, version=2)
    text = text_of(page.get(reverse("taste-detail", args=[first.pk])))
    assert "There is a newer version: rita@2" in text and "55 % (45 to 65 %)" in text and "70 % (62 to 78 %)" in text
    assert "There is a newer version" not in text_of(page.get(reverse("taste-detail", args=[second.pk])))


def test_tastes_of_others_and_deleted_ones_are_not_found(page, user):
    theirs = TasteFactory(filters={"raters": ["anna"]})
    gone = own(user, deleted_at=theirs.created_at)
    names = ("taste-detail", "taste-delete", "taste-download", "taste-report-download")
    for taste in (theirs, gone):
        assert [page.get(reverse(name, args=[taste.pk])).status_code for name in names] == [404] * 4
        assert page.post(reverse("taste-again", args=[taste.pk])).status_code == 404


def test_it_is_fitted_anew_by_a_button(page, user, model):
    taste = own(user, base_model=model, refit_every=9)
    answer = page.post(reverse("taste-again", args=[taste.pk]), follow=True)
    assert "is being learned anew" in text_of(answer) and TasteFit.objects.get().refit_every == 9
    assert "is being fitted already" in text_of(page.post(reverse("taste-again", args=[taste.pk]), follow=True))
    assert page.get(reverse("taste-again", args=[taste.pk])).status_code == 405


def test_who_may_not_change_it_sees_no_button_and_is_refused(page):
    taste = TasteFactory()
    html = page.get(reverse("taste-detail", args=[taste.pk])).content.decode()
    assert "Fit anew" not in html and "Delete" not in html
    assert page.post(reverse("taste-again", args=[taste.pk])).status_code == 403
    assert page.get(reverse("taste-delete", args=[taste.pk])).status_code == 403
    assert page.post(reverse("taste-delete", args=[taste.pk])).status_code == 403
    assert Taste.objects.visible().exists()


def test_deleting_names_what_is_lost_and_takes_all_versions(page, user):
    own(user)
    taste = own(user, version=2, refit_every=20)
    address = reverse("taste-delete", args=[taste.pk])
    text = text_of(page.get(address))
    assert "2 versions, learned from up to 80 votes" in text and "Learning again after every 20 new votes" in text
    assert Taste.objects.visible().count() == 2
    assert "“rita” is deleted." in text_of(page.post(address, follow=True))
    assert not Taste.objects.visible().exists()


def test_its_files_are_downloaded(page, user):
    taste = own(user, name="Rita's own")
    answer = page.get(reverse("taste-download", args=[taste.pk]))
    assert answer["Content-Disposition"] == 'attachment; filename="ritas-own-1.safetensors"'
    assert b"".join(answer.streaming_content) == taste.weights.read()
    told = json.loads(page.get(reverse("taste-report-download", args=[taste.pk])).content)
    assert told["weights"]["kinds"] == ["audio-1"] and told["report"]["lower"] == 0.56


def test_a_file_that_is_gone_is_said(page, user):
    taste = own(user, stored=False)
    text = text_of(page.get(reverse("taste-download", args=[taste.pk]), follow=True))
    assert "cannot be read" in text
    assert caller(user).get(reverse("api-taste-download", args=[taste.pk])).status_code >= 400


# -- the API ---------------------------------------------------------------------------------------------------------


def test_the_api_lists_reads_and_narrows(user):
    client = caller(user)
    own(user, is_usable=False)
    newest = own(user, version=2)
    TasteFactory(filters={"raters": ["anna"]})

    def found(query: str = "") -> list[str]:
        return [taste["id"] for taste in client.get(f"{reverse('api-taste-list')}{query}").json()["results"]]

    assert len(found()) == 2 and found("?newest=true") == found("?usable=true") == [str(newest.pk)]
    assert found("?q=rit") and not found("?q=nobody") and len(found(f"?base_model={newest.base_model.key}")) == 1
    told = client.get(reverse("api-taste-detail", args=[newest.pk])).json()
    assert told["accuracy"]["value"] == 0.7 and told["verdict"].startswith("It can be used") and told["is_usable"]
    assert client.get(f"{reverse('api-taste-list')}?usable=perhaps").status_code == 400


def test_the_api_learns_and_tells_how_it_goes(user, model):
    client = caller(user)
    answer = client.post(reverse("api-taste-list"), {"name": "mine", "raters": ["rita"], "refit_every": 20})
    assert answer.status_code == 202 and answer["Location"] == answer.json()["url"]
    fit = TasteFit.objects.get()
    told = client.get(reverse("api-taste-fit-detail", args=[fit.pk])).json()
    assert (told["state"], told["taste"], told["error"], told["base_model"]) == ("queued", None, None, "base")
    assert told["notice"]
    assert client.post(reverse("api-taste-list"), {"name": "mine", "raters": ["rita"]}).status_code == 409
    TasteFit.objects.update(state="failed", error="All votes are on one prompt.")
    assert client.get(reverse("api-taste-fit-detail", args=[fit.pk])).json()["error"].startswith("All votes")
    assert len(client.get(f"{reverse('api-taste-fit-list')}?state=failed").json()["results"]) == 1
    assert client.get(f"{reverse('api-taste-fit-list')}?state=active").json()["results"] == []
    TasteFitFactory()
    assert client.get(reverse("api-taste-fit-list")).json()["count"] == 1, "those of others are not listed"


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({}, 400, "name"),
        ({"name": ""}, 400, "name"),
        ({"name": "two\nlines"}, 400, "name"),
        ({"name": "mine", "raters": ["anna"]}, 403, None),
        ({"name": "mine", "dataset": "given"}, 403, None),
        ({"name": "mine", "refit_every": -1}, 400, "refit_every"),
        ({"name": "mine", "base_model": "none"}, 400, "base_model"),
        ({"name": "taken"}, 409, "name"),
    ],
)
def test_the_api_refuses(user, model, values, status, field):
    TasteFactory(name="taken", filters={"raters": ["anna"]})
    values = values | ({"dataset": str(DatasetFactory().pk)} if "dataset" in values else {})
    answer = caller(user).post(reverse("api-taste-list"), values)
    assert answer.status_code == status, answer.json()
    assert field is None or field in answer.json()["fields"]
    assert not TasteFit.objects.exists()


def test_the_api_fits_again_deletes_and_downloads(user, model):
    client, taste = caller(user), own(user, base_model=model)
    again = reverse("api-taste-fit-again", args=[taste.pk])
    assert client.post(again).status_code == 202 and client.post(again).status_code == 409
    answer = client.get(reverse("api-taste-download", args=[taste.pk]))
    assert b"".join(answer.streaming_content) == taste.weights.read()
    theirs = TasteFactory(name="everybody", base_model=model)
    assert client.post(reverse("api-taste-fit-again", args=[theirs.pk])).status_code == 403
    assert client.delete(reverse("api-taste-detail", args=[theirs.pk])).status_code == 403
    assert client.delete(reverse("api-taste-detail", args=[taste.pk])).status_code == 204
    assert client.get(reverse("api-taste-detail", args=[taste.pk])).status_code == 404


def test_the_api_gives_scores_page_by_page(user):
    taste, samples = own(user), clips(3)
    for place, sample in enumerate(samples):
        ClipScoreFactory(taste=taste, sample=sample, score=-place)
    told = caller(user).get(f"{reverse('api-taste-scores', args=[taste.pk])}?page_size=2").json()
    assert told["count"] == 3 and told["next"]
    assert [each["sample"] for each in told["results"]] == [str(sample.pk) for sample in samples[:2]]
    assert told["results"][0] == {"sample": str(samples[0].pk), "score": 0.0, "spread": 0.2}


def test_a_key_needs_the_scope(user, model):
    reader = caller_with_key(user, "read")
    assert reader.get(reverse("api-taste-list")).status_code == 200
    assert reader.post(reverse("api-taste-list"), {"name": "mine"}).status_code == 403
    writer = caller_with_key(user, "write", name="writer")
    assert writer.post(reverse("api-taste-list"), {"name": "mine"}).status_code == 202


def test_reports_of_the_api_name_raters_to_curators_only(user, curator):
    taste = TasteFactory(report=taste_report(by_rater={"anna": share(0.7, 0.6, 0.8)}))
    address = reverse("api-taste-detail", args=[taste.pk])
    assert "anna" not in caller(user).get(address).content.decode()
    assert "anna" in caller(curator).get(address).content.decode()


# -- the admin -------------------------------------------------------------------------------------------------------


def test_the_admin_shows_tastes_and_fits_and_changes_neither(curator_page, django_assert_max_num_queries):
    taste = TasteFactory()
    fit = TasteFitFactory(failed=True, taste=None)
    for row in (taste, fit):
        change = f"{list_url(type(row))}{row.pk}/change/"
        answer = curator_page.get(change)
        assert answer.status_code == 200 and 'name="_save"' not in answer.content.decode()
        curator_page.get(list_url(type(row)))
        with django_assert_max_num_queries(20):
            curator_page.get(list_url(type(row)))
        assert curator_page.get(f"{list_url(type(row))}add/").status_code == 403
        assert curator_page.get(f"{list_url(type(row))}?q=taste").status_code == 200


def test_the_admin_s_actions_call_the_services(curator_page, model):
    taste, other = TasteFactory(base_model=model, name="a"), TasteFactory(base_model=model, name="b")
    TasteFitFactory(name="b")
    told = act(curator_page, Taste, "fit_anew", taste, other)
    assert "Tastes put in the queue: 1." in told and any("is being fitted already" in message for message in told)
    assert act(curator_page, Taste, "delete_tastes", taste) == ["Tastes deleted: 1."]
    assert "deleted already" in act(curator_page, Taste, "delete_tastes", taste)[0]
