"""The API of listening tests: curators run them, raters judge, everybody reads the leaderboard."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from feedback.listening_tests import coverage
from feedback.listening_tests.access import require_curator
from feedback.listening_tests.api.serializers import (
    HeardAnswerSerializer,
    HeardSerializer,
    ListeningTestBodySerializer,
    ListeningTestChangeSerializer,
    ListeningTestSerializer,
    NextTrialSerializer,
    ReopenSerializer,
    ResultsSerializer,
    StandingsSerializer,
    TrialSerializer,
    VoteAnswerSerializer,
    VoteSerializer,
)
from feedback.listening_tests.services import creation, lifecycle, trials, votes
from feedback.listening_tests.services.results import results
from feedback.listening_tests.services.standings import standings
from feedback.listening_tests.showing import shown_trial
from feedback.models import ListeningTest, Trial
from text2song.api.lookups import UUIDLookup
from text2song.api.schema import CONFLICT
from text2song.api.views import ApiViewSet, StrictQueries

TEST_EXAMPLE = OpenApiExample(
    "Base model against an adapter",
    value={
        "name": "warm-keys 1.1.0 against the base model",
        "description": "Listen for how the piece opens.",
        "suite": "7b0d5c86-3f0a-4a52-9a5e-0c3fb4f0a001",
        "arms": [{"model": "studio-tiny"}, {"adapter": "warm-keys@1.1.0", "strength": 1.0}],
        "samples_per_prompt": 1,
        "duration": 10,
        "votes_wanted": 50,
        "strategy": "uncertainty",
    },
    request_only=True,
)
CHANGE_EXAMPLE = OpenApiExample("More votes", value={"votes_wanted": 120}, request_only=True)
HEARD_EXAMPLE = OpenApiExample(
    "Heard so far", value={"heard_first": [[0.0, 6.2]], "heard_second": [[0.0, 3.1], [5.0, 6.2]]}, request_only=True
)
VOTE_EXAMPLE = OpenApiExample(
    "Prefer Sample 2",
    value={"choice": "second", "heard_first": [[0.0, 9.5]], "heard_second": [[0.0, 10.0]]},
    request_only=True,
)


class ListeningTestFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=ListeningTest.State.choices, help_text="State of the test.")

    class Meta:
        model = ListeningTest
        fields = ("state",)


@extend_schema_view(
    list=extend_schema(summary="List listening tests", description="Newest first. Drafts are shown to curators only."),
    retrieve=extend_schema(
        summary="A listening test", description="While votes are taken, raters are not told what is compared."
    ),
    destroy=extend_schema(
        summary="Delete a listening test",
        description="Curators only. An open one is closed first; votes stay stored as preferences.",
        responses={204: None} | CONFLICT,
    ),
)
class ListeningTestViewSet(
    UUIDLookup,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    ApiViewSet,
):
    """Curators make, start, close and read tests; raters ask for their next trial."""

    queryset = ListeningTest.objects.none()
    serializer_class = ListeningTestSerializer
    filterset_class = ListeningTestFilter
    ordering_fields = ("created_at", "finished_at")

    def get_queryset(self) -> QuerySet[ListeningTest]:
        tests = ListeningTest.objects.visible_to(self.request.user).with_progress().order_by("-created_at", "id")
        return tests.select_related("created_by").prefetch_related("arms__base_model", "arms__adapter")

    def _answer(self, test: ListeningTest, code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=test.pk)).data, status=code)

    @extend_schema(
        summary="Make a listening test",
        description="Curators only. It is a draft until it is started.",
        request=ListeningTestBodySerializer,
        responses={201: ListeningTestSerializer, 404: None} | CONFLICT,
        examples=[TEST_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        require_curator(request.user, gettext("make a listening test"))
        body = ListeningTestBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        test = creation.create_test(actor=request.user, **body.validated_data)
        return self._answer(test, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change name, description or votes wanted",
        request=ListeningTestChangeSerializer,
        responses={200: ListeningTestSerializer} | CONFLICT,
        examples=[CHANGE_EXAMPLE],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Curators only. Everything else is fixed, so that votes stay comparable."""
        test = self.get_object()
        require_curator(request.user, gettext("change a listening test"))
        body = ListeningTestChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        creation.update_test(actor=request.user, test=test, **body.validated_data)
        return self._answer(test)

    def destroy(self, request: Request, pk: str) -> Response:
        lifecycle.delete_test(actor=request.user, test=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Generate its clips", request=None, responses={202: ListeningTestSerializer} | CONFLICT)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Queue one job for every arm and prompt. Trials open as pairs are complete."""
        test = lifecycle.start_test(actor=request.user, test=self.get_object())
        return self._answer(test, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Generate failed clips again", request=None, responses={202: ListeningTestSerializer} | CONFLICT
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Put failed and cancelled jobs back in the queue."""
        test = self.get_object()
        lifecycle.retry_failed(actor=request.user, test=test)
        return self._answer(test, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="End it with the votes it has", request=None, responses={200: ListeningTestSerializer} | CONFLICT
    )
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Jobs that still wait or run are cancelled; raters see the results from then on."""
        return self._answer(lifecycle.close_test(actor=request.user, test=self.get_object()))

    @extend_schema(
        summary="Take more votes",
        request=ReopenSerializer,
        responses={200: ListeningTestSerializer} | CONFLICT,
        examples=[CHANGE_EXAMPLE],
    )
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Open a completed test again, wanting more votes than it has."""
        body = ReopenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._answer(lifecycle.reopen_test(actor=request.user, test=self.get_object(), **body.validated_data))

    @extend_schema(summary="What the votes say", responses=ResultsSerializer, filters=False)
    @action(detail=True)
    def results(self, request: Request, pk: str) -> Response:
        """For curators; for raters when the test is over."""
        return Response(ResultsSerializer(results(actor=request.user, test=self.get_object())).data)

    @extend_schema(summary="The caller's next trial", request=None, responses={200: NextTrialSerializer} | CONFLICT)
    @action(detail=True, methods=["post"], url_path="next-trial")
    def next_trial(self, request: Request, pk: str) -> Response:
        """The open trial, or a new one; null when nothing is left for the caller."""
        test = self.get_object()
        trial = trials.next_trial(rater=request.user, test=test)
        progress = trials.rater_progress(rater=request.user, test=test)
        answer = {
            "trial": shown_trial(trial) if trial else None,
            "judged": progress.judged,
            "total": progress.total,
        }
        return Response(NextTrialSerializer(answer).data)


class TrialViewSet(ApiViewSet):
    """The caller's own trials, by token. Nothing here tells the two samples apart."""

    queryset = Trial.objects.none()
    serializer_class = TrialSerializer
    lookup_field = "token"
    lookup_value_regex = "[A-Za-z0-9_-]{8,64}"
    filter_backends: list[Any] = []
    pagination_class = None

    @extend_schema(summary="A trial of the caller's")
    def retrieve(self, request: Request, token: str) -> Response:
        return Response(TrialSerializer(shown_trial(votes.find_trial(rater=request.user, token=token))).data)

    @extend_schema(
        summary="Report what was heard",
        request=HeardSerializer,
        responses={200: HeardAnswerSerializer} | CONFLICT,
        examples=[HEARD_EXAMPLE],
    )
    @action(detail=True, methods=["post"])
    def heard(self, request: Request, token: str) -> Response:
        """Intervals of seconds; checked against the time since the sound was sent. Reported again, they count once."""
        body = HeardSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        first, second = body.validated_data["heard_first"], body.validated_data["heard_second"]
        trial = votes.report_heard(rater=request.user, token=token, first=first, second=second)
        answer = {
            "first": coverage.seconds(trial.heard_first),
            "second": coverage.seconds(trial.heard_second),
            "required": votes.required_seconds(trial),
        }
        return Response(HeardAnswerSerializer(answer).data)

    @extend_schema(
        summary="Vote",
        request=VoteSerializer,
        responses={200: VoteAnswerSerializer} | CONFLICT,
        examples=[VOTE_EXAMPLE],
    )
    @action(detail=True, methods=["post"])
    def vote(self, request: Request, token: str) -> Response:
        """Once; sent again it is the same answer, and another choice is refused (409).

        Without `heard_*`, and if nothing was reported before, the time since the sound of both samples was sent must
        suffice to have heard them.
        """
        body = VoteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        choice = values.pop("choice")
        heard = (values.get("heard_first", []), values.get("heard_second", [])) if values else None
        trial = votes.vote(rater=request.user, token=token, choice=choice, heard=heard)
        progress = trials.rater_progress(rater=request.user, test=trial.test)
        trial.judged, trial.total = progress.judged, progress.total  # type: ignore[attr-defined]  # for the serializer
        return Response(VoteAnswerSerializer(trial).data)


class LeaderboardViewSet(StrictQueries, viewsets.ViewSet):
    """All arms of all tests in one order."""

    @extend_schema(
        summary="The leaderboard",
        description="By a Bradley-Terry model that knows raters and prompts. Only curators see votes of tests that go "
        "on, and nobody those of tests that decide a promotion.",
        responses=forced_singular_serializer(StandingsSerializer),
    )
    def list(self, request: Request) -> Response:
        return Response(StandingsSerializer(standings(actor=request.user)).data)
