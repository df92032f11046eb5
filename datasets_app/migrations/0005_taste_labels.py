"""Pairs that a taste labelled: no votes, and a mark that says whose they are."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("adapters", "0005_tastes"),
        ("datasets_app", "0004_text_key_and_notes"),
        ("prompts", "0003_text_key"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="datasetitem",
            name="item_has_evidence",
        ),
        migrations.AddField(
            model_name="datasetitem",
            name="judge",
            field=models.CharField(blank=True, help_text="As in “taste anna@3”; empty for people.", max_length=240),
        ),
        migrations.AddField(
            model_name="datasetitem",
            name="labelled_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="labelled_items",
                to="adapters.taste",
            ),
        ),
        migrations.AddConstraint(
            model_name="datasetitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("weight__gt", 0),
                    models.Q(("votes__gte", 1), models.Q(("judge", ""), _negated=True), _connector="OR"),
                ),
                name="item_has_evidence",
            ),
        ),
        migrations.AddConstraint(
            model_name="datasetitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("judge", ""), ("labelled_by__isnull", True)),
                    models.Q(models.Q(("judge", ""), _negated=True), ("rating__isnull", True), ("votes", 0)),
                    _connector="OR",
                ),
                name="item_of_a_taste_is_no_vote",
            ),
        ),
    ]
