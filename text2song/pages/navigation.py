"""The sections of the studio, as the sidebar and the keys know them.

A section whose address does not exist in this installation is left out, so an app that is added later appears by
itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.contrib.auth.models import AnonymousUser, User
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True)
class Section:
    """One line of the sidebar. `paths` are prefixes of its addresses; `staff` hides it from everybody else.

    `in_bar`: a phone's bar holds it, where all others stand under “More”.
    """

    label: str
    url_name: str
    key: str = ""
    icon: str = ""
    paths: tuple[str, ...] = ()
    children: tuple[Section, ...] = ()
    staff: bool = False
    in_bar: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A section as one page shows it. `is_page`: this very page; `is_current`: this page belongs to it."""

    label: str
    url: str
    key: str
    icon: str
    is_page: bool
    is_current: bool
    in_bar: bool = False
    children: list[Link] = field(default_factory=list)

    @property
    def has_current_child(self) -> bool:
        return any(child.is_current for child in self.children)

    @property
    def is_open(self) -> bool:
        """Whether this page lies in it, or below it."""
        return self.is_current or self.has_current_child


SECTIONS = (
    Section(gettext_lazy("Overview"), "overview", "o", "overview", in_bar=True),
    Section(gettext_lazy("Teach the studio"), "rounds", "e", "book", paths=("/teach/",)),
    Section(
        gettext_lazy("Create"),
        "create",
        "c",
        "create",
        paths=("/create/",),
        in_bar=True,
        children=(
            Section(gettext_lazy("Prompts"), "prompts", paths=("/prompts/",)),
            Section(gettext_lazy("Templates"), "templates", paths=("/templates/",)),
            Section(gettext_lazy("Suites"), "suites", paths=("/suites/",)),
        ),
    ),
    Section(
        gettext_lazy("Library"),
        "library",
        "l",
        "library",
        paths=("/library/", "/samples/"),
        in_bar=True,
        children=(
            Section(gettext_lazy("Collections"), "collections", paths=("/collections/",)),
            Section(gettext_lazy("Favourites"), "favorites", paths=("/favorites/",)),
            Section(gettext_lazy("Compare"), "compare", paths=("/compare/",)),
            Section(gettext_lazy("Feedback"), "feedback", paths=("/feedback/",)),
        ),
    ),
    Section(gettext_lazy("Listen"), "listen", "i", "listen", paths=("/listen/",), in_bar=True),
    Section(
        gettext_lazy("Tests"),
        "tests",
        "t",
        "tests",
        paths=("/tests/",),
        children=(
            Section(gettext_lazy("Leaderboard"), "leaderboard", paths=("/leaderboard/",)),
            Section(gettext_lazy("Raters"), "raters", paths=("/tests/raters/",), staff=True),
            Section(gettext_lazy("Invitations"), "invitations", paths=("/tests/invitations/",), staff=True),
        ),
    ),
    Section(gettext_lazy("Datasets"), "datasets", "d", "datasets", paths=("/datasets/",)),
    Section(
        gettext_lazy("Adapters"),
        "adapters",
        "a",
        "adapters",
        paths=("/adapters/",),
        children=(Section(gettext_lazy("Tastes"), "tastes", paths=("/tastes/",)),),
    ),
    Section(gettext_lazy("Training"), "training", "r", "training", paths=("/training/",)),
    Section(gettext_lazy("Jobs"), "jobs", "j", "jobs", paths=("/jobs/",)),
    Section(
        gettext_lazy("Settings"),
        "settings",
        "s",
        "settings",
        paths=("/settings/",),
        children=(
            Section(gettext_lazy("Models"), "models", paths=("/settings/models/",)),
            Section(gettext_lazy("Generation"), "settings-generation", paths=("/settings/generation/",)),
            Section(gettext_lazy("Training"), "settings-training", paths=("/settings/training/",)),
            Section(gettext_lazy("API keys"), "settings-keys", paths=("/settings/keys/",)),
        ),
    ),
)

GUEST_SECTIONS = (Section(gettext_lazy("Tests"), "tests", "t", "tests", paths=("/tests/",), in_bar=True),)
"""What somebody who came by an invitation can use."""

MENU = (
    Section(gettext_lazy("Favourites"), "favorites", icon="heart"),
    Section(gettext_lazy("Shared links"), "shared-links", icon="external"),
    Section(gettext_lazy("API documentation"), "api-docs", icon="book"),
    Section(gettext_lazy("Curation"), "admin:index", icon="shield", staff=True),
)


def url_or_empty(name: str, *args: object) -> str:
    """The address called `name`, or "" where this installation has none."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def links(sections: tuple[Section, ...], path: str, user: User | AnonymousUser | None) -> list[Link]:
    """The sections `user` can use with their children, those that `path` lies in marked."""
    if user is None or not user.is_authenticated:
        return []
    found = (_link(section, path, user) for section in sections)
    return [link for link in found if link is not None]


def _link(section: Section, path: str, user: User | AnonymousUser) -> Link | None:
    url = url_or_empty(section.url_name)
    if not url or (section.staff and not getattr(user, "is_staff", False)):
        return None
    children = links(section.children, path, user)
    within_child = any(child.is_current for child in children)
    current = path == url or (path.startswith(section.paths) if section.paths else False)
    return Link(
        label=section.label,
        url=url,
        key=section.key,
        icon=section.icon,
        is_page=path == url,
        is_current=current and not within_child,
        in_bar=section.in_bar,
        children=children,
    )
