"""What other apps ask of generation."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.db.models import Aggregate, Count, Max, Q, QuerySet

from adapters.usage import counts_usage
from generation.base_models.reading import read_by_model
from generation.models import Favorite
from prompts.hearts import Hearts, keep_hearts
from prompts.models import Prompt
from prompts.pages.writing import write_on
from prompts.wording.reading import register_reader


class PromptHearts(Hearts):
    """Those among the favourites."""

    def set_by(self, user: User) -> QuerySet[Favorite, uuid.UUID]:
        return Favorite.objects.filter(user=user, prompt__isnull=False).values_list("prompt_id", flat=True)

    def on(self, prompt: Prompt) -> int:
        return Favorite.objects.filter(prompt=prompt).count()

    def take_off(self, prompt: Prompt) -> None:
        Favorite.objects.filter(prompt=prompt).delete()


keep_hearts(PromptHearts())
register_reader(read_by_model)
write_on("create")


@counts_usage
def usage_of_adapters() -> dict[str, Aggregate]:
    """Jobs sent and samples made with them; deleted and withheld ones, and samples set aside, are left out."""
    jobs = Q(jobs__deleted_at__isnull=True, jobs__withheld=False)
    samples = jobs & Q(jobs__samples__deleted_at__isnull=True, jobs__samples__set_aside_at__isnull=True)
    return {
        "sample_count": Count("jobs__samples", filter=samples, distinct=True),
        "job_count": Count("jobs", filter=jobs, distinct=True),
        "last_used_at": Max("jobs__created_at", filter=jobs),
    }
