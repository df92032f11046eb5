"""Pages of training: experiments, their runs, what runs report."""

from __future__ import annotations

from django.urls import path

from training.pages.views import comparison, experiments, quality, runs
from training.promotion.pages import views as promotions

urlpatterns = [
    path("", experiments.experiment_list, name="training"),
    path("new/", experiments.new, name="experiment-new"),
    path("promotion/", promotions.policy, name="promotion-policy"),
    path("adapters/<uuid:adapter_id>/quality/", quality.adapter_quality, name="adapter-quality"),
    path("promotion/<uuid:adapter_id>/open/", promotions.open_test, name="promotion-open"),
    path("<uuid:experiment_id>/", experiments.experiment_detail, name="experiment-detail"),
    path("<uuid:experiment_id>/overview/", experiments.experiment_overview, name="experiment-overview"),
    path("<uuid:experiment_id>/config/", experiments.config, name="experiment-config"),
    path("<uuid:experiment_id>/archive/", experiments.archive, name="experiment-archive"),
    path("<uuid:experiment_id>/unarchive/", experiments.unarchive, name="experiment-unarchive"),
    path("<uuid:experiment_id>/runs/new/", runs.new, name="run-new"),
    path("<uuid:experiment_id>/runs/delete/", runs.delete, name="runs-delete"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/compare/", comparison.compare, name="run-compare"),
    path("runs/<uuid:run_id>/", runs.run_detail, name="run-detail"),
    path("runs/<uuid:run_id>/status/", runs.status, name="run-status"),
    path("runs/<uuid:run_id>/log/", runs.log, name="run-log"),
    path("runs/<uuid:run_id>/panel/", runs.panel, name="run-panel"),
    path("runs/<uuid:run_id>/metrics/", runs.metrics, name="run-metrics"),
    path("runs/<uuid:run_id>/cancel/", runs.cancel, name="run-cancel"),
    path("runs/<uuid:run_id>/resume/", runs.resume, name="run-resume"),
]
