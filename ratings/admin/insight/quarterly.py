"""季度统计表: one quarter's figures by district, as handed in by day 10 of the next month, or as known now."""

from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from creditsys import charts
from ratings.admin import show
from ratings.admin.insight.menu import QUARTERLY
from ratings.admin.insight.pages import DistrictForm, answer, choice_field, needs
from ratings.admin.insight.sheets import XLSX_TYPE, Sheet, attached
from ratings.admin.issuing import issue_page, may_issue
from ratings.insight.quarterly import FIGURES, Quarterly, cutoff_of, quarter_of, quarterly
from ratings.insight.quarterly_book import heading, shown, unit_of, workbook_of
from ratings.insight.shares import percent
from ratings.models import District, IssuedDocument
from ratings.reports.quarterly import issue_quarterly
from ratings.rules.periods import Period, add_months
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

#: Quarters offered, newest first.
_QUARTERS: Final = 40
_NOW: Final = "now"
#: Figures that are drawn as the pieces of one bar, by group.
_PARTS: Final = {
    "定点药店": ("designated",),
    "查处": ("penalties", "agreements"),
    "举报投诉": ("verified", "unfounded"),
}
#: Districts beyond this are read in the tables, not drawn.
_DRAWN: Final = 30
#: The table as it is handed in, in one sheet.
FORM_FILE: Final = "form.xlsx"


class QuarterForm(DistrictForm):
    """Of which quarter, and as known when."""

    quarter = choice_field("季度")
    known = choice_field("数据")
    field_order = ("quarter", "known", "district")

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(request, **kwargs)
        latest = Period.ended_before(timezone.localdate(), 3)
        first = [add_months(latest.first, 3 - 3 * number) for number in range(_QUARTERS + 1)]
        quarters = [quarter_of(f"{day.year}Q{(day.month + 2) // 3}") for day in first]
        self.latest = latest
        field: Any = self.fields["quarter"]
        field.choices = [
            ("", f"上一季度（{latest.label}）"),
            *((one.code, one.label) for one in quarters),
        ]
        known: Any = self.fields["known"]
        known.choices = [("", "截至报送期限"), (_NOW, "截至此刻")]

    @property
    def chosen(self) -> Period:
        """The quarter that was chosen."""
        return quarter_of(self.cleaned_data["quarter"] or self.latest.code)

    def cutoff(self, now: datetime) -> datetime:
        """Up to when what was recorded counts."""
        return now if self.cleaned_data["known"] == _NOW else cutoff_of(self.chosen, now)


@needs(*QUARTERLY.needs)
def quarterly_view(request: HttpRequest) -> HttpResponse:
    """A quarter's figures by district, and the table as a workbook.

    Who may see: staff who may see all that is counted; of the own districts.
    """
    form = QuarterForm(request)
    if not form.is_valid():
        return answer(request, QUARTERLY.title, form, ())
    quarter = form.chosen
    table = quarterly(quarter, cutoff=form.cutoff(timezone.now()), districts=form.districts)
    if request.GET.get("file") == FORM_FILE:
        return _file(request, form, table)
    return answer(
        request,
        f"{quarter.label}统计表",
        form,
        _sheets(table),
        facts=heading(table),
        template="ratings/admin/insight/quarterly.html",
        form_file=FORM_FILE,
        may_issue=may_issue(request),
    )


@needs(*QUARTERLY.needs)
def issue_view(request: HttpRequest) -> HttpResponse:
    """Issues the table that the page shows, as a document.

    Who may: staff who may see the page and issue documents; of one of the own districts, or of the
    whole city for those who work for it.
    """
    form = QuarterForm(request)
    back = f"{reverse('insight:quarterly')}?{request.GET.urlencode()}"
    if not form.is_valid():
        return answer(request, QUARTERLY.title, form, ())

    def issue(values: dict[str, Any], by: Actor, site: str) -> IssuedDocument:
        now = timezone.now()
        return issue_quarterly(
            form.chosen, cutoff=form.cutoff(now), district=_place(form), by=by, site=site, at=now
        )

    try:
        _place(form)
        refusal = ""
    except Refused as refused:
        refusal = str(refused)
    register: Any = admin.site.get_model_admin(IssuedDocument)
    return issue_page(
        request,
        register,
        f"签发{QUARTERLY.title}",
        issue,
        back=back,
        summary=[
            ("统计季度", f"{form.chosen.label}（{form.chosen.code}）"),
            ("范围", form.place),
            ("数据截止时间", show.moment(form.cutoff(timezone.now()))),
        ],
        note="签发为 PDF，含各项数字、指标解释和填报人、审核人、单位负责人签字栏，登记编号，可扫码核验；签发以后不能更改。",
        refusal=refusal,
    )


def _place(form: QuarterForm) -> District | None:
    """The district that a document is of, None for the whole city. Raises Refused for some of them together."""
    districts = form.districts
    if districts is None:
        return None
    if len(districts) != 1:
        raise Refused("一份统计表属于一个区县或全市：请返回选定一个区县后再签发，各区县分别签发。")
    return District.objects.get(pk=next(iter(districts)))


def _file(request: HttpRequest, form: QuarterForm, table: Quarterly) -> HttpResponse:
    record(
        "导出",
        f"{QUARTERLY.title}：{table.quarter.label}",
        by=Actor.of(request),
        format="XLSX",
        rows=len(table.rows),
        filters=form.asked(),
    )
    name = f"{table.quarter.label}统计表（报送）"
    return attached(workbook_of(table, form.place), XLSX_TYPE, name, "xlsx")


def _sheets(table: Quarterly) -> list[Sheet]:
    """One table a group of figures, by district; then what each figure means."""
    found = []
    for number, group in enumerate(dict.fromkeys(figure.group for figure in FIGURES), 1):
        figures = [figure for figure in FIGURES if figure.group == group]
        rows: list[list[Any]] = [
            [name, *(shown(figure, counts[figure.id]) for figure in figures)]
            for name, counts in (*((name, counts) for _, name, counts in table.rows), ("合计", table.total))
        ]
        headers = ["区县", *(f"{figure.title}（{unit_of(figure)}）" for figure in figures)]
        note = ""
        if group == "查处":
            headers.append("被处理占定点（%）")
            counted = [*(counts for _, _, counts in table.rows), table.total]
            for row, counts in zip(rows, counted, strict=True):
                row.append(percent(counts["found"], counts["designated"]))
            note = "占比以季末定点的药店为分母；季内已终止定点而被处理的也计入分子。"
        if len(table.rows) == 1:
            rows = rows[:1]
        drawing, legend = _drawn(table, group)
        found.append(
            Sheet(
                f"group{number}",
                group,
                headers,
                rows,
                note=note,
                drawing=drawing,
                legend=legend,
                total=len(table.rows) != 1,
            )
        )
    meanings = [[figure.group, figure.title, unit_of(figure), figure.meaning] for figure in FIGURES]
    found.append(Sheet("meanings", "指标解释", ("类别", "指标", "单位", "含义"), meanings, names=2))
    return found


def _drawn(table: Quarterly, group: str) -> tuple[Any, Any]:
    """The drawing of a group and what its fills mean; nothing where none is drawn, or too many districts."""
    ids = _PARTS.get(group, ())
    if not ids or len(table.rows) > _DRAWN:
        return "", ""
    titles = {figure.id: figure.title for figure in FIGURES}
    series = charts.plain(*(titles[id_] for id_ in ids))
    rows = [(name, [counts[id_] for id_ in ids]) for _, name, counts in table.rows]
    return charts.stacked(group, series, rows, share=False), charts.legend(series)
