"""Takes in what banks report of their loans: a report as a whole or not at all, once for each idempotency key.

A loan has one grant. Lines are applied in the order sent, after what was reported before: what is drawn and not
repaid never exceeds the grant, repayments never what was drawn, and an overdue balance never what was drawn.
A reversal takes back one event that nothing else builds on.
"""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, Final

import orjson
from django.db import connection, transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.api.problems import Text
from applications.bank_loans import sandbox
from applications.bank_loans.feedback_lines import BadFeedback, Line, read_report
from applications.bank_loans.models import FeedbackBatch, LoanEvent, LoanProduct
from applications.clients.models import Client, Organisation
from ratings.published import Grade, current, entries
from ratings.services.audit import Actor, record

_EVENTS: Final = LoanEvent._meta.db_table
Kind = LoanEvent.Kind


class KeyReused(Exception):
    """The idempotency key has served for another content."""


@dataclass(slots=True)
class Loan:
    """What the live events of a loan come to, fen."""

    code: str = ""
    granted: int = 0
    granted_on: date = date.min
    drawn: int = 0
    repaid: int = 0
    #: overdue balances that were reported, above zero
    overdue: list[int] = field(default_factory=list)
    #: live events beside the grant
    others: int = 0

    @property
    def outstanding(self) -> int:
        return self.drawn - self.repaid


@dataclass(frozen=True, slots=True)
class Target:
    """An event that a reversal may name."""

    loan_no: str
    kind: str
    code: str
    on: date
    amount_fen: int


@transaction.atomic
def take_in(
    client: Client, product: LoanProduct, idempotency_key: str, content: dict[str, Any], today: date
) -> FeedbackBatch:
    """Write a report down; the batch. The same key and content again: the batch that was made then.

    Raises KeyReused for a key that has served for something else, and BadFeedback with everything that is wrong
    in a report; nothing is written then.
    """
    try:
        canonical = orjson.dumps([product.key, content], option=orjson.OPT_SORT_KEYS)
    except TypeError:  # nested deeper than it goes
        raise BadFeedback([("events", _("内容嵌套太深。"))]) from None
    digest = sha256(canonical).hexdigest()
    # One report of a bank at a time: each is held against all that was reported before.
    Organisation.objects.select_for_update(no_key=True).get(pk=product.bank_id)
    known = FeedbackBatch.objects.filter(client=client, idempotency_key=idempotency_key).first()
    if known is not None:
        if known.content_sha256 != digest:
            raise KeyReused
        return known
    report = read_report(content, today)
    registered = _registered(
        product, {line.code for line in report.lines if line.kind == Kind.GRANTED}, today
    )
    faults = _applied(product, report.lines, registered)
    if faults:
        raise BadFeedback(faults)
    batch = FeedbackBatch.objects.create(
        product=product,
        client=client,
        idempotency_key=idempotency_key,
        content_sha256=digest,
        rows=report.rows,
        total_fen=report.total_fen,
    )
    LoanEvent.objects.bulk_create(_events(batch, report.lines, registered), batch_size=2000)
    record(
        "收到贷款反馈", batch, by=Actor(f"接口客户端 {client.client_id}"), product=product.key,
        rows=report.rows, total_fen=report.total_fen, sha256=digest,
    )  # fmt: skip
    return batch


def _registered(product: LoanProduct, codes: Collection[str], today: date) -> dict[str, int]:
    """Those of the codes that a pharmacy has, with its district."""
    if product.is_sandbox:
        return {one["code"]: one["district"] for one in sandbox.PHARMACIES if one["code"] in codes}
    return {entry.code: entry.district for entry in entries(today, codes)} if codes else {}


def _events(batch: FeedbackBatch, lines: list[Line], registered: dict[str, int]) -> Iterator[LoanEvent]:
    """The rows, grants with the grade of their day: one look at the ledger for each day."""
    grades: dict[tuple[str, date], Grade] = {}
    grants = sorted((line for line in lines if line.kind == Kind.GRANTED), key=lambda line: line.on)
    for on, of_day in itertools.groupby(grants, key=lambda line: line.on):
        found = current({line.code for line in of_day}, on)
        grades |= {(code, on): grade for code, grade in found.items()}
    for line in lines:
        event = LoanEvent(
            batch=batch,
            product=batch.product,
            line=line.place + 1,
            event_no=line.event_no,
            loan_no=line.loan_no,
            kind=line.kind,
            code=line.code,
            on=line.on,
            amount_fen=line.amount_fen,
            reverses=line.reverses,
        )
        if line.kind == Kind.GRANTED:
            grade = grades.get((line.code, line.on))
            event.district = registered[line.code]
            if grade is not None:
                event.grade, event.grade_position = grade.grade, grade.position
        yield event


_LOANS: Final = f"""
    SELECT loan_no, max(code), coalesce(sum(amount_fen) FILTER (WHERE kind = 'granted'), 0)::bigint,
           coalesce(max("on") FILTER (WHERE kind = 'granted'), '0001-01-01'::date) AS granted_on,
           coalesce(sum(amount_fen) FILTER (WHERE kind = 'drawn'), 0)::bigint,
           coalesce(sum(amount_fen) FILTER (WHERE kind = 'repaid'), 0)::bigint,
           coalesce(array_agg(amount_fen) FILTER (WHERE kind = 'overdue' AND amount_fen > 0), '{{}}'),
           count(*) FILTER (WHERE kind <> 'granted' AND amount_fen > 0)
    FROM {_EVENTS} e
    WHERE product_id = %(product)s AND loan_no = ANY(%(loans)s) AND kind <> 'reversed' AND NOT EXISTS (
        SELECT 1 FROM {_EVENTS} r
        WHERE r.product_id = e.product_id AND r.loan_no = e.loan_no AND r.reverses = e.event_no
    )
    GROUP BY loan_no
"""


def _loans(product: LoanProduct, numbers: Collection[str]) -> dict[str, Loan]:
    with connection.cursor() as cursor:
        cursor.execute(_LOANS, {"product": product.pk, "loans": list(numbers)})
        return {number: Loan(*values) for number, *values in cursor.fetchall()}


def _applied(product: LoanProduct, lines: list[Line], registered: dict[str, int]) -> list[tuple[str, Text]]:
    """What is wrong with the lines, each taken after those before it. Four queries, however many lines."""
    of_product = LoanEvent.objects.filter(product=product)
    taken = set(
        of_product.filter(event_no__in=[line.event_no for line in lines]).values_list("event_no", flat=True)
    )
    named = [line.reverses for line in lines if line.reverses]
    targets = {
        one.event_no: Target(one.loan_no, one.kind, one.code, one.on, one.amount_fen)
        for one in of_product.filter(event_no__in=named)
    }
    undone = set(of_product.filter(reverses__in=named).values_list("reverses", flat=True))
    loans = _loans(product, {line.loan_no for line in lines})
    faults: list[tuple[str, Text]] = []
    for line in lines:
        loan = loans.setdefault(line.loan_no, Loan())
        if line.event_no in taken:
            wrong: tuple[str, Text] | None = ("event_no", _("这个 event_no 已经用过。"))
        elif line.kind == Kind.GRANTED:
            wrong = _grant(loan, line, product, registered)
        elif not loan.granted:
            wrong = ("loan_no", _("该产品没有这笔贷款的授信。"))
        elif line.code != loan.code:
            wrong = ("code", format_lazy(_("与授信时的药店不符：这笔贷款是 {code} 的。"), code=loan.code))
        elif line.on < loan.granted_on:
            wrong = ("on", format_lazy(_("早于授信日 {day}。"), day=loan.granted_on.isoformat()))
        elif line.kind == Kind.REVERSED:
            wrong = _reverse(loan, line, targets.get(line.reverses), line.reverses in undone)
        else:
            wrong = _move(loan, line)
        taken.add(line.event_no)
        if wrong:
            faults.append((f"events.{line.place}.{wrong[0]}", wrong[1]))
        else:
            undone.add(line.reverses)
            targets[line.event_no] = Target(line.loan_no, line.kind, line.code, line.on, line.amount_fen)
    return faults


def _grant(
    loan: Loan, line: Line, product: LoanProduct, registered: dict[str, int]
) -> tuple[str, Text] | None:
    if loan.granted:
        return "loan_no", _("这笔贷款已有授信；改变额度请冲正后重报，或另用贷款编号。")
    if line.code not in registered:
        return "code", _("没有这个编码的定点药店。")
    if line.on < product.valid_from:
        return "on", format_lazy(_("早于产品的起始日 {day}。"), day=product.valid_from.isoformat())
    loan.code, loan.granted, loan.granted_on = line.code, line.amount_fen, line.on
    return None


def _move(loan: Loan, line: Line) -> tuple[str, Text] | None:
    """A drawing, a repayment, an overdue balance."""
    amount = line.amount_fen
    if line.kind == Kind.DRAWN:
        left = loan.granted - loan.outstanding
        if amount > left:
            return "amount_fen", format_lazy(_("超过授信额度：还可用信 {left} 分。"), left=left)
        loan.drawn += amount
    elif line.kind == Kind.REPAID:
        if amount > loan.outstanding:
            return "amount_fen", format_lazy(_("超过未还的金额 {left} 分。"), left=loan.outstanding)
        loan.repaid += amount
    else:
        if amount > loan.drawn:
            return "amount_fen", format_lazy(_("逾期余额超过用信合计 {drawn} 分。"), drawn=loan.drawn)
        loan.overdue += [amount] if amount else []
    # A balance of nothing stands in nobody's way: it cannot be reversed.
    loan.others += bool(amount)
    return None


def _reverse(loan: Loan, line: Line, target: Target | None, undone: bool) -> tuple[str, Text] | None:
    if target is None or target.loan_no != line.loan_no or target.kind == Kind.REVERSED:
        return "reverses", _("这笔贷款没有可冲正的这个事项。")
    if undone:
        return "reverses", _("这个事项已经冲正。")
    amount = target.amount_fen
    if not amount:
        return "reverses", _("逾期余额为零的事项不用冲正；请另报新的逾期余额。")
    if line.amount_fen != amount:
        return "amount_fen", format_lazy(_("冲正须为原金额 {amount} 分。"), amount=amount)
    if line.on < target.on:
        return "on", format_lazy(_("早于所冲事项的日期 {day}。"), day=target.on.isoformat())
    if not _undo(loan, target.kind, amount):
        return "reverses", _("后来的事项以它为前提，不能冲正；请先冲正那些事项。")
    return None


def _undo(loan: Loan, kind: str, amount: int) -> bool:
    """Take an event out of a loan's sums; False where what is left would not hold."""
    if kind == Kind.GRANTED:
        if loan.others:
            return False
        loan.granted = 0
        return True
    if kind == Kind.DRAWN:
        if loan.outstanding < amount or loan.drawn - amount < max(loan.overdue, default=0):
            return False
        loan.drawn -= amount
    elif kind == Kind.REPAID:
        if loan.outstanding + amount > loan.granted:
            return False
        loan.repaid -= amount
    else:
        loan.overdue.remove(amount)
    loan.others -= 1
    return True
