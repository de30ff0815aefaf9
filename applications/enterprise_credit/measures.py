"""Joint reward and punishment (联合奖惩): cases of measures open when a condition begins to hold, and end with it.

Set-based, a constant number of queries. Where a condition asks for the enterprise's grade alone, whether it holds is
asked once for each grade; else the enterprises that may come into question are found first, and their figures counted.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit.counting import counted_after, figures_of
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import (
    Assessment,
    CreditRecord,
    CreditSubject,
    MeasureCase,
    Standing,
)
from applications.enterprise_credit.rules.catalogue import Catalogue, JointMeasure, may_see
from applications.enterprise_credit.rules.conditions import Condition, holds, records_wanted
from applications.enterprise_credit.rules.figures import Figures
from applications.enterprise_credit.rules.judging import told, types_of
from applications.enterprise_credit.viewing import Viewer
from ratings.services.audit import SYSTEM, record
from ratings.services.errors import Refused
from ratings.services.imports.staging import copying

State = MeasureCase.State
#: An open case is overdue after so many days.
OVERDUE: Final = timedelta(days=30)
#: All that is told of records that the measure's department may not see.
OF_OTHERS: Final = "依据其他部门信用信息"
#: So many records are named in a basis.
_NAMED: Final = 3
_CASES: Final = MeasureCase._meta.db_table
_LIVE: Final = f"SELECT FROM {_CASES} live WHERE live.measure = h.measure AND live.subject_id = h.subject AND live.ended_at IS NULL"


@transaction.atomic
def derive_cases(usccs: Collection[str] | None, on: date) -> int:
    """Open and end cases of some enterprises, or of all, by the catalogue in force on a day; how many were changed.

    Call it after standings were derived. A case that was handled keeps what was done when its condition ends. Of a
    measure and an enterprise there is never more than one live case. Raises NoDocument.
    """
    if usccs is not None and not usccs:
        return 0
    catalogue, now = catalogue_on(on), timezone.now()
    some = None if usccs is None else list(usccs)
    with connection.cursor() as cursor:
        # one at a time: two at once would both open the same case
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('enterprise_credit.measures', 0))")
        cursor.execute(
            "CREATE TEMP TABLE holding (measure text, subject text, basis text, assessment bigint) ON COMMIT DROP"
        )
        _hold_by_grade([one for one in catalogue.measures if _of_grade(one.when)], some)
        others = [one for one in catalogue.measures if not _of_grade(one.when)]
        if others:
            _hold_by_figures(others, catalogue, some, on)
        cursor.execute("ANALYZE holding")
        cursor.execute(_END, {"now": now, "some": some})
        ended = int(cursor.rowcount)
        _tell_basis(catalogue, on)
        cursor.execute(_OPEN, _measure_columns(catalogue) | {"now": now})
        opened = int(cursor.rowcount)
        cursor.execute("DROP TABLE holding")
    if opened or ended:
        record("更新联合奖惩", "联合奖惩", by=SYSTEM, opened=opened, ended=ended, on=on.isoformat())
    return opened + ended


_END: Final = f"""
    UPDATE {_CASES} c SET ended_at = %(now)s, state = CASE c.state WHEN 'OPEN' THEN 'ENDED' ELSE c.state END
    WHERE c.ended_at IS NULL AND (%(some)s::text[] IS NULL OR c.subject_id = ANY(%(some)s::text[]))
          AND NOT EXISTS (SELECT FROM holding h WHERE h.measure = c.measure AND h.subject = c.subject_id)
"""
_OPEN: Final = f"""
    INSERT INTO {_CASES} (
        measure, measure_title, clause, direction, department_id, subject_id, opened_at, basis, assessment_id, state,
        document_no, note, handled_by
    )
    SELECT h.measure, m.title, m.clause, m.direction, m.department, h.subject, %(now)s, h.basis, h.assessment, 'OPEN',
           '', '', ''
    FROM holding h
    JOIN unnest(%(keys)s::text[], %(titles)s::text[], %(clauses)s::text[], %(directions)s::text[],
                %(departments)s::bigint[]) m(measure, title, clause, direction, department) USING (measure)
    WHERE NOT EXISTS ({_LIVE})
    ORDER BY h.measure, h.subject  -- read whole before the table that is looked into begins to grow
"""


def _measure_columns(catalogue: Catalogue) -> dict[str, list[Any]]:
    measures = catalogue.measures
    departments = dict(
        Organisation.objects.filter(key__in={one.department for one in measures}).values_list("key", "pk")
    )
    return {
        "keys": [one.key for one in measures],
        "titles": [one.title for one in measures],
        "clauses": [one.clause for one in measures],
        "directions": [one.direction for one in measures],
        "departments": [departments[one.department] for one in measures],
    }


def _of_grade(condition: Condition) -> bool:
    """Whether the enterprise's grade alone decides."""
    return condition.model_dump(exclude_defaults=True).keys() <= {"grade_in", "unrated"}


def _hold_by_grade(measures: Sequence[JointMeasure], some: list[str] | None) -> None:
    """The enterprises of which measures by grade hold."""
    grades = {grade for one in measures for grade in one.when.grade_in} | {""}
    rows = [
        (one.key, grade, told(one.when, figures, ()))
        for one in measures
        for grade in sorted(grades)
        if holds(one.when, figures := _with_grade(grade), ())
    ]
    if not rows:
        return
    # enterprises without any pharmacy have no standing, and no grade
    join = "LEFT JOIN" if any(not grade for _, grade, _ in rows) else "JOIN"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO holding
                SELECT m.measure, subject.uscc, m.basis, standing.assessment_id
                FROM {CreditSubject._meta.db_table} subject
                {join} {Standing._meta.db_table} standing ON standing.subject_id = subject.uscc
                JOIN unnest(%(measures)s::text[], %(grades)s::text[], %(bases)s::text[]) m(measure, grade, basis)
                     ON m.grade = coalesce(standing.grade, '')
                WHERE %(some)s::text[] IS NULL OR subject.uscc = ANY(%(some)s::text[])""",
            {
                "measures": [measure for measure, _, _ in rows],
                "grades": [grade for _, grade, _ in rows],
                "bases": [basis for _, _, basis in rows],
                "some": some,
            },
        )


def _with_grade(grade: str) -> Figures:
    return Figures("", 0, 0, {}, None, 0, 0, 0, (), grade)


def _hold_by_figures(
    measures: Sequence[JointMeasure], catalogue: Catalogue, some: list[str] | None, on: date
) -> None:
    """The enterprises of which other measures hold; their basis is told once it is needed."""
    codes = _candidates(measures, catalogue, some)
    wanted = records_wanted(one.when for one in measures)
    # read whole before anything is written: both use one connection
    rows = [
        (one.key, figures.uscc)
        for figures in (figures_of(codes, wanted, on) if codes is None or codes else ())
        for one in measures
        if holds(one.when, figures, wanted)
    ]
    with copying("COPY holding (measure, subject) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _candidates(
    measures: Sequence[JointMeasure], catalogue: Catalogue, some: list[str] | None
) -> list[str] | None:
    """Of the enterprises, those that may come into question: with records that are asked for, or pharmacies of a
    grade that is asked for when they were last assessed. None = all of them."""
    if any(one.when.records is None and not _of_store_grade(one.when) for one in measures):
        return some
    conditions = [one.when for one in measures]
    #: type of records, and grade of the enterprise, "*" = any
    asked = {
        (kind.key, grade)
        for when in conditions
        if when.records
        for kind in types_of(catalogue, when.records)
        for grade in when.grade_in or ("*",)
    }
    stores = {when.store_grade or "" for when in conditions if when.records is None}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.subject_id FROM {CreditRecord._meta.db_table} r
                JOIN unnest(%(types)s::text[], %(grades)s::text[]) asked(type, grade) ON asked.type = r.record_type
                LEFT JOIN {Standing._meta.db_table} standing ON standing.subject_id = r.subject_id
                WHERE r.voided_at IS NULL AND r.subject_id IS NOT NULL AND asked.grade IN ('*', standing.grade)
                      AND (%(some)s::text[] IS NULL OR r.subject_id = ANY(%(some)s::text[]))
                UNION
                SELECT standing.subject_id FROM {Standing._meta.db_table} standing
                JOIN {Assessment._meta.db_table} assessment ON assessment.id = standing.assessment_id
                WHERE assessment.figures->'grades' ?| %(stores)s::text[]
                      AND (%(some)s::text[] IS NULL OR standing.subject_id = ANY(%(some)s::text[]))""",
            {
                "types": [kind for kind, _ in sorted(asked)],
                "grades": [grade for _, grade in sorted(asked)],
                "stores": sorted(stores),
                "some": some,
            },
        )
        return [code for (code,) in cursor.fetchall()]


def _of_store_grade(condition: Condition) -> bool:
    """Whether it can only hold with a pharmacy of the grade that it names."""
    return bool(condition.store_grade) and bool(condition.stores_at_least or condition.share_at_least)


def _tell_basis(catalogue: Catalogue, on: date) -> None:
    """Write the basis of those cases to be opened that do not have it yet: figures, and which records."""
    measures = {one.key: one for one in catalogue.measures}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT h.measure, h.subject FROM holding h WHERE h.basis IS NULL AND NOT EXISTS ({_LIVE})"
        )
        new: list[tuple[str, str]] = cursor.fetchall()
        if not new:
            return
        asking = {subject for measure, subject in new if _beside_records(measures[measure]) != Condition()}
        figures = {one.uscc: one for one in figures_of(asking, (), on)} if asking else {}
        named = _records(new, measures, catalogue, on)
        bases = [
            _basis(measures[measure], figures.get(subject), named.get((measure, subject), []), catalogue)
            for measure, subject in new
        ]
        cursor.execute(
            f"""UPDATE holding h SET basis = told.basis, assessment = standing.assessment_id
                FROM unnest(%s::text[], %s::text[], %s::text[]) told(measure, subject, basis)
                LEFT JOIN {Standing._meta.db_table} standing ON standing.subject_id = told.subject
                WHERE h.measure = told.measure AND h.subject = told.subject""",
            [[measure for measure, _ in new], [subject for _, subject in new], bases],
        )


def _records(
    new: Sequence[tuple[str, str]], measures: Mapping[str, JointMeasure], catalogue: Catalogue, on: date
) -> dict[tuple[str, str], list[tuple[str, date]]]:
    """For each new case: type and day of the records that count, the newest first. One query."""
    asked = [
        (key, kind.key, counted_after(condition, kind, on))
        for key in {measure for measure, _ in new}
        if (condition := measures[key].when.records)
        for kind in types_of(catalogue, condition)
    ]
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT new.measure, new.subject, r.record_type, r.decided_on
                FROM unnest(%(measures)s::text[], %(subjects)s::text[]) new(measure, subject)
                JOIN unnest(%(of)s::text[], %(types)s::text[], %(after)s::date[]) asked(measure, type, after)
                     ON asked.measure = new.measure
                JOIN {CreditRecord._meta.db_table} r
                     ON r.subject_id = new.subject AND r.record_type = asked.type AND r.voided_at IS NULL
                WHERE r.valid_from <= %(on)s AND (r.valid_until IS NULL OR r.valid_until > %(on)s)
                      AND r.decided_on > asked.after
                ORDER BY new.measure, new.subject, r.decided_on DESC, r.id""",
            {
                "measures": [measure for measure, _ in new],
                "subjects": [subject for _, subject in new],
                "of": [measure for measure, _, _ in asked],
                "types": [kind for _, kind, _ in asked],
                "after": [after for _, _, after in asked],
                "on": on,
            },
        )
        grouped = groupby(cursor.fetchall(), key=lambda row: (row[0], row[1]))
        return {case: [(row[2], row[3]) for row in rows] for case, rows in grouped}


def _basis(
    measure: JointMeasure, figures: Figures | None, found: Sequence[tuple[str, date]], catalogue: Catalogue
) -> str:
    """Why a case is opened, in words that its department may read."""
    parts = []
    if figures is not None and (text := told(_beside_records(measure), figures, ())):
        parts.append(text)
    if measure.when.records is not None:
        parts.append(_named(measure, found, catalogue))
    return "；".join(parts)[:500]


def _beside_records(measure: JointMeasure) -> Condition:
    return measure.when.model_copy(update={"records": None, "records_at_least": 1})


def _named(measure: JointMeasure, found: Sequence[tuple[str, date]], catalogue: Catalogue) -> str:
    names = {one.key: one.name for one in catalogue.departments}
    shown = [
        f"{names.get(kind.department, '')}“{kind.title}”（{day.isoformat()} 认定）"
        for key, day in found
        if (kind := catalogue.record_type(key)) and may_see(kind, measure.department)
    ]
    if not shown:
        return OF_OTHERS
    text = "、".join(shown[:_NAMED]) + (f"等 {len(shown)} 条" if len(shown) > _NAMED else "")
    # what may be seen would not have been enough
    return text if len(shown) >= measure.when.records_at_least else f"{text}，并{OF_OTHERS}"


@transaction.atomic
def handle(
    viewer: Viewer,
    case: MeasureCase,
    *,
    state: str,
    done_on: date,
    document_no: str,
    note: str,
    at: datetime,
) -> MeasureCase:
    """Write down that a measure was applied or not, on which day, by which document; may be corrected while it holds.

    Raises Refused for another department than the measure's, for a case that has ended, for a day in the future, and
    without a note.
    """
    case = MeasureCase.objects.select_for_update(no_key=True).get(pk=case.pk)
    if case.department_id != viewer.department.pk:
        raise Refused("只有措施的实施部门可以办理。")
    if case.ended_at is not None:
        raise Refused("条件已消失，这件联合奖惩已终止，不用再办理。")
    if state not in (State.APPLIED, State.DECLINED):
        raise Refused("办理结果须为已实施或未实施。")
    if done_on > timezone.localdate(at):
        raise Refused("办理日期不得晚于今天。")
    document_no, note = document_no.strip(), note.strip()
    if not note or len(note) > 1000:
        raise Refused("请写明办理情况，最多 1000 字。")
    if len(document_no) > 120:
        raise Refused("文书号最多 120 字。")
    before = (
        {name: getattr(case, name) for name in ("state", "document_no", "note")} if case.handled_at else {}
    )
    case.state, case.done_on, case.document_no, case.note = state, done_on, document_no, note
    case.handled_by, case.handled_at = viewer.name, at
    case.save(update_fields=["state", "done_on", "document_no", "note", "handled_by", "handled_at"])
    record(
        "办理联合奖惩", case, by=viewer.actor, measure=case.measure, enterprise=case.subject_id, state=state,
        done_on=done_on.isoformat(), document_no=document_no, before=before,
    )  # fmt: skip
    return case


@dataclass(frozen=True, slots=True)
class Statistics:
    """How a department's cases of a measure stand."""

    department: str
    direction: str
    measure: str
    open: int
    #: of the open, those older than OVERDUE
    overdue: int
    applied: int
    declined: int
    #: whose condition went before anything was done
    ended: int


def statistics(now: datetime, department: Organisation | None = None) -> list[Statistics]:
    """Per department and measure; of all departments with None. One query."""
    parameters: dict[str, Any] = {"overdue": now - OVERDUE, "department": department and department.pk}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT o.name, c.direction, max(c.measure_title),
                       count(*) FILTER (WHERE c.state = 'OPEN'),
                       count(*) FILTER (WHERE c.state = 'OPEN' AND c.opened_at < %(overdue)s),
                       count(*) FILTER (WHERE c.state = 'APPLIED'), count(*) FILTER (WHERE c.state = 'DECLINED'),
                       count(*) FILTER (WHERE c.state = 'ENDED')
                FROM {_CASES} c JOIN {Organisation._meta.db_table} o ON o.id = c.department_id
                WHERE %(department)s::bigint IS NULL OR c.department_id = %(department)s
                GROUP BY o.name, c.direction, c.measure ORDER BY o.name, c.direction, c.measure""",
            parameters,
        )
        return [Statistics(*row) for row in cursor.fetchall()]


def applying(catalogue: Catalogue, departments: Iterable[str] | None = None) -> list[JointMeasure]:
    """The measures of some departments, or of all, by department and direction."""
    wanted = None if departments is None else set(departments)
    found = [one for one in catalogue.measures if wanted is None or one.department in wanted]
    return sorted(found, key=lambda one: (one.department, one.direction, one.key))
