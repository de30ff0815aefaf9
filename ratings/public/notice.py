"""Public notice (公示): preliminary grades by district, while the notice lasts and nowhere else.

Anybody may read these pages. They show names, codes and grades: no scores, nothing about people.
"""

import csv
import io
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from creditsys.marks import grade_badge
from ratings.models import District, PeriodMove, Rating, RatingPeriod
from ratings.rules.moves import PUBLISHED_STATES
from ratings.rules.periods import Period
from ratings.services import notices
from ratings.services.imports.reports import harmless
from ratings.services.schemes import parsed

PAGE_ROWS: Final = 50
#: Nobody types a longer name; the rest is cut off.
_MOST_TYPED: Final = 50


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What is under public notice now, by period and district."""
    periods = list(notices.running(timezone.localdate()))
    counts = (
        Rating.objects.filter(run__in=[period.run_id for period in periods])
        .order_by("run_id", "district_id")
        .values_list("run_id", "district_id", "district__name")
        .annotate(count=Count("pk"))
    )
    by_run: dict[int, list[dict[str, Any]]] = {}
    for run, code, name, count in counts:
        by_run.setdefault(run, []).append({"code": code, "name": name, "count": count})
    shown = [
        {"period": period, "label": _label(period), "districts": by_run[period.run_id]} for period in periods
    ]
    return _page(request, "notice.html", title="信用评价公示", notices=shown)


@require_safe
def listing(request: HttpRequest, period: str, district: int) -> HttpResponse:
    """One district's preliminary grades: searched, in pages of 50.

    404 for what does not exist or was never under notice; 410, with words, once it is over.
    """
    found = _under_notice(period, district)
    if found is None:
        return _over(request, period, district)
    place, scheme = District.objects.get(code=district), parsed(found.run.scheme)
    typed = request.GET.get("q", "")[:_MOST_TYPED].strip()
    total = notices.count(found, [district])
    count = notices.count(found, [district], typed) if typed else None
    shown = total if count is None else count
    pages = max(1, -(-shown // PAGE_ROWS))
    asked = request.GET.get("page", "")
    page = min(max(int(asked), 1), pages) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    rows = notices.rows(found, scheme, [district], typed, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
    names = [(grade.name, grade.label) for grade in scheme.grades]
    return _page(
        request,
        "notice_list.html",
        title=f"{place.name}定点零售药店信用评价公示（{_label(found)}）",
        period=found,
        district=place,
        label=_label(found),
        rows=[{"row": row, "badge": grade_badge(row.position, names)} for row in rows],
        grades=[
            {"badge": grade_badge(place, names), "meaning": grade.meaning}
            for place, grade in enumerate(scheme.grades)
        ],
        scheme=scheme.document,
        typed=typed,
        total=total,
        count=count,
        page=page,
        pages=pages,
        objecting=notices.objecting(place.name, found.notice_from or timezone.localdate()),
    )


@require_safe
def table(request: HttpRequest, period: str, district: int) -> HttpResponse:
    """The district's whole list as a CSV file for spreadsheet programs; closed like the page."""
    found = _under_notice(period, district)
    if found is None:
        return _over(request, period, district)
    place, scheme = District.objects.get(code=district), parsed(found.run.scheme)
    out = io.StringIO()
    out.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer = csv.writer(out)
    writer.writerow(["定点编码", "药店名称", "预评等级", "等级名称", "说明", "公示止日"])
    for row in notices.rows(found, scheme, [district]):
        grade = scheme.grades[row.position] if row.position >= 0 else None
        cells = [
            row.code,
            row.name,
            grade.name if grade else "",
            grade.label if grade else "不予评级",
            row.reason,
        ]
        writer.writerow([*map(harmless, cells), found.notice_until])
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"信用评价公示_{found.period}_{place.name}_至{found.notice_until}.csv"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return _closed_to_robots(response)


# Which period


def _covering(period: str, district: int) -> Q:
    return Q(period=period) & (Q(district=None) | Q(district=district))


def _under_notice(period: str, district: int) -> RatingPeriod | None:
    found = notices.running(timezone.localdate()).filter(_covering(period, district)).first()
    if found is None or not Rating.objects.filter(run=found.run_id, district=district).exists():
        return None
    return found


def _over(request: HttpRequest, period: str, district: int) -> HttpResponse:
    """410 where there has been a notice, 404 where there never was one."""
    told = RatingPeriod.objects.filter(
        _covering(period, district),
        pk__in=PeriodMove.objects.filter(name="give_notice").values("period"),
        run__ratings__district=district,
    )
    last = told.order_by("-id").first()
    if last is None:
        raise Http404("没有这项公示")
    over = last.notice_until is not None and last.notice_until < timezone.localdate()
    return _page(
        request,
        "notice_over.html",
        status=410,
        title="公示已结束" if over else "公示已停止",
        label=f"{Period.parse(last.period).label}，{District.objects.get(code=district).name}",
        until=last.notice_until if over else None,
        published=last.state in PUBLISHED_STATES,
    )


def _label(period: RatingPeriod) -> str:
    return Period.parse(period.period).label


# Answers


def _page(request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    context |= {"city": settings.CITY_NAME, "demo": not settings.PRODUCTION}
    return _closed_to_robots(render(request, f"ratings/public/{template}", context, status=status))


def _closed_to_robots(response: HttpResponse) -> HttpResponse:
    """Neither caches nor search engines keep a preliminary grade beyond its notice."""
    add_never_cache_headers(response)
    response["X-Robots-Tag"] = "noindex, noarchive"
    return response
