from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    name = "feedback"

    def ready(self) -> None:
        from feedback import receivers  # noqa: F401
        from feedback.pages import slots  # noqa: F401
        from feedback.pages.library_filter import BY_STARS, FEEDBACK_FILTERS
        from generation.listening.library import add_filter, add_order

        for further in FEEDBACK_FILTERS:
            add_filter(further)
        add_order("stars", BY_STARS)
