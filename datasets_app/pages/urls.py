from django.urls import path

from datasets_app.pages.views import datasets, exports

urlpatterns = [
    path("", datasets.dataset_list, name="datasets"),
    path("new/", datasets.dataset_create, name="dataset-create"),
    path("count/", datasets.dataset_count, name="dataset-count"),
    path("<uuid:dataset_id>/", datasets.dataset_detail, name="dataset-detail"),
    path("<uuid:dataset_id>/status/", datasets.dataset_status, name="dataset-status"),
    path("<uuid:dataset_id>/delete/", datasets.dataset_delete, name="dataset-delete"),
    path("<uuid:dataset_id>/export/", exports.export_start, name="dataset-export"),
    path("<uuid:dataset_id>/exports/", exports.export_list, name="dataset-exports"),
    path("exports/<uuid:export_id>/", exports.export_download, name="dataset-export-download"),
]
