from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        from generation import receivers, tasks  # noqa: F401  what is asked of it, what its workers do
        from generation.base_models.reading import read_by_model
        from prompts.wording.reading import register_reader

        register_reader(read_by_model)
