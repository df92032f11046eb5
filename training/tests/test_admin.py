"""The curators' desk of training."""

from __future__ import annotations

import pytest

from generation.tests.test_admin import act, list_url
from training.models import Experiment, TrainingRun
from training.tests.factories import TrainingRunFactory, add_lines, add_points

pytestmark = pytest.mark.django_db


def test_lists_and_pages_open_and_take_the_same_queries_however_long(curator_page, django_assert_max_num_queries):
    run = TrainingRunFactory(completed=True)
    add_points(run, "loss", [0.5])
    add_lines(run, "Hello.")
    for model in (Experiment, TrainingRun):
        row = model.objects.get()
        page = list_url(model).replace("?", "") + f"{row.pk}/change/"
        assert curator_page.get(page).status_code == 200
        curator_page.get(list_url(model))
        with django_assert_max_num_queries(20) as few:
            curator_page.get(list_url(model))
    for _ in range(4):
        TrainingRunFactory(failed=True)
    with django_assert_max_num_queries(len(few)):
        assert curator_page.get(list_url(TrainingRun)).status_code == 200


def test_actions_call_the_services_and_say_what_was_refused(curator_page):
    busy = TrainingRunFactory(running=True)
    done = TrainingRunFactory(experiment=busy.experiment, completed=True)
    messages = act(curator_page, TrainingRun, "cancel", busy, done)
    assert "Runs cancelled: 1." in messages and any("already completed" in message for message in messages)
    assert act(curator_page, TrainingRun, "resume", busy) == ["Runs put in the queue: 1."]
    messages = act(curator_page, TrainingRun, "delete_runs", busy, done)
    assert "Runs deleted: 1." in messages and any("Not finished yet" in message for message in messages)
    assert act(curator_page, Experiment, "archive", busy.experiment)[0].endswith("before archiving the experiment.")
    busy.refresh_from_db()
    busy.cancel()
    assert act(curator_page, Experiment, "archive", busy.experiment) == ["Archived: 1."]
    assert act(curator_page, Experiment, "unarchive", busy.experiment) == ["Taken out of the archive: 1."]
