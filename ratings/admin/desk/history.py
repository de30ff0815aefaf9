"""Rows of the ledger as people read them: the grade with its shape, since when, until when, why."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ratings.admin import show
from ratings.admin.grades import grade_names
from ratings.models import Pharmacy, Publication, PublishedGrade, SchemeVersion

_LATEST = 12
#: Names of a scheme's grades by its key and version, written "key@version".
Names = dict[str, list[tuple[str, str]]]


def scheme_names(rows: Iterable[PublishedGrade]) -> Names:
    """The grades of all schemes that the rows name, in one query."""
    wanted = Q()
    for scheme in {row.scheme for row in rows}:
        key, _, version = scheme.partition("@")
        if version.isdigit():
            wanted |= Q(key=key, version=int(version))
    if not wanted:
        return {}
    return {
        f"{found.key}@{found.version}": grade_names(found) for found in SchemeVersion.objects.filter(wanted)
    }


def published_badge(row: PublishedGrade, names: Names) -> SafeString:
    """The published grade, as the ledger names it, in the shape of its scheme."""
    grades = names.get(row.scheme, [])
    if row.position < 0:
        return show.badge("plain", "无等级")
    if row.position < len(grades) and grades[row.position][0] == row.grade:
        return show.grade_badge(row.position, grades)
    return show.badge("plain", f"{row.grade} {row.grade_label}")


def validity(row: PublishedGrade) -> str:
    """From when, and until which day (not included) it holds."""
    if row.valid_until is None:
        return f"{show.day(row.valid_from)}起"
    return f"{show.day(row.valid_from)}起，{show.day(row.valid_until)}失效"


def published_history(request: HttpRequest, pharmacy: Pharmacy) -> dict[str, Any]:
    """The table of one pharmacy's public grades, newest first."""
    rows = list(PublishedGrade.objects.filter(pharmacy=pharmacy).order_by("-seq")[:_LATEST])
    names = scheme_names(rows)
    sees = request.user.has_perm("ratings.view_publication")
    cells = [
        (
            show.link(show.row_url(Publication, row.publication_id), row.publication_id)
            if sees
            else row.publication_id,
            row.get_event_display(),
            published_badge(row, names),
            "—" if row.score is None else show.points(row.score),
            show.period_label(row.period),
            validity(row),
            row.reason or "—",
        )
        for row in rows
    ]
    headers = ("发布号", "种类", "公布等级", "信用分", "评价周期", "效力", "说明")
    more = show.list_url(PublishedGrade, pharmacy__id__exact=pharmacy.pk)
    return show.table("公布等级", headers, cells, more=more)
