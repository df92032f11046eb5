from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("adapters", "0003_life_of_work")]

    operations = [
        migrations.AddField(
            model_name="adapterregistration",
            name="upload",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="Prefix of what was sent, on the default storage; empty once a worker has unpacked it.",
                max_length=200,
            ),
        ),
        *(
            migrations.AlterField(model_name=model, name=name, field=field)
            for model in ("adapter", "adapterregistration")
            for name, field in (
                (
                    "files",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Prefix of its files on the default storage.",
                        max_length=200,
                    ),
                ),
                (
                    "sha256",
                    models.CharField(
                        blank=True, editable=False, help_text="Of adapter_model.safetensors.", max_length=64
                    ),
                ),
                (
                    "size",
                    models.PositiveBigIntegerField(default=0, editable=False, help_text="Bytes of all files"),
                ),
                ("trained_parameters", models.PositiveBigIntegerField(default=0, editable=False)),
            )
        ),
    ]
