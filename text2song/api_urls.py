"""One router for the whole API, version 1. Each app registers its own viewsets here."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from adapters import api as adapters_api
from datasets_app import api as datasets_api
from feedback import api as feedback_api
from feedback.api.listening_tests import LeaderboardViewSet, ListeningTestViewSet, TrialViewSet
from generation import api as generation_api
from prompts import api as prompts_api
from training import api as training_api


class StudioRouter(SimpleRouter):
    """Lets `DELETE` on a collection reach `bulk_destroy`, where a viewset has it."""

    routes = [
        SimpleRouter.routes[0]._replace(mapping=SimpleRouter.routes[0].mapping | {"delete": "bulk_destroy"}),
        *SimpleRouter.routes[1:],
    ]


router = StudioRouter()
router.register("prompts", prompts_api.PromptViewSet, basename="api-prompt")
router.register("templates", prompts_api.PromptTemplateViewSet, basename="api-template")
router.register("suites", prompts_api.PromptSuiteViewSet, basename="api-suite")
router.register("models", generation_api.BaseModelViewSet, basename="api-model")
router.register("generate", generation_api.GenerateViewSet, basename="api-generate")
router.register("jobs", generation_api.JobViewSet, basename="api-job")
router.register("audio", generation_api.AudioViewSet, basename="api-audio")
router.register("adapters", adapters_api.AdapterViewSet, basename="api-adapter")
router.register("adapters", feedback_api.AdapterPerformanceViewSet, basename="api-adapter-performance")
router.register("adapter-registrations", adapters_api.RegistrationViewSet, basename="api-adapter-registration")
router.register("favorites", generation_api.FavoriteViewSet, basename="api-favorite")
router.register("feedback", feedback_api.FeedbackViewSet, basename="api-feedback")
router.register("preferences", feedback_api.PreferenceViewSet, basename="api-preference")
router.register("rankings", feedback_api.RankingViewSet, basename="api-ranking")
router.register("tags", feedback_api.TagViewSet, basename="api-tag")
router.register("criteria", feedback_api.CriterionViewSet, basename="api-criterion")
router.register("listening-tests", ListeningTestViewSet, basename="api-listening-test")
router.register("trials", TrialViewSet, basename="api-trial")
router.register("leaderboard", LeaderboardViewSet, basename="api-leaderboard")
router.register("experiments", training_api.ExperimentViewSet, basename="api-experiment")
router.register("promotions", training_api.PromotionViewSet, basename="api-promotion")
router.register("runs", training_api.RunViewSet, basename="api-run")
router.register("datasets", datasets_api.DatasetViewSet, basename="api-dataset")
router.register("dataset-exports", datasets_api.ExportViewSet, basename="api-dataset-export")

urlpatterns = [path("", include(router.urls))]
