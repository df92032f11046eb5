"""Every page that a curator can reach by links holds WCAG 2.2 AA as far as a program can tell (axe-core)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import resolve, reverse

from adapters.tests.factories import AdapterFactory, TasteFactory, share, taste_report
from conftest import signed_in
from datasets_app.tests.factories import built, compared_prompts
from feedback.listening_tests.tests.listening import running, voted
from feedback.models import ListeningTest
from feedback.tests.factories import NoteFactory, PreferenceFactory, RatingFactory, SampleTagFactory
from generation.models import AudioSample, BaseModel
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

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NOT_PAGES = ("admin:", "audio-", "sign-out", "healthz", "readyz", "metrics", "api-schema", "api-docs")
"""Other addresses, and pages of other makers: the admin is Django's, the API's documentation Swagger UI's."""
MUST_BE_REACHED = {
    *("sign-in", "overview", "create", "jobs", "job-detail", "library", "sample-detail", "compare", "favorites"),
    *("prompts", "prompt-detail", "templates", "suites", "suite-detail", "listen", "feedback", "sample-feedback"),
    *("tests", "test-create", "test-detail", "test-listen", "test-results", "leaderboard", "raters", "invitations"),
    *("datasets", "dataset-create", "dataset-detail", "adapters", "adapter-detail", "adapter-upload", "training"),
    *("experiment-new", "experiment-detail", "run-new", "run-detail", "run-compare", "promotion-policy"),
    *("tastes", "taste-new", "taste-detail", "taste-fit", "taste-delete"),
    *("rounds", "round-new", "round-detail", "round-judge"),
    *("settings", "models", "encoders"),
}
LINKS = "() => [...document.querySelectorAll('a[href]')].map(link => link.href)"


@pytest.fixture
def deep_pages(curator: Any) -> list[str]:
    """A studio that holds some of everything; the addresses of pages that the first of each kind has no link to."""
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


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_pages(scheme: str, width: int, deep_pages: list[str], curator: Any, live_server: Any, chromium: Any):
    from axe_playwright_python.sync_playwright import Axe

    looks = {"color_scheme": scheme, "reduced_motion": "reduce"}
    viewport = {"width": width, "height": 8000}  # so tall that the bar at the bottom covers nothing
    tab = chromium.new_context(base_url=live_server.url, viewport=viewport, **looks).new_page()
    problems: list[str] = []
    reached: set[str] = set()

    def look(name: str, address: str) -> None:
        assert tab.goto(address).status == 200, address
        tab.wait_for_load_state("networkidle")
        for rule in Axe().run(tab, options={"runOnly": RULES}).response["violations"]:
            where = [node["html"][:200] for node in rule["nodes"][:3]]
            problems.append(f"{name} ({address}): {rule['help']}: {where}")
        if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
            problems.append(f"{name} ({address}) is wider than the window")
        reached.add(name)

    look("sign-in", "/sign-in/")
    tab = signed_in(chromium, live_server.url, curator, viewport=viewport, **looks).new_page()
    waiting = ["/", *deep_pages]
    while waiting:
        address = waiting.pop(0)
        name = resolve(urlsplit(address).path).view_name
        if name in reached or name.startswith(NOT_PAGES) or name.endswith("download"):
            continue
        look(name, address)
        links = (link for link in tab.evaluate(LINKS) if link.startswith(live_server.url))
        waiting += [link.removeprefix(live_server.url).split("#")[0] or "/" for link in links]
    print(f"{scheme}, {width} px: {len(reached)} kinds of page: {', '.join(sorted(reached))}")
    assert reached >= MUST_BE_REACHED, MUST_BE_REACHED - reached
    assert not problems, "\n".join(problems)
