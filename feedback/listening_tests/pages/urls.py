"""Addresses of listening tests."""

from __future__ import annotations

from django.urls import path, register_converter

from feedback.listening_tests.pages import people
from feedback.listening_tests.pages import results as reading
from feedback.listening_tests.pages import tests as curation
from feedback.listening_tests.pages import trial as judging


class TokenConverter:
    """An opaque token: letters, digits, hyphen and underscore."""

    regex = "[A-Za-z0-9_-]{8,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(TokenConverter, "token")

urlpatterns = [
    path("tests/", curation.test_list, name="tests"),
    path("tests/new/", curation.create, name="test-create"),
    path("tests/reliability/", people.own_reliability, name="rater-reliability"),
    path("tests/raters/", people.raters, name="raters"),
    path("tests/invitations/", people.invitations, name="invitations"),
    path("tests/invitations/<uuid:invitation_id>/revoke/", people.revoke, name="invitation-revoke"),
    path("tests/<uuid:test_id>/", curation.detail, name="test-detail"),
    path("tests/<uuid:test_id>/progress/", curation.progress, name="test-progress"),
    path("tests/<uuid:test_id>/edit/", curation.edit, name="test-edit"),
    path("tests/<uuid:test_id>/start/", curation.start, name="test-start"),
    path("tests/<uuid:test_id>/retry/", curation.retry, name="test-retry"),
    path("tests/<uuid:test_id>/close/", curation.close, name="test-close"),
    path("tests/<uuid:test_id>/reopen/", curation.reopen, name="test-reopen"),
    path("tests/<uuid:test_id>/delete/", curation.delete, name="test-delete"),
    path("tests/<uuid:test_id>/results/", reading.results_page, name="test-results"),
    path("tests/<uuid:test_id>/listen/", judging.listen, name="test-listen"),
    path("trials/audio/<token:token>/", judging.audio, name="trial-audio"),
    path("trials/<token:token>/heard/", judging.heard, name="trial-heard"),
    path("trials/<token:token>/vote/", judging.cast, name="trial-vote"),
    path("invitations/<token:token>/", people.invitation, name="invitation"),
    path("leaderboard/", reading.leaderboard_page, name="leaderboard"),
]
