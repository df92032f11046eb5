"""The feedback API: giving, finding, counting and taking back."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from feedback.models import Criterion, Note, Preference, Ranking, Rating, SampleTag, Tag
from feedback.services import rank
from feedback.tests.factories import (
    NoteFactory,
    PreferenceFactory,
    RatingFactory,
    SampleTagFactory,
    TagFactory,
)
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from prompts.tests.factories import PromptFactory
from text2song.tests.clients import caller, caller_with_key
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
FEEDBACK = "/api/v1/feedback/"


@pytest.fixture
def client(user):
    return caller(user)


@pytest.fixture
def chief(curator):
    return caller(curator)


@pytest.fixture
def trio():
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, stored=False) for _ in range(3)]


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["results"]]


# -- giving ---------------------------------------------------------------------------------------------------------


def test_a_rating_is_201_first_and_200_when_replaced(client, trio, user):
    body = {"kind": "rating", "sample": str(trio[0].pk), "scores": {"musicality": 4, "overall": 5}}
    answer = client.post(FEEDBACK, body)
    assert answer.status_code == 201
    told = answer.json()
    assert told["kind"] == "rating"
    assert [(i["criterion"], i["score"], i["rater"], i["is_mine"]) for i in told["items"]] == [
        ("overall", 5, "rita", True),
        ("musicality", 4, "rita", True),
    ]
    assert told["items"][0]["sample"] == {
        "id": str(trio[0].pk),
        "label": "A",
        "name": f"A of Job {trio[0].job.short_id}",
        "job": str(trio[0].job_id),
        "prompt": str(trio[0].job.prompt_id),
    }
    again = client.post(FEEDBACK, body | {"scores": {"overall": 2}})
    assert again.status_code == 200
    assert again.json()["items"][0]["id"] == told["items"][0]["id"]
    assert Rating.objects.get(criterion__slug="overall").score == 2


@pytest.mark.parametrize("score", [0, 6, 5.5, "5.5", None, True, [], {"a": 1}, "", "five", 10**400])
def test_what_is_no_score_is_400(client, trio, score):
    answer = client.post(FEEDBACK, {"kind": "rating", "sample": str(trio[0].pk), "scores": {"overall": score}})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid" and "scores.overall" in answer.json()["fields"]
    assert not Rating.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"scores": {"groove": 3}}, 400, "scores"),
        ({"scores": {}}, 400, "scores"),
        ({"scores": 4}, 400, "scores"),
        ({"sample": "x"}, 400, "sample"),
        ({"sample": str(uuid.uuid4())}, 404, "sample"),
        ({"stars": 4}, 400, "stars"),
        ({"kind": "rant"}, 400, "kind"),
        ({"kind": None}, 400, "kind"),
    ],
)
def test_wrong_bodies_name_the_field(client, trio, changes, status, field):
    body = {"kind": "rating", "sample": str(trio[0].pk), "scores": {"overall": 3}}
    answer = client.post(FEEDBACK, body | changes)
    assert answer.status_code == status
    assert field in answer.json()["fields"]


def test_feedback_on_a_deleted_sample_or_job_is_404(client, trio):
    trio[0].deleted_at = timezone.now()
    trio[0].save()
    gone = AudioSampleFactory(job=GenerationJobFactory(completed=True, deleted_at=timezone.now()), stored=False)
    for sample in (trio[0], gone):
        for body in (
            {"kind": "rating", "sample": str(sample.pk), "scores": {"overall": 3}},
            {"kind": "ranking", "samples": [str(sample.pk), str(trio[1].pk)]},
        ):
            assert client.post(FEEDBACK, body).status_code == 404
    assert client.get(f"{FEEDBACK}?job={gone.job_id}").status_code == 400, "a filter that names nothing is refused"


def test_a_preference_with_and_without_strength(client, trio):
    body = {"kind": "preference", "sample_a": str(trio[0].pk), "sample_b": str(trio[1].pk), "winner": "a"}
    assert client.post(FEEDBACK, body | {"strength": 5}).status_code == 201
    answer = client.post(FEEDBACK, body | {"winner": "both_bad"})
    assert answer.status_code == 200
    (item,) = answer.json()["items"]
    assert (item["winner"], item["strength"], item["source"]) == ("both_bad", None, "direct")
    for wrong in ({"winner": "c"}, {"strength": 6}, {"strength": 0}, {"winner": "tie", "strength": 2}):
        assert client.post(FEEDBACK, body | wrong).status_code == 400
    assert client.post(FEEDBACK, body | {"sample_b": str(trio[0].pk)}).status_code == 400
    assert Preference.objects.count() == 1


def test_a_ranking_is_stored_with_its_pairs(client, trio):
    order = [str(sample.pk) for sample in (trio[2], trio[0], trio[1])]
    answer = client.post(FEEDBACK, {"kind": "ranking", "samples": order})
    assert answer.status_code == 201
    assert [s["id"] for s in answer.json()["items"][0]["samples"]] == order
    assert client.get("/api/v1/preferences/?source=ranking").json()["count"] == 3
    assert client.get("/api/v1/rankings/").json()["count"] == 1
    assert client.post(FEEDBACK, {"kind": "ranking", "samples": order[::-1]}).status_code == 200
    assert (Ranking.objects.count(), Preference.objects.count()) == (1, 3)
    for wrong in ([order[0]], [order[0], order[0]], [], [*order, str(uuid.uuid4())], "x", [1, 2]):
        assert client.post(FEEDBACK, {"kind": "ranking", "samples": wrong}).status_code in (400, 404)


def test_tags_are_added_once_and_replaced_as_a_set(client, trio):
    body = {"kind": "tags", "sample": str(trio[0].pk), "tags": ["Catchy", {"name": "muddy", "start": 0.2, "end": 0.9}]}
    answer = client.post(FEEDBACK, body)
    assert answer.status_code == 201
    assert [(i["tag"], i["sign"], i["start"], i["end"]) for i in answer.json()["items"]] == [
        ("catchy", "good", None, None),
        ("muddy", "bad", 0.2, 0.9),
    ]
    again = client.post(FEEDBACK, body | {"tags": [{"name": "fresh word", "sign": "good"}, "catchy"]})
    assert (again.status_code, again.json()["code"]) == (409, "tag_exists")
    assert SampleTag.objects.count() == 2 and not Tag.objects.filter(name="fresh_word").exists()
    replaced = client.post(FEEDBACK, body | {"tags": ["groovy"], "replace": True})
    assert replaced.status_code == 200
    assert list(SampleTag.objects.values_list("tag__name", flat=True)) == ["groovy"]
    for wrong in ([], [""], ["x" * 101], ["a\tb"], [4], [{"name": "a", "start": 0.5}], [{"name": "a", "st": 1}], None):
        assert client.post(FEEDBACK, body | {"tags": wrong}).status_code == 400, wrong
    outside = client.post(FEEDBACK, body | {"tags": [{"name": "thin", "start": 0.5, "end": 1.5}]})
    assert outside.status_code == 400 and "from 0 to 1.00 s" in outside.json()["detail"]


def test_a_note(client, trio):
    body = {"kind": "note", "sample": str(trio[0].pk), "text": "x" * 2000}
    assert client.post(FEEDBACK, body).status_code == 201
    assert client.post(FEEDBACK, body | {"text": "shorter"}).status_code == 200
    assert client.post(FEEDBACK, body | {"text": "x" * 2001}).status_code == 400
    assert Note.objects.get().text == "shorter"


def test_a_key_without_the_scope_may_not_give(user, trio):
    body = {"kind": "rating", "sample": str(trio[0].pk), "scores": {"overall": 3}}
    assert caller_with_key(user, "read").post(FEEDBACK, body).status_code == 403
    assert caller_with_key(user, "write", name="w").post(FEEDBACK, body).status_code == 201


# -- finding --------------------------------------------------------------------------------------------------------


def ago(item, **delta):
    type(item).objects.filter(pk=item.pk).update(created_at=timezone.now() - timedelta(**delta))
    return str(item.pk)


def test_all_kinds_come_together_newest_first(client, trio, user):
    note = ago(NoteFactory(sample=trio[0], rater=user), hours=1)
    rating = ago(RatingFactory(sample=trio[0], rater=user), hours=2)
    tag = ago(SampleTagFactory(sample=trio[1], rater=user), hours=3)
    ranking, _ = rank(samples=trio, rater=user)
    Preference.objects.update(created_at=timezone.now() - timedelta(days=2))
    fourth = AudioSampleFactory(job=trio[0].job, stored=False)
    preference = ago(PreferenceFactory(sample_a=trio[0], sample_b=fourth, rater=user), hours=4)
    placed = ago(ranking, hours=5)
    answer = client.get(FEEDBACK, {"implied": "false"})
    assert ids(answer) == [note, rating, tag, preference, placed]
    kinds = [item["kind"] for item in answer.json()["results"]]
    assert kinds == ["note", "rating", "tags", "preference", "ranking"]
    assert client.get(FEEDBACK).json()["count"] == 5 + 3
    assert ids(client.get(FEEDBACK, {"implied": "false", "ordering": "created_at"}))[0] == placed
    pages = [ids(client.get(FEEDBACK, {"implied": "false", "page": n, "page_size": 2})) for n in (1, 2, 3)]
    assert pages == [[note, rating], [tag, preference], [placed]]
    assert client.get(FEEDBACK, {"page": 9}).status_code == 404
    for kind, found in (("note", note), ("rating", rating), ("tags", tag), ("ranking", placed)):
        assert ids(client.get(FEEDBACK, {"kind": kind})) == [found]


def test_filters_combine(chief, trio, curator):
    other = AudioSampleFactory(stored=False)
    olga = UserFactory(username="olga")
    low = RatingFactory(sample=trio[0], rater=olga, score=2)
    high = RatingFactory(sample=trio[0], rater=curator, score=5)
    groove = RatingFactory(sample=other, rater=olga, score=4, criterion=Criterion.objects.get(slug="rhythm"))
    tag = SampleTagFactory(sample=trio[0], rater=olga)
    preference = PreferenceFactory(sample_a=trio[1], sample_b=trio[2], rater=olga)

    def found(**query):
        return set(ids(chief.get(FEEDBACK, query)))

    def rows(*items):
        return {str(item.pk) for item in items}

    assert found(job=trio[0].job_id) == rows(low, high, tag, preference)
    assert found(sample=trio[2].pk) == rows(preference)
    assert found(prompt=other.job.prompt_id) == rows(groove)
    assert found(rater="olga") == rows(low, groove, tag, preference)
    assert found(mine="true") == rows(high)
    assert found(criterion="rhythm") == rows(groove)
    assert found(rating_min=4) == rows(high, groove)
    assert found(rating_min=2, rating_max=4) == rows(low, groove)
    assert found(rating_min=4, sample=trio[0].pk) == rows(high)
    assert found(tag="Catchy") == rows(tag)
    assert found(tag="catchy", rating_min=4) == rows(high, tag), "what was rated so high on samples tagged so"
    assert found(tag="catchy", rating_min=4, kind="rating") == rows(high)
    assert found(kind="note", rating_min=4) == set()
    assert found(model=other.job.base_model.key) == rows(groove)
    day = timezone.now().date()
    assert found(created_after=day, created_before=day) == rows(low, high, groove, tag, preference)
    assert found(created_before=day - timedelta(days=1)) == set()


def test_filters_by_adapter(chief, trio, curator):
    job = trio[0].job
    adapter = AdapterFactory(base_model=job.base_model)
    made = AudioSampleFactory(job=GenerationJobFactory(completed=True, adapter=adapter), stored=False)
    rating, plain = RatingFactory(sample=made), RatingFactory(sample=trio[0])
    assert ids(chief.get(FEEDBACK, {"adapter": adapter.pk})) == [str(rating.pk)]
    assert ids(chief.get(FEEDBACK, {"adapter": "null"})) == [str(plain.pk)]
    figures = chief.get(f"{FEEDBACK}stats/", {"adapter": adapter.pk}).json()
    assert figures["ratings"]["total"] == 1


@pytest.mark.parametrize(
    "query",
    [
        {"rating_min": 0},
        {"rating_max": 6},
        {"rating_min": "4.5"},
        {"kind": "rant"},
        {"criterion": "groove"},
        {"tag": "unheard"},
        {"rater": "nobody"},
        {"job": str(uuid.uuid4())},
        {"job": "x"},
        {"created_after": "yesterday"},
        {"ordering": "score"},
        {"colour": "red"},
    ],
)
def test_unknown_filters_and_values_are_refused(client, query):
    answer = client.get(FEEDBACK, query)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == set(query)


def test_the_list_costs_the_same_for_ten_and_for_two_hundred(chief):
    def fill(number):
        for _ in range(number // 5):
            preference = PreferenceFactory(sample_a__stored=False)
            sample = preference.sample_a
            RatingFactory(sample=sample)
            SampleTagFactory(sample=sample)
            NoteFactory(sample=sample)
            rank(samples=[preference.sample_a, preference.sample_b], rater=UserFactory())

    def cost(size):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = chief.get(FEEDBACK, {"page_size": size, "implied": "false"})
        assert len(answer.json()["results"]) == size
        return len(queries)

    fill(10)
    few = cost(10)
    fill(90)
    assert cost(100) == few <= 9


# -- counting -------------------------------------------------------------------------------------------------------


def test_figures_of_ratings(chief, trio):
    for score in (5, 5, 2):
        RatingFactory(sample=trio[0], score=score)
    RatingFactory(sample=trio[1], score=3, criterion=Criterion.objects.get(slug="melody"))
    figures = chief.get(f"{FEEDBACK}stats/").json()
    ratings = figures["ratings"]
    assert (ratings["total"], ratings["mean"], figures["samples_judged"]) == (4, 3.75, 2)
    assert ratings["stars"] == {"1": 0, "2": 1, "3": 1, "4": 0, "5": 2}
    assert ratings["by_criterion"] == [
        {"criterion": "overall", "name": "Overall", "count": 3, "mean": 4.0},
        {"criterion": "melody", "name": "Melody", "count": 1, "mean": 3.0},
    ]
    assert chief.get(f"{FEEDBACK}stats/", {"sample": trio[1].pk}).json()["ratings"]["mean"] == 3.0


def test_figures_of_preferences(chief, trio):
    a, b, c = trio
    PreferenceFactory(sample_a=a, sample_b=b, winner="a", strength=4)
    PreferenceFactory(sample_a=b, sample_b=a, winner="tie")
    PreferenceFactory(sample_a=c, sample_b=a, winner="b", strength=1)
    PreferenceFactory(sample_a=b, sample_b=c, winner="both_bad")
    figures = chief.get(f"{FEEDBACK}stats/", {"job": a.job_id}).json()["preferences"]
    assert (figures["total"], figures["pairs"], figures["prompts"], figures["samples"]) == (4, 3, 1, 3)
    assert figures["mean_strength"] == 2.5
    assert figures["winners"] == {"a": 1, "b": 1, "tie": 1, "both_bad": 1}
    rates = {row["label"]: (row["wins"], row["losses"], row["ties"], row["rate"]) for row in figures["win_rates"]}
    assert rates == {"A": (2, 0, 1, 0.8333), "B": (0, 1, 1, 0.25), "C": (0, 1, 0, 0.0)}
    assert figures["win_rates"][0]["label"] == "A", "the most compared first"
    assert figures["win_rate"] is None, "within one job, it is nobody against others"
    own = chief.get(f"{FEEDBACK}stats/", {"sample": b.pk}).json()["preferences"]["win_rate"]
    assert own == {"wins": 0, "losses": 1, "ties": 1, "both_bad": 1, "rate": 0.25}


def test_win_rates_that_say_nothing_are_left_out(chief, trio):
    """Nothing decided; or clips of one prompt against one another, which another prompt with the same words is too."""
    a, b, _ = trio
    again = GenerationJobFactory(completed=True, prompt=PromptFactory(text=a.job.prompt.text))
    rival = AudioSampleFactory(job=again, stored=False)
    assert again.prompt_id != a.job.prompt_id

    def rate(**scope):
        return chief.get(f"{FEEDBACK}stats/", {name: str(value) for name, value in scope.items()}).json()[
            "preferences"
        ]["win_rate"]

    for winner in ("tie", "both_bad"):
        PreferenceFactory(sample_a=a, sample_b=b, winner=winner)
    assert rate(sample=a.pk) is None
    PreferenceFactory(sample_a=a, sample_b=rival, winner="a")
    assert rate(prompt=a.job.prompt_id) is None
    assert rate(job=a.job_id)["rate"] == rate(prompt=a.job.prompt_id, job=a.job_id)["rate"] == 1.0
    assert rate(sample=a.pk)["rate"] == 0.75
    assert rate() is None


def test_notes_are_found_by_their_words(chief, client, trio, user):
    a, b, _ = trio
    hall = NoteFactory(sample=a, text="The reverb sounds like a CHURCH, the drums do not.")
    own = NoteFactory(sample=b, rater=user, text="Лучшие drums of all")
    RatingFactory(sample=a, score=5)
    RatingFactory(sample=b, score=2)
    tag = SampleTagFactory(sample=b)

    def found(by=chief, **query):
        return set(ids(by.get(FEEDBACK, query)))

    assert found(q="church") == found(q="drums church") == {str(hall.pk)}
    assert found(q="drums") == {str(hall.pk), str(own.pk)}
    assert found(q='"a church, the"') == {str(hall.pk)} and found(q="лучшие") == {str(own.pk)}
    assert found(q="drums", kind="rating") == set()
    assert found(by=client, q="drums") == {str(own.pk)}, "others' notes stay hidden until the sample is judged"
    assert found(q="drums", rating_min=3, kind="note") == {str(hall.pk)}
    both = found(q="drums", tag="catchy", rating_max=4)
    assert {str(own.pk), str(tag.pk)} < both and len(both) == 3


def test_figures_of_tags(chief, trio):
    for index in range(12):
        tag = TagFactory(name=f"good_{index:02}", sign="good")
        for _ in range(12 - index if index < 3 else 1):
            SampleTagFactory(sample=trio[0], tag=tag)
    SampleTagFactory(sample=trio[0], tag=TagFactory(name="noisy"))
    SampleTagFactory(sample=trio[0], tag=TagFactory(name="odd", sign="neutral"))
    tags = chief.get(f"{FEEDBACK}stats/", {"prompt": trio[0].job.prompt_id}).json()["tags"]
    assert (tags["total"], tags["good"], tags["bad"], tags["neutral"]) == (12 + 11 + 10 + 9 + 2, 42, 1, 1)
    assert len(tags["frequencies"]) == 14 and len(tags["top_good"]) == 10
    assert tags["top_good"][:2] == [
        {"name": "good_00", "sign": "good", "count": 12},
        {"name": "good_01", "sign": "good", "count": 11},
    ]
    assert [row["name"] for row in tags["top_bad"]] == ["noisy"]


def test_no_feedback_is_zeros_and_unknown_scopes_are_refused(client, trio):
    figures = client.get(f"{FEEDBACK}stats/", {"sample": trio[0].pk}).json()
    assert (figures["ratings"]["total"], figures["ratings"]["mean"], figures["samples_judged"]) == (0, None, 0)
    for query in ({"sample": uuid.uuid4()}, {"job": "x"}, {"rating_min": 3}):
        assert client.get(f"{FEEDBACK}stats/", query).status_code == 400


def test_a_jobs_feedback_is_grouped_by_sample(client, chief, trio, curator):
    empty = client.get(f"{FEEDBACK}jobs/{trio[0].job_id}/")
    assert empty.status_code == 200
    told = empty.json()
    assert (told["total"], told["mean_rating"], told["samples_judged"]) == (0, None, 0)
    assert [group["sample"]["label"] for group in told["samples"]] == ["A", "B", "C"]
    RatingFactory(sample=trio[0], score=5)
    RatingFactory(sample=trio[0], score=2)
    preference = PreferenceFactory(sample_a=trio[0], sample_b=trio[1])
    told = chief.get(f"{FEEDBACK}jobs/{trio[0].job_id}/").json()
    assert (told["total"], told["mean_rating"], told["samples_judged"]) == (3, 3.5, 2)
    assert [len(group["items"]) for group in told["samples"]] == [3, 1, 0]
    assert told["samples"][1]["items"][0]["id"] == str(preference.pk)
    assert client.get(f"{FEEDBACK}jobs/{trio[0].job_id}/").json()["total"] == 0, "a rater who has judged nothing"
    assert client.get(f"{FEEDBACK}jobs/{uuid.uuid4()}/").status_code == 404
    assert client.get(f"{FEEDBACK}jobs/x/").status_code == 400
    trio[0].job.deleted_at = timezone.now()
    trio[0].job.save()
    assert client.get(f"{FEEDBACK}jobs/{trio[0].job_id}/").status_code == 404


# -- taking back ----------------------------------------------------------------------------------------------------


def test_raters_delete_their_own_and_curators_any(client, chief, trio, user):
    own, theirs = RatingFactory(sample=trio[0], rater=user), RatingFactory(sample=trio[0])
    assert client.delete(f"{FEEDBACK}{theirs.pk}/").status_code == 403
    answer = client.delete(f"{FEEDBACK}{own.pk}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.delete(f"{FEEDBACK}{own.pk}/").status_code == 404
    assert chief.delete(f"{FEEDBACK}{theirs.pk}/").status_code == 204
    assert not Rating.objects.exists()
    assert client.delete(f"{FEEDBACK}x/").status_code == 400


def test_an_implied_preference_is_not_deleted_alone(client, trio, user):
    ranking, _ = rank(samples=trio, rater=user)
    answer = client.delete(f"{FEEDBACK}{ranking.preferences.first().pk}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "part_of_another")
    assert client.delete(f"{FEEDBACK}{ranking.pk}/").status_code == 204
    assert not Preference.objects.exists()


# -- the vocabulary -------------------------------------------------------------------------------------------------


def test_tags_are_listed_searched_and_added(client, chief):
    assert client.get("/api/v1/tags/", {"sign": "good"}).json()["count"] == 17
    names = [tag["name"] for tag in client.get("/api/v1/tags/", {"q": "good m"}).json()["results"]]
    assert names == ["good_melody", "good_mix"]
    added = client.post("/api/v1/tags/", {"name": "Warm Bass", "sign": "good"})
    assert added.status_code == 201
    assert (added.json()["name"], added.json()["is_curated"]) == ("warm_bass", False)
    assert client.post("/api/v1/tags/", {"name": "warm bass", "sign": "bad"}).status_code == 409
    assert client.post("/api/v1/tags/", {"name": ""}).status_code == 400
    address = f"/api/v1/tags/{added.json()['id']}/"
    for refused in (client.patch(address, {"sign": "bad"}), client.delete(address)):
        assert refused.status_code == 403
    assert client.post(f"{address}merge/", {"into": "groovy"}).status_code == 403
    assert chief.patch(address, {"sign": "neutral", "is_curated": True}).json()["sign"] == "neutral"
    assert chief.patch(address, {"name": "groovy"}).status_code == 409
    assert chief.post(f"{address}merge/", {"into": "nothing"}).status_code == 400
    assert chief.post(f"{address}merge/", {"into": "Groovy"}).json()["name"] == "groovy"
    assert client.get(address).json()["synonym_of"] == "groovy"
    assert client.get("/api/v1/tags/", {"q": "warm"}).json()["results"][0]["name"] == "groovy"
    assert chief.delete(address).status_code == 204


def test_criteria_are_listed_in_the_order_of_the_panel(client):
    Criterion.objects.filter(slug="melody").update(is_active=False)
    slugs = [criterion["slug"] for criterion in client.get("/api/v1/criteria/").json()["results"]]
    assert slugs[:2] == ["overall", "musicality"] and "melody" not in slugs
