"""Pages of “Teach the studio”."""

from __future__ import annotations

from django.urls import path

from training.rounds.pages import views

urlpatterns = [
    path("", views.rounds, name="rounds"),
    path("new/", views.new, name="round-new"),
    path("<uuid:round_id>/", views.detail, name="round-detail"),
    path("<uuid:round_id>/status/", views.status, name="round-status"),
    path("<uuid:round_id>/judge/", views.judge, name="round-judge"),
    path("<uuid:round_id>/go-on/", views.proceed, name="round-go-on"),
    path("<uuid:round_id>/more/", views.more, name="round-more"),
    path("<uuid:round_id>/pause/", views.pause, name="round-pause"),
    path("<uuid:round_id>/cancel/", views.cancel, name="round-cancel"),
]
