"""Cases of joint measures: the work list of each department, and what it did, case by case."""

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from applications.enterprise_credit import measures
from applications.enterprise_credit.admin.check_forms import HandlingForm
from applications.enterprise_credit.admin.scoping import DepartmentAdmin, DepartmentFilter, viewer
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditSubject, MeasureCase
from applications.enterprise_credit.rules.judging import described
from applications.enterprise_credit.rules.kinds import DIRECTIONS
from ratings.admin import show
from ratings.admin.exports import ExportAdmin
from ratings.admin.on_record import note_refusal
from ratings.published import districts
from ratings.services.errors import Refused

_DIRECTION_BADGES: Final = {"INCENTIVE": "good", "SANCTION": "bad"}
_STATE_BADGES: Final = {"OPEN": "warn", "APPLIED": "good", "DECLINED": "plain", "ENDED": "plain"}


class DirectionFilter(DropdownFilter):
    """Reward or punishment."""

    title = "方向"
    parameter_name = "direction"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(DIRECTIONS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(direction=self.value()) if self.value() else queryset


class MeasureFilter(DropdownFilter):
    """By measure of the catalogue in force, of the viewer's department where they have one."""

    title = "措施"
    parameter_name = "measure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        who = viewer(request)
        departments = [who.department.key] if who else None
        found = measures.applying(catalogue_on(timezone.localdate()), departments)
        return [(one.key, one.title) for one in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(measure=self.value()) if self.value() else queryset


class DistrictFilter(DropdownFilter):
    """By where most of the enterprise's pharmacies are."""

    title = "区县"
    parameter_name = "district"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(code), name) for code, name in districts().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        if not value:
            return queryset
        return queryset.filter(subject__district=int(value)) if value.isdecimal() else queryset.none()


class OverdueFilter(DropdownFilter):
    """Open for longer than it should be."""

    title = "时限"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", f"超过 {measures.OVERDUE.days} 天未办")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() != "1":
            return queryset
        return queryset.filter(state="OPEN", opened_at__lt=timezone.now() - measures.OVERDUE)


class PlacedChangeList(ChangeList):
    """Gives the rows the names of their districts, read once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        known = districts()
        rows: list[Any] = list(self.result_list)
        for row in rows:
            row.place = _district(row, known)
        self.result_list = rows


@admin.register(MeasureCase)
class MeasureCaseAdmin(ExportAdmin, DepartmentAdmin):
    """Who may see and export: the department's members with the view permission, and who keeps the whole; handle:
    members with the change permission."""

    menu_order, menu_icon = 30, "balance"
    menu_pages = (("措施和统计", "table_chart", "enterprise_credit_measurecase_measures"),)
    list_display = ("enterprise", "measure_shown", "basis", "state_shown", "opened", "district_shown")
    list_display_links = ("enterprise",)
    list_filter = (
        DepartmentFilter,
        DirectionFilter,
        MeasureFilter,
        ("state", ChoicesDropdownFilter),
        OverdueFilter,
        DistrictFilter,
    )
    list_select_related = ("subject", "department")
    search_fields = ("=subject__uscc", "subject__name")
    search_help_text = "统一社会信用代码或企业名称"
    #: OPEN comes last by the alphabet: open work first
    ordering = ("-state", "-id")
    sortable_by = ()
    export_columns = (
        ("统一社会信用代码", lambda row: row.subject_id),
        ("企业名称", lambda row: row.subject.name),
        ("实施部门", lambda row: row.department.name),
        ("方向", lambda row: DIRECTIONS[row.direction]),
        ("措施", lambda row: row.measure_title),
        ("依据", lambda row: row.clause),
        ("事由", lambda row: row.basis),
        ("产生时间", lambda row: row.opened_at),
        ("状态", lambda row: row.get_state_display()),
        ("办理日期", lambda row: row.done_on),
        ("文书号", lambda row: row.document_no),
        ("办理情况", lambda row: row.note),
        ("办理人", lambda row: row.handled_by),
        ("终止时间", lambda row: row.ended_at),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PlacedChangeList

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("measures/", self.measures_view, "measures"),
            ("<int:pk>/handle/", self.handle_view, "handle"),
        )
        return own + super().get_urls()

    def get_export_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_export_queryset(request).select_related("subject", "department")

    def may_handle(self, request: HttpRequest, case: MeasureCase) -> bool:
        """Whether the user may write down what was done: a member of the measure's department, while it holds."""
        who = viewer(request)
        return (
            who is not None
            and case.department_id == who.department.pk
            and case.ended_at is None
            and self.may(request, "change_measurecase")
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One case: why, by which clause, and what was done."""
        case: MeasureCase = self.visible_or_404(request, object_id)
        return self._case(request, case)

    def handle_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What was done, written down."""
        case: MeasureCase = self.visible_or_404(request, pk)
        who = viewer(request)
        if who is None or not self.may_handle(request, case):
            raise PermissionDenied
        form = HandlingForm(request.POST if request.method == "POST" else None)
        faults: list[str] = []
        if form.is_bound and form.is_valid():
            try:
                measures.handle(who, case, at=timezone.now(), **form.cleaned_data)
            except Refused as refused:
                faults = [str(refused)]
                note_refusal(request, refused)
            else:
                messages.success(request, "已登记办理结果。")
                return HttpResponseRedirect(show.change_url(case))
        return self._case(request, case, form=form, faults=faults)

    def _case(self, request: HttpRequest, case: MeasureCase, **context: Any) -> HttpResponse:
        may_handle = self.may_handle(request, case)
        if may_handle and "form" not in context:
            context["form"] = HandlingForm(initial=_initial(case))
        return self.page(
            request,
            "enterprise_credit/admin/measure_case.html",
            f"{case.measure_title}：{case.subject.name}",
            case=case,
            facts=_facts(case),
            done=_done(case),
            may_handle=may_handle,
            handle_url=reverse("admin:enterprise_credit_measurecase_handle", args=(case.pk,)),
            subject_url=self._look_up(request, case),
            **context,
        )  # fmt: skip

    def _look_up(self, request: HttpRequest, case: MeasureCase) -> str:
        """Where members of a department look the enterprise up, after they have stated a purpose; "" for others."""
        may = viewer(request) is not None and request.user.has_perm("enterprise_credit.view_creditsubject")
        return show.list_url(CreditSubject, q=case.subject_id) if may else ""

    def measures_view(self, request: HttpRequest) -> HttpResponse:
        """Which department applies which measure to which grade or list, and how its cases stand."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        who, catalogue = viewer(request), catalogue_on(timezone.localdate())
        names = {one.key: one.name for one in catalogue.departments}
        declared = [
            (names.get(one.department, one.department), _direction(one.direction), one.title,
             described(one.when, catalogue), one.clause)
            for one in measures.applying(catalogue)
        ]  # fmt: skip
        found = measures.statistics(timezone.now(), who.department if who else None)
        counted = [
            (*([] if who else [one.department]), _direction(one.direction), one.measure, f"{one.open:,}",
             show.badge("bad", f"{one.overdue:,}") if one.overdue else "0",
             f"{one.applied:,}", f"{one.declined:,}", f"{one.ended:,}")
            for one in found
        ]  # fmt: skip
        days = measures.OVERDUE.days
        return self.page(
            request,
            "enterprise_credit/admin/measures.html",
            "联合奖惩措施和统计",
            tables=[
                show.table(
                    "本部门办理情况" if who else "各部门办理情况",
                    (*([] if who else ["部门"]), "方向", "措施", "待办理", f"超 {days} 天未办", "已实施", "未实施",
                     "未办即终止"),
                    counted,
                ),
                show.table(
                    "哪个部门对哪些企业实施哪项措施",
                    ("部门", "方向", "措施", "对象", "依据"),
                    declared,
                    note=f"按{catalogue.title}第 {catalogue.version} 版，{show.day(catalogue.effective_on)}起施行。",
                ),
            ],
        )  # fmt: skip

    @display(description="企业", ordering="subject")
    def enterprise(self, row: MeasureCase) -> SafeString:
        return show.two_lines(row.subject.name, row.subject_id)

    @display(description="措施")
    def measure_shown(self, row: MeasureCase) -> SafeString:
        return show.two_lines(row.measure_title, f"{DIRECTIONS[row.direction]}，{row.department.name}")  # type: ignore[index]

    @display(description="状态")
    def state_shown(self, row: MeasureCase) -> SafeString:
        return _state(row)

    @display(description="产生时间")
    def opened(self, row: MeasureCase) -> str:
        return show.day(timezone.localdate(row.opened_at))

    @display(description="区县")
    def district_shown(self, row: Any) -> str:
        return str(row.place)


def _district(case: MeasureCase, known: dict[int, str]) -> str:
    code = case.subject.district
    return "—" if code is None else known.get(code, str(code))


def _direction(direction: str) -> SafeString:
    return show.badge(_DIRECTION_BADGES[direction], DIRECTIONS[direction])  # type: ignore[index]


def _state(case: MeasureCase) -> SafeString:
    mark = show.badge(_STATE_BADGES[case.state], case.get_state_display())
    if case.state == "OPEN" and case.opened_at < timezone.now() - measures.OVERDUE:
        return show.two_lines(mark, f"超过 {measures.OVERDUE.days} 天")
    if case.ended_at is not None and case.state != "ENDED":
        return show.two_lines(mark, "条件已消失")
    return mark


def _facts(case: MeasureCase) -> list[tuple[str, Any]]:
    return [
        ("企业", f"{case.subject.name}（{case.subject_id}）"),
        ("区县", _district(case, districts())),
        ("实施部门", case.department.name),
        ("方向", _direction(case.direction)),
        ("措施", case.measure_title),
        ("依据", case.clause),
        ("事由", case.basis),
        ("产生时间", show.moment(case.opened_at)),
        ("状态", _state(case)),
        *([("终止时间", show.moment(case.ended_at))] if case.ended_at else []),
    ]


def _done(case: MeasureCase) -> list[tuple[str, Any]]:
    if case.handled_at is None:
        return []
    return [
        ("办理结果", case.get_state_display()),
        ("办理日期", show.day(case.done_on)),
        ("文书号", case.document_no or "—"),
        ("办理情况", case.note),
        ("办理人", f"{case.handled_by}，{show.moment(case.handled_at)}"),
    ]


def _initial(case: MeasureCase) -> dict[str, Any]:
    if case.handled_at is None:
        return {"state": "APPLIED", "done_on": timezone.localdate()}
    return {name: getattr(case, name) for name in ("state", "done_on", "document_no", "note")}
