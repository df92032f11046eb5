"""What raters send. Each kind of feedback has a body of its own; the services check the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from feedback import services
from feedback.models import Preference, Tag
from feedback.models.judgements import MOST_RANKED, NOTE_LENGTH
from feedback.services import TagUse
from feedback.services.deletion import Feedback
from feedback.services.tags import MOST_TAGS
from generation.exceptions import SampleNotFound
from generation.models import AudioSample
from text2song.api import fields as strict
from text2song.api.serializers import StrictSerializer

A, B, C = (f"7a8ef2a0-2f0c-5f0b-8d5c-0c64f27a2d5{n}" for n in (5, 6, 7))


class SampleField(strict.UUIDField):
    """A sample that is not deleted, by its id; an unknown one is 404, as in an address."""

    def to_internal_value(self, data: Any) -> Any:
        pk = super().to_internal_value(data)
        sample = AudioSample.objects.visible().with_context().filter(pk=pk).first()
        if sample is None:
            message = f"There is no sample {pk}."
            raise SampleNotFound(message, fields={str(self.field_name or "samples"): [message]})
        return sample


class KindField(strict.CharField):
    """The word that says which kind of feedback a body is."""

    def __init__(self, kind: str) -> None:
        shape = RegexValidator(f"^{kind}$")
        super().__init__(validators=[shape], max_length=len(kind), trim_whitespace=False, help_text=f"“{kind}”")


class BodySerializer(StrictSerializer):
    """Feedback of one kind. `store` returns the rows as they are now, and whether any of them is new."""

    def store(self, rater: User) -> tuple[Sequence[Feedback], bool]:
        raise NotImplementedError


@extend_schema_serializer(
    component_name="RatingBody",
    examples=[OpenApiExample("Ratings", {"kind": "rating", "sample": A, "scores": {"overall": 4, "musicality": 5}})],
)
class RatingBodySerializer(BodySerializer):
    """Scores of a sample, whole numbers from 1 to 5, by the slug of a criterion. A new score replaces the earlier."""

    kind = KindField("rating")
    sample = SampleField()
    scores = serializers.DictField(
        child=strict.IntegerField(min_value=1, max_value=5), allow_empty=False, help_text="Such as {“overall”: 4}."
    )

    def store(self, rater: User) -> tuple[Sequence[Feedback], bool]:
        values = self.validated_data
        return services.rate(sample=values["sample"], rater=rater, scores=values["scores"])


@extend_schema_serializer(
    component_name="PreferenceBody",
    examples=[
        OpenApiExample(
            "Preference", {"kind": "preference", "sample_a": A, "sample_b": B, "winner": "a", "strength": 3}
        ),
        OpenApiExample("Tie", {"kind": "preference", "sample_a": A, "sample_b": B, "winner": "tie"}),
    ],
)
class PreferenceBodySerializer(BodySerializer):
    """A choice between two samples of one prompt. A new choice on the same pair replaces the earlier one."""

    kind = KindField("preference")
    sample_a = SampleField()
    sample_b = SampleField()
    winner = strict.ChoiceField(choices=Preference.Winner.choices)
    strength = strict.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=5,
        help_text="1 (slightly better) to 5 (much better); only with a winner.",
    )

    def store(self, rater: User) -> tuple[Sequence[Feedback], bool]:
        values = {name: value for name, value in self.validated_data.items() if name != "kind"}
        preference, created = services.prefer(rater=rater, **values)
        return [preference], created


@extend_schema_serializer(
    component_name="RankingBody",
    examples=[OpenApiExample("Ranking", {"kind": "ranking", "samples": [B, A, C]})],
)
class RankingBodySerializer(BodySerializer):
    """Two to eight samples of one prompt, best first. Ranking the same samples again replaces the earlier order."""

    kind = KindField("ranking")
    samples = serializers.ListField(child=strict.UUIDField(), min_length=2, max_length=MOST_RANKED)

    def validate_samples(self, ids: list[Any]) -> list[AudioSample]:
        found = {sample.pk: sample for sample in AudioSample.objects.visible().with_context().filter(pk__in=ids)}
        missing = [str(pk) for pk in ids if pk not in found]
        if missing:
            message = f"There is no sample {', '.join(missing)}."
            raise SampleNotFound(message, fields={"samples": [message]})
        return [found[pk] for pk in ids]

    def store(self, rater: User) -> tuple[Sequence[Feedback], bool]:
        ranking, created = services.rank(samples=self.validated_data["samples"], rater=rater)
        return [ranking], created


class TagUseSerializer(StrictSerializer):
    """A tag on the whole sample, or from `start` to `end` seconds of it."""

    name = strict.CharField(trim_whitespace=False)
    sign = strict.ChoiceField(choices=Tag.Sign.choices, required=False, help_text="Needed for a word that is new.")
    start = strict.FloatField(required=False, allow_null=True, help_text="Seconds")
    end = strict.FloatField(required=False, allow_null=True, help_text="Seconds")


class TagUseField(serializers.Field):
    """A tag's name, or an object with name, sign, start and end."""

    def to_internal_value(self, data: Any) -> TagUse:
        if not isinstance(data, str | Mapping):
            raise serializers.ValidationError("A tag is a name, or an object with name, sign, start and end.")
        body = TagUseSerializer(data={"name": data} if isinstance(data, str) else data)
        body.is_valid(raise_exception=True)
        return TagUse(**body.validated_data)


class TagUseFieldExtension(OpenApiSerializerFieldExtension):
    """Names the object's schema, which nothing else refers to."""

    target_class = TagUseField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        component = auto_schema.resolve_serializer(TagUseSerializer, direction)
        return {"oneOf": [{"type": "string", "minLength": 1}, component.ref]}


@extend_schema_serializer(
    component_name="TagsBody",
    examples=[
        OpenApiExample(
            "Tags",
            {"kind": "tags", "sample": A, "tags": ["catchy", {"name": "off_beat", "start": 3.5, "end": 5.0}]},
        ),
        OpenApiExample("Exactly these", {"kind": "tags", "sample": A, "tags": ["groovy"], "replace": True}),
    ],
)
class TagsBodySerializer(BodySerializer):
    """Tags to add to the rater's own, or with `replace` to be exactly the rater's tags on the sample."""

    kind = KindField("tags")
    sample = SampleField()
    tags = serializers.ListField(
        child=TagUseField(), max_length=MOST_TAGS, help_text="Names, or objects with name, sign, start and end (s)."
    )
    replace = strict.BooleanField(default=False, help_text="true: these and no others remain.")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data["tags"] and not data["replace"]:
            raise serializers.ValidationError({"tags": ["Name at least one tag."]})
        return data

    def store(self, rater: User) -> tuple[Sequence[Feedback], bool]:
        values = self.validated_data
        if values["replace"]:
            return services.replace_tags(sample=values["sample"], rater=rater, uses=values["tags"]), False
        return services.add_tags(sample=values["sample"], rater=rater, uses=values["tags"]), True


@extend_schema_serializer(
    component_name="NoteBody",
    examples=[OpenApiExample("Note", {"kind": "note", "sample": A, "text": "The second half is better."})],
)
class NoteBodySerializer(BodySerializer):
    """A rater's own words about a sample, up to 2000 characters. A new note replaces the earlier one."""

    kind = KindField("note")
    sample = SampleField()
    text = strict.CharField(trim_whitespace=False, help_text=f"1 to {NOTE_LENGTH} characters.")

    def store(self, rater: User) -> tuple[Sequence[Feedback], bool]:
        note, created = services.write_note(
            sample=self.validated_data["sample"], rater=rater, text=self.validated_data["text"]
        )
        return [note], created


BODIES: dict[str, type[BodySerializer]] = {
    "rating": RatingBodySerializer,
    "preference": PreferenceBodySerializer,
    "ranking": RankingBodySerializer,
    "tags": TagsBodySerializer,
    "note": NoteBodySerializer,
}
