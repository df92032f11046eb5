"""What every prompt asks for, by a key."""

from django.db import migrations, models

from prompts.wording.sameness import text_key

AT_ONCE = 1000


def fill(apps, schema_editor):
    prompt = apps.get_model("prompts", "Prompt")
    some = []
    for row in prompt.objects.order_by("pk").only("pk", "rendered_text").iterator(chunk_size=AT_ONCE):
        row.text_key = text_key(row.rendered_text)
        some.append(row)
        if len(some) == AT_ONCE:
            prompt.objects.bulk_update(some, ["text_key"])
            some = []
    prompt.objects.bulk_update(some, ["text_key"])


class Migration(migrations.Migration):
    dependencies = [("prompts", "0002_system_templates")]
    operations = [
        migrations.AddField(
            model_name="prompt",
            name="text_key",
            field=models.CharField(db_index=True, default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
