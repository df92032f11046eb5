"""The registry as pages show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter, AdapterRegistration
from adapters.pages.configuration import configuration, in_words

RECENT = timedelta(days=1)


def versions_of(adapter: Adapter) -> list[Adapter]:
    """All versions of the adapter's name that are not deleted, the oldest first."""
    return list(Adapter.objects.visible().filter(name=adapter.name).with_usage().order_by("created_at", "id"))


def recent_registrations(user: User) -> list[AdapterRegistration]:
    """The user's uploads that are being checked, or were refused within the last day; the newest first."""
    mine = AdapterRegistration.objects.filter(created_by=user).select_related("base_model")
    since = timezone.now() - RECENT
    return list(mine.unfinished() | mine.filter(state="refused", created_at__gte=since))


@dataclass(frozen=True, slots=True)
class Row:
    """One property of compared adapters, in words."""

    name: str
    values: list[str]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of compared adapters, in words.

    `leader` is the place of the one that is ahead, None if none is; `mark` says in a word how. `verdict` is what may be
    said about the difference.
    """

    name: str
    values: list[str]
    leader: int | None = None
    mark: str = ""
    verdict: str = ""


def comparison(adapters: list[Adapter]) -> list[Row]:
    """What the adapters are and how they were trained, property by property. They must come `with_usage()`."""
    rows = [Row(name, [words(adapter) for adapter in adapters]) for name, words in _PROPERTIES]
    settings = [_settings(adapter) for adapter in adapters]
    names = dict.fromkeys(name for values in settings for name in values)
    return rows + [Row(name, [values.get(name, in_words(None)) for values in settings]) for name in names]


def _settings(adapter: Adapter) -> dict[str, str]:
    return {entry.label: entry.value for group in configuration(adapter) for entry in group.entries}


def _state(adapter: Adapter) -> str:
    if adapter.is_default:
        return "Default"
    return gettext("Active") if adapter.is_active else gettext("Inactive")


_PROPERTIES: tuple[tuple[str, Callable[[Adapter], str]], ...] = (
    (gettext_lazy("State"), _state),
    (gettext_lazy("Registered"), lambda adapter: date_format(adapter.created_at)),
    (gettext_lazy("Origin"), lambda adapter: adapter.get_source_display()),
    (gettext_lazy("Parent"), lambda adapter: adapter.parent.label if adapter.parent else gettext("None")),
    (gettext_lazy("Samples made"), lambda adapter: str(adapter.sample_count)),
    ("SHA-256", lambda adapter: adapter.sha256[:12]),
)
