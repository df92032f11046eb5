from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        from generation import receivers, tasks  # noqa: F401
        from generation.pages import finds, slots  # noqa: F401
