"""The studio's settings, with the app that makes rounds small."""

from text2song.settings import *  # noqa: F403
from text2song.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "training.rounds.tests.small.apps.SmallRounds"]
