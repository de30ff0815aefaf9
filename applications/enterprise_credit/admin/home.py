"""What the start page shows of departments' work: for whom the user works, what they may do, what waits."""

from typing import Any, Final

from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from applications.enterprise_credit import measures
from applications.enterprise_credit.admin.scoping import sees_all_departments, viewer
from applications.enterprise_credit.matching import waiting
from applications.enterprise_credit.models import (
    BatchCheck,
    CheckLine,
    Look,
    MeasureCase,
    RecordBatch,
    RuleDocument,
)
from applications.enterprise_credit.viewing import Viewer
from ratings.admin import show
from ratings.admin.home import Card, Home, Waiting, give_home
from ratings.published import districts

#: So many looks are listed.
_SHOWN: Final = 6
#: Title, permission, rows, address, and by what filter they are late.
Duty = tuple[str, str, Any, str, dict[str, Any]]
#: For a department's members: title, address, permission.
_OF_MEMBERS: Final = (
    ("查询企业信用", "creditsubject_changelist", "view_creditsubject"),
    ("核查名单", "batchcheck_add", "add_batchcheck"),
    ("填报信用信息", "creditrecord_add", "add_creditrecord"),
    ("导入信用信息", "recordbatch_add", "add_recordbatch"),
)
#: For those who keep the whole.
_OF_KEEPERS: Final = (
    ("登记部门人员", "membership_add", "add_membership"),
    ("查询记录", "look_changelist", "view_look"),
    ("异常查询", "look_unusual", "view_look"),
    ("目录和规则", "ruledocument_changelist", "view_ruledocument"),
)


def home(request: HttpRequest) -> Home:
    """For members of departments, and for those who keep the whole; for nobody else."""
    who = viewer(request)
    if who is not None:
        return Home(
            standing=_standing(who),
            tasks=_tasks(request, _OF_MEMBERS),
            work=_waiting(request, _of_member(who)),
            cards=[_own_looks(who)] if _may(request, "view_creditsubject") else [],
        )
    if sees_all_departments(request):
        looks = [_newest_looks()] if _may(request, "view_look") else []
        tasks = _tasks(request, _OF_KEEPERS)
        return Home(tasks=tasks, work=_waiting(request, _of_keeper(request)), cards=looks)
    return Home()


def _may(request: HttpRequest, codename: str) -> bool:
    return request.user.has_perm(f"enterprise_credit.{codename}")


def _standing(who: Viewer) -> str:
    if not who.districts:
        return who.department.name
    names = districts()
    where = "、".join(names.get(code, str(code)) for code in sorted(who.districts))
    return f"{who.department.name}（{where}）"


def _tasks(request: HttpRequest, wanted: tuple[tuple[str, str, str], ...]) -> list[tuple[str, str]]:
    return [
        (title, reverse(f"admin:enterprise_credit_{name}"))
        for title, name, permission in wanted
        if _may(request, permission)
    ]


def _waiting(request: HttpRequest, duties: list[Duty]) -> list[Waiting] | None:
    """Those of the duties that the user has and that wait; None for users without any."""
    mine = [duty for duty in duties if _may(request, duty[1])]
    if not mine:
        return None
    found = []
    for title, _, rows, url, late in mine:
        if count := rows.count():
            found.append(Waiting(title, url, count, rows.filter(**late).count() if late else 0))
    return found


def _of_member(who: Viewer) -> list[Duty]:
    of_department = {"department": who.department}
    waits = CheckLine.objects.filter(batch_check=OuterRef("pk"), outcome="")
    return [
        (
            "联合奖惩待办理",
            "change_measurecase",
            MeasureCase.objects.filter(**of_department, state="OPEN"),
            show.list_url(MeasureCase, state__exact="OPEN"),
            {"opened_at__lt": timezone.now() - measures.OVERDUE},
        ),
        (
            "核查结果待反馈",
            "change_batchcheck",
            BatchCheck.objects.filter(Exists(waits), **of_department),
            show.list_url(BatchCheck),
            {},
        ),
        (
            "信用信息批次待确认",
            "change_recordbatch",
            RecordBatch.objects.filter(**of_department, state="CHECKED"),
            show.list_url(RecordBatch, state__exact="CHECKED"),
            {},
        ),
        (
            "信用信息待匹配",
            "change_creditrecord",
            waiting().filter(batch__department=who.department),
            reverse("admin:enterprise_credit_creditrecord_waiting"),
            {},
        ),
    ]


def _of_keeper(request: HttpRequest) -> list[Duty]:
    drafts = RuleDocument.objects.filter(activated_at=None).exclude(stored_by=request.user.get_username())
    return [
        (
            "信用信息待匹配",
            "match_creditrecord",
            waiting(),
            reverse("admin:enterprise_credit_creditrecord_waiting"),
            {},
        ),
        ("目录和规则待启用", "change_ruledocument", drafts, show.list_url(RuleDocument), {}),
    ]


def _own_looks(who: Viewer) -> Card:
    """What the user looked at last; to read on takes a purpose again."""
    rows = Look.objects.filter(department=who.department, by=who.name, client=None, found=True).exclude(
        form="CHECK"
    )
    told = [
        (row.name, reverse("admin:enterprise_credit_creditsubject_change", args=(row.uscc,)), _told(row))
        for row in rows[:_SHOWN]
    ]
    return Card("我最近查询的企业", told, show.list_url(Look))


def _newest_looks() -> Card:
    rows = Look.objects.select_related("department")[:_SHOWN]
    told = [
        (
            f"{row.department.name}　{row.by}",
            show.change_url(row),
            f"{row.name or row.uscc}　{_told(row)}{_marks(row)}",
        )
        for row in rows
    ]
    return Card("最近的查询", told, show.list_url(Look))


def _told(row: Look) -> str:
    case = f"（{row.case_no}）" if row.case_no else ""
    return f"{row.purpose_title}{case}　{show.moment(row.at)}"


def _marks(row: Look) -> str:
    marks = [told for marked, told in ((row.at_night, "夜间"), (row.outside, "本区县以外")) if marked]
    return f"　{'、'.join(marks)}" if marks else ""


give_home("enterprise_credit", home)
