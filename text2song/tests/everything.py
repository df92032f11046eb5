"""A studio with some of everything in it, for tests that walk all pages."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from adapters.tests.factories import AdapterFactory, TasteFactory, share, taste_report
from datasets_app.tests.factories import built, compared_prompts
from feedback.listening_tests.tests.listening import running, voted
from feedback.models import ListeningTest
from feedback.tests.factories import NoteFactory, PreferenceFactory, RatingFactory, SampleTagFactory
from generation.models import AudioSample, BaseModel
from generation.services import collect, make_collection
from generation.services import share as make_link
from generation.tests.factories import (
    AudioSampleFactory,
    ClipScoreFactory,
    EncoderFactory,
    FavoriteFactory,
    GenerationJobFactory,
)
from prompts.tests.factories import PromptSuiteFactory, PromptTemplateFactory
from training.models import Promotion
from training.rounds.services import cancel_round, go_on
from training.rounds.tests.factories import begun, fitted, judge, make_clips, score
from training.tests.factories import ExperimentFactory, TasteFitFactory, TrainingRunFactory, add_lines, add_points


def some_of_everything(curator: Any) -> list[str]:
    """Fill the studio; returns the addresses of pages that the first of each kind has no link to."""
    compared_prompts(12)
    dataset = built("preference", name="Strings")
    job = GenerationJobFactory(completed=True, requested_by=curator)
    sample, other = (AudioSampleFactory(job=job, index=index) for index in range(2))
    for state in ("running", "failed", "cancelled"):
        GenerationJobFactory(requested_by=curator, base_model=job.base_model, prompt=job.prompt, **{state: True})
    FavoriteFactory(user=curator, sample=sample)
    RatingFactory(sample=sample, rater=curator, score=4)
    PreferenceFactory(sample_a=sample, sample_b=other, rater=curator)
    SampleTagFactory(sample=sample, rater=curator)
    collection = make_collection(actor=curator, name="Mornings")
    collect(collection=collection, samples=[sample, other], actor=curator)
    make_link(target=collection, actor=curator)
    NoteFactory(sample=sample, rater=curator)
    PromptTemplateFactory(owner=curator)
    PromptSuiteFactory()

    running(name="Goes on")
    over = running(name="Is over")
    for pair, winner in zip(over.pairs.all(), "xyx", strict=False):
        voted(pair, winner=winner)
    ListeningTest.objects.filter(pk=over.pk).update(state="completed")

    BaseModel.objects.filter(pk=job.base_model_id).update(is_active=True)
    EncoderFactory()
    EncoderFactory(is_active=False)
    EncoderFactory(problem="Its files are damaged.")
    experiment = ExperimentFactory(created_by=curator, base_model=job.base_model, dataset=dataset)
    parent = AdapterFactory(name="warm", base_model=job.base_model)
    adapter = AdapterFactory(name="warmer", base_model=job.base_model, parent=parent)
    done = TrainingRunFactory(experiment=experiment, completed=True, adapter=adapter)
    add_lines(done, "step 1, loss 0.7", "step 2, loss 0.6")
    add_points(done, "loss", [0.7, 0.6, 0.5])
    failed = TrainingRunFactory(experiment=experiment, failed=True)
    promotion = Promotion.objects.create(adapter=adapter, opponent=parent, test=over)
    assert promotion.claim("host:1:1") and promotion.end(Promotion.Outcome.DECLINED, "Too few votes.")
    agreements = [{"rater": "anna", "other": "ben", **share(0.2, 0.1, 0.3)}]
    groups = {"style: jazz": share(0.9, 0.8, 1.0)}
    report = taste_report(agreements=agreements, groups=groups, left_out=2, consistency={"same": 4, "repeats": 5})
    taste = TasteFactory(name="warm", base_model=job.base_model, report=report)
    for place, clip in enumerate((sample, *AudioSample.objects.visible().exclude(job=job)[:2])):
        ClipScoreFactory(taste=taste, sample=clip, score=-place)
    TasteFitFactory(name="warm", base_model=job.base_model, failed=True)
    waiting = TasteFitFactory(base_model=job.base_model, created_by=curator)
    lead_a_round(curator)
    return [
        reverse("round-new"),
        f"{reverse('collect')}?ids={sample.pk}",
        reverse("taste-fit", args=[waiting.pk]),
        reverse("test-results", args=[over.pk]),
        reverse("sample-feedback", args=[sample.pk]),
        f"{reverse('run-compare')}?ids={done.pk}&ids={failed.pk}",
    ]


def lead_a_round(curator: Any) -> None:
    """One that is over, with all there is to tell, and one whose pairs wait."""
    judged = judge(make_clips(begun(curator, by_itself=False)))
    understood = fitted(go_on(actor=curator, round_=judged))
    score(understood)
    cancel_round(actor=curator, round_=understood)
    make_clips(begun(curator))
