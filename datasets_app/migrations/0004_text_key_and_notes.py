"""What every row asks for, by a key: of the prompt where it is here, else of the text that was read. Notes of clips."""

from django.db import migrations, models

from prompts.wording.sameness import text_key

AT_ONCE = 1000


def fill(apps, schema_editor):
    item = apps.get_model("datasets_app", "DatasetItem")
    some = []
    rows = item.objects.order_by("pk").select_related("prompt").only("pk", "text", "prompt", "prompt__text_key")
    for row in rows.iterator(chunk_size=AT_ONCE):
        row.text_key = row.prompt.text_key if row.prompt else text_key(row.text)
        some.append(row)
        if len(some) == AT_ONCE:
            item.objects.bulk_update(some, ["text_key"])
            some = []
    item.objects.bulk_update(some, ["text_key"])


class Migration(migrations.Migration):
    dependencies = [("datasets_app", "0003_life_of_work"), ("prompts", "0003_text_key")]
    operations = [
        migrations.AddField(
            model_name="datasetitem",
            name="asked",
            field=models.TextField(blank=True, default="", help_text="The whole prompt in words."),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="datasetitem",
            name="text_key",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="clip",
            name="notes",
            field=models.JSONField(default=list, help_text="What raters wrote about it, without their names."),
        ),
        migrations.AddIndex(
            model_name="datasetitem",
            index=models.Index(fields=["dataset", "text_key", "row_id"], name="dataset_rows_by_text"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
