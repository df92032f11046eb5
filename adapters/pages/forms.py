"""Forms of the registry. Rules live in models and services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Adapter, AdapterRegistration
from adapters.models.names import NAME_MESSAGE


class FilesInput(forms.ClearableFileInput):
    """Several files at once."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or several uploaded files, as a list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        sent = (data if isinstance(data, list | tuple) else [data]) or [None]
        return [super(FilesField, self).clean(file, initial) for file in sent]


class UploadForm(forms.ModelForm):
    """An adapter to register: its files, what it is called, and the base model it was made for."""

    files = FilesField(  # type: ignore[assignment]  # fields do not stay on the class
        label=gettext_lazy("Files"),
        help_text=gettext_lazy(
            "One zip archive, or adapter_config.json and adapter_model.safetensors together. Pickle "
            "files (.bin, .pt) are refused."
        ),
        error_messages={"required": gettext_lazy("Choose the adapter's files.")},
    )

    class Meta:
        model = AdapterRegistration
        fields = ("name", "version", "base_model", "parent", "description", "activate")
        labels = {
            "name": gettext_lazy("Name"),
            "version": gettext_lazy("Version"),
            "base_model": gettext_lazy("Base model"),
            "parent": gettext_lazy("Parent"),
            "description": gettext_lazy("Description"),
            "activate": gettext_lazy("Offer it on Create as soon as it is registered"),
        }
        help_texts = {
            "name": gettext_lazy(
                "What it sounds like, or what it learned: “warm-keys”. Versions of one adapter share the name."
            ),
            "version": gettext_lazy("Three numbers: 1.0.0."),
            "activate": "",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].error_messages["required"] = NAME_MESSAGE
        self.fields["parent"].queryset = Adapter.objects.visible().with_context()
        self.fields["parent"].empty_label = gettext("None: it starts from the base model")
        self.fields["base_model"].error_messages["required"] = gettext("Choose the model it was made for.")

    def _post_clean(self) -> None:
        """The service validates; here only the fields' own form is checked."""


class EditForm(forms.ModelForm):
    """What an adapter is called, and what is said about it."""

    class Meta:
        model = Adapter
        fields = ("name", "version", "description")
        labels = {
            "name": gettext_lazy("Name"),
            "version": gettext_lazy("Version"),
            "description": gettext_lazy("Description"),
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].error_messages["required"] = NAME_MESSAGE

    def _post_clean(self) -> None:
        """The service changes the adapter; a refused form must not."""


class CompareForm(forms.Form):
    """Two adapters to put side by side."""

    ids = forms.ModelMultipleChoiceField(
        queryset=Adapter.objects.visible().with_context(),
        error_messages={
            "required": gettext_lazy("Choose two adapters to compare."),
            "invalid_choice": gettext_lazy("One of these adapters is not there any more."),
            "invalid_pk_value": gettext_lazy("One of these is no adapter."),
        },
    )

    def clean_ids(self) -> list[Adapter]:
        chosen = self.cleaned_data["ids"]
        if len(chosen) != 2:
            raise forms.ValidationError(
                gettext("Choose two adapters to compare, not %(chosen)s.") % {"chosen": len(chosen)}
            )
        order = [str(pk) for pk in self.data.getlist("ids")]
        return sorted(chosen, key=lambda adapter: order.index(str(adapter.pk)) if str(adapter.pk) in order else 0)
