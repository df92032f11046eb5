"""Pages of prompts, templates and suites."""

from __future__ import annotations

from django.urls import path

from prompts.pages.views import editor, history, suites, templates

urlpatterns = [
    path("prompts/", history.prompt_list, name="prompts"),
    path("prompts/searches/clear/", history.clear_searches, name="prompt-searches-clear"),
    path("prompts/preview/", editor.preview, name="prompt-preview"),
    path("prompts/<uuid:prompt_id>/", history.prompt_detail, name="prompt-detail"),
    path("prompts/<uuid:prompt_id>/delete/", history.prompt_delete, name="prompt-delete"),
    path("prompts/<uuid:prompt_id>/suite/", suites.add_to_suite, name="prompt-add-to-suite"),
    path("templates/", templates.template_list, name="templates"),
    path("templates/picker/", editor.template_picker, name="template-picker"),
    path("templates/new/", templates.template_create, name="template-create"),
    path("templates/from-editor/", templates.template_from_editor, name="template-from-editor"),
    path("templates/<uuid:template_id>/apply/", editor.apply_template, name="template-apply"),
    path("templates/<uuid:template_id>/edit/", templates.template_edit, name="template-edit"),
    path("templates/<uuid:template_id>/copy/", templates.template_copy, name="template-copy"),
    path("templates/<uuid:template_id>/delete/", templates.template_delete, name="template-delete"),
    path("suites/", suites.suite_list, name="suites"),
    path("suites/new/", suites.suite_create, name="suite-create"),
    path("suites/<uuid:suite_id>/", suites.suite_detail, name="suite-detail"),
    path("suites/<uuid:suite_id>/edit/", suites.suite_edit, name="suite-edit"),
    path("suites/<uuid:suite_id>/add/", suites.suite_add, name="suite-add"),
    path("suites/<uuid:suite_id>/remove/<uuid:prompt_id>/", suites.suite_remove, name="suite-remove"),
    path("suites/<uuid:suite_id>/freeze/", suites.suite_freeze, name="suite-freeze"),
    path("suites/<uuid:suite_id>/delete/", suites.suite_delete, name="suite-delete"),
]
