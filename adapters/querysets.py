"""Collections of adapters in the domain's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Exists, F, OuterRef, Q

from adapters.usage import usage
from text2song.models import SoftDeleteQuerySet
from text2song.work import WorkQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from adapters.base import Base
    from adapters.models import Adapter, AdapterRegistration, Taste


class AdapterRegistrationQuerySet(WorkQuerySet["AdapterRegistration"]):
    def visible_to(self, user: User) -> Self:
        """A person's own uploads; all for curators."""
        return self if user.is_staff else self.filter(created_by=user)


class AdapterQuerySet(SoftDeleteQuerySet["Adapter"]):
    def active(self) -> Self:
        """Adapters new jobs may use."""
        return self.visible().filter(is_active=True)

    def selectable_for(self, base_model: Base) -> Self:
        """Active adapters of this base model as its files are now, its default first, then the newest."""
        fitting = self.active().filter(base_model=base_model.pk)
        if base_model.revision:
            fitting = fitting.filter(base_revision__in=("", base_model.revision))
        return fitting.order_by("-is_default", "-created_at", "-id")

    def default_of(self, base_model: Base) -> Any:
        """The adapter preselected for this base model, or None."""
        return self.selectable_for(base_model).filter(is_default=True).first()

    def with_context(self) -> Self:
        """With base model, parent and creator, as pages show them."""
        return self.select_related("base_model", "parent", "created_by")

    def with_usage(self) -> Self:
        """With `sample_count` and `job_count` (deleted and withheld ones left out) and `last_used_at`."""
        return self.annotate(**usage())


class TasteQuerySet(SoftDeleteQuerySet["Taste"]):
    def visible_to(self, user: User) -> Self:
        """A person's own, and those of everybody's votes; all for curators."""
        shown = self.visible()
        if user.is_staff:
            return shown
        everybodys = Q(filters__raters__isnull=True, filters__dataset__isnull=True)
        return shown.filter(everybodys | Q(filters__raters=[user.get_username()]))

    def newest(self) -> Self:
        """Of each name the last version that was not deleted."""
        later = self.model.objects.visible().filter(name=OuterRef("name"), version__gt=OuterRef("version"))
        return self.visible().filter(~Exists(later))

    def usable_for(self, *base_models: Base) -> Self:
        """Those that may pick, order and label clips of these base models as their files are now, by name."""
        of_these_files = Q(base_revision="") | Q(base_model__revision="") | Q(base_revision=F("base_model__revision"))
        fitting = self.newest().filter(of_these_files, base_model__in=base_models, is_usable=True)
        return fitting.that_hear().order_by("name")

    def that_hear(self) -> Self:
        """Without those that score no new clips, because something that they listen with is gone."""
        tastes = with_hearing(self.filter(is_usable=True).select_related("base_model"))
        deaf = [taste.pk for taste in tastes if taste.unheard]
        return self.exclude(pk__in=deaf) if deaf else self

    def with_context(self) -> Self:
        """With base model and creator, as pages show them."""
        return self.select_related("base_model", "created_by")


def with_hearing(tastes: Iterable[Taste]) -> list[Taste]:
    """The same tastes, each knowing whether it hears new clips; asked once for all that listen with the same."""
    told: dict[tuple[Any, ...], str] = {}
    found = list(tastes)
    for taste in found:
        alike = (taste.base_model_id, *taste.kinds)
        if alike not in told:
            told[alike] = taste.base_model.why_unheard(taste.kinds)
        taste.unheard = told[alike]
    return found
