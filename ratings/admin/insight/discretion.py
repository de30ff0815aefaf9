"""Share of adjusted grades by person and office: the discretion figure (自由裁量)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from creditsys import charts
from creditsys.charts import Series
from ratings.admin import show
from ratings.admin.insight import menu
from ratings.admin.insight.pages import SpanForm, answer, needs
from ratings.admin.insight.sheets import Sheet
from ratings.insight import discretion
from ratings.insight.discretion import Change, Share
from ratings.insight.shares import percent
from ratings.insight.sql import Districts
from ratings.models import Adjustment

_WAYS: Final = (Series("调高", "a"), Series("调低", "b"))
_HEADS: Final = ("提出", "批准", "未批准", "其中调高", "其中调低")
_CAUSES: Final = {key: str(label) for key, label in Adjustment.Cause.choices}
_STATES: Final = {key: str(label) for key, label in Adjustment.State.choices}
_DIRECTIONS: Final = {1: "调高", -1: "调低", 0: "不变"}
#: Adjustments that the page lists; the files list all.
_LISTED: Final = 50
_NOTE: Final = (
    "自由裁量只指“依规调整”（事由为规则所列、由人提出、另一人审批的），撤销前一项调整的不重复计入；"
    "因异议、更正、修复、期间变动而变的等级由事实决定，不属自由裁量，见“各类等级变动”。按提出日期。"
)


def adjusted_sheets(
    found: Sequence[Change], span: tuple[date, date], districts: Districts, names: Mapping[int, str]
) -> list[Sheet]:
    """By district, by proposer, by approver, by cause, and every change with those who made it."""
    reviewed = discretion.reviewed_by_district(*span, districts)
    confirmed = discretion.reviewed_by_person(*span, districts)
    proposers = discretion.by_proposer(found, confirmed)
    deciders = discretion.by_decider(found)
    offices = discretion.offices([*proposers, *deciders])
    return [
        _districts(discretion.by_district(found, reviewed), names),
        _people("proposers", "提出人", "已审核", "调整率（%）", proposers, offices,
                "已审核＝本人在所选日期内逐项确认和批量确认的评价结果；调整率＝本人提出并获批准的调整÷已审核。"),
        _people("approvers", "审批人", "已审批", "批准率（%）", deciders, offices,
                "已审批＝本人批准或不予批准的依规调整；批准率＝批准÷已审批。"),
        _causes(discretion.by_cause(found)),
        _list(found, names),
    ]  # fmt: skip


def _figures(one: Share) -> list[Any]:
    return [one.proposed, one.approved, one.rejected, one.up, one.down]


def _districts(found: Mapping[int, Share], names: Mapping[int, str]) -> Sheet:
    rows: list[list[Any]] = [
        [
            names.get(code, str(code)), one.reviewed, *_figures(one), percent(one.approved, one.reviewed),
            percent(one.up, one.reviewed), percent(one.down, one.reviewed),
        ]
        for code, one in found.items()
    ]  # fmt: skip
    title = "各区县依规调整"
    return Sheet(
        "discretion-districts",
        title,
        ("区县", "已审核", *_HEADS, "调整率（%）", "调高率（%）", "调低率（%）"),
        rows,
        note="已审核＝所选日期内开始审核的评价周期中已评级的药店（已终止的周期不计）；调整率＝批准的依规调整÷已审核。"
        + _NOTE,
        drawing=charts.stacked(
            title, _WAYS, [(row[0], (row[5], row[6])) for row in rows if row[3]], share=False
        ),
        legend=charts.legend(_WAYS, title),
    )


def _people(
    key: str,
    who: str,
    of: str,
    share: str,
    found: Mapping[str, Share],
    offices: Mapping[str, str],
    note: str,
) -> Sheet:
    rows: list[list[Any]] = [
        [name, offices.get(name, ""), one.reviewed, *_figures(one), percent(one.approved, one.reviewed)]
        for name, one in found.items()
    ]
    title = f"依规调整：按{who}"
    return Sheet(
        f"discretion-{key}",
        title,
        (who, "机构", of, *_HEADS, share),
        rows,
        note=f"{note}机构为该用户的管辖范围。",
        drawing=charts.stacked(
            title, _WAYS, [(row[0], (row[6], row[7])) for row in rows if row[4]], share=False
        ),
        legend=charts.legend(_WAYS, title),
    )


def _causes(found: Mapping[str, Share]) -> Sheet:
    rows: list[list[Any]] = [[_CAUSES[cause], *_figures(found[cause])] for cause in _CAUSES if cause in found]
    return Sheet(
        "causes",
        "各类等级变动",
        ("事由", *_HEADS),
        rows,
        note="全部等级调整，按事由；撤销前一项调整的计入其事由。",
    )


def _list(found: Sequence[Change], names: Mapping[int, str]) -> Sheet:
    rows: list[list[Any]] = []
    looks = {}
    for place, one in enumerate(found):
        rows.append(
            [
                f"#{one.pk}", one.name, one.code, names.get(one.district, str(one.district)),
                show.period_label(one.period), _CAUSES[one.cause], one.before or "无等级",
                one.after or "无等级", _DIRECTIONS[one.direction], _STATES[one.state], one.proposed_by,
                one.proposed_on, one.decided_by, one.decided_on, one.clause,
            ]
        )  # fmt: skip
        if place < _LISTED:
            looks[place, 0] = show.link(show.row_url(Adjustment, one.pk), f"#{one.pk}")
    return Sheet(
        "changes",
        "等级调整明细",
        (
            "编号", "药店", "定点编码", "区县", "评价周期", "事由", "原等级", "新等级", "方向", "状态", "提出人",
            "提出日期", "审批人", "审批日期", "条款",
        ),
        rows,
        looks=looks,
        note="所选日期内提出的全部调整，新的在前。",
        most=_LISTED,
    )  # fmt: skip


@needs(*menu.DISCRETION.needs)
def discretion_view(request: HttpRequest) -> HttpResponse:
    """Adjusted of reviewed, up and down, by district, proposer and approver, of the own districts."""
    title = menu.DISCRETION.title
    form = SpanForm(request)
    if not form.is_valid():
        return answer(request, title, form, ())
    found = discretion.changes(*form.span, form.districts)
    sheets = adjusted_sheets(found, form.span, form.districts, form.names)
    return answer(request, title, form, sheets, facts=(("日期", form.span_text),))
