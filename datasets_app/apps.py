from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class DatasetsConfig(AppConfig):
    name = "datasets_app"
    verbose_name = gettext_lazy("Datasets")

    def ready(self) -> None:
        from datasets_app import receivers, tasks  # noqa: F401  registers what workers do and what is needed
