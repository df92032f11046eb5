"""Addresses of Settings."""

from __future__ import annotations

from django.urls import path

from text2song.pages import settings_views

urlpatterns = [
    path("", settings_views.system, name="settings"),
    path("keys/", settings_views.keys, name="settings-keys"),
    path("keys/<slug:digest>/revoke/", settings_views.revoke, name="settings-key-revoke"),
]
