"""Forms of “Teach the studio”."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext, gettext_lazy

from prompts.models import Prompt, PromptSuite
from training.models import Round
from training.rounds.models import CLIPS_PER_PROMPT, MOST_CLIPS, VOTES
from training.rounds.prompts import own_prompts

OWN, PICKED, DRAWN = "own", "picked", "drawn"
SOURCES = (
    (DRAWN, gettext_lazy("Prompts drawn from the templates")),
    (OWN, gettext_lazy("All prompts I wrote")),
    (PICKED, gettext_lazy("Prompts of mine that I pick below")),
)
DRAWN_AT_FIRST = 72
"""Many prompts tell whether a taste holds: its evidence is one bet a prompt. Four clips of each, and those of the test,
are as many as the budget proposed here allows."""
MOST_OFFERED = 60
"""Prompts to pick from; of more all are taken, or some are drawn."""


class RoundForm(forms.Form):
    """What for, how much listening, and what it may use by itself."""

    source = forms.ChoiceField(
        label=gettext_lazy("What for"),
        choices=SOURCES,
        widget=forms.RadioSelect,
    )
    drawn = forms.IntegerField(
        label=gettext_lazy("How many to draw"),
        required=False,
        min_value=4,
        max_value=150,
        initial=DRAWN_AT_FIRST,
        help_text=gettext_lazy("4 to 150, if they are drawn."),
    )
    prompts = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Prompts"),
        queryset=Prompt.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": gettext_lazy("One of these prompts is gone, or is in a suite: %(value)s.")},
    )
    suite = forms.ModelChoiceField(
        label=gettext_lazy("Judged on"),
        queryset=PromptSuite.objects.exclude(frozen_at__isnull=True),
        required=False,
        help_text=gettext_lazy("The new adapter is tested blind on these prompts; nothing is trained on them."),
        error_messages={"invalid_choice": gettext_lazy("This suite cannot be chosen: it is gone, or still open.")},
    )
    votes_wanted = forms.TypedChoiceField(
        label=gettext_lazy("Votes you give"), choices=[(n, str(n)) for n in VOTES], coerce=int, initial=100
    )
    clips_per_prompt = forms.TypedChoiceField(
        label=gettext_lazy("Clips of each prompt"),
        choices=[(n, str(n)) for n in (2, 3, 4, 6, 8)],
        coerce=int,
        initial=CLIPS_PER_PROMPT,
    )
    max_clips = forms.IntegerField(
        label=gettext_lazy("Clips at most"),
        min_value=1,
        max_value=100_000,
        initial=MOST_CLIPS,
        help_text=gettext_lazy("Those of the blind test too."),
    )
    max_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes of work at most"),
        min_value=1,
        max_value=100_000,
        initial=240,
        help_text=gettext_lazy("What workers take for clips, taste, dataset and training. Then it stops and says so."),
    )
    by_itself = forms.BooleanField(
        label=gettext_lazy("Go from step to step by itself"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Without, it asks you before each step."),
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = own_prompts(owner)
        self.own_count = mine.count()
        offered = mine.values_list("pk", flat=True)[:MOST_OFFERED]
        prompts = self.fields["prompts"]
        assert isinstance(prompts, forms.ModelMultipleChoiceField)
        prompts.queryset = Prompt.objects.filter(pk__in=list(offered))
        suite = self.fields["suite"]
        assert isinstance(suite, forms.ModelChoiceField)
        last = Round.objects.filter(owner=owner).select_related("suite").order_by("-number").first()
        suite.empty_label = (
            gettext("That of your last round: %(suite)s") % {"suite": last.suite}
            if last
            else gettext("Some of the prompts, held out")
        )
        source = self.fields["source"]
        assert isinstance(source, forms.ChoiceField)
        source.initial = OWN if self.own_count >= 10 else DRAWN
        if not self.own_count:
            source.choices = SOURCES[:1]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("source") == DRAWN and not values.get("drawn") and "drawn" not in self.errors:
            self.add_error("drawn", gettext("Say how many prompts to draw."))
        if values.get("source") == PICKED and not values.get("prompts") and "prompts" not in self.errors:
            self.add_error("prompts", gettext("Pick the prompts, or choose another source."))
        return values

    def chosen(self) -> dict[str, Any]:
        """As `start_round` takes them."""
        values = dict(self.cleaned_data)
        source = values.pop("source")
        values["prompts"] = list(values["prompts"]) if source == PICKED else None
        values["drawn"] = values["drawn"] if source == DRAWN else 0
        return values


class VoteForm(forms.Form):
    """The pair that an answer is about; the answer itself is read by `PreferenceForm`."""

    sample_a = forms.UUIDField()
    sample_b = forms.UUIDField()

    @property
    def pair(self) -> list[UUID]:
        return [self.cleaned_data["sample_a"], self.cleaned_data["sample_b"]]


class MoreVotesForm(forms.Form):
    """How many further votes."""

    votes = forms.IntegerField(label=gettext_lazy("More votes"), min_value=1, max_value=2000, initial=50)


class GoOnForm(forms.Form):
    """What it trains on, or more budget; all may be left out."""

    trains_on = forms.ChoiceField(required=False, choices=[("", ""), *Round.Source.choices])
    max_clips = forms.IntegerField(label=gettext_lazy("Clips at most"), required=False, min_value=1, max_value=100_000)
    max_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes of work at most"), required=False, min_value=1, max_value=100_000
    )
