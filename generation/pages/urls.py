"""Pages of generation: creating, jobs, listening, models."""

from __future__ import annotations

from django.urls import path

from generation.api import sound
from generation.pages.views import (
    compare,
    create,
    defaults,
    encoders,
    favorites,
    jobs,
    library,
    models,
    samples,
    shares,
)

urlpatterns = [
    path("create/", create.create, name="create"),
    path("create/plan/", create.plan, name="create-plan"),
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/<uuid:job_id>/", jobs.job_detail, name="job-detail"),
    path("jobs/<uuid:job_id>/card/", jobs.job_card, name="job-card"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<uuid:job_id>/retry/", jobs.retry, name="job-retry"),
    path("jobs/<uuid:job_id>/delete/", jobs.delete, name="job-delete"),
    path("library/", library.library, name="library"),
    path("samples/<uuid:sample_id>/", samples.sample_detail, name="sample-detail"),
    path("samples/<uuid:sample_id>/extend/", samples.extend, name="sample-extend"),
    path("samples/<uuid:sample_id>/vary/", samples.vary, name="sample-vary"),
    path("samples/<uuid:sample_id>/keep/", samples.keep, name="sample-keep"),
    path("samples/<uuid:sample_id>/delete/", samples.delete, name="sample-delete"),
    path("samples/<uuid:sample_id>/rename/", samples.rename, name="sample-rename"),
    path("samples/<uuid:sample_id>/share/", shares.share_sample, name="sample-share"),
    path("deletions/<uuid:deletion_id>/undo/", samples.undo, name="deletion-undo"),
    path("shared/", shares.links, name="shared-links"),
    path("shared/revoke/", shares.revoke_all, name="shared-links-revoke"),
    path("shared/<uuid:link_id>/revoke/", shares.revoke, name="shared-link-revoke"),
    path("s/<str:token>/", shares.shared, name="shared"),
    path("s/<str:token>/<int:number>/audio", shares.shared_audio, name="shared-audio"),
    path("audio/<uuid:sample_id>/stream/", sound.stream, name="audio-stream"),
    path("audio/<uuid:sample_id>/download/<slug:file_format>/", sound.download, name="audio-download"),
    path("audio/<uuid:sample_id>/spectrogram.png", sound.spectrogram, name="audio-spectrogram"),
    path("compare/", compare.compare, name="compare"),
    path("favorites/", favorites.favorite_list, name="favorites"),
    path("favorites/toggle/", favorites.toggle, name="favorite-toggle"),
    path("favorites/<uuid:favorite_id>/note/", favorites.note, name="favorite-note"),
    path("settings/models/", models.model_list, name="models"),
    path("settings/models/add-folder/", models.add_folder, name="model-add-folder"),
    path("settings/models/encoders/", encoders.encoder_list, name="encoders"),
    path("settings/models/encoders/add/", encoders.add, name="encoder-add"),
    path("settings/models/encoders/<slug:key>/activate/", encoders.activate, name="encoder-activate"),
    path("settings/models/encoders/<slug:key>/deactivate/", encoders.deactivate, name="encoder-deactivate"),
    path("settings/models/encoders/<slug:key>/remove/", encoders.remove, name="encoder-remove"),
    path("settings/models/<slug:key>/activate/", models.activate, name="model-activate"),
    path("settings/models/<slug:key>/fetch/", models.fetch, name="model-fetch"),
    path("settings/models/<slug:key>/card/", models.model_card, name="model-card"),
    path("settings/models/<slug:key>/remove/", models.remove, name="model-remove"),
    path("settings/models/fetches/<uuid:fetch_id>/cancel/", models.cancel_fetch, name="model-fetch-cancel"),
    path("settings/generation/", defaults.generation_defaults, name="settings-generation"),
]
