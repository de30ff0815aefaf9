"""Batch checks: a list is checked, its result is read and downloaded, and what came of it is reported back."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.decorators import display

from applications.enterprise_credit import batch_checks, check_files, check_lists
from applications.enterprise_credit.admin.check_forms import (
    BulkForm,
    CheckedSpanForm,
    CheckForm,
    OutcomeFileForm,
    typed,
    yuan,
)
from applications.enterprise_credit.admin.scoping import (
    DepartmentAdmin,
    DepartmentFilter,
    PurposeFilter,
    sees_all_departments,
    viewer,
)
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import BatchCheck, CheckLine
from applications.enterprise_credit.rules.catalogue import Purpose
from applications.enterprise_credit.rules.kinds import VERDICTS
from ratings.admin import asking, show
from ratings.admin.on_record import note_refusal
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused, RefusedRows

BADGES: Final = {"PASS": "good", "ATTENTION": "warn", "REJECT": "bad", "UNKNOWN": "plain"}
_COUNTS: Final = {"PASS": "passed", "ATTENTION": "attention", "REJECT": "rejected", "UNKNOWN": "unknown"}
_OUTCOME_BADGES: Final = {"GRANTED": "good", "REFUSED": "plain", "OTHER": "warn"}
_LINES_A_PAGE: Final = 50
_STATISTICS: Final = (
    "核查次数", "核查家数", "通过", "需关注", "不通过", "查无此企业", "已反馈", "已给予", "给予金额", "违背结论给予",
)  # fmt: skip


class CheckPurposeFilter(PurposeFilter):
    """By purpose, of those that lists are checked for."""

    def offered(self, purpose: Purpose) -> bool:
        return bool(purpose.criteria)


@admin.register(BatchCheck)
class BatchCheckAdmin(DepartmentAdmin):
    """Who may see and download: the department's members with the view permission, and who keeps the whole; check:
    members with the add permission; report outcomes: those with the change permission."""

    menu_order, menu_icon = 20, "fact_check"
    menu_pages = (("核查统计", "monitoring", "enterprise_credit_batchcheck_statistics"),)
    list_display = ("title_shown", "purpose_shown", "result", "reported_shown", "checked")
    list_display_links = ("title_shown",)
    list_filter = (DepartmentFilter, CheckPurposeFilter)
    list_select_related = ("department",)
    search_fields = ("title", "case_no")
    search_help_text = "名单名称或案号"
    ordering = ("-id",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        reported = CheckLine.objects.filter(batch_check=OuterRef("pk")).exclude(outcome="").order_by()
        counted = reported.values("batch_check").annotate(rows=Count("*")).values("rows")
        return super().get_queryset(request).annotate(reported=Coalesce(Subquery(counted), 0))

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("statistics/", self.statistics_view, "statistics"),
            ("<int:pk>/outcomes/", self.outcomes_view, "outcomes"),
            ("<int:pk>/outcomes/all/", self.bulk_view, "bulk"),
            ("<int:pk>/outcomes/file/", self.upload_view, "upload"),
            ("<int:pk>/file/<str:format>/", self.file_view, "file"),
        )
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return viewer(request) is not None and self.may(request, "add_batchcheck")

    def may_report(self, request: HttpRequest) -> bool:
        """Whether the user may report outcomes of the checks of their department."""
        return viewer(request) is not None and self.may(request, "change_batchcheck")

    # checking

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The form; then the result."""
        who = viewer(request)
        if who is None or not self.has_add_permission(request):
            raise PermissionDenied
        catalogue = catalogue_on(timezone.localdate())
        form: Any = partial(CheckForm, catalogue=catalogue)

        def do(given: dict[str, Any]) -> tuple[str, str]:
            file = given["file"]
            listed = (
                check_lists.read_file(file, file.name, file.size)
                if file
                else check_lists.read_text(given["pasted"])
            )
            made = batch_checks.check_list(
                who, listed, purpose=given["purpose"], case_no=given["case_no"], title=given["title"], at=timezone.now()
            )  # fmt: skip
            return show.change_url(made), f"已核查 {len(listed.entries):,} 家企业。"

        note = "每家企业的查询都连同用途记入查询记录。"
        return asking.ask(
            self, request, "核查名单", form, do, button="核查", note=note, back=show.list_url(BatchCheck)
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What the check found, line by line."""
        check: BatchCheck = self.visible_or_404(request, object_id)
        return self._result(request, check, lines=_shown_lines(request, check, {}))

    def _result(self, request: HttpRequest, check: BatchCheck, **context: Any) -> HttpResponse:
        return self.page(
            request,
            "enterprise_credit/admin/check.html",
            check.title,
            check=check,
            facts=_facts(check, with_department=sees_all_departments(request)),
            may_report=self.may_report(request),
            outcomes_url=_url("outcomes", check),
            upload_url=_url("upload", check),
            bulk_url=_url("bulk", check),
            result_url=show.change_url(check),
            files=[
                (reverse("admin:enterprise_credit_batchcheck_file", args=(check.pk, format)), format.upper())
                for format in check_files.FORMATS
            ],
            **context,
        )

    def file_view(self, request: HttpRequest, pk: int, format: str) -> HttpResponse:
        """The check as a file; on record."""
        check: BatchCheck = self.visible_or_404(request, pk)
        if format not in check_files.FORMATS:
            raise Http404
        content = check_files.written(check, format)
        record("导出", check, by=Actor.of(request), format=format.upper(), rows=_lines(check))
        answer = HttpResponse(content, content_type=check_files.FORMATS[format])
        answer["Content-Disposition"] = f'attachment; filename="check-{check.pk}-{check.on}.{format}"'
        answer["Cache-Control"] = "private, no-store"
        return answer

    # outcomes

    def outcomes_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Outcomes of the lines of one page, typed in."""
        check, who = self._to_report(request, pk)
        given: dict[str, Any] = request.POST.dict()
        page = _shown_lines(request, check, given)
        faults: list[str] = []
        if request.method == "POST":
            reports, wrong = typed(given, [line for line, *_ in page["rows"]])
            try:
                if wrong:
                    raise batch_checks.BadOutcomes(wrong)
                many = batch_checks.report_outcomes(who, check, reports, timezone.now())
            except Refused as refused:
                rows = refused.faults if isinstance(refused, RefusedRows) else ()
                faults = [str(refused), *(f"序号 {row}：{text}" for row, text in rows)]
                note_refusal(request, faults[0])
            else:
                messages.success(request, f"已保存 {many:,} 家的结果反馈。" if many else "没有改动。")
                return HttpResponseRedirect(request.get_full_path())
        return self._result(
            request, check, lines=page, entry=True, faults=faults, choices=CheckLine.Outcome.choices
        )

    def bulk_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One outcome for all lines of a verdict that wait for theirs."""
        check, who = self._to_report(request, pk)
        waiting = dict(
            check.lines.filter(outcome="").order_by().values_list("verdict").annotate(rows=Count("*"))
        )
        form: Any = partial(BulkForm, waiting=waiting)

        def do(given: dict[str, Any]) -> tuple[str, str]:
            rows = check.lines.filter(outcome="", verdict=given["verdict"]).values_list("row", flat=True)
            reports = [
                batch_checks.Report(row, given["outcome"], given["amount"], given["note"]) for row in rows
            ]
            many = batch_checks.report_outcomes(who, check, reports, timezone.now())
            return show.change_url(check), f"已保存 {many:,} 家的结果反馈。"

        note = (
            "只写到还没有反馈的企业；已反馈的不变。" if waiting else "所有企业都已反馈；要更正，请逐家填写。"
        )
        return asking.ask(
            self, request, "批量反馈结果", form, do, button="保存", note=note, back=show.change_url(check)
        )

    def upload_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Outcomes from the checked list that was downloaded and filled in."""
        check, who = self._to_report(request, pk)

        def do(given: dict[str, Any]) -> tuple[str, str]:
            reports = check_files.read_outcomes(given["file"], given["file"].size)
            many = batch_checks.report_outcomes(who, check, reports, timezone.now())
            return show.change_url(check), f"已保存 {many:,} 家的结果反馈，其余没有改动。"

        note = "全部正确才保存；有一行不对，就一行也不保存，并逐行说明。"
        return asking.ask(
            self,
            request,
            "上传结果反馈",
            OutcomeFileForm,
            do,
            button="上传",
            note=note,
            back=show.change_url(check),
        )

    def _to_report(self, request: HttpRequest, pk: int) -> tuple[BatchCheck, Any]:
        check: BatchCheck = self.visible_or_404(request, pk)
        if not self.may_report(request):
            raise PermissionDenied
        return check, viewer(request)

    # statistics

    def statistics_view(self, request: HttpRequest) -> HttpResponse:
        """Per department and purpose: how many were checked, what came of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        today, who = timezone.localdate(), viewer(request)
        given = {"start": f"{today.year}-01-01", "until": today.isoformat(), **request.GET.dict()}
        form = CheckedSpanForm(given)
        tables = []
        if form.is_valid():
            found = batch_checks.statistics(
                form.cleaned_data["start"], form.cleaned_data["until"], who.department if who else None
            )
            headers = (*([] if who else ["部门"]), "用途", *_STATISTICS)
            rows = [[*([] if who else [one.department]), one.purpose, *_figures(one)] for one in found]
            note = "违背结论给予：核查不通过而仍给予的企业数；每一家都须写明理由。"
            tables = [show.table("各用途核查及结果", headers, rows, note=note)]
        return self.page(
            request, "enterprise_credit/admin/statistics.html", "核查统计", form=form, tables=tables
        )

    # the list

    @display(description="名单", ordering="id")
    def title_shown(self, row: BatchCheck) -> SafeString:
        return show.two_lines(row.title, f"{_lines(row):,} 家")

    @display(description="用途")
    def purpose_shown(self, row: BatchCheck) -> SafeString | str:
        return show.two_lines(row.purpose_title, row.case_no) if row.case_no else row.purpose_title

    @display(description="结论")
    def result(self, row: BatchCheck) -> SafeString:
        return _counted(row)

    @display(description="已反馈")
    def reported_shown(self, row: Any) -> str:
        return f"{row.reported:,} / {_lines(row):,}"

    @display(description="核查")
    def checked(self, row: BatchCheck) -> SafeString:
        return show.two_lines(f"{row.department.name}，{row.by}", show.moment(row.at))


def _lines(check: BatchCheck) -> int:
    return check.passed + check.attention + check.rejected + check.unknown


def _url(name: str, check: BatchCheck) -> str:
    return reverse(f"admin:enterprise_credit_batchcheck_{name}", args=(check.pk,))


def _counted(check: BatchCheck) -> SafeString:
    """The counts of verdicts that there are."""
    shown = [
        show.badge(BADGES[key], f"{label} {count:,}")
        for key, label in VERDICTS.items()
        if (count := getattr(check, _COUNTS[key]))
    ]
    return format_html("<span>{}</span>", format_html_join(" ", "{}", ((one,) for one in shown)))


def _facts(check: BatchCheck, *, with_department: bool) -> list[tuple[str, Any]]:
    facts = [
        ("用途", check.purpose_title),
        *([("案号或项目号", check.case_no)] if check.case_no else []),
        ("核查日", show.day(check.on)),
        ("核查", f"{check.by}，{show.moment(check.at)}"),
        ("信用信息目录", check.catalogue),
    ]
    if with_department:
        facts.insert(0, ("部门", check.department.name))
    if check.file_name:
        facts.append(("文件", check.file_name))
    return facts


def _shown_lines(request: HttpRequest, check: BatchCheck, given: dict[str, Any]) -> dict[str, Any]:
    """One page of the lines that were asked for, and the filters; ``given`` is what was typed for them."""
    verdict, outcome = request.GET.get("verdict", ""), request.GET.get("outcome", "")
    lines = check.lines.order_by("row")
    if verdict in VERDICTS:
        lines = lines.filter(verdict=verdict)
    outcomes = {"none": "待反馈", "in_spite": "违背结论给予", **dict(CheckLine.Outcome.choices)}
    if outcome == "none":
        lines = lines.filter(outcome="")
    elif outcome == "in_spite":
        lines = lines.filter(outcome="GRANTED", verdict="REJECT")
    elif outcome in outcomes:
        lines = lines.filter(outcome=outcome)
    page = Paginator(lines, _LINES_A_PAGE).get_page(request.GET.get("page"))

    def where(**changed: Any) -> str:
        asked = {"verdict": verdict, "outcome": outcome, **changed}
        return "?" + urlencode({name: value for name, value in asked.items() if value})

    return {
        "rows": [(line, *_line(line), _entry(line, given)) for line in page.object_list],
        "page": page,
        "number": page.number,
        "before": where(page=page.number - 1) if page.has_previous() else "",
        "after": where(page=page.number + 1) if page.has_next() else "",
        "asked": where(page=page.number if page.number > 1 else ""),
        "verdicts": [
            (where(verdict=key), f"{label} {count:,}", key == verdict)
            for key, label in (("", "全部"), *VERDICTS.items())
            if (count := getattr(check, _COUNTS[key]) if key else _lines(check)) or not key
        ],
        "outcomes": [
            (where(outcome=key), label, key == outcome)
            for key, label in (("", "不论反馈"), *outcomes.items())
        ],
    }


def _line(line: CheckLine) -> tuple[SafeString, SafeString | str, list[tuple[str, str]], SafeString]:
    """Verdict, grade, reasons, outcome as they are shown."""
    grade = line.grade or ("无等级" if line.name else "—")
    grade_shown = show.two_lines(grade, f"{show.points(line.score)} 分") if line.score is not None else grade
    reasons = [(check_files.reason_text(one), one["clause"]) for one in line.reasons]
    return (
        show.badge(BADGES[line.verdict], VERDICTS[line.verdict]),  # type: ignore[index]
        grade_shown,
        reasons,
        _outcome(line),
    )


def _outcome(line: CheckLine) -> SafeString:
    if not line.outcome:
        return format_html('<span class="cs-dim">{}</span>', "待反馈")
    marks = [show.badge(_OUTCOME_BADGES[line.outcome], line.get_outcome_display())]
    if batch_checks.is_deviation(line.verdict, line.outcome):
        marks.append(show.badge("bad", "违背结论"))
    amount = "" if line.amount_fen is None else show.yuan(line.amount_fen)
    told = [amount, line.outcome_note, f"{line.outcome_by}，{show.moment(line.outcome_at)}"]
    return format_html(
        "{}{}",
        format_html_join(" ", "{}", ((one,) for one in marks)),
        format_html_join("", '<span class="cs-sub">{}</span>', ((one,) for one in told if one)),
    )


def _entry(line: CheckLine, given: dict[str, Any]) -> tuple[str, str, str]:
    """What stands in the fields of a line: what was typed, else what is stored."""
    stored = {"outcome": line.outcome, "amount": yuan(line.amount_fen), "note": line.outcome_note}
    return tuple(given.get(f"{name}-{line.row}", value) for name, value in stored.items())


def _figures(one: batch_checks.Statistics) -> Sequence[Any]:
    in_spite = show.badge("bad", f"{one.in_spite:,}") if one.in_spite else "0"
    counts = (
        one.checks, one.lines, one.passed, one.attention, one.rejected, one.unknown, one.reported, one.granted,
    )  # fmt: skip
    return (*(f"{count:,}" for count in counts), show.yuan(one.granted_fen), in_spite)
