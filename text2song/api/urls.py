"""One router for the whole API, version 1. Each app registers its own viewsets here."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from adapters.api.views import AdapterViewSet, RegistrationViewSet
from datasets_app.api.views import DatasetViewSet, ExportViewSet
from feedback.api.comparisons import PreferenceViewSet, RankingViewSet
from feedback.api.judgements import FeedbackViewSet
from feedback.api.listening import ListenViewSet
from feedback.api.performance import AdapterPerformanceViewSet
from feedback.api.vocabulary import CriterionViewSet, TagViewSet
from feedback.listening_tests.api.views import LeaderboardViewSet, ListeningTestViewSet, TrialViewSet
from generation.api.base_models import BaseModelViewSet
from generation.api.collections import CollectionViewSet, ShareLinkViewSet
from generation.api.deletions import DeletionViewSet
from generation.api.encoders import EncoderViewSet
from generation.api.favorites import FavoriteViewSet
from generation.api.generate import GenerateViewSet
from generation.api.jobs import JobViewSet
from generation.api.prompts import PlayedPromptViewSet
from generation.api.samples import AudioViewSet
from prompts.api.views import PromptSuiteViewSet, PromptTemplateViewSet
from training.api.experiments import ExperimentViewSet
from training.api.runs import RunViewSet
from training.api.tastes import TasteFitViewSet, TasteViewSet
from training.promotion.api.views import PromotionViewSet
from training.rounds.api.views import RoundViewSet


class StudioRouter(SimpleRouter):
    """Lets `DELETE` on a collection reach `bulk_destroy`, where a viewset has it."""

    routes = [
        SimpleRouter.routes[0]._replace(mapping=SimpleRouter.routes[0].mapping | {"delete": "bulk_destroy"}),
        *SimpleRouter.routes[1:],
    ]


router = StudioRouter()
router.register("prompts", PlayedPromptViewSet, basename="api-prompt")
router.register("templates", PromptTemplateViewSet, basename="api-template")
router.register("suites", PromptSuiteViewSet, basename="api-suite")
router.register("models", BaseModelViewSet, basename="api-model")
router.register("encoders", EncoderViewSet, basename="api-encoder")
router.register("generate", GenerateViewSet, basename="api-generate")
router.register("jobs", JobViewSet, basename="api-job")
router.register("audio", AudioViewSet, basename="api-audio")
router.register("adapters", AdapterViewSet, basename="api-adapter")
router.register("adapters", AdapterPerformanceViewSet, basename="api-adapter-performance")
router.register("adapter-registrations", RegistrationViewSet, basename="api-adapter-registration")
router.register("collections", CollectionViewSet, basename="api-collection")
router.register("share-links", ShareLinkViewSet, basename="api-share-link")
router.register("deletions", DeletionViewSet, basename="api-deletion")
router.register("favorites", FavoriteViewSet, basename="api-favorite")
router.register("feedback", FeedbackViewSet, basename="api-feedback")
router.register("listen", ListenViewSet, basename="api-listen")
router.register("preferences", PreferenceViewSet, basename="api-preference")
router.register("rankings", RankingViewSet, basename="api-ranking")
router.register("tags", TagViewSet, basename="api-tag")
router.register("criteria", CriterionViewSet, basename="api-criterion")
router.register("listening-tests", ListeningTestViewSet, basename="api-listening-test")
router.register("trials", TrialViewSet, basename="api-trial")
router.register("leaderboard", LeaderboardViewSet, basename="api-leaderboard")
router.register("experiments", ExperimentViewSet, basename="api-experiment")
router.register("promotions", PromotionViewSet, basename="api-promotion")
router.register("rounds", RoundViewSet, basename="api-round")
router.register("runs", RunViewSet, basename="api-run")
router.register(
    "tastes/fits", TasteFitViewSet, basename="api-taste-fit"
)  # before the tastes, among whose ids it stands
router.register("tastes", TasteViewSet, basename="api-taste")
router.register("datasets", DatasetViewSet, basename="api-dataset")
router.register("dataset-exports", ExportViewSet, basename="api-dataset-export")

urlpatterns = [path("", include(router.urls))]
