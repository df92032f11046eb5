"""The form of what new adapters are tested on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from prompts.models import PromptSuite
from training.models import PromotionPolicy


class PromotionPolicyForm(forms.ModelForm):
    """What new adapters are tested on. The model checks that the suite is large enough."""

    class Meta:
        model = PromotionPolicy
        fields = ("suite", "votes_wanted")
        labels = {"votes_wanted": gettext_lazy("Votes that decide a test")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        suites = self.fields["suite"]
        suites.queryset = PromptSuite.objects.exclude(frozen_at__isnull=True)
        suites.empty_label = gettext("None: no test opens by itself")
        suites.error_messages["invalid_choice"] = gettext("This suite cannot be chosen: it is gone, or still open.")
