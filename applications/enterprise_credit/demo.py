"""What the demo city shows of departments: members, records of many types, checks, cases of measures, and looks.

All of it is generated, says so, and goes through the services, as the departments would do it.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from applications.clients.models import Client, Organisation
from applications.clients.oauth import scopes_of
from applications.clients.services import issue_secret, register_client
from applications.enterprise_credit import (
    batch_checks,
    check_lists,
    looks,
    measures,
    people,
    profiles,
    record_files,
    tasks,
)
from applications.enterprise_credit import records as record_service
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import (
    BatchCheck,
    CreditRecord,
    CreditSubject,
    Look,
    MeasureCase,
    Membership,
    Standing,
)
from applications.enterprise_credit.rules.catalogue import Catalogue, RecordField, RecordType
from applications.enterprise_credit.viewing import Viewer
from ratings.published import enterprise_codes
from ratings.services.audit import Actor

_ACTOR: Final = Actor("manage.py demo_applications")
_SAID: Final = "演示，非真实数据"
_CREDENTIALS: Final = "demo_department_client.json"
#: Who works for which department, in which districts.
_MEMBERS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "officer": ("scjgj", (330602,)),
    "supplier": ("swj", ()),
    "treasurer": ("czj", ()),
}
#: Types of records, and that every so many-th enterprise has one.
_SHARES: Final[dict[str, int]] = {
    "scjgj-licence": 1,
    "yjj-permit": 1,
    "fgw-score": 1,
    "swj-grade": 1,
    "ybj-commitment": 2,
    "yjj-gsp": 2,
    "scjgj-inspection": 3,
    "yjj-pharmacist": 4,
    "yjj-quality": 5,
    "scjgj-penalty": 11,
    "scjgj-honour": 15,
    "mzj-donation": 19,
    "fgw-red-list": 20,
    "yjj-penalty": 23,
    "ybj-red-list": 25,
    "czj-subsidy": 27,
    "ybj-agreement-measure": 29,
    "swj-arrears": 31,
    "rsj-arrears": 41,
    "fy-enforcement": 47,
    "sjj-finding": 67,
    "ybj-black-list": 97,
    "fy-black-list": 131,
    "gaj-transfer": 151,
}
#: What stands in a field of text, by its label or its key.
_TEXTS: Final = {
    "content": "未按规定审核处方、药品陈列不合规范",
    "承诺内容": "依约提供定点医药服务、如实上传结算信息",
    "scope": "药品零售：处方药、非处方药、医疗器械",
    "reason": "由主管部门依规列入",
    "matter": "处方审核、购进验收和阴凉储存",
    "honour": "守合同重信用企业",
    "drug": "板蓝根颗粒",
    "project": "基层药事服务补助",
    "case_name": "涉嫌诈骗",
}
#: Not of the demo city.
_UNKNOWN: Final = ("91330602MA288UYN8Y", "演示未登记企业有限公司")
_PEOPLE: Final = ("张某", "王某", "李某", "陈某", "周某")


def furnish() -> list[str]:
    """Give the demo what is not there yet; lines that tell who may sign in as what."""
    today = timezone.localdate()
    catalogue = catalogue_on(today)
    for username, (key, districts) in _MEMBERS.items():
        user = get_user_model().objects.get(username=username)
        if not Membership.objects.filter(user=user).exists():
            people.register_member(user, Organisation.objects.get(key=key), districts, by=_ACTOR)
    if not CreditRecord.objects.exists():
        tasks.refresh(None)
        _supply(catalogue, today)
        tasks.refresh(None)
    if not BatchCheck.objects.exists():
        _check(today)
        _handle(today)
        _look(catalogue, today)
    client = _client(Organisation.objects.get(key="scjgj"))
    return [
        f"部门接口演示客户端（市场监督管理局）：{client.client_id}，密钥在 {_credentials(client)}",
        "  officer 查询和核查，supplier 报送，treasurer 核查补助名单，creditoffice 管全市，creditapprover 启用目录和规则",
    ]


def _viewer(username: str) -> Viewer:
    row = Membership.objects.select_related("department").get(user__username=username)
    return Viewer(row.department, username, frozenset(row.districts))


# -- records


def _supply(catalogue: Catalogue, today: date) -> None:
    """A file of each type, checked and accepted; then what happens to records: objections, corrections, withdrawals."""
    subjects = list(CreditSubject.objects.order_by("uscc"))
    for key, share in _SHARES.items():
        record_type = catalogue.record_type(key)
        if record_type is not None:
            # seldom types fall on other enterprises than those before them
            _file(record_type, subjects[len(key) % share :: share], today)
    payments, waits = (catalogue.record_type(key) for key in ("ybj-fund-payment", "swj-penalty"))
    if payments is not None:
        _file(payments, subjects, today, per_store=True)
    if waits is not None:
        # of no day: the checked file says so and waits
        _file(waits, subjects[4::90], today, accept=False)
    _change(today)


def _file(
    record_type: RecordType,
    subjects: Sequence[CreditSubject],
    today: date,
    per_store: bool = False,
    accept: bool = True,
) -> None:
    """A file of records, checked, and accepted; one that is not accepted has a row without a day."""
    out = io.StringIO()
    writer = csv.writer(out)
    labels = [
        f"{field.label}（元）" if field.type == "amount_fen" else field.label for field in record_type.fields
    ]
    writer.writerow(["记录编号", "统一社会信用代码", "企业名称", "文书号", "认定日期", "失效日", *labels])
    rows = list(_rows(record_type, subjects, today, per_store))
    if not accept:
        rows[0][4] = ""
    writer.writerows(rows)
    batch = record_files.check_file(
        record_type,
        io.BytesIO(out.getvalue().encode()),
        f"{record_type.title}（{_SAID}）.csv",
        department=Organisation.objects.get(key=record_type.department),
        by=_ACTOR,
    )
    if accept:
        record_files.accept_file(batch, by=_ACTOR, skip_refused=True)


def _rows(
    record_type: RecordType, subjects: Sequence[CreditSubject], today: date, per_store: bool
) -> Iterator[list[Any]]:
    dice = Random(record_type.key)  # noqa: S311 -- the same every time is what is wanted
    number = 0
    for place, subject in enumerate(subjects):
        for store in enterprise_codes(subject.uscc) if per_store else ("",):
            number += 1
            decided = today - timedelta(days=dice.randrange(20, 700))
            ends = decided + timedelta(days=1096) if dice.random() < 0.3 else ""
            about = (subject.uscc, subject.name)
            # some wait to be matched: a name that is not quite right, an enterprise that nobody knows
            if not per_store and place % 60 == 59:
                about = (subject.uscc, f"{subject.name}（筹）") if place % 120 == 59 else _UNKNOWN
            cells = [_cell(field, dice, decided, store) for field in record_type.fields]
            number_text = f"演示〔{decided.year}〕{number}号"
            yield [f"DEMO-{number:05d}", *about, number_text, decided.isoformat(), ends, *cells]


def _cell(field: RecordField, dice: Random, decided: date, store: str) -> Any:
    """A value as a file has it: amounts in yuan."""
    if field.type == "designated_code":
        return store
    if field.type == "date":
        return (decided + timedelta(days=60)).isoformat()
    if field.type == "amount_fen":
        return f"{dice.randrange(1_000, 500_000)}.00"
    if field.type == "integer":
        return decided.year if field.key == "year" else dice.randrange(60, 100)
    if field.choices:
        return field.choices[0] if dice.random() < 0.8 else dice.choice(field.choices)
    if field.personal:
        return dice.choice(_PEOPLE)
    return f"{_TEXTS.get(field.label) or _TEXTS.get(field.key, field.label)}（{_SAID}）"


def _change(today: date) -> None:
    """Two objections, one correction, one withdrawal."""
    department = Organisation.objects.get(key="scjgj")
    found = list(
        CreditRecord.objects.filter(record_type="scjgj-penalty", match="MATCHED", voided_at=None)[:4]
    )
    acts: dict[str, Any] = {"department": department, "by": _ACTOR}
    for row in found[:2]:
        record_service.mark_objection(
            row, "企业称处罚决定已申请行政复议（演示）", on=today - timedelta(days=5), **acts
        )
    if len(found) == 4:
        third, fourth = found[2:]
        content = {
            "social_credit_code": third.uscc,
            "name": third.name,
            "document_no": third.document_no,
            "decided_on": third.decided_on.isoformat(),
            "data": {**third.data, "fine_fen": 100_000},
        }
        record_service.correct(third, content, reason="罚款金额录入有误（演示）", **acts)
        record_service.withdraw(fourth, reason="行政复议撤销（演示）", **acts)


# -- checks, measures, looks


def _check(today: date) -> None:
    """Two lists: an award of the market regulator with outcomes, a subsidy of the treasury that waits for them."""
    known = list(CreditSubject.objects.order_by("uscc").values_list("uscc", "name"))
    worst = list(Standing.objects.order_by("-position", "pk").values_list("pk", "subject__name")[:3])
    listed = {
        "officer": ("award", "", "守合同重信用企业候选名单（演示）", known[3::40][:21]),
        "treasurer": (
            "subsidy",
            "绍财演示〔2026〕8号",
            "基层药事服务补助申报名单（演示）",
            known[7::50][:15],
        ),
    }
    for username, (purpose, case_no, title, chosen) in listed.items():
        lines = "\n".join(f"{uscc} {name}" for uscc, name in [*chosen, *worst, _UNKNOWN])
        check = batch_checks.check_list(
            _viewer(username),
            check_lists.read_text(lines),
            purpose=purpose,
            case_no=case_no,
            title=title,
            at=timezone.now() - timedelta(days=2),
        )
        if username == "officer":
            _report(check)


def _report(check: BatchCheck) -> None:
    """Given to those that passed, and to one in spite of a rejection; the others wait."""
    reports = [
        batch_checks.Report(line.row, "GRANTED", None, "")
        for line in check.lines.filter(verdict="PASS").order_by("row")[:12]
    ]
    rejected = check.lines.filter(verdict="REJECT").first()
    if rejected is not None:
        reports.append(
            batch_checks.Report(rejected.row, "GRANTED", None, "失信情形已整改，经集体研究同意（演示）")
        )
    batch_checks.report_outcomes(_viewer("officer"), check, reports, timezone.now() - timedelta(days=1))


def _handle(today: date) -> None:
    """Some cases of the market regulator and the treasury are handled; the others are open."""
    for username in ("officer", "treasurer"):
        who = _viewer(username)
        for place, case in enumerate(
            MeasureCase.objects.filter(department=who.department, state="OPEN").order_by("pk")[:5]
        ):
            measures.handle(
                who,
                case,
                state="DECLINED" if place == 4 else "APPLIED",
                done_on=today,
                document_no=f"演示〔{today.year}〕{place + 1}号",
                note="本年度另有安排，暂不实施（演示）" if place == 4 else "已按措施办理（演示）",
                at=timezone.now(),
            )


def _look(catalogue: Catalogue, today: date) -> None:
    """Usual looks, and unusual ones: many without a case in a day, at night, and beyond the own district."""
    subjects = list(CreditSubject.objects.order_by("uscc"))
    officer, treasurer = _viewer("officer"), _viewer("treasurer")
    yesterday = today - timedelta(days=1)
    for place, subject in enumerate(subjects[5::30][:6]):
        _one_look(
            officer, catalogue, "permit", f"绍市监许演示{place + 1}号", subject, _at(yesterday, 9 + place)
        )
    # half of them of other districts
    many = catalogue.watch.without_case_a_day // 2 + 1
    for place, subject in enumerate([*subjects[:many], *subjects[-many:]]):
        _one_look(officer, catalogue, "supervision", "", subject, _at(yesterday, 15, place))
    for subject in subjects[9::70][:3]:
        _one_look(treasurer, catalogue, "supervision", "", subject, _at(yesterday, 23))
    aim = looks.stated(catalogue, "supervision", "")
    looks.record_look(
        treasurer, aim, Look.Form.PAGE, uscc="91330602MADEMO0000", name="", found=False, district=None, shown={},
        at=_at(yesterday, 11),
    )  # fmt: skip


def _one_look(
    who: Viewer, catalogue: Catalogue, purpose: str, case_no: str, subject: CreditSubject, at: datetime
) -> None:
    found = profiles.profile(subject.uscc, who, catalogue, timezone.localdate(at))
    looks.record_look(
        who,
        looks.stated(catalogue, purpose, case_no),
        Look.Form.PAGE,
        uscc=subject.uscc,
        name=subject.name,
        found=True,
        district=subject.district,
        shown=found.shown() if found else {},
        at=at,
    )


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=timezone.get_current_timezone())


# -- the program


def _client(department: Organisation) -> Client:
    known = Client.objects.filter(organisation=department).order_by("pk").first()
    return known or register_client(department, "行政审批系统（演示）", scopes_of(department.kind), by=_ACTOR)


def _credentials(client: Client) -> Path:
    """The file with the client's secret, for its owner's eyes only; a new secret where it is of another client."""
    path: Path = settings.DATA_DIR / _CREDENTIALS
    if path.exists() and json.loads(path.read_text()).get("client_id") == client.client_id:
        return path
    _, plain = issue_secret(client, by=_ACTOR)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"client_id": client.client_id, "client_secret": plain}))
    return path
