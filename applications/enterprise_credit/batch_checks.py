"""Batch checks (名单核查): a list of enterprises held against the criteria of a purpose, and the outcomes reported back.

A constant number of queries, however long the list. Each enterprise found is a look on record. A check is never
changed; outcomes are, each time on record.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson
from django.db import connection, transaction
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.api.problems import Text
from applications.clients.models import Organisation
from applications.enterprise_credit import looks
from applications.enterprise_credit.check_lists import Entry, Listed
from applications.enterprise_credit.counting import figures_of
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import BatchCheck, CheckLine, CreditSubject, Standing
from applications.enterprise_credit.names import name_key
from applications.enterprise_credit.rules.catalogue import Catalogue, Criterion
from applications.enterprise_credit.rules.conditions import records_wanted
from applications.enterprise_credit.rules.judging import Reason, criteria_for, judge, verdict_of
from applications.enterprise_credit.viewing import Viewer
from ratings.services.audit import record
from ratings.services.errors import Refused, RefusedRows
from ratings.services.imports.staging import copying

_LINES: Final = CheckLine._meta.db_table
Outcome = CheckLine.Outcome
#: Of one line, fen; as of credit lines.
MAX_FEN: Final = 10**14
#: Characters of a note.
MAX_NOTE: Final = 500
_COLUMNS: Final = (
    "batch_check_id",
    "row",
    "uscc",
    "given_name",
    "name",
    "verdict",
    "reasons",
    "grade",
    "score",
)
#: What is written for every line and reported later.
_EMPTY: Final = ("outcome", "outcome_note", "outcome_by")


class KeyReused(Exception):
    """The idempotency key has served for another list."""


class BadOutcomes(RefusedRows):
    """Outcomes that are not taken, none of them; ``numbered`` says what the rows of the faults count.

    ``told`` are the faults with translatable texts, and the name of the field that is wrong.
    """

    def __init__(self, faults: Sequence[tuple[int, str, Text]], numbered: str = "名单的序号") -> None:
        super().__init__(
            f"有 {len(faults):,} 处有误，什么也没有保存；请更正后重新提交（行号为{numbered}）。",
            [(row, str(text)) for row, _, text in faults],
        )
        self.told = tuple(faults)


@dataclass(frozen=True, slots=True)
class Subject:
    """An enterprise that a line means."""

    uscc: str
    name: str
    name_key: str
    grade: str
    score: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its verdict."""

    entry: Entry
    subject: Subject | None
    verdict: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one line; the amount in fen. With ``uscc``, the line must be of that enterprise."""

    row: int
    outcome: str
    amount_fen: int | None = None
    note: str = ""
    uscc: str = ""


@transaction.atomic
def check_list(
    viewer: Viewer,
    listed: Listed,
    *,
    purpose: str,
    case_no: str,
    title: str,
    at: datetime,
    idempotency_key: str = "",
) -> BatchCheck:
    """Check a list on the day of ``at`` (Asia/Shanghai), and put a look at each enterprise found on record.

    With an idempotency key of the viewer's client, the same list again gives the check that was made then.
    Raises Refused without a purpose, without the case number that the purpose demands, for a purpose without
    criteria that this department can look at, and without a title; KeyReused.
    """
    if idempotency_key:
        Organisation.objects.select_for_update(no_key=True).get(pk=viewer.department.pk)
        known = BatchCheck.objects.filter(client=viewer.client, idempotency_key=idempotency_key).first()
        if known is not None:
            if known.sha256 != listed.sha256:
                raise KeyReused
            return known
    on = timezone.localdate(at)
    catalogue = catalogue_on(on)
    aim = looks.stated(catalogue, purpose, case_no)
    title = " ".join(title.replace("\0", " ").split())
    if not 1 <= len(title) <= 200:
        raise Refused("请填写名单名称，最多 200 字。")
    if not aim.purpose.criteria:
        raise Refused(f"用途“{aim.purpose.title}”没有核查条件，不能核查名单；请改用其他用途，或逐家查询。")
    criteria, left_out = criteria_for(catalogue, aim.purpose.criteria, viewer.department.key)
    if not criteria:
        raise Refused(f"用途“{aim.purpose.title}”的核查条件所依据的信息都不对本部门开放，不能核查。")
    lines = _judged(listed.entries, criteria, catalogue, viewer.department.key, on)
    counts = Counter(line.verdict for line in lines)
    check = BatchCheck.objects.create(
        department=viewer.department,
        by=viewer.name,
        client=viewer.client,
        at=at,
        on=on,
        purpose=aim.purpose.key,
        purpose_title=aim.purpose.title,
        case_no=aim.case_no,
        title=title,
        catalogue=f"{catalogue.key}@{catalogue.version}",
        file_name=listed.file_name,
        sha256=listed.sha256,
        idempotency_key=idempotency_key,
        left_out=[asdict(one) for one in left_out],
        passed=counts["PASS"],
        attention=counts["ATTENTION"],
        rejected=counts["REJECT"],
        unknown=counts["UNKNOWN"],
    )
    _write(check, lines)
    looks.record_check(viewer, aim, check, at)
    record(
        "核查名单", check, by=viewer.actor, purpose=check.purpose, case_no=check.case_no, rows=len(lines),
        counts=dict(counts), sha256=check.sha256, catalogue=check.catalogue,
    )  # fmt: skip
    return check


def _judged(
    entries: Sequence[Entry], criteria: Sequence[Criterion], catalogue: Catalogue, department: str, on: date
) -> list[Line]:
    """Every line with its verdict. A constant number of queries."""
    by_code = _subjects("uscc", {one.uscc for one in entries if one.uscc and not one.problem})
    by_name = _subjects("name_key", {name_key(one.name) for one in entries if not one.uscc})
    wanted = records_wanted(one.when for one in criteria)
    visible = [one.key for one in catalogue.visible_types(department)]
    codes = {one.uscc for found in (*by_code.values(), *by_name.values()) for one in found}
    figures = {one.uscc: one for one in figures_of(codes, wanted, on, types=visible)} if codes else {}
    first: dict[str, int] = {}
    lines = []
    for entry in entries:
        found = by_code.get(entry.uscc, []) if entry.uscc else by_name.get(name_key(entry.name), [])
        if entry.problem or len(found) != 1:
            lines.append(Line(entry, None, "UNKNOWN", (_not_found(entry, len(found)),)))
            continue
        (subject,) = found
        reasons = [*judge(criteria, figures[subject.uscc], wanted, catalogue=catalogue)[1]]
        reasons += _remarks(entry, subject, first)
        lines.append(Line(entry, subject, *verdict_of(reasons)))
    return lines


def _subjects(field: str, values: Collection[str]) -> dict[str, list[Subject]]:
    """The enterprises by one of their fields. One query, with one parameter: ten thousand would take it long."""
    found: dict[str, list[Subject]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT subject.{field}, subject.uscc, subject.name, subject.name_key, coalesce(standing.grade, ''),
                       standing.score
                FROM {CreditSubject._meta.db_table} subject
                LEFT JOIN {Standing._meta.db_table} standing ON standing.subject_id = subject.uscc
                WHERE subject.{field} = ANY(%s)""",
            [sorted(set(values) - {""})],
        )
        for key, *row in cursor.fetchall():
            found.setdefault(key, []).append(Subject(*row))
    return found


def _not_found(entry: Entry, found: int) -> Reason:
    if entry.problem:
        return Reason("bad_code", "代码有误", entry.problem, "", "UNKNOWN")
    if found > 1:
        text = f"有 {found} 家企业叫“{entry.name}”，请补写统一社会信用代码"
        return Reason("ambiguous", "名称不唯一", text, "", "UNKNOWN")
    what = f"代码 {entry.uscc} " if entry.uscc else f"名称“{entry.name}”"
    return Reason("unknown", "查无此企业", f"{what}没有登记，请核对", "", "UNKNOWN")


def _remarks(entry: Entry, subject: Subject, first: dict[str, int]) -> Iterable[Reason]:
    """What is odd about a line beside the criteria; ``first`` keeps where each enterprise stands first."""
    earlier = first.setdefault(subject.uscc, entry.row)
    if earlier != entry.row:
        yield Reason("duplicate", "名单中重复", f"与序号 {earlier} 是同一家企业", "", "ATTENTION")
    if entry.name and name_key(entry.name) != subject.name_key:
        text = f"名单上为“{entry.name}”，登记为“{subject.name}”"
        yield Reason("name_differs", "名称与代码不符", text, "", "ATTENTION")


def _write(check: BatchCheck, lines: Sequence[Line]) -> None:
    """All lines, by COPY."""
    columns = ", ".join(f'"{name}"' for name in (*_COLUMNS, *_EMPTY))
    with copying(f"COPY {_LINES} ({columns}) FROM STDIN") as copy:
        for line in lines:
            entry, subject = line.entry, line.subject
            reasons = orjson.dumps(line.reasons).decode()
            shown = (subject.uscc, entry.name, subject.name) if subject else (entry.uscc, entry.name, "")
            standing = (subject.grade, subject.score) if subject else ("", None)
            copy.write_row((check.pk, entry.row, *shown, line.verdict, reasons, *standing, "", "", ""))


@transaction.atomic
def report_outcomes(viewer: Viewer, check: BatchCheck, reports: Sequence[Report], at: datetime) -> int:
    """Write down what came of lines of a check: all, or none with every fault told. How many lines that changed.

    Given in spite of a rejection, or to an unknown enterprise, needs a note; so does another outcome. What was
    reported before is replaced, and stands in the audit event. Raises Refused for another department; BadOutcomes.
    """
    if check.department_id != viewer.department.pk:
        raise Refused("只有核查这份名单的部门可以反馈结果。")
    lines = CheckLine.objects.select_for_update(no_key=True).filter(
        batch_check=check, row__in={one.row for one in reports}
    )
    known = {line.row: line for line in lines.order_by("row")}
    faults: list[tuple[int, str, Text]] = []
    seen: set[int] = set()
    for one in reports:
        wrong = ("row", _("这一行写了两次。")) if one.row in seen else _fault(one, known.get(one.row))
        seen.add(one.row)
        if wrong:
            faults.append((one.row, *wrong))
    if faults:
        raise BadOutcomes(faults)
    changed = [
        one for one in reports if _told(known[one.row]) != (one.outcome, one.amount_fen, one.note.strip())
    ]
    if not changed:
        return 0
    _update(check, changed, viewer.name, at)
    replaced = [[one.row, *_told(known[one.row])] for one in changed if known[one.row].outcome]
    counts = Counter(one.outcome for one in changed)
    record(
        "反馈核查结果", check, by=viewer.actor, rows=len(changed), counts=dict(counts), replaced=replaced,
        given_in_spite=sum(is_deviation(known[one.row].verdict, one.outcome) for one in changed),
    )  # fmt: skip
    return len(changed)


def is_deviation(verdict: str, outcome: str) -> bool:
    """Given in spite of a rejection."""
    return verdict == "REJECT" and outcome == Outcome.GRANTED


def _told(line: CheckLine) -> tuple[str, int | None, str]:
    return line.outcome, line.amount_fen, line.outcome_note


def _fault(one: Report, line: CheckLine | None) -> tuple[str, Text] | None:
    """What is wrong with a report: the field, and why."""
    note = one.note.strip()
    if line is None:
        return "row", _("名单里没有这个序号。")
    if one.uscc and line.name and one.uscc != line.uscc:
        return "row", format_lazy(_("统一社会信用代码与核查结果中的 {code} 不符。"), code=line.uscc)
    if one.outcome not in Outcome.values:
        return "outcome", _("结果反馈须为已给予、未给予、其他处理之一。")
    if one.amount_fen is not None and one.outcome != Outcome.GRANTED:
        return "amount_fen", _("只有已给予的填金额。")
    if one.amount_fen is not None and not 0 <= one.amount_fen <= MAX_FEN:
        return "amount_fen", format_lazy(_("金额须为 0 至 {most} 元。"), most=f"{MAX_FEN // 100:,}")
    if len(note) > MAX_NOTE:
        return "note", format_lazy(_("反馈说明最多 {most} 字。"), most=MAX_NOTE)
    if not note and one.outcome == Outcome.OTHER:
        return "note", _("其他处理须写反馈说明。")
    if not note and one.outcome == Outcome.GRANTED and line.verdict in {"REJECT", "UNKNOWN"}:
        return "note", _("核查未通过而给予的，须在反馈说明中写明理由。")
    return None


def _update(check: BatchCheck, reports: Sequence[Report], by: str, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_LINES} line SET outcome = told.outcome, amount_fen = told.amount, outcome_note = told.note,
                       outcome_by = %s, outcome_at = %s
                FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::text[]) told(row, outcome, amount, note)
                WHERE line.batch_check_id = %s AND line.row = told.row""",
            [
                *(by, at, [one.row for one in reports], [one.outcome for one in reports]),
                *([one.amount_fen for one in reports], [one.note.strip() for one in reports], check.pk),
            ],
        )


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of a department's checks for a purpose; amounts in fen."""

    department: str
    purpose: str
    checks: int
    lines: int
    passed: int
    attention: int
    rejected: int
    unknown: int
    #: lines with an outcome
    reported: int
    granted: int
    granted_fen: int
    #: given in spite of a rejection
    in_spite: int


_STATISTICS: Final = f"""
    SELECT organisation.name, max(checked.purpose_title), count(*),
           sum(passed + attention + rejected + unknown), sum(passed), sum(attention), sum(rejected), sum(unknown),
           coalesce(sum(told.reported), 0), coalesce(sum(told.granted), 0), coalesce(sum(told.fen), 0),
           coalesce(sum(told.in_spite), 0)
    FROM {BatchCheck._meta.db_table} checked
    JOIN {Organisation._meta.db_table} organisation ON organisation.id = checked.department_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS reported, count(*) FILTER (WHERE outcome = 'GRANTED') AS granted,
               sum(amount_fen) AS fen, count(*) FILTER (WHERE outcome = 'GRANTED' AND verdict = 'REJECT') AS in_spite
        FROM {_LINES} line WHERE line.batch_check_id = checked.id AND outcome <> ''
    ) told ON true
    WHERE checked."on" BETWEEN %(start)s AND %(until)s
          AND (%(department)s::bigint IS NULL OR checked.department_id = %(department)s)
    GROUP BY organisation.name, checked.purpose ORDER BY organisation.name, checked.purpose
"""


def statistics(start: date, until: date, department: Organisation | None = None) -> list[Statistics]:
    """Per department and purpose, of checks on these days (both counted); of all departments with None. One query."""
    parameters: dict[str, Any] = {"start": start, "until": until, "department": department and department.pk}
    with connection.cursor() as cursor:
        cursor.execute(_STATISTICS, parameters)
        return [Statistics(*row[:2], *map(int, row[2:])) for row in cursor.fetchall()]
