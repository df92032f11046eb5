from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    name = "feedback"

    def ready(self) -> None:
        from feedback import receivers  # noqa: F401
        from feedback.library_filter import FEEDBACK_FILTER
        from generation.listening.library import add_filter

        add_filter(FEEDBACK_FILTER)
