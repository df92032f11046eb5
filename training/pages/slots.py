"""What training shows on the pages of adapters and datasets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from adapters.models import Adapter
from datasets_app.models import Dataset
from feedback.models import ListeningTest
from generation.pages.job_groups import Kind, Purpose, register
from text2song.pages.requests import StudioRequest
from text2song.pages.slots import Slot, fills
from training.models import Round
from training.pages.adapter_losses import side_by_side
from training.promotion.story import story_of


@fills(Slot.ADAPTERS_PAGE)
def on_adapters(request: StudioRequest) -> SafeString:
    """The ways to what decides about promotion, and to what is learned from votes beside adapters."""
    links = (("tastes", gettext("Tastes")), ("promotion-policy", gettext("Promotion")))
    html = '<a class="button button-quiet" href="{}">{}</a>'
    return format_html_join("", html, ((reverse(name), label) for name, label in links))


@fills(Slot.TEST_END)
def on_test_end(request: StudioRequest, *, test: ListeningTest) -> SafeString:
    """The way back to the round that the test belongs to, for its owner."""
    mine = Round.objects.filter(owner=request.user, promotion__test=test).first()
    if mine is None:
        return SafeString()
    words = gettext("Back to round %(number)s") % {"number": mine.number}
    url = reverse("round-detail", args=[mine.pk])
    return format_html('<a class="button button-primary" href="{}">{}</a>', url, words)


@fills(Slot.DATASET_USABLE)
def on_usable_dataset(request: StudioRequest, *, dataset: Dataset) -> SafeString:
    """The way to an experiment on it."""
    return render_to_string("training/_train_on.html", {"dataset": dataset})


@fills(Slot.ADAPTER_PAGE, order=20)
def on_adapter(
    request: StudioRequest, *, adapter: Adapter, children: Iterable[Adapter], versions: Iterable[Adapter]
) -> SafeString:
    """The run that made it, its tests for promotion, and everything that happened to it."""
    story = story_of(adapter, request.user, chain(children, versions))
    return render_to_string("training/_adapter_story.html", {"adapter": adapter, "story": story}, request)


@fills(Slot.ADAPTERS_COMPARED, order=10)
def on_compared_adapters(request: StudioRequest, *, adapters: Sequence[Adapter]) -> SafeString:
    """The losses two adapters were trained to."""
    return render_to_string("adapters/_measures.html", {"measures": side_by_side(adapters)}, request)


def _jobs_of_rounds(user: User) -> QuerySet:
    # Not `round__in`: SQLite would try each round for each job.
    return Round.jobs.through.objects.filter(Exists(Round.objects.visible_to(user).filter(pk=OuterRef("round"))))


def _rounds_told(user: User, keys: Collection[UUID]) -> dict[UUID, Purpose]:
    rounds = Round.objects.visible_to(user).select_related("owner").in_bulk(keys)
    return {pk: _purpose(round_) for pk, round_ in rounds.items()}


def _purpose(round_: Round) -> Purpose:
    label = gettext("Round %(number)s of %(owner)s") % {"number": round_.number, "owner": round_.owner_name}
    return Purpose(label, reverse("round-detail", args=[round_.pk]))


register(Kind(sent=_jobs_of_rounds, job="generationjob", purpose="round", tell=_rounds_told))
