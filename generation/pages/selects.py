"""Choices of the Create page that know what they require."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from adapters.models import Adapter, Taste
from generation.models import BaseModel


class ModelSelect(forms.Select):
    """Base models with their limits on the options, for the page's script."""

    models: Mapping[str, BaseModel] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if model := self.models.get(str(value)):
            option["attrs"]["data-limit"] = model.max_duration
        return option


class FittingSelect(forms.Select):
    """What each requires is on the options; those that do not fit the chosen model cannot be chosen."""

    base_model: BaseModel | None = None
    requires = "requires"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered: Mapping[str, Any] = {}

    def fits(self, offered: Any, base_model: BaseModel) -> bool:
        raise NotImplementedError

    @property
    def has_fitting(self) -> bool:
        """Whether any can be chosen with the model."""
        model = self.base_model
        return model is not None and any(self.fits(offered, model) for offered in self.offered.values())

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if offered := self.offered.get(str(value)):
            option["attrs"] |= {"data-model": offered.base_model.key, "data-fits": option["label"]}
            said = f"{option['label']} — {self.requires} {offered.base_model.display_name}"
            option["attrs"]["data-requires"] = said
            if self.base_model is None or not self.fits(offered, self.base_model):
                option["attrs"]["disabled"] = True
                option["label"] = said
        return option


class AdapterSelect(FittingSelect):
    """Adapters, and which is the default."""

    def fits(self, offered: Adapter, base_model: BaseModel) -> bool:
        return offered.fits(base_model)

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if (adapter := self.offered.get(str(value))) and adapter.is_default:
            option["attrs"]["data-default"] = True
        return option


class TasteSelect(FittingSelect):
    """Tastes that this person may use; each hears the clips of one model."""

    requires = "hears"

    def fits(self, offered: Taste, base_model: BaseModel) -> bool:
        return offered.fits(base_model)
