"""The criteria and tags a new studio starts with; curators change them afterwards."""

from django.db import migrations

from feedback.judgements.starting_words import BAD_TAGS, CRITERIA, GOOD_TAGS


def add(apps, schema_editor):
    criterion, tag = apps.get_model("feedback", "Criterion"), apps.get_model("feedback", "Tag")
    for position, (slug, name, question, low, high) in enumerate(CRITERIA):
        values = {"name": name, "question": question, "low_label": low, "high_label": high, "position": 10 * position}
        criterion.objects.get_or_create(slug=slug, defaults=values)
    for sign, names in (("good", GOOD_TAGS), ("bad", BAD_TAGS)):
        for name in names:
            tag.objects.get_or_create(name=name, defaults={"sign": sign, "is_curated": True})


class Migration(migrations.Migration):
    dependencies = [("feedback", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
