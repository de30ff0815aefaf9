"""Complaints and payment growth before and after the system's start."""

from datetime import date
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from creditsys import charts
from ratings.admin import show
from ratings.admin.insight import menu
from ratings.admin.insight.pages import DistrictForm, answer, day_field, needs, nothing
from ratings.admin.insight.sheets import Sheet
from ratings.insight import growth
from ratings.insight.growth import Complaints, Growth
from ratings.insight.shares import ratio_percent
from ratings.rules.periods import add_months, months_of

#: Quarters that are drawn; the table has all.
_QUARTERS: Final = 20
_CAUSES: Final = "前后对比不等于因果：同期的政策、疫情、药店增减等都会有影响。"


class StartForm(DistrictForm):
    """From when on the system counts as started."""

    start = day_field("起始月", required=False)
    field_order = ("start", "district")

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(request, **kwargs)
        self.default = growth.default_start()
        start: Any = self.fields["start"]
        if self.default and not self.data.get("start"):
            self.data = {**self.data, "start": self.default.isoformat()}
        start.help_text = ""

    def clean_start(self) -> date | None:
        value: date | None = self.cleaned_data["start"]
        if value and not date(2000, 1, 1) <= value <= timezone.localdate():
            raise forms.ValidationError("起始月须在 2000 年以后、今天以前。")
        return value.replace(day=1) if value else None


@needs(*menu.GROWTH.needs)
def growth_view(request: HttpRequest) -> HttpResponse:
    """The year before the start against the year from it, and every quarter."""
    title = menu.GROWTH.title
    form = StartForm(request)
    if not form.is_valid() or form.cleaned_data["start"] is None:
        return nothing(request, title, form, "还没有发布过等级：请选择起始月。")
    start = form.cleaned_data["start"]
    complaints = growth.complaints_by_month(form.districts)
    paid = growth.paid_by_month(form.districts)
    return answer(
        request,
        title,
        form,
        [
            _before_after(start, complaints, growth.payments(start, form.districts)),
            _payments(start, paid),
            _complaints(start, complaints),
        ],
        facts=(("起始月", show.month(start)), ("默认的起始月", _default(form.default))),
        intro="起始默认为首个公布周期结束后的 1 月 1 日，即药店知道等级后的第一个完整年度，可另选。"
        + _CAUSES,
    )


def _default(start: date | None) -> str:
    return show.month(start) if start else "尚未发布过等级"


def _before_after(
    start: date, complaints: dict[date, Complaints], paid: tuple[Growth, Growth] | None
) -> Sheet:
    """The two spans beside each other."""
    months = paid[0].months if paid else growth.MONTHS
    spans = [growth.in_span(complaints, first, months) for first in (add_months(start, -12), start)]
    heads = [_span(first, months) for first in (add_months(start, -12), start)]
    rows: list[list[Any]] = [
        ["药店骗保类投诉（件）", *(one.fraud for one in spans)],
        ["其中查证属实（件）", *(one.fraud_verified for one in spans)],
        ["全部投诉（件）", *(one.received for one in spans)],
        ["其中查证属实（件）", *(one.verified for one in spans)],
    ]
    if paid:
        rows += [
            ["基金支付（元）", *(show.yuan_number(one.paid) for one in paid)],
            ["上年同期基金支付（元）", *(show.yuan_number(one.paid_before) for one in paid)],
            ["支付同期增幅：全部药店合计（%）", *(ratio_percent(one.growth) for one in paid)],
            ["支付同期增幅：可比药店合计（%）", *(ratio_percent(one.comparable) for one in paid)],
            ["支付同期增幅：可比药店中位数（%）", *(ratio_percent(one.median) for one in paid)],
            ["可比药店（家）", *(one.compared for one in paid)],
        ]
    return Sheet(
        "before-after",
        "起始前后各一年",
        ("指标", f"起始前：{heads[0]}", f"起始后：{heads[1]}"),
        rows,
        note="投诉按收到日期计，不含不予受理的；查证属实以现在的结论为准，较近的月份可能尚未查完。"
        "同期增幅＝本期÷上年相同月份－1；起始后的支付不足十二个月的，前后都只取已有支付的相同月份。"
        "可比药店为两期支付都大于零的；中位数是各可比药店自己增幅的中位数。来源：现行有效的举报投诉和月度基金支付，按药店现在所属区县。",
    )  # fmt: skip


def _span(first: date, months: int) -> str:
    last = add_months(first, months - 1)
    until = f"{last.month}月" if last.year == first.year else show.month(last)
    return f"{show.month(first)}至{until}"


def _mark(start: date, shown: list[date]) -> tuple[int, str] | None:
    """Where the start lies among quarters."""
    at = growth.quarter_of(start)
    return (shown.index(at), "起始") if at in shown else None


def _payments(start: date, paid: dict[date, int]) -> Sheet:
    found = growth.quarterly_growth(paid)
    quarters = list(found)
    shown = quarters[-_QUARTERS:]
    title = "各季度基金支付同期增幅（%）"
    series = charts.plain("支付同期增幅")
    values = [[None if found[one] is None else 100 * (found[one] or 0.0) for one in shown]]
    rows: list[list[Any]] = [
        [
            show.period_label(growth.quarter_name(one)),
            show.yuan_number(sum(paid.get(month, 0) for month in months_of(one, 3))),
            ratio_percent(found[one]),
            "起始后" if one >= growth.quarter_of(start) else "起始前",
        ]
        for one in quarters
    ]
    return Sheet(
        "payments",
        title,
        ("季度", "基金支付（元）", "同期增幅（%）", "起始前后"),
        rows,
        note="全部药店合计，与上年同一季度比；本季或上年同季缺少月份的不算增幅。",
        drawing=charts.lines(title, series, [growth.quarter_name(one) for one in shown], values, unit="%", mark=_mark(start, shown)),
    )  # fmt: skip


def _complaints(start: date, counts: dict[date, Complaints]) -> Sheet:
    quarters = growth.quarters(list(counts))
    shown = quarters[-_QUARTERS:]
    title = "各季度投诉（件）"
    series = charts.plain("药店骗保类", "其他")
    sums = {one: growth.in_span(counts, one, 3) for one in quarters}
    rows: list[list[Any]] = [
        [
            show.period_label(growth.quarter_name(one)),
            found.fraud,
            found.fraud_verified,
            found.received,
            found.verified,
            "起始后" if one >= growth.quarter_of(start) else "起始前",
        ]
        for one, found in sums.items()
    ]
    drawn = [
        (growth.quarter_name(one), (sums[one].fraud, sums[one].received - sums[one].fraud)) for one in shown
    ]
    return Sheet(
        "complaints",
        title,
        ("季度", "骗保类", "其中属实", "全部", "其中属实（全部）", "起始前后"),
        rows,
        note="按收到日期计，不含不予受理的。图中“其他”为骗保类以外的投诉。",
        drawing=charts.bars(title, series, drawn, mark=_mark(start, shown)),
        legend=charts.legend(series, title),
    )
