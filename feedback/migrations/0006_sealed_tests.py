from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0005_tags_have_a_sign"),
    ]

    operations = [
        migrations.AddField(
            model_name="listeningtest",
            name="sealed",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Decides something: its results are told to nobody while votes are taken, and it ends when they suffice.",
            ),
        ),
    ]
