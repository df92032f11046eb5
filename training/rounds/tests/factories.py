"""Rounds for tests, at whatever step."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from adapters.models import Taste
from adapters.tests.factories import AdapterFactory, share, taste_report
from datasets_app.tests.factories import taste
from feedback.services import prefer
from generation.models import AudioSample, BaseModel, ClipScore, GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory
from prompts.models import Prompt
from prompts.tests.factories import PromptFactory
from text2song.work import Work
from training.models import Round, TasteFit
from training.rounds.pairs import next_pair
from training.rounds.progress import advance
from training.rounds.services import start_round

USABLE = taste_report(votes=60, prompts=6, accuracy=share(0.8, 0.7, 0.88), lower=0.65)


def base() -> BaseModel:
    """The active base model."""
    return BaseModel.objects.filter(is_active=True).first() or BaseModelFactory(key="tiny", is_active=True)


def own_prompts(owner: Any, count: int = 10) -> list[Prompt]:
    return [PromptFactory(author=owner, text=f"a tune, number {number} of {owner.pk}") for number in range(count)]


def begun(owner: Any, **values: Any) -> Round:
    """A round that has sent its jobs: of ten prompts four are taught with and six are held out."""
    base()
    if Prompt.objects.filter(author=owner).count() < 10:
        own_prompts(owner)
    return start_round(actor=owner, **{"votes_wanted": 4, "clips_per_prompt": 2, **values})


def end(work: Work, **values: Any) -> None:
    """As a worker would leave it, long ago."""
    type(work)._base_manager.filter(pk=work.pk).update(**values)


def make_clips(round_: Round) -> Round:
    """Let workers make all that it sends, until it has all."""
    while Round.objects.get(pk=round_.pk).step == "making":
        for job in round_.jobs.filter(state="queued"):
            GenerationJob.objects.filter(pk=job.pk).update(state="running")
            for index in range(job.num_samples):
                AudioSampleFactory(job=job, index=index)
            complete(job)
        if not advance(round_.pk).is_under_way:
            break
    return Round.objects.get(pk=round_.pk)


def complete(job: GenerationJob) -> None:
    now = timezone.now()
    end(job, state="completed", started_at=now, finished_at=now)


def judge(round_: Round, votes: int | None = None, winner: str = "a") -> Round:
    """Its owner votes on what they are asked, until nothing more is asked."""
    given = 0
    while (votes is None or given < votes) and (pair := next_pair(round_)):
        prefer(sample_a=pair.first, sample_b=pair.second, winner=winner, rater=round_.owner)
        given += 1
        if advance(round_.pk).step != "judging":
            break
    return Round.objects.get(pk=round_.pk)


def taste_of(round_: Round, *, usable: bool = True, **values: Any) -> Taste:
    said = {
        "name": round_.owner_name,
        "filters": {"raters": [round_.owner_name]},
        "report": USABLE if usable else USABLE | {"votes_wanted": 40, "lower": 0.49},
        "is_usable": usable,
        "created_by": round_.owner,
    }
    return taste(round_.base_model, **said | values)


def fitted(round_: Round, *, usable: bool = True) -> Round:
    """Let the fit that it waits for end with a taste."""
    fit = Round.objects.get(pk=round_.pk).fit
    assert fit is not None
    end(fit, state=TasteFit.State.COMPLETED, taste=taste_of(round_, usable=usable))
    return advance(round_.pk)


def clips(round_: Round) -> list[AudioSample]:
    return list(AudioSample.objects.filter(job__in=round_.jobs.all()).order_by("job", "index"))


def score(round_: Round, by: Taste | None = None) -> None:
    """Let the taste like each clip better than the one before."""
    rows = [
        ClipScore(sample=clip, taste=by or round_.taste, score=float(place)) for place, clip in enumerate(clips(round_))
    ]
    ClipScore.objects.bulk_create(rows)


def at(round_: Round, step: str, state: str = "active") -> Round:
    """The round as it is stored, which must stand there."""
    stored = Round.objects.with_context().get(pk=round_.pk)
    assert (stored.step, stored.state) == (step, state), stored.told
    return stored


def built(round_: Round) -> Round:
    """Let the dataset that it waits for be built."""
    dataset = Round.objects.get(pk=round_.pk).dataset
    assert dataset is not None
    end(dataset, state="ready", built_at=timezone.now(), content_hash="0" * 64, train_rows=4)
    return advance(round_.pk)


def trained(round_: Round) -> Round:
    """Let its run end with an adapter."""
    run = Round.objects.get(pk=round_.pk).run
    assert run is not None
    parent = round_.goes_on_from
    adapter = AdapterFactory(base_model=round_.base_model, parent=parent)
    done = {"state": "completed", "step": 3, "total_steps": 3, "finished_at": timezone.now(), "adapter": adapter}
    end(run, **done)
    return advance(round_.pk)
