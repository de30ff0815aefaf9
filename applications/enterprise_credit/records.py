"""What people do with records one by one: fill in, correct, withdraw, mark an objection, settle what waits.

Each a transaction with its audit event; refusals are Chinese. Departments act on records of their own types alone;
whoever keeps the whole settles any department's waiting records.
"""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit import intake, record_store, standings
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.matching import match_waiting
from applications.enterprise_credit.models import CreditRecord, CreditSubject, RecordBatch
from applications.enterprise_credit.names import grams, name_key
from applications.enterprise_credit.record_files import demand_own
from applications.enterprise_credit.rules.catalogue import RecordType
from applications.enterprise_credit.rules.fields import REASON_LENGTH, UNSEEN, Fault
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

Match = CreditRecord.Match


class RowRefused(Refused):
    """What was filled in is refused; ``faults`` say where and why."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("".join(map(str, faults)))
        self.faults = faults


@transaction.atomic
def fill_in(
    record_type: RecordType, row: Mapping[str, Any], *, department: Organisation, by: Actor
) -> CreditRecord:
    """A new record from a form; ``row`` is as programs send it.

    Raises RowRefused for what is wrong with it, and Refused for another department's type and a number that is taken.
    """
    demand_own(record_type, department)
    row = intake.with_single_blanks(row)
    record_store.one_writer_at_a_time(record_type.key)
    taken = CreditRecord.objects.filter(record_type=record_type.key, record_no=row.get("record_no", ""))
    if taken.filter(voided_at=None).exists():
        raise Refused("这个编号已有信用信息；要更正请打开那一条，另立请换编号。")
    _one_row(record_type, row, department, by, "")
    return live(record_type.key, row["record_no"])


@transaction.atomic
def correct(
    row: CreditRecord, content: Mapping[str, Any], *, reason: str, department: Organisation, by: Actor
) -> CreditRecord:
    """A new version in place of a live one; gives it. ``content`` is a row without its number.

    Raises RowRefused for what is wrong with it, and Refused without a reason, for a record that is no longer live,
    and where nothing is changed.
    """
    record_type = _own_type(row, department)
    _demand_live(row)
    given = {**content, "record_no": row.record_no, "reason": _reason(reason)}
    result = _one_row(record_type, given, department, by, reason)
    if result.outcome == "unchanged":
        raise Refused("内容与现有的一样，没有更正。")
    return live(row.record_type, row.record_no)


@transaction.atomic
def withdraw(row: CreditRecord, *, reason: str, department: Organisation, by: Actor) -> None:
    """End a live record of the own department. Raises Refused without a reason and for one that is no longer live."""
    record_type = _own_type(row, department)
    _demand_live(row)
    given = {"record_no": row.record_no, "withdraw": True, "reason": _reason(reason)}
    _one_row(record_type, given, department, by, reason)


@transaction.atomic
def mark_objection(
    row: CreditRecord, text: str, *, on: date, department: Organisation, by: Actor
) -> CreditRecord:
    """Mark that the enterprise objects to a record and is being heard; it shows wherever the record does.

    Raises Refused without a text, for one that is marked already, and one that is no longer live.
    """
    _own_type(row, department)
    row = _locked(row)
    if row.objected_on is not None:
        raise Refused("这条信用信息已有异议标注；请先解除。")
    row.objected_on, row.objection = on, _said(text, "异议说明", 500)
    row.save(update_fields=["objected_on", "objection"])
    record("异议标注", row, by=by, reason=row.objection, **_named(row))
    return row


@transaction.atomic
def lift_objection(row: CreditRecord, reason: str, *, department: Organisation, by: Actor) -> CreditRecord:
    """Take the mark away, with how it was settled. Raises Refused without that, and where there is no mark."""
    _own_type(row, department)
    row = _locked(row)
    if row.objected_on is None:
        raise Refused("这条信用信息没有异议标注。")
    said = _said(reason, "处理结果", 500)
    row.objected_on, row.objection = None, ""
    row.save(update_fields=["objected_on", "objection"])
    record("解除异议标注", row, by=by, reason=said, **_named(row))
    return row


# -- the work list


@transaction.atomic
def take_as_that(row: CreditRecord, *, reason: str, by: Actor) -> CreditRecord:
    """A waiting record whose name differs is one of the enterprise with its code all the same.

    Raises Refused without a reason, and for one that does not wait for this.
    """
    said = _reason(reason)
    row = _waiting(row)
    if row.match != Match.NAME_DIFFERS:
        raise Refused("没有这个代码的企业；请登记企业，或退回更正。")
    row.match, row.subject_id = Match.MATCHED, row.uscc
    row.save(update_fields=["match", "subject"])
    record("认定信用信息的企业", row, by=by, reason=said, **_named(row), name=row.name)
    intake.derive_later({row.uscc})
    return row


@transaction.atomic
def register_subject(row: CreditRecord, *, reason: str = "", by: Actor) -> CreditSubject:
    """Register the enterprise that a waiting record is about; all that wait for it under that name match.

    Raises Refused where it is registered already.
    """
    standings.lock()
    row = _waiting(row)
    subject, is_new = CreditSubject.objects.get_or_create(
        uscc=row.uscc,
        defaults={
            "name": row.name,
            "name_key": name_key(row.name),
            "grams": grams(row.name),
            "origin": CreditSubject.Origin.DEPARTMENT,
            "recorded_by": by.name,
        },
    )
    if not is_new:
        raise Refused(f"这个代码的企业已登记为“{subject.name}”；请认定为该企业，或退回更正。")
    record("登记信用主体", subject, by=by, reason=reason, name=subject.name, **_named(row))
    match_waiting([row.uscc])
    intake.derive_later({row.uscc})
    return subject


@transaction.atomic
def send_back(row: CreditRecord, *, reason: str, by: Actor) -> None:
    """Return a waiting record to its department: it ends, and comes again only as a correction. Raises Refused."""
    said = _reason(reason)
    row = _waiting(row)
    row.voided_at, row.voided_by = timezone.now(), by.name
    row.ending, row.void_reason = CreditRecord.Ending.WITHDRAWN, f"退回：{said}"[:REASON_LENGTH]
    row.save(update_fields=["voided_at", "voided_by", "ending", "void_reason"])
    record("退回信用信息", row, by=by, reason=said, **_named(row))


def live(record_type: str, record_no: str) -> CreditRecord:
    """The live version. Raises CreditRecord.DoesNotExist."""
    return CreditRecord.objects.get(record_type=record_type, record_no=record_no, voided_at=None)


# -- parts


def _one_row(
    record_type: RecordType, row: Mapping[str, Any], department: Organisation, by: Actor, reason: str
) -> intake.Result:
    """Take in one row of a form as a batch of its own. Raises RowRefused."""
    content = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    batch = RecordBatch.objects.create(
        department=department,
        record_type=record_type.key,
        source=RecordBatch.Source.FORM,
        state=RecordBatch.State.CHECKED,
        sha256=sha256(content).hexdigest(),
        size=len(content),
        uploaded_by=by.name,
    )
    (result,) = intake.take_rows(batch, record_type, [row], by=by.name)
    if result.outcome == "refused":
        raise RowRefused(result.faults)
    intake.close(batch, by=by, reason=reason)
    return result


def _own_type(row: CreditRecord, department: Organisation) -> RecordType:
    found = catalogue_on(timezone.localdate()).record_type(row.record_type)
    if found is None:
        raise Refused("现行信用信息目录中已没有这种信用信息，不能再改。")
    demand_own(found, department)
    return found


def _demand_live(row: CreditRecord) -> None:
    """No other version follows until this transaction ends. Raises Refused where one has."""
    record_store.one_writer_at_a_time(row.record_type)
    if CreditRecord.objects.filter(pk=row.pk, voided_at__isnull=False).exists():
        raise Refused("这一版本已更正或已撤销；请打开现行版本。")


def _locked(row: CreditRecord) -> CreditRecord:
    """A live record to be changed; an intake of its type waits, lest it follow what was there before."""
    record_store.one_writer_at_a_time(row.record_type)
    found = CreditRecord.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if found.voided_at is not None:
        raise Refused("这一版本已更正或已撤销；请打开现行版本。")
    return found


def _waiting(row: CreditRecord) -> CreditRecord:
    found = _locked(row)
    if found.match == Match.MATCHED:
        raise Refused("这条信用信息已经匹配。")
    return found


def _reason(text: str) -> str:
    return _said(text, "理由", REASON_LENGTH)


def _said(text: str, what: str, most: int) -> str:
    said = UNSEEN.sub(" ", text).strip()
    if not said:
        raise Refused(f"请填写{what}。")
    if len(said) > most:
        raise Refused(f"{what}不超过 {most} 字，现有 {len(said)} 字。")
    return said


def _named(row: CreditRecord) -> dict[str, str]:
    return {"record_type": row.record_type, "record_no": row.record_no, "uscc": row.uscc}
