"""What a credit report (信用报告) says of one pharmacy, read in a fixed number of queries.

It tells what is on file and what was decided: no names of staff, no reporter, no insured persons, no
report that was not verified; of matters in hand, that they are in hand and nothing of what is proposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.utils import timezone

from ratings.models import (
    Adjustment,
    Complaint,
    CreditRepair,
    Objection,
    Pharmacy,
    PublishedGrade,
    Rating,
    ServiceStatus,
    Violation,
)
from ratings.published import Entry, Grade, history
from ratings.reports.layout import Table
from ratings.reports.reading import entry_of, out_of_service, rules_of
from ratings.rules import Scheme
from ratings.rules.explanation import Explanation
from ratings.rules.moves import OBJECTION_STATES, PUBLISHED_STATES, REPAIR_STATES
from ratings.rules.periods import Period
from ratings.rules.vocabulary import VIOLATION_KINDS
from ratings.rules.wording import yuan_text
from ratings.services.adjustments import grade_name
from ratings.services.explanations import explain_standing
from ratings.services.redress import lineage
from ratings.services.schemes import parsed
from ratings.services.standing import Standing, standing
from ratings.services.steps import shown_day, written

#: Most characters of for whom and what for.
RECIPIENT_LENGTH: Final = 60
PURPOSE_LENGTH: Final = 100
#: What is proposed and not decided is told as work in hand.
_IN_HAND: Final = {"PROPOSED": "OPEN", "REVIEW_PROPOSED": "REVIEW_REQUESTED"}
_REPAIR_IN_HAND: Final = {"PROPOSED": "ACCEPTED"}


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why the current grade is what it is."""

    explanation: Explanation
    #: names of the grades of its scheme, best first
    grades: tuple[tuple[str, str], ...]
    #: the facts known by then count
    cutoff: datetime
    #: the published grade differs from the reckoned one by a decision
    judged: bool


@dataclass(frozen=True, slots=True)
class CreditReport:
    """What a report says."""

    name: str
    code: str
    on: date
    #: for whom and what for, as one sentence
    bound: str
    registry: tuple[tuple[str, str], ...]
    #: the newest public grade, be it run out or a row that says there is none; None = never published
    grade: Grade | None
    #: the rules of every row of the ledger, by key@version
    rules: Mapping[str, Scheme]
    #: every row of the ledger, oldest first
    history: tuple[Grade, ...]
    reasons: Reasons | None
    #: records and acts, in the order in which they are told
    tables: tuple[Table, ...]


def bound_to(recipient: str, purpose: str) -> str:
    """For whom and what for, as the report says it. Raises Refused where either is missing or too long."""
    who = written(recipient, "提供给谁", RECIPIENT_LENGTH)
    return f"仅供{who}用于{written(purpose, '用途', PURPOSE_LENGTH)}"


def credit_report(pharmacy: Pharmacy, bound: str, on: date) -> CreditReport:
    """What the report of a pharmacy says on a day (Asia/Shanghai), in a fixed number of queries.

    Raises Refused where the stored rating behind the grade is not what the facts give.
    """
    entry = entry_of(pharmacy.code, on)
    rows = tuple(history(pharmacy.code))
    shops = lineage(pharmacy)
    return CreditReport(
        name=pharmacy.name,
        code=pharmacy.code,
        on=on,
        bound=bound,
        registry=_registry(pharmacy, entry, on),
        grade=entry.grade,
        rules=rules_of(row.scheme for row in rows),
        history=rows,
        reasons=_reasons(pharmacy, entry.grade) if entry.grade else None,
        tables=(
            _violations(shops, pharmacy),
            _complaints(shops, pharmacy),
            _statuses(pharmacy),
            _changes(pharmacy),
            _objections(pharmacy),
            _repairs(shops),
        ),
    )


def _registry(pharmacy: Pharmacy, entry: Entry, on: date) -> tuple[tuple[str, str], ...]:
    owner, before = pharmacy.enterprise, pharmacy.predecessor
    pairs = (
        ("名称", pharmacy.name),
        ("定点编码", pharmacy.code),
        ("所属企业", f"{owner.name}（{owner.uscc}）" if owner else "—"),
        ("经营形式", "连锁门店" if pharmacy.is_chain else "单体药店"),
        ("区县", pharmacy.district.name),
        ("地址", pharmacy.address or pharmacy.street or "—"),
        ("定点起始日", shown_day(pharmacy.designated_on)),
        ("定点状态", _designated(entry, on)),
    )
    return (*pairs, ("前身", f"{before.name}（{before.code}）")) if before else pairs


def _designated(entry: Entry, on: date) -> str:
    """Whether it is designated, and its agreement in force, on a day."""
    if told := out_of_service(entry, on):
        return told
    until = entry.designated_until
    return "正常" if until is None else f"正常，定点至{shown_day(until)}（不含当日）"


def _reasons(pharmacy: Pharmacy, grade: Grade) -> Reasons:
    """The explanation of the rating behind a row of the ledger, as it stands."""
    run = PublishedGrade.objects.filter(seq=grade.seq).values("run")
    rating = Rating.objects.select_related("run__scheme", "run__life", "pharmacy").get(
        run__in=run, pharmacy=pharmacy
    )
    now: Standing = standing(rating)
    steps = parsed(rating.run.scheme).grades
    return Reasons(
        explanation=explain_standing(rating, now, over_time=True),
        grades=tuple((step.name, step.label) for step in steps),
        cutoff=now.rerating.cutoff if now.rerating else rating.run.cutoff,
        judged=now.judged,
    )


# Records and acts


def _whose(pharmacy: Pharmacy, fact: Violation | Complaint) -> str:
    """Says so where a record is a predecessor's."""
    if fact.pharmacy_id == pharmacy.pk:
        return ""
    return f"（前身 {fact.pharmacy.code} 的记录，由本店承继）"


def _violations(shops: Sequence[int], pharmacy: Pharmacy) -> Table:
    found = list(
        Violation.objects.filter(pharmacy__in=shops, voided_at=None)
        .select_related("pharmacy")
        .order_by("-decided_on", "-id")
    )
    rows = [
        (
            f"{row.document_no}\n{row.body}{_whose(pharmacy, row)}",
            f"{row.get_kind_display()}\n{VIOLATION_KINDS[row.kind].basis}",
            f"{row.get_gravity_display()}\n{row.get_track_display()}",
            yuan_text(row.amount_fen),
            f"发生 {shown_day(row.occurred_on)}\n决定 {shown_day(row.decided_on)}",
            row.measures or "—",
        )
        for row in found
    ]
    whole = yuan_text(sum(row.amount_fen for row in found))
    return Table(
        "违法违规记录",
        ("文书号、作出机关", "类型、依据", "情节、性质", "涉及基金", "日期", "处理措施"),
        rows,
        (3.9, 3.9, 1.9, 2.2, 3.1, 2.3),
        note=f"现行有效的处理决定共 {len(found)} 件，涉及基金合计 {whole}。已撤销或已修复的不列入。"
        if found
        else "",
        none="没有现行有效的处理决定。",
    )


def _complaints(shops: Sequence[int], pharmacy: Pharmacy) -> Table:
    found = (
        Complaint.objects.filter(pharmacy__in=shops, voided_at=None, finding="VERIFIED")
        .select_related("pharmacy")
        .order_by("-decided_on", "-id")
    )
    rows = [
        (
            f"{row.reference_no}{_whose(pharmacy, row)}",
            row.get_topic_display(),
            row.get_finding_display(),
            shown_day(row.occurred_on),
            shown_day(row.decided_on) if row.decided_on else "—",
        )
        for row in found
    ]
    return Table(
        "查实的举报投诉",
        ("受理编号", "内容", "结论", "收到日期", "结论日期"),
        rows,
        (4, 3.4, 2, 2.6, 2.6),
        none="没有查证属实的举报投诉。",
    )


def _statuses(pharmacy: Pharmacy) -> Table:
    found = ServiceStatus.objects.filter(pharmacy=pharmacy, voided_at=None).order_by("-occurred_on")
    rows = [
        (
            shown_day(row.occurred_on),
            row.get_status_display(),
            shown_day(row.decided_on),
            row.document_no or "—",
        )
        for row in found
    ]
    return Table(
        "服务协议状态的变动",
        ("起始日", "服务状态", "决定日期", "文书号"),
        rows,
        (2.6, 2, 2.6, 5),
        none="没有中止或解除服务协议的记录。",
    )


def _changes(pharmacy: Pharmacy) -> Table:
    found = (
        Adjustment.objects.filter(
            rating__pharmacy=pharmacy, state=Adjustment.State.APPROVED, period__state__in=PUBLISHED_STATES
        )
        .select_related("rating__run__scheme")
        .order_by("-decided_at", "-id")
    )
    rows = []
    for row in found:
        scheme = parsed(row.rating.run.scheme)
        before, after = (grade_name(scheme, place) for place in (row.from_grade, row.to_grade))
        rows.append(
            (
                _day(row.decided_at),
                Period.parse(row.rating.run.period).label,
                row.get_cause_display(),
                f"等级不变（{after}）" if before == after else f"{before} 变更为 {after}",
                f"{row.text}\n依据：{row.clause}",
            )
        )
    return Table(
        "等级的变更", ("日期", "评价周期", "事由", "变更", "理由和依据"), rows, (2.2, 2, 1.7, 3, 6.4)
    )


def _objections(pharmacy: Pharmacy) -> Table:
    found = (
        Objection.objects.filter(rating__pharmacy=pharmacy)
        .select_related("period")
        .order_by("-handed_in_on", "-id")
    )
    rows = [
        (
            shown_day(row.handed_in_on),
            Period.parse(row.period.period).label,
            row.get_ground_display(),
            OBJECTION_STATES[_IN_HAND.get(row.state, row.state)].label,
            _outcome(
                (row.decided_at, "决定", row.proposed_text, row.decision_text),
                (row.reviewed_at, "复核", row.review_proposed_text, row.review_text),
            )
            if row.period.state in PUBLISHED_STATES
            # The reasons name the preliminary grade, and what became of it.
            else "本期等级未公布，不载明",
        )
        for row in found
    ]
    return Table(
        "异议", ("递交日期", "评价周期", "理由类别", "状态", "结果和理由"), rows, (2.2, 2, 1.7, 1.8, 7.6)
    )


def _repairs(shops: Sequence[int]) -> Table:
    found = (
        CreditRepair.objects.filter(violation__pharmacy__in=shops)
        .select_related("violation")
        .order_by("-applied_on", "-id")
    )
    rows = [
        (
            shown_day(row.applied_on),
            row.violation.document_no,
            REPAIR_STATES[_REPAIR_IN_HAND.get(row.state, row.state)].label,
            row.decision_no or "—",
            _outcome(
                (row.decided_at, "决定", row.proposed_text, row.decision_text),
                (row.accepted_at if row.state == "NOT_ACCEPTED" else None, "不予受理", "", row.accept_text),
            ),
        )
        for row in found
    ]
    return Table(
        "信用修复",
        ("申请日期", "所涉文书号", "状态", "决定文书号", "结果和理由"),
        rows,
        (2.2, 3.4, 1.7, 3, 5),
    )


def _outcome(*steps: tuple[datetime | None, str, str, str]) -> str:
    """What was decided when and why: the opinion that the decision adopts, and its own words."""
    lines = []
    for at, what, opinion, text in steps:
        if at is not None:
            words = "；".join(dict.fromkeys(part.rstrip("。；") for part in (opinion, text) if part))
            lines.append(f"{_day(at)}{what}：{words}")
    return "\n".join(lines) or "—"


def _day(at: datetime | None) -> str:
    return shown_day(timezone.localdate(at)) if at else "—"
