"""Fields of the API take values for what they are."""

from __future__ import annotations

import pytest
from rest_framework.exceptions import ValidationError

from text2song.api import fields
from text2song.api.serializers import StrictFieldsMixin
from text2song.tests.test_api_garbage import routes

ID = "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11"


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        (fields.IntegerField(), [0, -3, 5.0, 10**30], [True, False, "5", 5.5, 1e300, float("inf"), None, [], {}]),
        (fields.FloatField(), [0, -3, 5.5], [True, False, "5.5", float("inf"), float("nan"), 10**400, None, [], {}]),
        (fields.CharField(), ["a", "5", "true"], [True, 5, 5.5, None, [], {}, ""]),
        (fields.BooleanField(), [True, False], ["true", 1, 0, 1.0, "on", None, [], {}]),
        (fields.UUIDField(), [ID, ID.upper()], [ID.replace("-", ""), f"urn:uuid:{ID}", f"{{{ID}}}", 5, "", None, []]),
        (fields.ChoiceField(choices=["a", "1"]), ["a", "1"], ["b", "", 1, True, None, [], {}]),
    ],
)
def test_a_field_takes_its_own_kind_alone(field, right, wrong):
    for value in right:
        assert field.run_validation(value) is not None
    for value in wrong:
        with pytest.raises(ValidationError):
            field.run_validation(value)


def test_fields_made_from_models_are_strict():
    made = set(StrictFieldsMixin.serializer_field_mapping.values())
    assert not made & set(fields.STRICT), "REST framework's own convert what they can"
    assert {fields.IntegerField, fields.FloatField, fields.CharField, fields.BooleanField, fields.UUIDField} <= made


def test_every_viewset_refuses_unknown_parameters():
    from text2song.api import urls as api_urls
    from text2song.api.views import StrictQueries

    views = {viewset for _, viewset, _ in api_urls.router.registry}
    assert len(views) > 20 and routes()
    assert [view for view in views if not issubclass(view, StrictQueries)] == []
