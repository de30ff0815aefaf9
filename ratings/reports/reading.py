"""What several documents read: a pharmacy as the public may know it, the rules that a published grade names."""

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.db.models import Q

from ratings import published
from ratings.models import SchemeVersion
from ratings.rules import Scheme
from ratings.rules.vocabulary import SERVICE_STATUSES
from ratings.services.schemes import parsed
from ratings.services.steps import shown_day


@transaction.atomic
def entry_of(code: str, on: date) -> published.Entry:
    """A pharmacy with its service states and its newest published grade on a day. LookupError where there is none."""
    found = list(published.entries(on, [code]))
    if not found:
        raise LookupError(f"no pharmacy {code}")
    return found[0]


def out_of_service(entry: published.Entry, on: date) -> str:
    """Since when a pharmacy serves no more on a day, and why; "" where it serves."""
    if (out := entry.out_of_service(on)) is None:
        return ""
    day, status = out
    return f"自{shown_day(day)}起{SERVICE_STATUSES[status].label if status else '不再是定点药店'}"


def rules_of(names: Iterable[str]) -> dict[str, Scheme]:
    """The schemes of these names (key@version, as a published grade has them), in one query."""
    wanted = Q()
    for name in set(names):
        key, _, version = name.partition("@")
        wanted |= Q(key=key, version=int(version))
    rows = SchemeVersion.objects.filter(wanted) if wanted else ()
    return {f"{row.key}@{row.version}": parsed(row) for row in rows}
