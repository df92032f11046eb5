"""What the filters let through, and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from datasets_app.building.filters import FilterSpec
from datasets_app.building.selection import count_rows, readiness, rows
from datasets_app.exceptions import InvalidFilters
from datasets_app.tests.factories import clips, prefer, rated, rater
from feedback.models import Rating, Tag
from feedback.tests.factories import CriterionFactory, RatingFactory, SampleTagFactory, TagFactory
from generation.tests.factories import FavoriteFactory

pytestmark = pytest.mark.django_db


def chosen(**filters: Any) -> set[Any]:
    """Samples that a supervised dataset of these filters would hold."""
    spec = FilterSpec.from_mapping(filters, "supervised")
    found = {row["sample_id"] for row in rows("supervised", spec)}
    assert len(found) == count_rows("supervised", spec)
    return found


def test_filters_combine() -> None:
    anna, ben = rater(0.9), rater(0.4)
    adapter = AdapterFactory()
    plain = rated([5, 4, 2], [anna])
    worn = rated([5], [ben], adapter=adapter, base_model=adapter.base_model)
    everything = {sample.pk for sample in plain + worn}
    SampleTagFactory(sample=plain[0], tag=TagFactory(name="groovy"))
    SampleTagFactory(sample=plain[1], tag=TagFactory(name="groovy"))
    SampleTagFactory(sample=plain[1], tag=TagFactory(name="noisy"))
    FavoriteFactory(sample=plain[2])
    assert chosen() == everything
    assert chosen(min_rating=4) == everything - {plain[2].pk}
    assert chosen(max_rating="4.5") == {plain[1].pk, plain[2].pk}
    assert chosen(required_tags=["Groovy"]) == {plain[0].pk, plain[1].pk}
    assert chosen(required_tags=["groovy"], excluded_tags=["noisy"]) == {plain[0].pk}
    assert chosen(adapters=[str(adapter.pk)]) == {worn[0].pk}
    assert chosen(adapters=["none"], min_rating=5) == {plain[0].pk}
    assert chosen(adapters=["none", adapter.pk]) == everything
    assert chosen(base_models=[adapter.base_model.key]) == {worn[0].pk}
    assert chosen(prompts=[worn[0].job.prompt_id]) == {worn[0].pk}
    assert chosen(raters=[ben.username]) == {worn[0].pk}
    assert chosen(min_rater_weight=0.5) == {sample.pk for sample in plain}
    assert chosen(favorites=True) == {plain[2].pk}


def test_synonyms_mean_their_target() -> None:
    sample = rated([5])[0]
    target = TagFactory(name="groovy")
    Tag.objects.create(name="grooves_well", sign="good", synonym_of=target)
    SampleTagFactory(sample=sample, tag=target)
    assert chosen(required_tags=["grooves well"]) == {sample.pk}


def test_dates_are_those_of_the_answers_and_include_whole_days() -> None:
    old, new = rated([5, 4])
    day = timezone.now() - timedelta(days=3)
    Rating.objects.filter(sample=old).update(created_at=day)
    assert chosen(until=day.date().isoformat()) == {old.pk}
    assert chosen(since=(day + timedelta(days=1)).isoformat()) == {new.pk}
    assert chosen(since=day.date().isoformat()) == {old.pk, new.pk}


def test_a_criterion_is_pooled_alone() -> None:
    sample = rated([5])[0]
    RatingFactory(sample=sample, criterion=CriterionFactory(slug="melody"), score=1, rater=rater(1.0))
    assert rows("supervised", FilterSpec(criterion="melody")).get()["rating"] == 1
    assert rows("supervised", FilterSpec(criterion="any")).get()["rating"] == 3
    assert rows("supervised", FilterSpec()).get()["rating"] == 5


def test_both_clips_of_a_pair_have_to_fit() -> None:
    better, worse = clips(2)
    prefer(better, worse)
    FavoriteFactory(sample=better)
    assert count_rows("preference", FilterSpec.from_mapping({"favorites": True}, "preference")) == 0
    FavoriteFactory(sample=worse)
    assert count_rows("preference", FilterSpec.from_mapping({"favorites": True}, "preference")) == 1


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"stars": 4}, "stars", "There is no filter “stars”"),
        ({"min_rating": 0}, "min_rating", "from 1 to 5"),
        ({"min_rating": "many"}, "min_rating", "give a number"),
        ({"max_rating": float("nan")}, "max_rating", "from 1 to 5"),
        ({"min_rating": 4, "max_rating": 2}, "max_rating", "below the lowest"),
        ({"required_tags": ["catchy"], "excluded_tags": ["catchy"]}, "excluded_tags", "required and excluded at once"),
        ({"required_tags": ["no such tag"]}, "required_tags", "there is no tag"),
        ({"required_tags": 7}, "required_tags", "a list of names"),
        ({"adapters": ["seven"]}, "adapters", "ids of adapters"),
        ({"adapters": ["00000000-0000-0000-0000-000000000000"]}, "adapters", "there is no adapter"),
        ({"prompts": ["00000000-0000-0000-0000-000000000000"]}, "prompts", "there is no prompt"),
        ({"base_models": ["nothing"]}, "base_models", "there is no base model"),
        ({"raters": ["nobody"]}, "raters", "there is no rater"),
        ({"criterion": "beauty"}, "criterion", "there is no criterion"),
        ({"min_rater_weight": 2}, "min_rater_weight", "from 0 to 1"),
        ({"since": "yesterday"}, "since", "2026-03-31"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "until", "before the first"),
        ({"favorites": "yes"}, "favorites", "true or false"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(values: dict[str, Any], field: str, words: str) -> None:
    TagFactory(name="catchy")
    with pytest.raises(InvalidFilters) as refusal:
        FilterSpec.from_mapping(values, "supervised")
    assert list(refusal.value.fields) == [field]
    assert words in refusal.value.message


def test_ratings_do_not_filter_preferences() -> None:
    with pytest.raises(InvalidFilters, match="made of comparisons"):
        FilterSpec.from_mapping({"min_rating": 4}, "preference")


def test_what_is_stored_reads_back() -> None:
    TagFactory(name="catchy")
    spec = FilterSpec.from_mapping({"min_rating": 4, "required_tags": "catchy", "max_rating": ""}, "supervised")
    assert spec.to_mapping() == {"min_rating": 4.0, "required_tags": ["catchy"]}
    assert FilterSpec.stored(spec.to_mapping()) == spec


def test_readiness_counts_liked_clips_and_decided_pairs() -> None:
    rated([5, 4, 3])
    prefer(*clips(2))
    liked, decided = readiness(None)
    assert (liked.have, liked.missing, liked.percent, liked.is_ready) == (2, 48, 4, False)
    assert (decided.have, decided.missing) == (1, 49)
