from django.apps import AppConfig


class TrainingAppConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from training import receivers, tasks  # noqa: F401
        from training.pages import finds, slots  # noqa: F401
        from training.tastes import asking  # noqa: F401
