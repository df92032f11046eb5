"""The curators' desk: lists open, actions call the services."""

from __future__ import annotations

import pytest
from django.urls import reverse

from feedback.listening_tests.services.invitations import make_invitation
from feedback.listening_tests.tests.listening import running, voted
from feedback.models import RaterProfile

pytestmark = pytest.mark.django_db


@pytest.fixture
def test_(curator):
    test = running(prompts=1, sample={"stored": False})
    trial = voted(test.pairs.get(), winner="x")
    RaterProfile.objects.create(user=trial.rater)
    make_invitation(actor=curator, test=test)
    return test


def act(page, model, action, rows):
    return page.post(
        reverse(f"admin:feedback_{model}_changelist"), {"action": action, "_selected_action": [row.pk for row in rows]}
    )


@pytest.mark.parametrize("model", ["listeningtest", "trial", "invitation", "raterprofile"])
def test_lists_and_pages_open(curator_page, test_, model):
    listed = curator_page.get(reverse(f"admin:feedback_{model}_changelist"))
    assert listed.status_code == 200
    row = listed.context["cl"].result_list[0]
    assert curator_page.get(reverse(f"admin:feedback_{model}_change", args=[row.pk])).status_code == 200


def test_actions(curator_page, test_):
    act(curator_page, "listeningtest", "close", [test_])
    test_.refresh_from_db()
    assert test_.state == "completed"
    again = act(curator_page, "listeningtest", "close", [test_])
    assert "cannot be closed" in curator_page.get(again.url).content.decode()
    act(curator_page, "invitation", "revoke", test_.invitations.all())
    assert test_.invitations.get().revoked_at
    act(curator_page, "raterprofile", "refresh", RaterProfile.objects.all())
    assert RaterProfile.objects.get().computed_at
    act(curator_page, "listeningtest", "delete_tests", [test_])
    test_.refresh_from_db()
    assert test_.is_deleted
