"""Records as they come in, row by row checked and then all at once compared and written.

What a row comes to: ``accepted`` (new), ``corrected`` (the version before is voided and this one follows it),
``withdrawn``, ``unchanged``, ``unmatched`` (taken in, new or corrected, but it waits for its enterprise: see
``matching``) or ``refused`` (with what is wrong). Refused rows keep none of the others out, but for those of the same
number: one that comes twice in a batch is refused each time, as nobody can tell which is right, be one of them wrong by
itself or not. A number that was withdrawn stays so, lest the
next delivery of the same list bring it back: who means it says ``correction``. Withdrawing again changes nothing.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson
from django.db import transaction
from django.db.models import JSONField, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from applications.clients.models import Client, Organisation
from applications.enterprise_credit import record_store, tasks
from applications.enterprise_credit.models import CreditRecord, RecordBatch
from applications.enterprise_credit.names import name_key
from applications.enterprise_credit.record_store import Counts
from applications.enterprise_credit.rules.catalogue import RecordType
from applications.enterprise_credit.rules.fields import NUMBER_LENGTH, Fault, checker, members, plain
from ratings.services.audit import Actor, record
from ratings.services.imports.reports import KEPT_IN_BATCH

Match = CreditRecord.Match
#: Those that can be seen; what cannot is refused.
_BLANKS: Final = re.compile("[ \u00a0\u3000]+")
#: Why the comparison refuses a row: where, and what to do.
REFUSALS: Final[Mapping[str, Fault]] = {
    record_store.TWICE: Fault(
        "record_no", _("这个编号在本次报送中不止出现一次；请只留正确的一行，其余删去。"), {}
    ),
    record_store.DATES: Fault(
        "valid_until", _("失效日不晚于生效日；失效日是不再有效的首日，请核对两个日期。"), {}
    ),
    record_store.GONE: Fault(
        "record_no",
        _(
            "这个编号的信用信息已经撤销；确需重新报送的，请注明“撤销后重新报送”（接口为 correction: true），否则请删去这一行。"
        ),
        {},
    ),
    record_store.NONE_SUCH: Fault("record_no", _("没有这个编号的信用信息，无从撤销；请核对记录编号。"), {}),
}


class KeyReused(Exception):
    """The idempotency key has served for another content."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row; ``line`` counts from 1."""

    line: int
    record_no: str
    outcome: str
    #: of rows that were taken in: MATCHED, NO_SUBJECT, NAME_DIFFERS
    match: str = ""
    faults: tuple[Fault, ...] = ()


@transaction.atomic
def take_in(
    client: Client,
    record_type: RecordType,
    idempotency_key: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    sha256: str,
    size: int,
    by: Actor,
    answer: Callable[[RecordBatch, list[Result]], Any],
) -> RecordBatch:
    """Take in a call of a department's program; the batch, with what ``answer`` makes of its counts and results.

    ``rows`` have the members and JSON types that they may have. The same key with the same content (``sha256``) again:
    the batch that was made then. Raises KeyReused for a key that has served for something else.
    """
    # One call of a client at a time, so that none misses that another with its key is under way.
    Client.objects.select_for_update(no_key=True).get(pk=client.pk)
    known = RecordBatch.objects.filter(client=client, idempotency_key=idempotency_key).first()
    if known is not None:
        if known.sha256 != sha256 or known.record_type != record_type.key:
            raise KeyReused
        return known
    batch = RecordBatch.objects.create(
        department=client.organisation,
        record_type=record_type.key,
        source=RecordBatch.Source.API,
        state=RecordBatch.State.CHECKED,
        client=client,
        idempotency_key=idempotency_key,
        sha256=sha256,
        size=size,
        uploaded_by=client.name,
    )
    results = take_rows(batch, record_type, rows, by=client.name)
    batch.problems = [*islice(_problems(results), KEPT_IN_BATCH)]
    return close(batch, by=by, answer=answer(batch, results))


def take_rows(
    batch: RecordBatch, record_type: RecordType, rows: Sequence[Mapping[str, Any]], *, by: str
) -> list[Result]:
    """Check, compare and write rows in the caller's transaction; counts go to the batch, which is not saved."""
    rows = [*map(with_single_blanks, rows)]
    record_store.one_writer_at_a_time(record_type.key)
    at = timezone.now()
    faults: dict[int, list[Fault]] = {}
    record_store.begin()
    with record_store.sending() as copy:
        record_store.send(copy, _lines(rows, record_type, at, faults))
    record_store.compare(record_type.key)
    counts = record_store.counted()
    found = {line: (act, refusal, match) for line, act, refusal, match in record_store.outcomes()}
    note(batch, replace(counts, refused=counts.refused + len(faults)))
    derive_later(record_store.write(batch, by, at))
    return [_result(number, row, found.get(number), faults.get(number)) for number, row in enumerate(rows, 1)]


def with_single_blanks(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its texts' blanks as those of files are: none at the ends, never several in a row."""
    return {
        key: with_single_blanks(value)
        if isinstance(value, dict)
        else _BLANKS.sub(" ", value).strip(" ")
        if isinstance(value, str)
        else value
        for key, value in row.items()
    }


def _problems(results: Iterable[Result]) -> Iterator[dict[str, Any]]:
    """What is refused and why, as the batches of files keep it."""
    for result in results:
        for fault in result.faults:
            place = {"line": result.line, "column": fault.field, "value": result.record_no}
            yield {**place, "message": str(fault), "remedy": ""}


def note(batch: RecordBatch, counts: Counts) -> None:
    """Put the counts on a batch."""
    for name in Counts.__slots__:
        setattr(batch, name, getattr(counts, name))


def close(batch: RecordBatch, *, by: Actor, answer: Any = None, reason: str = "") -> RecordBatch:
    """Save a batch that was written, for good, and put it on record."""
    batch.state = RecordBatch.State.ACCEPTED
    batch.accepted_by, batch.accepted_at = by.name, timezone.now()
    # as text: a large answer is written faster so
    batch.answer = None if answer is None else Cast(Value(orjson.dumps(answer).decode()), JSONField())
    batch.save()
    batch.answer = answer
    record(
        "信用信息入库", batch, by=by, reason=reason, record_type=batch.record_type, sha256=batch.sha256,
        **{name: getattr(batch, name) for name in Counts.__slots__},
    )  # fmt: skip
    return batch


def derive_later(usccs: Collection[str] | None) -> None:
    """Have enterprises derived anew when this transaction is through; None = all.

    Where the queue cannot be reached that is logged and the act stands: the nightly run derives them.
    """

    def tell() -> None:
        tasks.refresh.delay(None if usccs is None else sorted(usccs))

    if usccs is None or usccs:
        transaction.on_commit(tell, robust=True)


def _lines(
    rows: Sequence[Mapping[str, Any]], record_type: RecordType, at: datetime, faults: dict[int, list[Fault]]
) -> Iterator[str]:
    """Lines for the stage; what is wrong with rows goes to ``faults``."""
    today = timezone.localdate(at)
    check = checker(record_type, today)
    of_withdrawal = [member for member in members(today) if member.key in {"record_no", "reason"}]
    fields = [field.key for field in record_type.fields]
    for number, row in enumerate(rows, 1):
        get = row.get
        if get("withdraw"):
            wrong = [fault for member in of_withdrawal if (fault := member.fault(get(member.key)))]
            if not get("reason"):
                wrong.append(Fault("reason", NEEDS_REASON, {}))
        else:
            wrong = check(row)
        if wrong:
            faults[number] = wrong
            if all(fault.field != "record_no" for fault in wrong):
                yield record_store.wrong_line(number, row["record_no"])
            continue
        if get("withdraw"):
            yield record_store.line(number, True, False, row["reason"], row["record_no"])
            continue
        data = get("data") or {}
        kept = {key: data[key] for key in fields if data.get(key) not in (None, "")}
        yield record_store.line(
            number,
            False,
            bool(get("correction")),
            get("reason") or "",
            row["record_no"],
            row["social_credit_code"],
            row["name"],
            name_key(row["name"]),
            get("document_no") or "",
            row["decided_on"],
            get("valid_from") or "",
            get("valid_until") or "",
            orjson.dumps(kept).decode(),
        )


NEEDS_REASON: Final = _("撤销须写明原因；请填写 reason。")


def _result(
    number: int,
    row: Mapping[str, Any],
    found: tuple[str, str, str] | None,
    faults: Sequence[Fault] | None,
) -> Result:
    record_no = row["record_no"]
    if found is None:
        told = plain(record_no or "", NUMBER_LENGTH)
        return Result(number, told, "refused", faults=tuple(faults or ()))
    act, refusal, match = found
    if refusal:
        return Result(number, record_no, act, faults=(REFUSALS[refusal],))
    if act not in {"accepted", "corrected"}:
        return Result(number, record_no, act)
    return Result(number, record_no, act if match == Match.MATCHED else "unmatched", match)


def own_types(department: Organisation, types: Sequence[RecordType]) -> list[RecordType]:
    """The types that a department supplies."""
    return [one for one in types if one.department == department.key]
