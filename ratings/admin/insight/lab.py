"""政策实验室: a draft is written with the checker's messages beside it, and tried on past periods before it holds.

Nothing is stored but a draft that somebody asks to store; files that are taken away, and what an inspector
looks at, are put on record.
Who may see: staff of the whole city with the permissions to see schemes and ratings, because a scheme is
the city's, its cut points and medians come from all districts, and so do those who move. Storing a draft
takes the permission to add one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from ratings.admin import show
from ratings.admin.exports import harmless
from ratings.admin.insight.lab_pdf import report
from ratings.admin.insight.lab_sheets import LISTED, Result, plain_sheet, result_of
from ratings.admin.insight.menu import LAB, may_see
from ratings.admin.insight.pages import is_inspector, needs, noted
from ratings.admin.insight.sheets import File, Sheet, attached, file_named, spelled
from ratings.admin.on_record import note_refusal
from ratings.admin.pages import admin_page
from ratings.insight import lab_report
from ratings.insight.scheme_changes import differences
from ratings.insight.trials import (
    COMPUTED,
    PUBLISHED,
    is_published,
    offered_runs,
    try_out,
    usual_runs,
    work_of,
)
from ratings.models import RatingRun, SchemeVersion
from ratings.rules import Problem, Scheme, SchemeError, SignalsError, parse_scheme
from ratings.rules.places import line_numbers
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.schemes import parsed, store_scheme

#: No document that is edited here is longer, characters; shipped ones have 5,000.
MAX_DOCUMENT: Final = 200_000
#: Periods that are tried at once, and pharmacies in them together: about ten seconds of reckoning.
MAX_RUNS: Final = 6
MAX_PHARMACIES: Final = 120_000
#: Columns that a scheme may reckon for so many (``trials.work_of``); shipped ones have some 30.
MAX_COLUMNS: Final = 100
#: Longer texts of messages are cut.
_MOST_TEXT: Final = 300
_LIST: Final = "list.csv"
_PDF: Final = "report.pdf"


@dataclass
class Checked:
    """What the checker says of a text."""

    scheme: Scheme | None = None
    #: (line, problem)
    problems: list[tuple[int, Problem]] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> "Checked":
        if len(text) > MAX_DOCUMENT:
            what = f"文本有 {len(text):,} 字，过长。"
            remedy = f"此处最多 {MAX_DOCUMENT:,} 字；更长的请用 manage.py simulate。"
            return cls(None, [(1, Problem("规则文本", "（全文）", "", what, remedy))])
        try:
            return cls(parse_scheme(text.encode(), "规则文本"))
        except SchemeError as error:
            lines = line_numbers(text, error.problems)
            return cls(None, sorted(zip(lines, error.problems, strict=True), key=lambda pair: pair[0]))

    def told(self) -> dict[str, Any]:
        """For the script, and for the page."""
        return {
            "sound": "" if self.scheme is None else _named(self.scheme),
            "problems": [
                {
                    "line": line,
                    "path": _cut(problem.path),
                    "clause": _cut(problem.clause),
                    "what": _cut(problem.what),
                    "remedy": _cut(problem.remedy),
                }
                for line, problem in self.problems
            ],
        }


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"


def _named(scheme: Scheme) -> str:
    header = scheme.document
    return f"《{header.title}》{header.key} 第 {header.version} 版，{show.day(header.effective_on)}起施行"


class LabForm(forms.Form):
    """The text, on which periods it is tried, and against what."""

    runs = forms.MultipleChoiceField(
        label="试算的评价周期",
        widget=forms.CheckboxSelectMultiple(),
        error_messages={"required": "请至少选择一个评价周期。"},
    )
    against = forms.ChoiceField(label="比较对象", widget=UnfoldAdminSelectWidget())

    def __init__(self, request: HttpRequest, schemes: Sequence[SchemeVersion]) -> None:
        self.offered = {run.pk: run for run in offered_runs()}
        usual = usual_runs(list(self.offered.values()))
        initial = {"runs": [str(run.pk) for run in usual], "against": COMPUTED}
        super().__init__(request.POST if request.method == "POST" else None, initial=initial)
        self.schemes = {str(scheme.pk): scheme for scheme in schemes}
        self._field("runs").choices = [(str(pk), _run_label(run)) for pk, run in self.offered.items()]
        self._field("against").choices = [
            (COMPUTED, "原评价（当时的规则计算的等级）"),
            (PUBLISHED, "公布的等级（含依规调整）"),
            (
                "另一份规则（存入的版本或草案）",
                [(pk, _scheme_label(one)) for pk, one in self.schemes.items()],
            ),
        ]

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def clean_runs(self) -> list[RatingRun]:
        chosen = [self.offered[int(pk)] for pk in self.cleaned_data["runs"]]
        if len(chosen) > MAX_RUNS:
            raise forms.ValidationError(f"一次最多试算 {MAX_RUNS} 个评价周期。")
        pharmacies = sum(run.pharmacies for run in chosen)
        if pharmacies > MAX_PHARMACIES:
            raise forms.ValidationError(
                f"所选周期共 {pharmacies:,} 家（次）药店，超过网页一次试算的 {MAX_PHARMACIES:,} 家（次）："
                "请减少周期，或请系统管理员运行 manage.py simulate。"
            )
        return chosen

    @property
    def base(self) -> SchemeVersion | None:
        """The stored scheme that is held against, where one is chosen."""
        return self.schemes.get(self.cleaned_data["against"])


def _run_label(run: RatingRun) -> str:
    scope = run.district.name if run.district else "全市"
    state = "已公布" if is_published(run) else "未公布"
    return f"{show.period_label(run.period)}　{scope}　{state}　{run.scheme}（批次 #{run.pk}，{run.pharmacies:,} 家）"


def _scheme_label(scheme: SchemeVersion) -> str:
    return f"{scheme.key}@{scheme.version}　{scheme}　{'已启用' if scheme.in_force else '草案'}"


@needs(*LAB.needs)
def lab_view(request: HttpRequest) -> HttpResponse:
    """The editor and, after 试算, what would change."""
    _guard(request)
    schemes = list(SchemeVersion.objects.order_by("key", "-version").defer("document"))
    if request.method != "POST":
        loaded = _loaded(schemes, request.GET.get("scheme", ""))
        if is_inspector(request):
            noted(request, LAB.title, {"scheme": str(loaded.pk) if loaded else ""})
        return _page(request, schemes, LabForm(request, schemes), loaded.document if loaded else "", loaded)
    text = request.POST.get("document", "").replace("\r\n", "\n")
    form, checked = LabForm(request, schemes), Checked.of(text)
    refusal = ""
    results: list[Result] = []
    shared: list[Sheet] = []
    try:
        if "store" in request.POST:
            if not _may_store(request):
                raise PermissionDenied("存为草案须有录入评价规则的权限。")
            if checked.scheme is not None:
                stored = store_scheme(text, by=Actor.of(request), file="规则文本")
                messages.success(request, f"已存为草案：{stored}。启用以前不能用于正式评价。")
                return HttpResponseRedirect(f"{reverse('insight:lab')}?scheme={stored.pk}")
        elif "check" not in request.POST and checked.scheme is not None and form.is_valid():
            wanted = request.POST.get("file", "")
            whole = bool(wanted) and wanted != _PDF
            results, shared = _tried(checked.scheme, text, form, whole)
            if is_inspector(request):
                looked = {"sha256": checked.scheme.hash, "runs": str([result.run for result in results])}
                noted(request, LAB.title, looked)
            if wanted:
                return _file(request, wanted, checked.scheme, form, results, shared)
    except (Refused, SignalsError) as refused:
        refusal = str(refused)
        note_refusal(request, refused)
    return _page(
        request,
        schemes,
        form,
        text,
        None,
        checked=checked,
        refusal=refusal,
        results=results,
        shared=shared,
        asked="run" in request.POST or "file" in request.POST,
    )


@require_POST
@needs(*LAB.needs)
def check_view(request: HttpRequest) -> HttpResponse:
    """The checker's messages on a text, for the script of the page. Stores nothing."""
    _guard(request)
    return JsonResponse(Checked.of(request.POST.get("document", "").replace("\r\n", "\n")).told())


def _guard(request: HttpRequest) -> None:
    if not may_see(request, LAB):
        raise PermissionDenied("政策实验室供全市范围的人员使用。")


def _may_store(request: HttpRequest) -> bool:
    return request.user.has_perm("ratings.add_schemeversion")


def _loaded(schemes: Sequence[SchemeVersion], wanted: str) -> SchemeVersion | None:
    """The version that is wanted by its number; else the newest one in force that rates by default; else any."""
    if wanted:
        found = next((scheme for scheme in schemes if str(scheme.pk) == wanted), None)
        if found is None:
            raise Http404("没有这一版评价规则。")
        return found
    usual = [scheme for scheme in schemes if scheme.key == settings.DEFAULT_SCHEME and scheme.in_force]
    return next(iter([*usual, *schemes]), None)


def _tried(scheme: Scheme, text: str, form: LabForm, whole: bool) -> tuple[list[Result], list[Sheet]]:
    """One result a period, and the keys in which the text differs from what it is held against."""
    runs, base = form.cleaned_data["runs"], form.base
    against = parsed(base) if base is not None else form.cleaned_data["against"]
    columns = max(work_of(each) for each in (scheme, against) if isinstance(each, Scheme))
    if sum(run.pharmacies for run in runs) * columns > MAX_PHARMACIES * MAX_COLUMNS:
        raise Refused(
            "这份规则或与它比较的规则的指标、分值行和条件很多，所选周期的药店也很多，网页一次算不完："
            "请减少周期，或请系统管理员运行 manage.py simulate。"
        )
    names = lab_report.district_names()
    results: list[Result] = []
    held: dict[str, SchemeVersion] = {}
    for trial in try_out(scheme, runs, against):
        results.append(result_of(trial, names, whole))
        own = base or trial.run.scheme
        held.setdefault(own.sha256, own)
    shared = [
        plain_sheet(lab_report.changes(differences(own.document, text), str(own), number))
        for number, own in enumerate(held.values(), 1)
    ]
    return results, shared


def _file(
    request: HttpRequest,
    wanted: str,
    scheme: Scheme,
    form: LabForm,
    results: Sequence[Result],
    shared: Sequence[Sheet],
) -> HttpResponse:
    """All tables as a workbook or as a PDF, the whole list as CSV, or one table; on record."""
    facts = _facts(request, scheme, form)
    sheets = [*shared, *(sheet for result in results for sheet in (*result.sheets, result.listed))]
    if wanted == _PDF:
        words = [(label, str(spelled(harmless(value)))) for label, value in facts]
        name = f"{LAB.title}试算报告"
        data = report(name, words, shared, results)
        file: File | None = File(data, "application/pdf", sum(len(sheet.rows) for sheet in sheets))
    else:
        told = [(result.title, result.headline) for result in results]
        offered = [_all_lists(results)] if wanted == _LIST else sheets
        file = file_named(wanted, offered, [*facts, *told])
        name = f"{LAB.title}试算-{file.sheet.title}" if file and file.sheet else f"{LAB.title}试算"
    if file is None:
        raise Http404("没有这张表，或没有这种格式。")
    format_ = wanted.rpartition(".")[2]
    record(
        "导出",
        LAB.title,
        by=Actor.of(request),
        format=format_.upper(),
        rows=file.rows,
        scheme=f"{scheme.key}@{scheme.version}",
        sha256=scheme.hash,
        runs=[result.run for result in results],
    )
    return attached(file.data, file.kind, name, format_)


def _facts(request: HttpRequest, scheme: Scheme, form: LabForm) -> list[tuple[str, Any]]:
    """What a file says of itself."""
    return [
        ("内容", f"{LAB.title}：试算结果，没有存入，不是正式评价"),
        ("试算规则", _named(scheme)),
        ("规则文本 SHA-256", scheme.hash),
        ("比较对象", _against_label(form)),
        ("制表", request.user.get_username()),
        ("时间", timezone.now()),
    ]


def _against_label(form: LabForm) -> str:
    if form.base is not None:
        return _scheme_label(form.base)
    return {COMPUTED: "原评价（当时的规则计算的等级）", PUBLISHED: "公布的等级"}[form.cleaned_data["against"]]


def _all_lists(results: Sequence[Result]) -> Sheet:
    """The lists of all periods in one."""
    rows = [(result.title, *row) for result in results for row in result.listed.rows]
    return Sheet("list", "变动的药店", ("评价", *lab_report.LIST_HEADERS), rows)


def _page(
    request: HttpRequest,
    schemes: Sequence[SchemeVersion],
    form: LabForm,
    text: str,
    loaded: SchemeVersion | None,
    *,
    checked: Checked | None = None,
    **context: Any,
) -> HttpResponse:
    checked = checked or Checked.of(text)
    return admin_page(
        admin.site,
        request,
        "ratings/admin/insight/lab.html",
        LAB.title,
        form=form,
        text=text,
        loaded=loaded,
        chosen=(loaded or _loaded(schemes, "") or SchemeVersion()).pk,
        schemes=[(scheme.pk, _scheme_label(scheme)) for scheme in schemes],
        checked=checked.told(),
        may_store=_may_store(request),
        most=MAX_DOCUMENT,
        listed=LISTED,
        **context,
    )
