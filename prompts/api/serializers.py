"""Shapes of the prompts API. The rules themselves are the models'; services apply them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.wording.validators import TEMPO_MESSAGE, TEXT_MESSAGE, validate_instruments
from prompts.wording.vocabulary import INSTRUMENT_CHOICES, MAX_TEMPO, MIN_TEMPO, MOODS, STYLES
from text2song.api import fields as strict
from text2song.api.serializers import ReplaceableSerializer

ATTRIBUTES = ("text", "style", "mood", "tempo", "primary_instruments", "secondary_instruments")
UNSET = {"required": False, "allow_blank": True}


class TempoField(strict.IntegerField):
    """Whole numbers only: 5.5, true and "fast" are refused in the words of the range."""

    default_error_messages = {"invalid": TEMPO_MESSAGE, "min_value": TEMPO_MESSAGE, "max_value": TEMPO_MESSAGE}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=MIN_TEMPO, max_value=MAX_TEMPO, required=False, allow_null=True, **kwargs)


class InstrumentField(strict.ChoiceField):
    """A slug; the list says whether it is known."""

    def to_internal_value(self, data: Any) -> str:
        return strict.CharField().to_internal_value(data)


class InstrumentsField(serializers.ListField):
    """Slugs of different instruments; all unknown ones are named at once."""

    child = InstrumentField(choices=INSTRUMENT_CHOICES)

    def to_internal_value(self, data: Any) -> list[str]:
        slugs = super().to_internal_value(data)
        try:
            validate_instruments(slugs)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error
        return slugs


class StyleField(strict.ChoiceField):
    """A style's slug, or empty for any."""

    default_error_messages = {"invalid_choice": "Unknown style: {input}. Known: {choices}."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[(term.slug, term.name) for term in STYLES], allow_blank=True, **kwargs)


class MoodField(strict.ChoiceField):
    """A mood's slug, or empty for any."""

    default_error_messages = {"invalid_choice": "Unknown mood: {input}. Known: {choices}."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[(term.slug, term.name) for term in MOODS], allow_blank=True, **kwargs)


class AttributesSerializer(ReplaceableSerializer):
    """Text and attributes, as sent and as answered."""

    text = strict.CharField(
        help_text="1 to 2000 characters after trimming.",
        error_messages=dict.fromkeys(("blank", "required", "null"), TEXT_MESSAGE),
    )
    style = StyleField(required=False, help_text="A style's slug (`GET prompts/vocabulary/`), or empty for any.")
    mood = MoodField(required=False, help_text="A mood's slug, or empty for any.")
    tempo = TempoField(help_text="BPM; null for none.")
    primary_instruments = InstrumentsField(required=False, help_text="Slugs; these are featured.")
    secondary_instruments = InstrumentsField(required=False, help_text="Slugs; these stay in the background.")


class PromptSerializer(AttributesSerializer):
    author = strict.CharField(source="author.username", default=None, read_only=True, allow_null=True)
    is_favorite = strict.BooleanField(read_only=True, default=False)

    class Meta:
        model = Prompt
        fields: tuple[str, ...] = ("id", *ATTRIBUTES, "rendered_text", "author", "is_favorite", "created_at")
        read_only_fields = ("id", "rendered_text", "created_at")


class PreviewSerializer(AttributesSerializer):
    """A draft; unlike a prompt it may still be empty."""

    text = strict.CharField(required=False, allow_blank=True, default="")
    model = strict.CharField(
        required=False, allow_blank=True, help_text="Key of the model that is to read it; the active one when left out."
    )

    class Meta:
        model = Prompt
        fields = (*ATTRIBUTES, "model")


class ReadingSerializer(serializers.Serializer):
    """What a model reads of a prompt, by its own tokenizer."""

    text = strict.CharField(help_text="Exactly what the model is given.")
    cut = strict.CharField(help_text="The end of the free text that is left out because the whole is too long.")
    cut_attributes = strict.CharField(help_text="What is left out of style, mood, instruments and tempo.")
    unknown_words = serializers.ListField(
        child=strict.CharField(), help_text="Words of `text` that mean nothing to the model."
    )
    not_known = strict.CharField(help_text="Why nothing but `text` is known; empty when it is.")


class OptionSerializer(serializers.Serializer):
    value = strict.CharField(help_text="A slug, a tempo, or several slugs joined by commas.")
    label = strict.CharField()


class SuggestionSerializer(serializers.Serializer):
    field = strict.CharField()
    title = strict.CharField()
    why = strict.CharField()
    options = OptionSerializer(many=True)


class RemarkSerializer(serializers.Serializer):
    title = strict.CharField()
    why = strict.CharField()


class PreviewAnswerSerializer(serializers.Serializer):
    """The draft in words, what the model would read of it, and what would help most, in that order."""

    rendered_text = strict.CharField(help_text="Text and attributes in words, before a model's limit cuts them.")
    reading = ReadingSerializer()
    used = strict.IntegerField(help_text="Characters of text, trimmed.")
    limit = strict.IntegerField()
    missing = serializers.ListField(child=strict.CharField())
    suggestions = SuggestionSerializer(many=True)
    remarks = RemarkSerializer(many=True, help_text="What of the text does not reach the model, and what to do.")


class TermSerializer(serializers.Serializer):
    slug = strict.CharField()
    label = strict.CharField()


class InstrumentGroupSerializer(TermSerializer):
    instruments = TermSerializer(many=True)


class TempoRangeSerializer(serializers.Serializer):
    min = strict.IntegerField()
    max = strict.IntegerField()


class VocabularySerializer(serializers.Serializer):
    styles = TermSerializer(many=True)
    moods = TermSerializer(many=True)
    instrument_groups = InstrumentGroupSerializer(many=True)
    tempo = TempoRangeSerializer()
    max_text_length = strict.IntegerField()


class CategoryField(strict.ChoiceField):
    default_error_messages = {"invalid_choice": "Unknown category: {input}. Known: {choices}."}


class PromptTemplateSerializer(AttributesSerializer):
    name = strict.CharField(max_length=100)
    description = strict.CharField(max_length=500, **UNSET)
    category = CategoryField(choices=PromptTemplate.Category.choices)
    duration = strict.IntegerField(min_value=1, max_value=120, required=False, allow_null=True, help_text="Seconds")
    is_system = strict.BooleanField(read_only=True)

    class Meta:
        model = PromptTemplate
        fields = (
            "id",
            "name",
            "description",
            "category",
            *ATTRIBUTES,
            "duration",
            "is_system",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")


class PromptSuiteSerializer(ReplaceableSerializer):
    """A suite with the ids of its prompts, in order. Writing `prompts` replaces the whole list."""

    name = strict.CharField(max_length=200)
    description = strict.CharField(max_length=5000, **UNSET)
    prompts = serializers.ListField(source="prompt_ids", child=strict.UUIDField(), required=False, max_length=1000)
    is_frozen = strict.BooleanField(read_only=True)

    class Meta:
        model = PromptSuite
        fields = ("id", "name", "description", "prompts", "is_frozen", "frozen_at", "created_at")
        read_only_fields = ("id", "frozen_at", "created_at")
