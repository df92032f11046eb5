from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class StudioConfig(AppConfig):
    name = "text2song"
    verbose_name = gettext_lazy("Studio")

    def ready(self) -> None:
        from text2song import checks, sqlite, workers  # noqa: F401
