"""Pages of feedback: the panel of a sample, comparisons, the history."""

from __future__ import annotations

from django.urls import path

from feedback.pages.views import comparisons, history, listening_queue, panel

urlpatterns = [
    path("listen/", listening_queue.queue, name="listen"),
    path("listen/next/", listening_queue.go_on, name="listen-next"),
    path("listen/pair/", listening_queue.answer_pair, name="listen-pair"),
    path("listen/undo/", listening_queue.undo, name="listen-undo"),
    path("listen/mode/", listening_queue.choose_mode, name="listen-mode"),
    path("feedback/", history.history, name="feedback"),
    path("feedback/preferences/", comparisons.prefer, name="feedback-prefer"),
    path("feedback/rankings/", comparisons.rank, name="feedback-rank"),
    path("feedback/<uuid:item_id>/delete/", history.delete, name="feedback-delete"),
    path("samples/<uuid:sample_id>/feedback/", panel.panel, name="sample-feedback"),
    path("samples/<uuid:sample_id>/feedback/ratings/<slug:slug>/", panel.rate, name="sample-rate"),
    path("samples/<uuid:sample_id>/feedback/tags/", panel.set_tags, name="sample-tags"),
    path("samples/<uuid:sample_id>/feedback/tags/add/", panel.add_tag, name="sample-tag-add"),
    path("samples/<uuid:sample_id>/feedback/note/", panel.write_note, name="sample-note"),
]
