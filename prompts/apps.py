from django.apps import AppConfig
from django.utils.translation import pgettext


class PromptsConfig(AppConfig):
    name = "prompts"

    def ready(self) -> None:
        from prompts.pages import finds  # noqa: F401
        from prompts.wording import vocabulary

        vocabulary.translate_with(lambda name: pgettext("music", name))
