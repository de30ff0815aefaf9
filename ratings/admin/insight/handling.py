"""Objections and their outcome, due and overdue work, and the inspector's view of how offices handle both."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from creditsys import charts
from creditsys.charts import Series
from ratings.admin import show
from ratings.admin.insight import menu
from ratings.admin.insight.discretion import adjusted_sheets
from ratings.admin.insight.pages import SpanForm, answer, needs
from ratings.admin.insight.sheets import Sheet
from ratings.insight import discretion, handling
from ratings.insight.handling import SORTS, Handling, Matter, Waiting
from ratings.insight.shares import percent
from ratings.models import Adjustment, AuditEvent, Complaint, CreditRepair, Objection

#: Overdue matters that the page lists; the files list all.
_LISTED: Final = 50
#: What is no matter of its own: a sum of all matters leaves it out.
_APART: Final = ("item", "case")
_MODELS: Final[dict[str, type[Model]]] = {
    "objection": Objection,
    "review": Objection,
    "repair_accept": CreditRepair,
    "repair_decide": CreditRepair,
    "repair_reply": CreditRepair,
    "interim": Adjustment,
    "correction": Adjustment,
    "judgement": Adjustment,
    "complaint": Complaint,
    "case": Complaint,
}
_OUTCOMES: Final = (
    Series("成立", "a"),
    Series("不成立", "b"),
    Series("撤回", "d"),
    Series("办理中", "c"),
)
_TERMS: Final = "法定期限见办理期限表（工作日，自次日起算）；"
_MEANING: Final = (
    "收到＝所选日期内开始的；处理率＝办结÷（收到－撤回）；按期率＝（期限内＋经延长后期限内）÷（有法定期限的办结＋逾期未办）。"
    + _TERMS
    + "举报投诉按《医疗保障行政处罚程序暂行规定》15个工作日核查、可延长15个工作日，系统未登记延长，第16至30个工作日计为延长。"
    "“查实案件处理”以同一药店在收到之日后有处罚或协议处理决定为已处理（系统未登记案件与决定的对应）。"
)


@needs(*menu.WORK.needs)
def work_view(request: HttpRequest) -> HttpResponse:
    """Objections by ground and outcome, days taken, and what is due or overdue, of the own districts."""
    title, today = menu.WORK.title, timezone.localdate()
    form = SpanForm(request)
    if not form.is_valid():
        return answer(request, title, form, ())
    found = handling.matters(*form.span, form.districts)
    counts = handling.handling(found, *form.span, today)
    return answer(
        request,
        title,
        form,
        [
            _objections(form),
            _terms([(SORTS[sort], part) for sort, part in handling.by_sort(counts).items()]),
            _waiting(handling.waiting(found, today), form.names),
            _overdue(found, today, form.names),
        ],
        facts=(("日期", form.span_text),),
    )


@needs(*menu.SUPERVISION.needs)
def supervision_view(request: HttpRequest) -> HttpResponse:
    """The inspector's view: handling, timeliness and rate by office, adjustments and who made them.

    Who may see: the permission to see the record of acts; every look and every file is put on it.
    """
    title, today = menu.SUPERVISION.title, timezone.localdate()
    form = SpanForm(request)
    if not form.is_valid():
        return answer(request, title, form, ())
    found = handling.matters(*form.span, form.districts)
    counts = handling.handling(found, *form.span, today)
    changes = discretion.changes(*form.span, form.districts)
    return answer(
        request,
        title,
        form,
        [
            _rates(handling.by_sort(counts)),
            _by_office(counts, form.names),
            _waiting(handling.waiting(found, today), form.names),
            _overdue(found, today, form.names),
            _objections(form),
            *adjusted_sheets(changes, form.span, form.districts, form.names),
        ],
        facts=(("日期", form.span_text),),
        intro=format_html(
            "只读：本页不能修改任何数据。打开本页和下载均记入操作记录，包括经办人、时间和筛选条件：{}。",
            show.link(show.list_url(AuditEvent, q=request.user.get_username()), "本人的记录"),
        ),
        note_always=True,
    )


def _objections(form: SpanForm) -> Sheet:
    found = handling.objections(*form.span, form.districts)
    labels = dict(Objection.Ground.choices)
    named = [(str(labels[ground]), found[ground]) for ground in labels if ground in found]
    if len(named) > 1:
        named.append(("合计", handling.all_grounds(found.values())))
    rows: list[list[Any]] = []
    for name, one in named:
        rows.append(
            [
                name, one.received, one.upheld, one.rejected, one.withdrawn, one.open,
                one.upheld_on_review, percent(one.upheld, one.upheld + one.rejected),
                _days(one.median_days), max(one.days, default=None),
            ]
        )  # fmt: skip
    title = "异议的理由和结果"
    return Sheet(
        "objections",
        title,
        (
            "理由", "收到", "成立", "不成立", "撤回", "办理中", "复核改为成立", "成立率（%）",
            "用时中位数（工作日）", "最长用时（工作日）",
        ),
        rows,
        note="按递交日期；成立率＝成立÷（成立＋不成立），为首次决定，复核改变的另列；用时自递交次日至首次决定。"
        "法定期限五个工作日，延长后不超过二十个工作日（《浙江省公共信用信息管理条例》第三十一条）。",
        drawing=charts.stacked(title, _OUTCOMES, [(row[0], row[2:6]) for row in rows], share=False),
        legend=charts.legend(_OUTCOMES, title),
        total=len(rows) > 1,
    )  # fmt: skip


def _days(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(round(value * 10)).scaleb(-1)


_COUNTED: Final = (
    "收到", "撤回", "办结", "未办结", "处理率（%）", "期限内", "延长期内", "超期办结", "逾期未办", "按期率（%）",
    "用时中位数（工作日）", "最长用时（工作日）",
)  # fmt: skip


def _counted(part: Handling) -> list[Any]:
    return [
        part.received, part.withdrawn, part.done, part.open, percent(part.done, part.to_handle), part.in_time,
        part.extended, part.late, part.overdue, percent(part.in_time + part.extended, part.with_term),
        _days(part.median_days), part.most_days,
    ]  # fmt: skip


_TIMES: Final = (
    Series("期限内办结", "a"),
    Series("延长期内办结", "c"),
    Series("超期办结", "b"),
    Series("逾期未办", "worst"),
)


def _terms(parts: Sequence[tuple[str, Handling]]) -> Sheet:
    title = "办理时效"
    drawn = [
        (name, (part.in_time, part.extended, part.late, part.overdue))
        for name, part in parts
        if part.with_term
    ]
    return Sheet(
        "terms",
        title,
        ("事项", *_COUNTED),
        [[name, *_counted(part)] for name, part in parts],
        note=_MEANING,
        drawing=charts.stacked("办理时效：有法定期限的事项", _TIMES, drawn),
        legend=charts.legend(_TIMES, title),
    )


def _rates(parts: Mapping[str, Handling]) -> Sheet:
    return _terms([(SORTS[sort], part) for sort, part in parts.items()])


_STATES: Final = (Series("办结", "a"), Series("未办结", "b"))


def _by_office(counts: Mapping[tuple[str, int], Handling], names: Mapping[int, str]) -> Sheet:
    """Every sort in every district, and each district's sum."""
    rows: list[list[Any]] = []
    drawn = []
    for district in sorted({district for _, district in counts}):
        name = names.get(district, str(district))
        mine = {sort: counts[sort, district] for sort in SORTS if (sort, district) in counts}
        whole = handling.together(part for sort, part in mine.items() if sort not in _APART)
        rows.append([name, "合计", *_counted(whole)])
        rows += [[name, SORTS[sort], *_counted(part)] for sort, part in mine.items()]
        drawn.append((name, (whole.done, whole.open)))
    title = "各区县处理率"
    return Sheet(
        "offices",
        title,
        ("区县", "事项", *_COUNTED),
        rows,
        names=2,
        note="按药店所属区县的经办机构计；图和合计不含审核事项、查实案件处理。" + _MEANING,
        drawing=charts.stacked(title, _STATES, drawn),
        legend=charts.legend(_STATES, title),
    )


_OPEN: Final = (Series("逾期", "worst"), Series(f"{handling.SOON} 日内到期", "b"), Series("其余在办", "a"))


def _waiting(found: Mapping[tuple[str, int], Waiting], names: Mapping[int, str]) -> Sheet:
    rows: list[list[Any]] = []
    drawn: dict[str, list[int]] = {}
    for sort, title in SORTS.items():
        for (name, district), one in sorted(found.items()):
            if name != sort:
                continue
            rest = one.open - one.overdue - one.soon
            rows.append(
                [title, names.get(district, str(district)), one.open, one.overdue, one.soon, one.nearest]
            )
            sums = drawn.setdefault(title, [0, 0, 0])
            drawn[title] = [a + b for a, b in zip(sums, (one.overdue, one.soon, rest), strict=True)]
    title = "在办、将到期和逾期"
    return Sheet(
        "waiting",
        title,
        ("事项", "区县", "在办", "已逾期", f"{handling.SOON} 日内到期", "最早期限"),
        rows,
        names=2,
        note="现在尚未办结的全部事项，不论何时收到。依规调整、审核事项等没有法定期限的不会逾期。",
        drawing=charts.stacked(title, _OPEN, list(drawn.items()), share=False),
        legend=charts.legend(_OPEN, title),
    )


def _overdue(found: Sequence[Matter], today: date, names: Mapping[int, str]) -> Sheet:
    rows: list[list[Any]] = []
    looks = {}
    for place, one in enumerate(handling.overdue(found, today)):
        late = (today - (one.last or today)).days
        rows.append(
            [
                SORTS[one.sort], f"#{one.pk}", one.name, one.code, names.get(one.district, str(one.district)),
                one.since, one.last, late,
            ]
        )  # fmt: skip
        if place < _LISTED:
            looks[place, 1] = show.link(show.row_url(_MODELS[one.sort], one.pk), f"#{one.pk}")
    headers = ("事项", "编号", "药店", "定点编码", "区县", "开始", "最后期限", "已逾期（天）")
    return Sheet(
        "overdue",
        "逾期未办的事项",
        headers,
        rows,
        looks=looks,
        names=2,
        note="逾期最久的在前。",
        most=_LISTED,
    )
