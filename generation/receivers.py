"""What other apps ask of generation."""

from __future__ import annotations

from django.db.models import Aggregate, Count, Max, Q

from adapters.usage import counts_usage


@counts_usage
def usage_of_adapters() -> dict[str, Aggregate]:
    """Jobs sent and samples made with them; deleted and withheld ones are left out."""
    jobs = Q(jobs__deleted_at__isnull=True, jobs__withheld=False)
    samples = jobs & Q(jobs__samples__deleted_at__isnull=True)
    return {
        "sample_count": Count("jobs__samples", filter=samples, distinct=True),
        "job_count": Count("jobs", filter=jobs, distinct=True),
        "last_used_at": Max("jobs__created_at", filter=jobs),
    }
