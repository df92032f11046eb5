from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy


class StudioConfig(AppConfig):
    name = "text2song"
    verbose_name = gettext_lazy("Studio")

    def ready(self) -> None:
        from text2song import checks, sqlite, workers  # noqa: F401
        from text2song.model_names import translate_names

        translate_names(settings.BASE_DIR)
