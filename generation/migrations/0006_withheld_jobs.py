from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0005_what_was_read"),
    ]

    operations = [
        migrations.AddField(
            model_name="generationjob",
            name="withheld",
            field=models.BooleanField(
                db_index=True,
                default=False,
                editable=False,
                help_text="Shown to nobody, nor are its samples: they are being judged blind.",
            ),
        ),
    ]
