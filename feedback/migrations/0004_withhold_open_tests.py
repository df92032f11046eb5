from __future__ import annotations

from typing import Any

from django.db import migrations


def withhold(apps: Any, schema_editor: Any) -> None:
    """Jobs of tests that take votes are withheld from now on."""
    tests = apps.get_model("feedback", "ListeningTest").objects
    open_now = tests.filter(state__in=("generating", "active"), deleted_at__isnull=True).values("pk")
    jobs = apps.get_model("generation", "GenerationJob").objects
    jobs.filter(arm_job__arm__test__in=open_now).update(withheld=True)


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0003_one_voice_per_pair"),
        ("generation", "0006_withheld_jobs"),
    ]

    operations = [migrations.RunPython(withhold, migrations.RunPython.noop)]
