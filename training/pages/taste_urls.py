"""Pages of tastes: what was learned from votes, and whether it can be relied on."""

from __future__ import annotations

from django.urls import path

from training.pages.views import tastes

urlpatterns = [
    path("", tastes.taste_list, name="tastes"),
    path("new/", tastes.new, name="taste-new"),
    path("fits/<uuid:fit_id>/", tastes.fit_status, name="taste-fit"),
    path("<uuid:taste_id>/", tastes.taste_detail, name="taste-detail"),
    path("<uuid:taste_id>/again/", tastes.again, name="taste-again"),
    path("<uuid:taste_id>/delete/", tastes.delete, name="taste-delete"),
    path("<uuid:taste_id>/download/", tastes.download, name="taste-download"),
    path("<uuid:taste_id>/report/", tastes.report, name="taste-report-download"),
]
