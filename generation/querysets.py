"""Collections of jobs and samples in the domain's words."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db.models import (
    Avg,
    Case,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Lower, NullIf
from django.utils import timezone
from django.utils.translation import gettext

from text2song.models import SoftDeleteQuerySet
from text2song.work import WorkQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from adapters.models import Taste
    from generation.models import AudioSample, Encoder, GenerationJob
    from prompts.models import Prompt


MOST_ATTEMPTS = 3
"""After which a clip that cannot be heard is left alone, unless somebody needs it."""
PAUSE = timedelta(hours=1)
"""Between two attempts: a store that is away for a while costs no clip its last one."""


class GenerationJobQuerySet(SoftDeleteQuerySet["GenerationJob"], WorkQuerySet["GenerationJob"]):  # type: ignore[override]  # each makes a manager
    def undeleted(self) -> Self:
        """All there is to make, withheld jobs too: for those who do the work and count it, never for a list."""
        return self.filter(deleted_at__isnull=True)

    def visible(self) -> Self:
        """Jobs that may be shown: neither deleted nor withheld."""
        return self.undeleted().filter(withheld=False)

    def waiting(self) -> Self:
        """Jobs waiting for a worker in the order in which they are taken: people's first, the longest waiting first.

        Those that belong to nobody, as a listening test's do, take the time that people leave.
        """
        last = Case(When(requested_by=None, then=1), default=0)
        return self.undeleted().filter(state="queued").alias(last=last).order_by("last", "queued_at", "id")

    def ahead_of(self, queued_at: Any, *, of_nobody: bool) -> Self:
        """Waiting jobs that are taken before one queued then."""
        people, earlier = Q(requested_by__isnull=False), Q(queued_at__lt=queued_at)
        return self.waiting().filter(people | earlier if of_nobody else people & earlier)

    def unfinished(self) -> Self:
        return self.undeleted().filter(state__in=("queued", "running"))

    def with_samples(self) -> Self:
        """Everything a job card shows, in a fixed number of queries: samples that are kept, and those set aside."""
        from generation.models import AudioSample

        return self._shown(AudioSample.objects.visible())

    def with_samples_for(self, user: User) -> Self:
        """As `with_samples`, with the user's hearts on them."""
        from generation.models import AudioSample

        return self._shown(AudioSample.objects.visible().hearted_by(user))

    def _shown(self, samples: AudioSampleQuerySet) -> Self:
        in_order = samples.best_first()
        related = ("prompt", "base_model", "adapter", "taste", "requested_by", "source_sample")
        return self.select_related(*related).prefetch_related(
            Prefetch("samples", queryset=in_order.kept(), to_attr="visible_samples"),
            Prefetch("samples", queryset=in_order.set_aside(), to_attr="set_aside_samples"),
        )

    def with_position(self) -> Self:
        """Annotate `position`: 1 for the job that is next, None for one that is not waiting."""

        def count(of_nobody: bool) -> Coalesce:
            ahead = self.model.objects.ahead_of(OuterRef("queued_at"), of_nobody=of_nobody).order_by().values("state")
            return Coalesce(Subquery(ahead.annotate(n=Count("id")).values("n")), 0)

        of_nobody = When(state="queued", requested_by=None, then=count(True) + 1)
        return self.annotate(position=Case(of_nobody, When(state="queued", then=count(False) + 1)))

    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        counts = dict.fromkeys(("queued", "running", "completed", "failed", "cancelled"), 0)
        return counts | dict(self.order_by().values_list("state").annotate(n=Count("id")))

    def fingerprint(self) -> str:
        """Differs when a job was sent, deleted, or is in another state; cheap enough to be asked every few seconds."""
        newest = self.order_by("-created_at").values_list("pk", flat=True).first()
        return "-".join(map(str, (*self.counts().values(), newest)))

    def statistics(self) -> dict[str, Any]:
        """Counts per state, active jobs, mean seconds over the last 100 completed, and today's throughput."""
        jobs, counts = self.order_by(), self.counts()
        recent = jobs.filter(state="completed").order_by("-finished_at").values("pk")[:100]
        taken = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
        mean = self.model.objects.filter(pk__in=list(recent.values_list("pk", flat=True))).aggregate(m=Avg(taken))["m"]
        today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        return {
            "states": counts,
            "active": counts["queued"] + counts["running"],
            "mean_seconds": round(mean.total_seconds(), 2) if mean is not None else None,
            "completed_today": jobs.filter(state="completed", finished_at__gte=today).count(),
        }


class AudioSampleQuerySet(SoftDeleteQuerySet["AudioSample"]):
    def undeleted(self) -> Self:
        """All that are there, of withheld jobs too: for those who do work on them, never for a list."""
        return self.filter(deleted_at__isnull=True, job__deleted_at__isnull=True)

    def visible(self) -> Self:
        """Samples that may be shown: not deleted themselves, of jobs that are neither deleted nor withheld."""
        return self.undeleted().filter(job__withheld=False)

    def kept(self) -> Self:
        """Without those that a taste has set aside. Lists and counts of candidates show these."""
        return self.filter(set_aside_at__isnull=True)

    def set_aside(self) -> Self:
        """Those a taste has set aside: they can be heard and judged as any other, and stand behind the kept ones."""
        return self.filter(set_aside_at__isnull=False)

    def best_first(self) -> Self:
        """By job; those of a finished job with a taste in its order, all others in the order of their making."""
        settled = When(job__state="completed", job__taste__isnull=False, then=self._score(OuterRef("job__taste")))
        return self.alias(liked=Case(settled)).order_by("job", F("liked").desc(nulls_last=True), "index")

    def by_taste(self, taste: Taste) -> Self:
        """Best first by `taste`; those it has not heard come last, the newest first."""
        liked = F("liked").desc(nulls_last=True)
        return self.alias(liked=self._score(taste.pk)).order_by(liked, "-created_at", "-job_id", "index")

    @staticmethod
    def _score(taste: Any) -> Subquery:
        from generation.models import ClipScore

        return Subquery(ClipScore.objects.filter(sample=OuterRef("pk"), taste=taste).values("score")[:1])

    def unheard(self, kind: str) -> Self:
        """Those without features of this kind that may be tried now."""
        from generation.models import ClipFeatures, HearingFailure

        clip = OuterRef("pk")
        hopeless = Q(attempts__gte=MOST_ATTEMPTS) | Q(tried_at__gt=timezone.now() - PAUSE)
        failures = HearingFailure.objects.filter(hopeless, sample=clip, kind=kind)
        return self.filter(~Exists(ClipFeatures.objects.filter(sample=clip, kind=kind)), ~Exists(failures))

    def with_context(self) -> Self:
        """With job, prompt, model and adapter, as every list of samples shows them."""
        return self.select_related("job", "job__prompt", "job__base_model", "job__adapter")

    def hearted_by(self, user: User) -> Self:
        """Annotate `is_favorite`: whether `user` set a heart."""
        from generation.models import Favorite

        return self.annotate(is_favorite=Exists(Favorite.objects.filter(user=user, sample=OuterRef("pk"))))

    def called(self) -> Self:
        """With an alias `called` to order by: the title, else the words of the prompt, in lower case."""
        return self.alias(called=Lower(Coalesce(NullIf("title", Value("")), "job__prompt__text")))

    def counts_by_prompt(self, prompts: Iterable[Prompt]) -> dict[uuid.UUID, int]:
        """How many of them were made from each of the prompts, by its primary key."""
        none = dict.fromkeys((prompt.pk for prompt in prompts), 0)
        made = self.filter(job__prompt__in=none).order_by().values_list("job__prompt").annotate(n=Count("pk"))
        return none | dict(made)

    def matching(self, words: list[str]) -> Self:
        """Samples whose title or prompt holds any of `words`."""
        found = Q()
        for word in words:
            found |= Q(job__prompt__rendered_text__icontains=word) | Q(title__icontains=word)
        return self.filter(found) if words else self


class EncoderQuerySet(QuerySet["Encoder"]):
    def listening(self) -> Self:
        """Those that clips are heard with: active, and not known to be unreadable; in a fixed order."""
        return self.filter(is_active=True, problem="").order_by("key")

    def why_unheard(self, kinds: Sequence[str]) -> str:
        """Why no new clips are heard by one of these kinds of features; empty when encoders of all are listening."""
        wanted = [kind for kind in kinds if kind.startswith(self.model.PREFIX)]
        encoders = {encoder.kind: encoder for encoder in self.all()} if wanted else {}
        for kind in wanted:
            encoder = encoders.get(kind)
            if encoder is None:
                state, remedy = gettext("was removed"), gettext("Add it again")
            elif not encoder.is_active:
                state, remedy = gettext("is not active"), gettext("Activate it")
            elif encoder.problem:
                state, remedy = gettext("cannot be loaded"), gettext("Repair its files and activate it")
            else:
                continue
            named = encoder.display_name if encoder else kind.split(":")[1]
            return gettext(
                "listens with the encoder “%(named)s”, which %(state)s, so it scores no new clips. "
                "%(remedy)s, or fit the taste anew."
            ) % {"named": named, "state": state, "remedy": remedy}
        return ""
