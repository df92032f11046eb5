from django.apps import AppConfig
from django.utils.translation import gettext


class TrainingAppConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from training import receivers, tasks, texts  # noqa: F401
        from training.pages import finds, slots  # noqa: F401
        from training.tastes import asking  # noqa: F401

        texts.translate_with(gettext)
