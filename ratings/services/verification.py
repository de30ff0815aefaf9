"""Verifying the ledger in the database: every row against what was signed, every publication in its place.

The same check that third parties run on published files (``ratings/verifier.py``) runs on the rows as
they stand now. What a file cannot show is looked up beside it: numbers that are missing, columns that
say something else than the statement, and publications that the audit record knows and the ledger
does not. Who signed anew with a stolen key, or cut off the end of ledger and audit record alike, is
found by what others hold: published files, and heads written down elsewhere.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import connection

from ratings.models import Adjustment, AuditEvent, Publication, RatingPeriod
from ratings.published import ledger_lines, publication_lines, verify_lines
from ratings.rules.periods import Period
from ratings.services import signing
from ratings.services.publication import on_record, stated
from ratings.verifier import NAMED, verify_file


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """One sign of tampering: where it shows, as far as known, and what is wrong."""

    #: of the publication
    number: int | None
    seq: int | None
    #: designated code
    code: str
    text: str

    def __str__(self) -> str:
        where = [
            f"发布 {self.number} 号" if self.number is not None else "",
            f"第 {self.seq} 行" if self.seq is not None else "",
            self.code,
        ]
        return f"{'，'.join(part for part in where if part) or '公布等级'}：{self.text}。"


#: Publications out of their place: one before is missing, or is not the one that was signed upon.
_BROKEN_CHAIN = """
    SELECT number, step, seqs, follows FROM (
        SELECT number, number - lag(number, 1, 0::bigint) OVER numbers AS step,
               first_seq = lag(last_seq, 1, 0::bigint) OVER numbers + 1 AS seqs,
               previous = lag(statement_sha256, 1, '') OVER numbers AS follows
        FROM ratings_publication WINDOW numbers AS (ORDER BY number)
    ) one
    WHERE step <> 1 OR NOT seqs OR NOT follows ORDER BY number
"""
#: Rows outside the numbers of their publication, or of another pharmacy than the one they lead to.
_STRAY_ROWS = """
    SELECT g.publication_id, g.seq, g.code, p.code IS DISTINCT FROM g.code, count(*) OVER ()
    FROM ratings_publishedgrade g
    LEFT JOIN ratings_publication act ON act.number = g.publication_id
    LEFT JOIN ratings_pharmacy p ON p.id = g.pharmacy_id
    WHERE act.number IS NULL OR g.seq NOT BETWEEN act.first_seq AND act.last_seq
          OR p.code IS DISTINCT FROM g.code
    ORDER BY g.seq LIMIT %s
"""
#: Who was to be published, and has no row.
_WITHOUT_ROW = """
    SELECT p.code FROM ratings_rating r JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
    WHERE r.run_id = %(run)s AND (%(rating)s::bigint IS NULL OR r.id = %(rating)s)
      AND NOT EXISTS (
          SELECT FROM ratings_publishedgrade g
          WHERE g.seq BETWEEN %(first)s AND %(last)s AND g.code = p.code
      )
    ORDER BY p.code COLLATE "C"
"""


def verify_publications(numbers: Iterable[int] | None = None) -> list[LedgerFault]:
    """Everything that shows tampering with the ledger, by publication and row; empty when it holds.

    ``numbers`` narrows the reckoning of rows to some publications; their places in the chain, stray
    rows and the audit record are looked at for all. At most ``verifier.NAMED`` rows of a kind are named.
    """
    known = list(Publication.objects.order_by("number").values_list("number", flat=True))
    chosen = known if numbers is None else sorted(set(numbers))
    faults = [*_broken_chain(), *_stray_rows(), *_unlike_record()]
    faults += [LedgerFault(number, None, "", "没有这一发布") for number in chosen if number not in known]
    for number in chosen:
        if number in known:
            faults += _publication_faults(number)
    return sorted(faults, key=lambda fault: (fault.number or 0, fault.seq or 0))


def verify_published_file(path: Path) -> list[str]:
    """What is wrong with a published file, and whether it is the one that the ledger has; in Chinese.

    Raises OSError when it cannot be read.
    """
    verdict = verify_file(path, signing.trusted_keys())
    faults = [fault.text(0) for fault in verdict.faults]
    if number := verdict.statement.get("number"):
        ours = Publication.objects.filter(number=number).values_list("statement_sha256", flat=True).first()
        if ours is None:
            faults.append(f"库中没有 {number} 号发布")
        elif ours != verdict.statement_sha256.hex():
            faults.append(f"与库中 {number} 号发布的声明不同")
    return faults


def audit_anchors() -> list[tuple[int, str]]:
    """The heads of the audit chain that publications were signed with, for ``verify_audit``."""
    found = []
    for statement in Publication.objects.order_by("number").values_list("statement", flat=True):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            head = json.loads(statement)["audit"]
            found.append((int(head["number"]), str(head["sha256"])))
    return found


def _broken_chain() -> Iterator[LedgerFault]:
    for number, step, seqs, follows in _rows(_BROKEN_CHAIN):
        if step != 1:
            gone = f"{number - 1} 号" if step == 2 else f"{number - step + 1} 号至 {number - 1} 号"
            yield LedgerFault(
                number, None, "", f"此前的发布缺失（{gone}）" if step > 1 else "发布号不从 1 开始"
            )
        elif not follows:
            yield LedgerFault(number, None, "", "与上一发布不相接：其中一件的声明指纹被改动")
        if step == 1 and not seqs:
            yield LedgerFault(number, None, "", "起始序号与上一发布的终止序号不相接")


def _stray_rows() -> Iterator[LedgerFault]:
    for number, seq, code, stranger, count in _rows(_STRAY_ROWS, [NAMED]):
        text = "所指药店与定点编码不符" if stranger else "不在所属发布的序号范围内，是添加的或改动了所属发布"
        yield LedgerFault(number, seq, code, text + (f"（此类共 {count} 行）" if count > NAMED else ""))


def _unlike_record() -> Iterator[LedgerFault]:
    """Publications against their audit events, which hold also what statements do not tell."""
    events = {
        event.subject: event
        for event in AuditEvent.objects.filter(action="发布", subject__startswith="publication:")
    }
    for publication in Publication.objects.defer("fingerprints", "statement").order_by("number"):
        event = events.pop(f"publication:{publication.number}", None)
        if event is None:
            yield LedgerFault(publication.number, None, "", "操作记录中没有这一发布")
            continue
        expected = {**event.detail, "published_by": event.actor}
        for name, value in {**on_record(publication), "published_by": publication.published_by}.items():
            if expected.get(name) != value:
                told = f"操作记录为 {expected.get(name)}，库中为 {value}"
                yield LedgerFault(publication.number, None, "", f"{_title(name)}与操作记录不符：{told}")
    for event in events.values():
        number = event.detail.get("number")
        yield LedgerFault(
            number if isinstance(number, int) else None,
            None,
            "",
            "操作记录中有这一发布，库中没有：发布被删除或改号",
        )


def _publication_faults(number: int) -> Iterator[LedgerFault]:
    publication = Publication.objects.get(number=number)
    # Looked for, not followed: the columns that lead to them may be forged.
    period = RatingPeriod.objects.filter(pk=publication.period_id).first()
    if sha256(publication.statement.encode()).hexdigest() != publication.statement_sha256:
        yield LedgerFault(number, None, "", "声明指纹与发布声明不符")
    verdict = verify_lines(
        publication_lines(
            publication.statement,
            publication.public_key,
            publication.signature,
            bytes(publication.fingerprints),
            _table(publication),
        )
    )
    codes = iter(_missing(publication, period, verdict.counts.get("missing", 0)))
    for fault in verdict.faults:
        code = next(codes, "") if fault.kind == "missing" else fault.code.replace("?", "")
        more = verdict.counts[fault.kind]
        text = _KINDS[fault.kind] + (f"（此类共 {more} 行）" if more > NAMED else "")
        yield LedgerFault(number, fault.seq or None, code, text)
    if verdict.statement:
        expected = {**stated(publication), "period": period and period.period}
        for name, value in expected.items():
            if (signed := verdict.statement.get(name)) != value:
                told = f"声明为 {signed}，库中为 {value}"
                yield LedgerFault(number, None, "", f"{_title(name)}与签名的声明不符：{told}")
        if period and period.period_end != Period.parse(verdict.statement["period"]).last:
            yield LedgerFault(number, None, "", "评价周期的末日被改动")


#: What a fault of the published file means of the ledger.
_KINDS = {
    "line": "发布声明或行过长，无法核验",
    "key": "签名所用的公钥不受信任：公钥被改动，或应列入 TRUSTED_KEYS",
    "signature": "签名不符：发布声明、签名或公钥被改动",
    "statement": "发布声明不合格式",
    "fingerprints": "各行指纹被改动",
    "columns": "列名与声明不符",
    "altered": "这一行被改动",
    "missing": "这一行缺失",
    "moved": "这一行不在原位",
    "added": "这一行是添加的",
    "root": "各行的默克尔根与发布声明不符",
}


def _title(name: str) -> str:
    """A column of Publication in Chinese."""
    name = {"fingerprints_sha256": "fingerprints"}.get(name, name)
    return str(Publication._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _missing(publication: Publication, period: RatingPeriod | None, count: int) -> list[str]:
    """Whose rows are missing, in the order of seq; nothing where that cannot be told."""
    if not count or not period:
        return []
    adjusted = Adjustment.objects.filter(publication=publication).values_list("rating_id", flat=True)
    params = {
        "run": period.run_id,
        "rating": adjusted.first(),
        "first": publication.first_seq,
        "last": publication.last_seq,
    }
    found = [code for (code,) in _rows(_WITHOUT_ROW, params)]
    return found if len(found) == count else []


def _table(publication: Publication) -> Iterator[bytes]:
    """The columns and rows of a publication as they stand in the database now.

    The verifier takes none before it has found the statement to be signed, so what is read of it
    here is ours.
    """
    signed = json.loads(publication.statement)
    yield "\t".join(signed["columns"]).encode()
    yield from ledger_lines(signed["columns"], signed["first_seq"], signed["last_seq"])


def _rows(sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
