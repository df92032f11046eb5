from django.apps import AppConfig


class StudioConfig(AppConfig):
    name = "text2song"
    verbose_name = gettext_lazy("Studio")

    def ready(self) -> None:
        from text2song import checks, sqlite, workers  # noqa: F401
