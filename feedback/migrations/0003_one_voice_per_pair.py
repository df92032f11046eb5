"""A rater has one voice on a pair: the blind one, else the newest. Rankings none of whose pairs is left go."""

from django.db import migrations, models
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When


def keep_one(apps, schema_editor):
    preference, ranking = apps.get_model("feedback", "Preference"), apps.get_model("feedback", "Ranking")
    blind = Case(When(source="trial", then=Value(1)), default=Value(0), output_field=IntegerField())
    votes = preference.objects.annotate(blind=blind)
    same = votes.filter(rater=OuterRef("rater"), pair_key=OuterRef("pair_key")).exclude(pk=OuterRef("pk"))
    better = same.filter(
        Q(blind__gt=OuterRef("blind"))
        | Q(blind=OuterRef("blind"), updated_at__gt=OuterRef("updated_at"))
        | Q(blind=OuterRef("blind"), updated_at=OuterRef("updated_at"), pk__gt=OuterRef("pk"))
    )
    repeated = list(votes.filter(Exists(better)).values_list("pk", "ranking"))
    for start in range(0, len(repeated), 500):
        preference.objects.filter(pk__in=[pk for pk, _ in repeated[start : start + 500]]).delete()
    for pk in {of_ranking for _, of_ranking in repeated if of_ranking}:
        ranking.objects.filter(pk=pk, preferences__isnull=True).delete()


class Migration(migrations.Migration):
    dependencies = [("feedback", "0002_vocabulary")]
    operations = [
        migrations.RunPython(keep_one, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="preference", name="one_direct_preference_per_pair"),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.UniqueConstraint(fields=("rater", "pair_key"), name="one_voice_per_rater_and_pair"),
        ),
    ]
