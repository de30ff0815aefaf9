"""Grades by district and over time, who moved where, and the map."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from creditsys import charts, maps
from creditsys.charts import Cell, Series
from ratings.admin import show
from ratings.admin.insight import menu
from ratings.admin.insight.pages import DistrictForm, answer, choice_field, needs, nothing
from ratings.admin.insight.sheets import Sheet, spelled
from ratings.insight import grades, places
from ratings.insight.grades import ABSENT, NO_GRADE, Issue, Shift
from ratings.insight.reasons import run_of_period
from ratings.insight.scales import merged
from ratings.insight.shares import percent
from ratings.models import Pharmacy, Rating
from ratings.published.scales import scale

#: Periods drawn over time.
_PERIODS: Final = 12
_PAGE: Final = 50
_LEDGER: Final = "来源：公布等级台账中各期定期发布的等级；其后的异议、修复和期间变动不计入。"
_NONE_YET: Final = "您的管辖范围内还没有发布过等级。"


class PeriodForm(DistrictForm):
    """Of which published period."""

    period = choice_field("评价周期")
    field_order: tuple[str, ...] = ("period", "district")

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(request, **kwargs)
        self.issues = grades.issues(self.scope)
        chosen: Any = self.fields["period"]
        chosen.choices = [
            ("", "最近发布"),
            *((one.period, show.period_label(one.period)) for one in self.issues),
        ]

    @property
    def issue(self) -> Issue:
        """The chosen period, else the newest; there must be one."""
        chosen = self.cleaned_data["period"]
        return next(one for one in self.issues if not chosen or one.period == chosen)


def grade_series(*scales: Sequence[tuple[str, str]]) -> tuple[Series, ...]:
    """The grades (name, label) of one scheme or several, best first, and at last no grade.

    Grades of several schemes stand together by name, with the label that the first one gives them.
    """
    labels = {name: label for one in reversed(scales) for name, label in one}
    names = merged([name for name, _ in one] for one in scales)
    made = [
        Series(f"{name} {labels[name]}", charts.grade_fill(place, len(names)))
        for place, name in enumerate(names)
    ]
    return (*made, Series("无等级", "none"))


def _heads(series: Sequence[Series]) -> tuple[str, ...]:
    """Of counts, then of shares: 「A 优秀」, 「A（%）」."""
    return (*(one.name for one in series), *(f"{one.name.split(' ')[0]}（%）" for one in series))


def _counted(counts: Counter[int], grades_: int) -> list[int]:
    return [*(counts[position] for position in range(grades_)), counts[NO_GRADE]]


@needs(*menu.GRADES.needs)
def grades_view(request: HttpRequest) -> HttpResponse:
    """How many of each grade by district and period, and how they moved since the period before.

    Who may see: the permission to see published grades; of the own districts.
    """
    form = PeriodForm(request)
    if not form.is_valid() or not form.issues:
        return nothing(request, menu.GRADES.title, form, _NONE_YET)
    issue = form.issue
    sheets, intro = [_by_district(issue, form)], ""
    if (before := grades.period_before(form.issues, issue)) is not None:
        found = grades.shifts(before, issue, form.districts)
        if found:
            sheets.append(_shifted(before, issue, found, form))
            intro = _worst(request, before, issue, found, form)
        sheets.append(_moved(before, issue, form))
    return answer(
        request,
        menu.GRADES.title,
        form,
        [*sheets, _over_time(form)],
        facts=(("评价周期", show.period_label(issue.period)),),
        intro=intro,
    )


def _by_district(issue: Issue, form: DistrictForm) -> Sheet:
    names, counts = issue.grades, grades.distribution(issue, form.districts)
    series = grade_series(names)
    rows = [
        _row(form.names.get(code, str(code)), _counted(found, len(names)))
        for code, found in sorted(counts.items())
    ]
    drawn = [(row[0], row[2 : 2 + len(series)]) for row in rows]
    if len(rows) > 1:
        rows.append(_row("合计", _counted(grades.total(counts), len(names))))
        drawn.insert(0, ("合计", rows[-1][2 : 2 + len(series)]))
    title = f"{show.period_label(issue.period)}各区县等级分布"
    return Sheet(
        "districts",
        title,
        ("区县", "药店", *_heads(series)),
        rows,
        note=f"一家药店计入评价时所属的区县。{_LEDGER}占比以公布的全部药店为分母。",
        drawing=charts.stacked(title, series, drawn),
        legend=charts.legend(series, title),
        total=len(rows) > 1,
    )


_SHIFTS: Final = (Series("上升", "a"), Series("不变", "none"), Series("下降", "b"))


def _shifted(before: Issue, after: Issue, found: dict[int, Shift], form: DistrictForm) -> Sheet:
    """Where more pharmacies went down than elsewhere; the numbers lead to those that moved."""
    lines: list[tuple[str, int | None, Shift]] = [
        (form.names.get(code, str(code)), code, one) for code, one in found.items()
    ]
    if len(lines) > 1:
        chosen = form.cleaned_data.get("district")
        lines.append(("合计", chosen, Shift(*map(sum, zip(*found.values(), strict=True)))))
    rows, looks = [], {}
    for place, (name, code, one) in enumerate(lines):
        rows.append([name, one.both, *one, percent(one.up, one.both), percent(one.down, one.both)])
        for column, direction in ((2, "up"), (4, "down")):
            if count := rows[-1][column]:
                url = _movers_url(after, code, direction=direction)
                looks[place, column] = show.link(url, f"{count:,}")
    title = f"各区县等级升降：{show.period_label(before.period)}至{show.period_label(after.period)}"
    return Sheet(
        "shifts",
        title,
        ("区县", "两期都公布", "上升", "不变", "下降", "上升（%）", "下降（%）"),
        rows,
        looks=looks,
        note=f"“无等级”低于任何等级；占比以两期都公布的药店为分母，点数字可看是哪些药店。{_LEDGER}",
        drawing=charts.stacked(title, _SHIFTS, [(name, one) for name, _, one in lines]),
        legend=charts.legend(_SHIFTS, title),
        total=len(lines) > 1,
    )


def _worst(
    request: HttpRequest, before: Issue, after: Issue, found: dict[int, Shift], form: DistrictForm
) -> SafeString | str:
    """Which district got worse since the period before, in a sentence, and where it says why."""
    total = sum(one.down for one in found.values())
    if not total:
        return ""
    up = sum(one.up for one in found.values())
    words = f"与{show.period_label(before.period)}相比，{up:,} 家上升，{total:,} 家下降"
    code = max(found, key=lambda one: found[one].down / found[one].both)
    if len(found) > 1:
        share = percent(found[code].down, found[code].both)
        words += f"；下降占比最高的是{form.names.get(code, str(code))}（{share}%，{found[code].down:,} 家）"
    pages = [("下降的药店", _movers_url(after, code, direction="down"))]
    if menu.may_see(request, menu.REASONS):
        asked = {"period": after.period, "district": str(code)}
        pages.append(("扣分原因", f"{reverse('insight:reasons')}?{urlencode(asked)}"))
    links = format_html_join("、", "{}", [(show.link(url, title),) for title, url in pages])
    return format_html(
        '{}。<span class="cs-noprint">看{}：{}</span>', words, form.names.get(code, str(code)), links
    )


def _movers_url(after: Issue, district: int | None, **asked: str | int) -> str:
    chosen: dict[str, str | int] = {"period": after.period, "district": district or "", **asked}
    return f"{reverse('insight:movers')}?{urlencode(chosen)}"


def _row(name: str, counts: list[int]) -> list[Any]:
    total = sum(counts)
    return [name, total, *counts, *(percent(count, total) for count in counts)]


def _over_time(form: PeriodForm) -> Sheet:
    """One bar a period; grades of different schemes stand together by name."""
    found = [(one, grades.total(grades.distribution(one, form.districts))) for one in form.issues[:_PERIODS]]
    scales = [one.grades for one, _ in found]
    names = merged([name for name, _ in one] for one in scales)
    kinds = grade_series(*scales)
    rows = []
    for one, counts in reversed(found):
        by_name = {name: counts[position] for position, (name, _) in enumerate(one.grades)}
        counted = [*(by_name.get(name, 0) for name in names), counts[NO_GRADE]]
        rows.append(_row(show.period_label(one.period), counted))
    title = "历期等级分布"
    return Sheet(
        "periods",
        title,
        ("评价周期", "药店", *_heads(kinds)),
        rows,
        note=f"最近 {_PERIODS} 个已发布的评价周期，由远及近。{_LEDGER}",
        drawing=charts.stacked(title, kinds, [(row[0], row[2 : 2 + len(kinds)]) for row in rows]),
        legend=charts.legend(kinds, title),
    )


def _moved(before: Issue, after: Issue, form: DistrictForm) -> Sheet:
    found = grades.migration(before, after, form.districts)
    left, right = _states(before), _states(after)
    district = form.cleaned_data.get("district")
    rows, lines = [], []
    for from_, from_name in left.items():
        counts = [found.get((from_, to), 0) for to in right]
        total = sum(counts)
        rows.append([from_name, total, *counts, *(percent(count, total) for count in counts)])
        cells = []
        for to, count in zip(right, counts, strict=True):
            share = percent(count, total)
            url = _movers_url(after, district, left=from_, right=to) if count else ""
            cells.append(
                Cell(
                    f"{count:,}",
                    count / total if total else 0.0,
                    url,
                    f"{share} %" if count else "",
                    kept=from_name == right[to] and from_ != ABSENT,
                )
            )
        lines.append((_badge(before, from_), cells))
    title = f"{show.period_label(before.period)}至{show.period_label(after.period)}的等级变动"
    same = before.scheme == after.scheme
    return Sheet(
        "migration",
        title,
        (
            f"{show.period_label(before.period)}",
            "药店",
            *right.values(),
            *(f"{name}（%）" for name in right.values()),
        ),
        rows,
        own_table=True,
        note=f"行为前一期的等级，列为后一期的等级，框内为未变动的；占比以各行合计为分母，点数字可看是哪些药店。"
        f"承继他店的，与前身的等级比较。“未公布”指该期没有公布该店的等级（新定点或已退出）。{_LEDGER}"
        + ("" if same else "两期规则不同，同名等级的含义可能不同。"),
        drawing=charts.matrix(title, "前一期 ＼ 后一期", [_badge(after, to) for to in right], lines),
    )


def _states(issue: Issue) -> dict[int, str]:
    names = {position: name for position, (name, _) in enumerate(issue.grades)}
    return {**names, NO_GRADE: "无等级", ABSENT: "未公布"}


def _badge(issue: Issue, position: int) -> Any:
    return "未公布" if position == ABSENT else show.grade_badge(position, issue.grades, absent="无等级")


# Who moved


class MoversForm(PeriodForm):
    """From which grade to which."""

    left = choice_field("前一期等级")
    right = choice_field("后一期等级")
    direction = choice_field("变动")
    field_order = ("period", "district", "left", "right", "direction")

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(request, **kwargs)
        for name in ("left", "right"):
            chosen: Any = self.fields[name]
            # Of several schemes the newest names a position.
            found = {place: label for one in reversed(self.issues) for place, label in _states(one).items()}
            chosen.choices = [
                ("", "全部"),
                *sorted(found.items(), key=lambda pair: (pair[0] < 0, abs(pair[0]))),
            ]
        direction: Any = self.fields["direction"]
        direction.choices = [("", "全部"), ("moved", "有变动"), ("up", "上升"), ("down", "下降")]
        if not self.data.keys() & {"left", "right", "direction"}:
            self.data = {**self.data, "direction": "moved"}

    def position(self, name: str) -> int | None:
        value = self.cleaned_data[name]
        return int(value) if value else None


@needs(*menu.GRADES.needs)
def movers_view(request: HttpRequest) -> HttpResponse:
    """The pharmacies behind a cell of the matrix; the file has all, the page fifty at a time."""
    title = "等级变动的药店"
    form = MoversForm(request)
    if not form.is_valid() or not form.issues:
        return nothing(request, title, form, _NONE_YET)
    after = form.issue
    before = grades.period_before(form.issues, after)
    if before is None:
        return nothing(
            request, title, form, f"{show.period_label(after.period)}以前没有发布过，没有变动可看。"
        )
    chosen: dict[str, Any] = {
        "left": form.position("left"),
        "right": form.position("right"),
        "direction": form.cleaned_data["direction"],
    }
    number = _page_number(request.GET.get("p", ""))
    whole = "file" in request.GET
    span: dict[str, Any] = {} if whole else {"offset": (number - 1) * _PAGE, "limit": _PAGE + 1}
    found = grades.movers(before, after, form.districts, **chosen, **span)
    shown = found if whole else found[:_PAGE]
    query = request.GET.copy()
    pages = []
    for words, wanted, there in (
        ("上一页", number - 1, number > 1),
        ("下一页", number + 1, len(found) > _PAGE),
    ):
        if there and not whole:
            query["p"] = str(wanted)
            pages.append((words, f"?{query.urlencode()}"))
    return answer(
        request,
        title,
        form,
        [_movers(before, after, shown, form, _explained(request, after, () if whole else shown))],
        facts=(("前一期", show.period_label(before.period)), ("后一期", show.period_label(after.period))),
        template="ratings/admin/insight/movers.html",
        pages=pages,
    )


def _page_number(asked: str) -> int:
    """From 1 on; 1 for what is no number, or one that no list reaches."""
    return max(1, int(asked)) if asked.isdecimal() and len(asked) < 6 else 1


def _explained(request: HttpRequest, after: Issue, found: Sequence[grades.Mover]) -> dict[int, str]:
    """Pharmacy to the page that explains its rating of the later period, for who may see ratings."""
    if not found or not request.user.has_perm("ratings.view_rating"):
        return {}
    rated = Rating.objects.filter(
        run__in=run_of_period(after.period), pharmacy__in=[one.pharmacy for one in found]
    )
    return {shop: show.row_url(Rating, pk) for shop, pk in rated.values_list("pharmacy", "pk")}


def _movers(
    before: Issue,
    after: Issue,
    found: Sequence[grades.Mover],
    form: DistrictForm,
    explained: Mapping[int, str],
) -> Sheet:
    left, right = _states(before), _states(after)
    rows: list[list[Any]] = []
    looks: dict[tuple[int, int], Any] = {}
    for place, one in enumerate(found):
        rows.append(
            [
                one.name,
                left.get(one.before, str(one.before)),
                right.get(one.after, str(one.after)),
                None if one.score_before is None else show.points_number(one.score_before),
                None if one.score_after is None else show.points_number(one.score_after),
                form.names.get(one.district, str(one.district)),
                one.code,
            ]
        )
        looks[place, 0] = show.link(show.row_url(Pharmacy, one.pharmacy), one.name)
        looks[place, 1], looks[place, 2] = _badge(before, one.before), _badge(after, one.after)
        if url := explained.get(one.pharmacy):
            looks[place, 4] = show.link(url, spelled(rows[-1][4]))
    headers = ("药店", "前一期等级", "后一期等级", "前一期信用分", "后一期信用分", "区县", "定点编码")
    note = f"点后一期信用分可看每一分的说明。{_LEDGER}" if explained else _LEDGER
    return Sheet("movers", "药店", headers, rows, looks=looks, note=note)


# The map


@needs(*menu.MAP.needs)
def map_view(request: HttpRequest) -> HttpResponse:
    """Where the pharmacies of each grade are, today."""
    title, today = menu.MAP.title, timezone.localdate()
    form = DistrictForm(request)
    if not form.is_valid():
        return answer(request, title, form, ())
    found = places.places(today, form.districts)
    series, kind = _kinds(found)
    placed = found.placed
    labels = [
        (form.names.get(one.district, ""), one.longitude, one.latitude) for one in places.centres(found)
    ]
    drawing = maps.dots(
        f"{form.place}药店等级地图",
        series,
        found.longitude[placed],
        found.latitude[placed],
        kind[placed],
        labels,
    )
    return answer(
        request,
        title,
        form,
        [_placed(found, series, kind, drawing, form)],
        facts=(("日期", show.day(today)),),
    )


def _kinds(found: places.Places) -> tuple[list[Series], Any]:
    """The grades in force of all schemes by name, best first, then no grade and nothing in force."""
    scales = [[(step.name, step.label) for step in scale(scheme)] for scheme in found.schemes]
    names = merged([name for name, _ in one] for one in scales)
    made = [*grade_series(*scales)[:-1], Series("无等级或尚未公布", "none")]
    kind = np.full(len(found), len(names), np.int64)
    for number, one in enumerate(scales):
        for position, (name, _) in enumerate(one):
            kind[(found.scheme == number) & (found.position == position)] = names.index(name)
    return made, kind


def _placed(
    found: places.Places, series: Sequence[Series], kind: Any, drawing: Any, form: DistrictForm
) -> Sheet:
    rows: list[list[Any]] = []
    for code in np.unique(found.district).tolist():
        mine = found.district == code
        counts = np.bincount(kind[mine], minlength=len(series)).tolist()
        unknown = int((mine & ~found.placed).sum())
        rows.append([form.names.get(code, str(code)), sum(counts), *counts, unknown])
    if len(rows) > 1:
        rows.append(["合计", *(sum(row[column] for row in rows) for column in range(1, len(rows[0])))])
    return Sheet(
        "map",
        "药店位置和现行等级",
        ("区县", "药店", *(one.name for one in series), "没有坐标"),
        rows,
        note="当日定点的药店，等级为当日有效的公布等级（含异议、修复和期间变动）；位置为登记的坐标（WGS-84）。"
        f"超过 {maps.MOST_POINTS:,} 家时按方格汇总：每格内各等级各占一角，形状的面积表示家数；"
        "重叠的区县名称不标，没有坐标的药店只计入表。",
        drawing=drawing,
        legend=maps.key(series),
        total=len(rows) > 1,
    )
