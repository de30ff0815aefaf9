"""Top reasons for lost points: by indicator, and by kind of violation or complaint."""

from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from creditsys import charts
from ratings.admin import show
from ratings.admin.grades import readable
from ratings.admin.insight import menu
from ratings.admin.insight.grades import PeriodForm
from ratings.admin.insight.pages import answer, needs, nothing
from ratings.admin.insight.sheets import Sheet
from ratings.insight import grades, reasons
from ratings.insight.reasons import Loss
from ratings.insight.shares import percent
from ratings.insight.sql import Districts
from ratings.models import RatingRun
from ratings.rules.vocabulary import COMPLAINT_TOPICS, VIOLATION_KINDS

#: Kinds that are drawn; the table has all.
_DRAWN: Final = 12
_SERIES: Final = charts.plain("扣分")
_POINTS: Final = ("扣分合计（分）", "前一期（分）", "增减（分）")
_LABELS: Final = {term.id: term.label for words in (VIOLATION_KINDS, COMPLAINT_TOPICS) for term in words}
#: (indicator, kind) to its points in the period before.
_Before = dict[tuple[str, str], int]


@needs(*menu.REASONS.needs)
def reasons_view(request: HttpRequest) -> HttpResponse:
    """What cost points in a published period, the dearest first."""
    title = menu.REASONS.title
    form = PeriodForm(request)
    if not form.is_valid() or not form.issues:
        return nothing(request, title, form, "您的管辖范围内还没有发布过等级。")
    period = form.issue.period
    runs = _runs(period, form.districts)
    found = reasons.losses(runs, form.districts)
    rated = reasons.rated(runs, form.districts)
    facts = [("评价周期", show.period_label(period)), ("已评级药店", f"{rated:,} 家")]
    before: _Before | None = None
    if (earlier := grades.period_before(form.issues, form.issue)) is not None:
        others = _runs(earlier.period, form.districts)
        before = {(one.indicator, one.kind): one.points for one in reasons.losses(others, form.districts)}
        found += [Loss(*key, 0, 0) for key in before.keys() - {(one.indicator, one.kind) for one in found}]
        label = show.period_label(earlier.period)
        facts.append(("前一期", f"{label}，已评级药店 {reasons.rated(others, form.districts):,} 家"))
        runs += others
    titles = {
        one.id: one.title
        for run in reversed(runs)
        if (rules := readable(run.scheme))
        for one in rules.indicators
    }
    whole = [one for one in found if not one.kind]
    kinds = [one for one in found if one.kind]
    return answer(
        request,
        title,
        form,
        [_indicators(whole, titles, rated, before), _kinds(kinds, titles, rated, before)],
        facts=facts,
    )


def _runs(period: str, districts: Districts) -> list[RatingRun]:
    """The runs that were published for a period."""
    published = reasons.run_of_period(period, districts)
    return list(RatingRun.objects.select_related("scheme").filter(pk__in=published).defer("peers"))


def _points(one: Loss, before: _Before | None) -> list[Any]:
    """Of this period, of the one before, and how much more that is; in the order of _POINTS."""
    if before is None:
        return [show.points_number(one.points), None, None]
    was = before.get((one.indicator, one.kind), 0)
    return [show.points_number(points) for points in (one.points, was, one.points - was)]


def _indicators(found: Sequence[Loss], titles: dict[str, str], rated: int, before: _Before | None) -> Sheet:
    total = sum(one.points for one in found)
    rows: list[list[Any]] = [
        [
            titles.get(one.indicator, one.indicator),
            *_points(one, before),
            percent(one.points, total),
            one.pharmacies,
            percent(one.pharmacies, rated),
        ]
        for one in found
    ]
    return Sheet(
        "indicators",
        "各指标扣分",
        ("指标", *_POINTS, "占全部扣分（%）", "涉及药店", "占已评级药店（%）"),
        rows,
        note="来源：该期评价批次存下的计算过程，已受各指标上下限约束，未乘分项权重；复评的变化不计入。"
        "加分不抵扣分；一家药店在一个指标上只计一次。",
        drawing=_drawn(
            "各指标扣分（分）", [(row[0], one.points) for row, one in zip(rows, found, strict=True)]
        ),
    )


def _kinds(found: Sequence[Loss], titles: dict[str, str], rated: int, before: _Before | None) -> Sheet:
    total = sum(one.points for one in found)
    rows: list[list[Any]] = [
        [
            _LABELS[one.kind],
            titles.get(one.indicator, one.indicator),
            *_points(one, before),
            percent(one.points, total),
            one.facts,
            one.pharmacies,
            percent(one.pharmacies, rated),
        ]
        for one in found
    ]
    return Sheet(
        "kinds",
        "各类违法违规和举报投诉扣分",
        ("类型", "指标", *_POINTS, "占比（%）", "件数", "涉及药店", "占已评级药店（%）"),
        rows,
        note="来源：该批次截止时已知的处理决定和查实的举报投诉，按该期规则逐件计算（含随时间递减），"
        "未受指标上下限约束，故各类之和可能大于指标扣分。承继前身的记录计入本店。"
        f"图中为扣分最多的 {_DRAWN} 类。",
        drawing=_drawn("各类违法违规和举报投诉扣分（分）", [(_LABELS[one.kind], one.points) for one in found][:_DRAWN]),
    )  # fmt: skip


def _drawn(title: str, rows: Sequence[tuple[str, int]]) -> Any:
    """Whole points: the table has the thousandths."""
    whole = [(label, (round(points / 1000),)) for label, points in rows]
    return charts.stacked(title, _SERIES, whole, share=False)
