"""What others answered on a clip changes nothing of what a rater gets who has yet to judge it, wherever they ask and
whatever they narrow or order by; once they have judged it, it does.
"""

from __future__ import annotations

import re
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db.models import F, QuerySet
from django.urls import reverse

from adapters.models import Taste
from adapters.tests.factories import AdapterFactory, TasteFactory
from datasets_app.models import Dataset
from datasets_app.tests.factories import built
from feedback.models import Note, Preference, RankingPlace, Rating, SampleTag
from feedback.services import add_tags, prefer, rank, rate, write_note
from feedback.services.tags import TagUse
from feedback.tests.factories import TagFactory
from generation.models import AudioSample, ClipScore
from generation.tests.factories import AudioSampleFactory, ClipScoreFactory, GenerationJobFactory
from text2song.tests.doors import answer_of, patterns
from text2song.tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PASSING = r"csrf.{0,200}|nonce.{0,60}|x-request-id.*|(date|expires|retry-after):.*|[^>]{0,40} (free \xb7|available<)"
"""What passes with time, the disk and the memory."""
MASK = re.compile(PASSING, re.IGNORECASE)
SCORES = {"overall": 5, "melody": 5}


@pytest.fixture
def clips() -> list[AudioSample]:
    """Three clips of one job, of which somebody else has said all there is to say; one dataset is made of each kind."""
    adapter = AdapterFactory()
    job = GenerationJobFactory(completed=True, adapter=adapter, base_model=adapter.base_model)
    made = [AudioSampleFactory(job=job, index=index) for index in range(3)]
    olga = UserFactory(username="olga")
    for name in ("catchy", "noisy"):
        TagFactory(name=name)
    for sample in made:
        rate(sample=sample, rater=olga, scores=SCORES)
        add_tags(sample=sample, rater=olga, uses=[TagUse("catchy")])
        write_note(sample=sample, rater=olga, text="Splendid.")
    prefer(sample_a=made[0], sample_b=made[1], winner="a", rater=olga)
    rank(samples=made, rater=olga)
    taste = TasteFactory(base_model=adapter.base_model)
    for place, sample in enumerate(made):
        ClipScoreFactory(taste=taste, sample=sample, score=1.5 - place)
    built("supervised", {"min_rating": 4})
    built("preference")
    return made


def think_the_opposite(clips: list[AudioSample]) -> None:
    """The same answers at the same times by the same person, their contents turned round."""
    Rating.objects.filter(rater__username="olga").update(score=1)
    SampleTag.objects.filter(rater__username="olga").update(tag=TagFactory(name="noisy"))
    Note.objects.filter(rater__username="olga").update(text="Dreadful.")
    Preference.objects.filter(winner="a").update(winner="b")
    for place in RankingPlace.objects.all():  # by way of places nobody has: two clips never share one
        RankingPlace.objects.filter(pk=place.pk).update(place=8 - place.place)
    RankingPlace.objects.update(place=F("place") - 4)
    ClipScore.objects.update(score=-F("score"))
    for dataset in Dataset.objects.all():
        figures = dataset.statistics
        turned = {"mean_rating": 1.0, "ratings": {"1": 3}, "liked": 0, "margins": {"0.2": 3}, "tags": {"noisy": 3}}
        turned |= {"recommendations": ["Judge more."], "circles": [], "agreement": None, "consistency": 0.1}
        changed = {name: value for name, value in turned.items() if name in figures}
        QuerySet(Dataset).filter(pk=dataset.pk).update(statistics=figures | changed)  # past the rule that none changes


def addresses(clips: list[AudioSample]) -> list[str]:
    job = clips[0].job
    ids = {
        "job_id": job.pk,
        "job": job.pk,
        "sample_id": clips[0].pk,
        "prompt_id": job.prompt_id,
        "adapter_id": job.adapter_id,
        "file_format": "wav",
        "key": job.base_model.key,
        "taste_id": Taste.objects.get().pk,
        "slug": "overall",
        "token": "a-token-nobody-has",
    }
    datasets = list(Dataset.objects.order_by("kind").values_list("pk", flat=True))
    several = {
        "dataset_id": datasets,
        "pk": [job.pk, clips[0].pk, job.prompt_id, job.adapter_id, ids["taste_id"], *datasets],
    }
    several |= {name: [pk] for name, pk in ids.items()}
    found = []
    for name, pattern in patterns():
        if name.startswith("admin:"):
            continue
        parameters = list(pattern.pattern.regex.groupindex)
        offered = [several.get(parameter, []) for parameter in parameters]  # of runs and tests there are none
        found += [reverse(name, kwargs=dict(zip(parameters, chosen, strict=True))) for chosen in product(*offered)]
    return found + narrowed(clips)


def narrowed(clips: list[AudioSample]) -> list[str]:
    """Lists and figures asked about one clip by what was answered."""
    job = clips[0].job
    scopes = [{"sample": clips[0].pk}, {"prompt": job.prompt_id}, {}]
    guesses: list[dict[str, Any]] = [{"rating_min": 4}, {"rating_max": 2}, {"tag": "catchy"}, {"criterion": "melody"}]
    guesses += [{"rater": "olga"}, {"kind": "rating"}, {"ordering": "-created_at"}]
    found = [f"{path}?{urlencode(scope | guess)}" for path in _LISTS for scope in scopes for guess in guesses]
    found += [f"{reverse('api-feedback-stats')}?{urlencode(scope)}" for scope in scopes]
    found += [f"{reverse('api-preference-list')}?{urlencode(scope | {'winner': 'a'})}" for scope in scopes]
    orders = ["rating", "-rating", "mean_rating", "votes", "-loudness_lufs", "-created_at"]
    found += [f"{path}?ordering={order}" for path in ("/library/", "/api/v1/audio/") for order in orders]
    asked = [{"feedback": "none"}, {"feedback": "not_mine"}, {"tag": "catchy"}, {"stars": 4}, {"note": "splendid"}]
    found += [f"{path}?{urlencode(query)}" for path in ("/library/", "/api/v1/audio/") for query in asked]
    pair = urlencode([("ids", clips[0].pk), ("ids", clips[1].pk)])
    return [*found, f"/compare/?{pair}", f"/adapters/compare/?{urlencode({'ids': job.adapter_id})}"]


_LISTS = ("/feedback/", "/api/v1/feedback/")


def answers(client: Any, urls: list[str]) -> dict[str, tuple[int, str]]:
    told = {}
    for url in urls:
        status, text = answer_of(client, url)
        told[url] = (status, MASK.sub("", text))
    return told


def different(client: Any, clips: list[AudioSample]) -> list[str]:
    """Addresses that answer differently when others think the opposite."""
    urls = addresses(clips)
    before = answers(client, urls)
    again = answers(client, urls)
    steady = [url for url in urls if before[url] == again[url]]
    assert len(steady) > 0.9 * len(urls), sorted(set(urls) - set(steady))
    think_the_opposite(clips)
    after = answers(client, steady)
    return [url for url in steady if after[url] != before[url]]


def test_before_judging_nothing_depends_on_what_others_think(clips, page):
    assert different(page, clips) == []


def test_after_judging_it_does(clips, page, user):
    for sample in clips:
        rate(sample=sample, rater=user, scores={"overall": 3})
    told = different(page, clips)
    supervised = Dataset.objects.get(kind="supervised")
    for url in (
        f"/samples/{clips[0].pk}/feedback/",
        f"/api/v1/feedback/jobs/{clips[0].job_id}/",
        f"/api/v1/datasets/{supervised.pk}/stats/",
        f"/datasets/{supervised.pk}/",
        "/api/v1/feedback/",
        f"/tastes/{Taste.objects.get().pk}/",
        f"/api/v1/tastes/{Taste.objects.get().pk}/scores/",
    ):
        assert url in told, url
