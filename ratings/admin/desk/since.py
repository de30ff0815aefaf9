"""What a re-rating saw and the run did not: the facts behind a change of a grade."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from ratings.admin import show
from ratings.models import Complaint, Fact, Rating, Rerating, ServiceStatus, Violation
from ratings.services.redress import lineage

_KINDS: tuple[type[Fact], ...] = (Violation, Complaint, ServiceStatus)


def facts_since(request: HttpRequest, rating: Rating, rerating: Rerating) -> list[dict[str, Any]]:
    """Facts of the pharmacy, and of those before it, that were added or voided between the two.

    New to the re-rating is also what was known to the run but decided after its period: it can
    apply at once. ``rating`` comes with its run and pharmacy; one query for each kind of fact
    that the user may see.
    """
    run, seen = rating.run, rerating.cutoff
    shops = lineage(rating.pharmacy)
    live = Q(voided_at=None) | Q(voided_at__gt=seen)
    added = (
        live & Q(recorded_at__lte=seen) & (Q(recorded_at__gt=run.cutoff) | Q(decided_on__gt=run.period_end))
    )
    voided = Q(voided_at__gt=run.cutoff, voided_at__lte=seen, recorded_at__lte=run.cutoff)
    found = []
    for kind in _KINDS:
        if not request.user.has_perm(f"ratings.view_{kind._meta.model_name}"):
            continue
        rows = kind._default_manager.filter(added | voided, pharmacy__in=shops).order_by("decided_on", "pk")
        for row in rows:
            gone = row.voided_at is not None and row.voided_at <= seen
            found.append(
                {
                    "kind": str(kind._meta.verbose_name),
                    "fact": show.link(show.change_url(row), row),
                    "decided": show.day(row.decided_on),  # type: ignore[attr-defined]
                    "standing": show.badge("bad", f"已作废：{row.void_reason}")
                    if gone
                    else show.badge("warn", "新增"),
                }
            )
    return found
