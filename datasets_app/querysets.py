"""Collections of datasets and their rows in the domain's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db.models import Prefetch, QuerySet

from datasets_app.exceptions import DatasetIsImmutable
from datasets_app.models.building import BuildQuerySet

if TYPE_CHECKING:
    from datasets_app.models import Clip, Dataset, DatasetItem

CLIPS = ("sample", "chosen", "rejected")

Part = TypeVar("Part", bound="Clip | DatasetItem")


class DatasetQuerySet(BuildQuerySet["Dataset"]):  # type: ignore[override]  # each makes a manager
    def ready(self) -> Self:
        """Those that can be trained on."""
        return self.visible().filter(state="ready")

    def with_exports(self) -> Self:
        """With the newest export of each format first, as lists show them."""
        from datasets_app.models import Export

        newest = Prefetch("exports", queryset=Export.objects.order_by("-created_at"))
        return self.select_related("created_by").prefetch_related(newest)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refused as soon as one of them is built."""
        _refuse_built(self)
        return super().delete()


class PartQuerySet(QuerySet[Part]):
    """Parts of datasets: written once while their dataset is being built, and never changed after."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        parts = list(objs)
        _refuse_built(self._datasets().filter(pk__in={part.dataset_id for part in parts}))
        return super().bulk_create(parts, *args, **kwargs)

    def update(self, **changes: Any) -> int:
        self._refuse_if_built()
        return super().update(**changes)

    def delete(self) -> tuple[int, dict[str, int]]:
        self._refuse_if_built()
        return super().delete()

    def _refuse_if_built(self) -> None:
        _refuse_built(self._datasets().filter(pk__in=self.order_by().values("dataset")))

    def _datasets(self) -> QuerySet[Dataset]:
        return self.model.dataset.get_queryset()  # type: ignore[call-arg]  # its hints may be left out


def _refuse_built(datasets: QuerySet) -> None:
    name = datasets.filter(state="ready").values_list("name", flat=True).first()
    if name is not None:
        raise DatasetIsImmutable(name)


class DatasetItemQuerySet(PartQuerySet["DatasetItem"]):
    def with_clips(self) -> Self:
        """With the clips and what is needed to read their codes."""
        return self.select_related(*CLIPS, *(f"{name}__sample" for name in CLIPS))

    def by_prompt(self) -> Self:
        """In an order that only the rows decide, and every release has: content hashes are made in it."""
        return self.order_by("prompt_key", "row_id")

    def by_text(self) -> Self:
        """In an order that only the rows decide: those that ask for the same together."""
        return self.order_by("text_key", "row_id")
