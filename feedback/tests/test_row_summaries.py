"""Feedback on lists of samples, jobs and prompts: right, of what the reader may see, and at a fixed cost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from feedback.judgements import summaries
from feedback.models import Criterion, Rating
from feedback.tests.factories import NoteFactory, PreferenceFactory, RatingFactory, SampleTagFactory
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from prompts.tests.factories import PromptFactory
from text2song.pages import overview
from text2song.tests.factories import UserFactory
from text2song.workforce import Workforce

pytestmark = pytest.mark.django_db


def test_a_sample_in_a_row(user, curator):
    preference = PreferenceFactory(sample_a__stored=False, winner="b")
    sample = preference.sample_b
    RatingFactory(sample=sample, rater=user, score=5)
    RatingFactory(sample=sample, score=2)
    SampleTagFactory(sample=sample)
    NoteFactory(sample=sample)
    PreferenceFactory(sample_a=sample, sample_b=preference.sample_a, winner="tie")

    def of(reader):
        return summaries.summaries_of_samples(reader=reader, ids=[sample.pk])[sample.pk]

    row = of(curator)
    assert (row.mean, row.ratings, row.wins, row.votes, row.tags, row.notes) == (3.5, 2, 1, 2, 1, 1)
    assert not row.judged_by_me and of(user).judged_by_me
    assert of(user).votes == 0, "the other sample of those comparisons is not judged by this rater"
    stranger = of(UserFactory())
    assert stranger.is_empty and stranger.mean is None


def test_jobs_and_prompts_in_rows(user, curator):
    job = GenerationJobFactory(completed=True)
    first, second, _ = (AudioSampleFactory(job=job, stored=False) for _ in range(3))
    RatingFactory(sample=first, score=5)
    RatingFactory(sample=first, score=4, criterion=Criterion.objects.get(slug="melody"))
    NoteFactory(sample=second)
    for rows, pk in (
        (summaries.summaries_of_jobs(reader=curator, ids=[job.pk]), job.pk),
        (summaries.summaries_of_prompts(reader=curator, ids=[job.prompt_id]), job.prompt_id),
    ):
        assert (rows[pk].mean, rows[pk].ratings, rows[pk].judged) == (4.5, 2, 2)
    mine = summaries.summaries_of_jobs(reader=user, ids=[job.pk])[job.pk]
    assert (mine.mean, mine.ratings, mine.judged) == (None, 0, 0)


def fill(user, number):
    model = BaseModelFactory()
    criterion = Criterion.objects.get(slug="overall")
    for index in range(number):
        job = GenerationJobFactory(
            completed=True, requested_by=user, base_model=model, prompt=PromptFactory(author=user, text=f"song {index}")
        )
        sample = AudioSampleFactory(job=job, stored=False)
        RatingFactory(sample=sample, rater=user, criterion=criterion, score=1 + index % 5)
        SampleTagFactory(sample=sample, rater=user)


def test_lists_cost_the_same_for_ten_and_for_two_hundred_rows(page, user):
    def costs():
        counts = {}
        for name in ("library", "jobs", "prompts", "overview", "feedback"):
            with CaptureQueriesContext(connection) as queries:
                answer = page.get(reverse(name))
            assert answer.status_code == 200
            counts[name] = len(queries)
            if name in ("library", "jobs", "prompts"):
                assert answer.text.count("feedback-summary") >= 10
        return counts

    fill(user, 10)
    few = costs()
    fill(user, 190)
    many = costs()
    assert many.pop("overview") <= few.pop("overview"), "the next step is found the sooner, the more there is"
    assert many == few


def test_a_row_tells_nothing_before_it_is_time(page):
    RatingFactory(sample__stored=False, score=5)
    for name in ("library", "jobs", "prompts"):
        assert "feedback-summary" not in page.get(reverse(name)).text


def test_samples_that_wait_for_ears_are_counted_and_listed_alike(page, user, curator):
    waiting = AudioSampleFactory(stored=False, job__requested_by=user)
    others = AudioSampleFactory(stored=False)
    theirs = RatingFactory(sample__stored=False).sample
    mine = NoteFactory(sample__stored=False, rater=user).sample
    preference = PreferenceFactory(sample_a__stored=False)
    status = overview.status(user, Workforce())
    assert status.waiting == 1
    assert list(page.get(status.waiting_url).context["page"]) == [waiting]
    unjudged = page.get(reverse("library"), {"feedback": "none"}).context["page"]
    assert set(unjudged) == {waiting, others}
    chosen = set(page.get(reverse("library"), {"feedback": "not_mine"}).context["page"])
    assert chosen == {waiting, others, theirs, preference.sample_a, preference.sample_b}
    assert list(page.get(reverse("library"), {"feedback": "mine"}).context["page"]) == [mine]
    assert page.get(reverse("library"), {"feedback": "x"}).status_code == 400
    assert "1 clip to hear" in " ".join(strip_tags(page.get(reverse("studio-status")).text).split())
    assert "Made for me, waiting for my ears" in page.get(status.waiting_url).text


def test_the_overview_tells_the_mean_the_reader_may_see(user, curator):
    RatingFactory(score=2)
    RatingFactory(rater=user, score=5)
    assert overview.figures(curator).mean_rating == 3.5
    assert overview.figures(user).mean_rating == 5
    Rating.objects.all().delete()
    assert overview.figures(user).mean_rating is None
    assert overview.figures(user).waiting == AudioSample.objects.count() == 2
