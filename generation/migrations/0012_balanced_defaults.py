"""Defaults that nobody changed become those of the preset Balanced."""

from __future__ import annotations

from typing import Any

from django.db import migrations

UNTOUCHED = {
    "num_samples": 2,
    "duration": 10,
    "long_form": False,
    "temperature": 1.0,
    "top_k": 250,
    "top_p": 0.0,
    "guidance_scale": 3.0,
}
BALANCED = {"duration": 8, "temperature": 0.8, "top_k": 200, "top_p": 0.9, "guidance_scale": 3.0, "preset": "balanced"}


def balance(apps: Any, schema_editor: Any) -> None:
    apps.get_model("generation", "GenerationDefaults").objects.filter(**UNTOUCHED).update(**BALANCED)


class Migration(migrations.Migration):
    dependencies = [("generation", "0011_encoders")]
    operations = [migrations.RunPython(balance, migrations.RunPython.noop)]
