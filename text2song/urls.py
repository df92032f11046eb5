"""Addresses of the studio."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from text2song import health
from text2song.api import errors as api_errors
from text2song.pages import language, palette, views
from text2song.pages.app_manifest import app_manifest
from training.pages.views.defaults import training_defaults

handler404 = "text2song.pages.views.not_found"
handler500 = "text2song.pages.views.server_error"

admin.site.site_header = "Text2Song Studio"
admin.site.site_title = "Text2Song Studio"
admin.site.index_title = "Curation"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("manifest.webmanifest", app_manifest, name="app-manifest"),
    path("palette/", palette.palette, name="palette"),
    path("search/", palette.search_page, name="search"),
    path("overview/loop/", views.overview_loop, name="overview-loop"),
    path("status/", views.studio_status, name="studio-status"),
    path("sign-in/", views.SignInView.as_view(), name="sign-in"),
    path("sign-out/", views.SignOutView.as_view(), name="sign-out"),
    path("language/", language.set_language, name="set-language"),
    path("words/<slug:language>.js", language.words, name="words"),
    path("settings/", include("text2song.pages.settings_urls")),
    path("settings/training/", training_defaults, name="settings-training"),
    path("", include("prompts.pages.urls")),
    path("", include("generation.pages.urls")),
    path("", include("feedback.pages.urls")),
    path("", include("feedback.listening_tests.pages.urls")),
    path("adapters/", include("adapters.pages.urls")),
    path("datasets/", include("datasets_app.pages.urls")),
    path("training/", include("training.pages.urls")),
    path("tastes/", include("training.pages.taste_urls")),
    path("teach/", include("training.rounds.pages.urls")),
    path("healthz", login_not_required(health.healthz), name="healthz"),
    path("readyz", login_not_required(health.readyz), name="readyz"),
    path("metrics", login_not_required(health.metrics), name="metrics"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("text2song.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", views.api_docs(SpectacularSwaggerSplitView), name="api-docs"),
    re_path(r"^api(?:/.*)?$", login_not_required(api_errors.not_found)),
]
