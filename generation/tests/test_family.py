"""A clip's family: the line to its prompt, takes beside it, what came of it; bounded, and silent of what is hidden."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from generation.listening.lineage import ANCESTORS, GENERATIONS, MOST_JOBS, Branch, Family, family_of
from generation.models import AudioSample, GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory, PromptFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> AudioSample:
    job = GenerationJobFactory(completed=True, prompt=PromptFactory(text="calm piano at dusk"))
    return AudioSampleFactory(job=job, index=0, stored=False)


def grow(sample: AudioSample, kind: str = "extension", takes: int = 1, **job: Any) -> list[AudioSample]:
    grown = GenerationJobFactory(
        completed=True,
        kind=kind,
        source_sample=sample,
        prefix_seconds=0.5,
        prompt=sample.job.prompt,
        base_model=sample.job.base_model,
        **job,
    )
    return [AudioSampleFactory(job=grown, index=index, stored=False) for index in range(takes)]


def fresh(sample: AudioSample) -> Family:
    return family_of(AudioSample.objects.select_related("job__prompt").get(pk=sample.pk))


def drawn(branch: Branch) -> str:
    """As in "made(A, B*(extended(A)))": the star stands at this one, ✗ at one that was deleted."""
    kinds = {"prompt": "made", "extension": "extended", "variation": "varied"}
    takes = []
    for take in branch.takes:
        sign = "*" if take.is_this else "" if take.is_shown else "✗"
        below = ", ".join(drawn(grown) for grown in take.went_on)
        takes.append(f"{take.sample.label}{sign}" + (f"({below})" if below else ""))
    return f"{kinds[branch.job.kind]}({', '.join(takes) or branch.job.state})"


def test_the_whole_family_of_a_clip_in_the_middle(root):
    AudioSampleFactory(job=root.job, index=1, stored=False)
    long, beside = grow(root, takes=2)
    varied, _ = grow(long, "variation", takes=2)
    grow(varied)
    grow(root, "variation")  # of a relative that is not in the line: left out
    family = fresh(long)
    assert drawn(family.root) == "made(A(extended(A*(varied(A(extended(A)), B)), B)))"
    assert family.prompt == root.job.prompt and not family.is_cut
    assert drawn(fresh(beside).root) == "made(A(extended(A, B*)))"


def test_jobs_that_have_made_nothing_yet_say_how_they_stand(root):
    GenerationJobFactory(running=True, kind="variation", source_sample=root, prefix_seconds=0.5)
    assert drawn(fresh(root).root) == "made(A*(varied(running)))"


def test_the_deleted_are_named_where_something_living_came_of_them(root):
    (middle,) = grow(root)
    (last,) = grow(middle)
    (gone,) = grow(root, "variation")
    AudioSample.objects.filter(pk__in=[middle.pk, gone.pk]).update(deleted_at=timezone.now())
    assert drawn(fresh(root).root) == "made(A*(varied(completed), extended(A✗(extended(A)))))"
    assert drawn(fresh(last).root) == "made(A(extended(A✗(extended(A*)))))"
    GenerationJob.objects.filter(pk=middle.job_id).update(deleted_at=timezone.now())
    assert drawn(fresh(last).root) == "made(A(extended(A✗(extended(A*)))))"


def test_the_withheld_are_not_told_of(page, root):
    (above,) = grow(root)
    (this,) = grow(above)
    (below,) = grow(this)
    AudioSample.objects.filter(pk=above.pk).update(title="secret above")
    AudioSample.objects.filter(pk=below.pk).update(title="secret below")
    GenerationJob.objects.filter(pk__in=[above.job_id, below.job_id]).update(withheld=True)
    family = fresh(this)
    assert drawn(family.root) == "extended(A*)" and family.starts_above
    html = page.get(reverse("sample-detail", args=[this.pk])).text
    tree = html.partition('id="family"')[2].partition("</section>")[0]
    for hidden in (above, below):
        assert str(hidden.pk) not in tree and str(hidden.job_id) not in tree and "secret" not in tree


def test_set_aside_clips_stand_where_something_came_of_them(root):
    _, aside, parent = grow(root, takes=3)
    grow(parent)
    AudioSample.objects.filter(pk__in=[aside.pk, parent.pk]).update(set_aside_at=timezone.now())
    assert drawn(fresh(root).root) == "made(A*(extended(A, C(extended(A)))))"


def test_depth_and_breadth_have_an_end_that_is_told(root):
    line = [root]
    for _ in range(ANCESTORS + GENERATIONS + 3):
        line += grow(line[-1])
    this = fresh(line[ANCESTORS + 2])
    assert drawn(this.root).count("extended(") == ANCESTORS + 1 + GENERATIONS
    assert this.starts_above and this.is_cut
    for _ in range(MOST_JOBS + 1):
        grow(root, "variation")
    wide = fresh(root)
    assert len(wide.root.takes[0].went_on) == MOST_JOBS and wide.is_cut


def test_the_cost_does_not_grow_with_the_relatives(root):
    def cost(sample: AudioSample) -> int:
        sample = AudioSample.objects.select_related("job__prompt").get(pk=sample.pk)
        with CaptureQueriesContext(connection) as queries:
            drawn(family_of(sample).root)
        return len(queries)

    (child,) = grow(root)
    grow(child)
    few = cost(child)
    for _ in range(5):
        for other in grow(child, takes=4):
            other.job.refresh_from_db()
        AudioSampleFactory(job=child.job, index=child.job.samples.count(), stored=False)
    assert cost(child) == few <= 10


def test_the_page_draws_it_as_a_nested_list(page, root):
    (child,) = grow(root)
    html = page.get(reverse("sample-detail", args=[root.pk])).text
    tree = html.partition('id="family"')[2].partition("</section>")[0]
    assert tree.count("<ul") == tree.count("</ul>") == 5 and tree.count("<li") == tree.count("</li>")
    assert reverse("prompt-detail", args=[root.job.prompt_id]) in tree
    current = re.findall(r'<a[^>]*href="([^"]+)"[^>]*aria-current="page"', tree)
    assert current == [reverse("sample-detail", args=[root.pk])]
    assert tree.index(reverse("sample-detail", args=[root.pk])) < tree.index(reverse("sample-detail", args=[child.pk]))
