from django.urls import path

from adapters.pages.views import changes, registrations, registry

urlpatterns = [
    path("", registry.adapter_list, name="adapters"),
    path("upload/", registrations.upload, name="adapter-upload"),
    path("registrations/<uuid:registration_id>/", registrations.registration, name="adapter-registration"),
    path("compare/", registry.compare, name="adapter-compare"),
    path("<uuid:adapter_id>/", registry.adapter_detail, name="adapter-detail"),
    path("<uuid:adapter_id>/download/", registry.download, name="adapter-download"),
    path("<uuid:adapter_id>/edit/", changes.edit, name="adapter-edit"),
    path("<uuid:adapter_id>/activate/", changes.activate, name="adapter-activate"),
    path("<uuid:adapter_id>/deactivate/", changes.deactivate, name="adapter-deactivate"),
    path("<uuid:adapter_id>/default/", changes.make_default, name="adapter-default"),
    path("<uuid:adapter_id>/roll-back/", changes.roll_back, name="adapter-roll-back"),
    path("<uuid:adapter_id>/delete/", changes.delete, name="adapter-delete"),
]
