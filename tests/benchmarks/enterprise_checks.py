"""Batch checks of 10,000 codes, against hand-written SQL that reaches the same verdicts; and cases of joint measures.

``enterprise_filling.py`` fills the tables. The peer reads the grades and counts the records of the purpose's criteria
in one statement, without reasons, lines or the record of looks: what any check must at least do. Ours and it take turns.
"""

import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit import batch_checks, check_files, check_lists, measures
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import (
    Assessment,
    BatchCheck,
    CreditRecord,
    CreditSubject,
    MeasureCase,
    Standing,
)
from applications.enterprise_credit.rules.catalogue import Criterion
from applications.enterprise_credit.rules.judging import types_of
from applications.enterprise_credit.viewing import Viewer
from tests.benchmarks.enterprise_filling import some_codes
from tests.benchmarks.rating import checkpoint
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

HERE: Final = "tests.benchmarks.enterprise_checks"
CODES: Final = 10_000
DEPARTMENT, PURPOSE = "ybj", "subsidy"
_RECORD: Final = CreditRecord._meta.db_table
#: So many enterprises change between two nights.
CHANGED: Final = 500


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


def _codes(size: int, turn: int) -> list[str]:
    """Others each time, in no order."""
    codes = some_codes(min(CODES, size), size)
    random.Random(turn).shuffle(codes)
    return codes


def _check(codes: list[str]) -> BatchCheck:
    viewer = Viewer(Organisation.objects.get(key=DEPARTMENT), "基准")
    listed = check_lists.read_text("\n".join(codes))
    return batch_checks.check_list(
        viewer, listed, purpose=PURPOSE, case_no="基准 1 号", title="基准名单", at=timezone.now()
    )


def peer(codes: list[str]) -> dict[str, str]:
    """The verdict on each code by one statement: grades and counts of records held against the criteria."""
    today = timezone.localdate()
    catalogue = catalogue_on(today)
    purpose = catalogue.purpose(PURPOSE)
    if purpose is None:
        raise SystemExit(f"the catalogue has no {PURPOSE}")
    visible = {one.key for one in catalogue.visible_types(DEPARTMENT)}
    counts, verdicts, params = (
        [],
        {"REJECT": ["false"], "ATTENTION": ["false"]},
        {"codes": codes, "on": today},
    )
    every: set[str] = set()
    for place, one in enumerate(purpose.criteria):
        verdicts[one.then].append(_holds(one, place))
        if one.when.grade_in:
            params[f"grades_{place}"] = list(one.when.grade_in)
        if one.when.records is None:
            continue
        types = [kind for kind in types_of(catalogue, one.when.records) if kind.key in visible]
        every |= {kind.key for kind in types}
        parts = []
        for kind in types:
            spans = [months for months in (one.when.records.within_months, kind.shown_months) if months]
            shown = f" AND r.decided_on > %(on)s - interval '{min(spans)} months'" if spans else ""
            parts.append(f"(r.record_type = '{kind.key}'{shown})")
        counts.append(f"count(*) FILTER (WHERE {' OR '.join(parts) or 'false'}) AS n{place}")
    params["types"] = sorted(every)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT s.uscc, CASE WHEN s.known IS NULL THEN 'UNKNOWN' WHEN {" OR ".join(verdicts["REJECT"])} THEN 'REJECT'
                                    WHEN {" OR ".join(verdicts["ATTENTION"])} THEN 'ATTENTION' ELSE 'PASS' END
                FROM (SELECT asked.uscc, c.uscc AS known, coalesce(g.grade, '') AS grade, counted.*,
                             (a.figures->>'under_objection')::int AS objected
                      FROM unnest(%(codes)s::text[]) asked(uscc)
                      LEFT JOIN {CreditSubject._meta.db_table} c ON c.uscc = asked.uscc
                      LEFT JOIN {Standing._meta.db_table} g ON g.subject_id = asked.uscc
                      LEFT JOIN {Assessment._meta.db_table} a ON a.id = g.assessment_id
                      LEFT JOIN LATERAL (
                          SELECT {", ".join(counts)} FROM {_RECORD} r
                          WHERE r.subject_id = asked.uscc AND r.voided_at IS NULL AND r.record_type = ANY(%(types)s)
                                AND r.valid_from <= %(on)s AND (r.valid_until IS NULL OR r.valid_until > %(on)s)
                      ) counted ON true) s""",
            params,
        )
        return dict(cursor.fetchall())


def _holds(one: Criterion, place: int) -> str:
    when = one.when
    parts = [f"s.grade = ANY(%(grades_{place})s)"] if when.grade_in else []
    if when.unrated:
        parts.append("s.grade = ''")
    if when.records is not None:
        parts.append(f"s.n{place} >= {when.records_at_least}")
    if when.under_objection:
        parts.append("s.objected > 0")
    if not parts or when.store_grade or when.rated_below is not None:
        raise SystemExit(f"the peer cannot judge {one.id}")
    return " AND ".join(parts)


def check(size: int, rounds: int) -> dict[str, Any]:
    """Seconds of a check and of the peer, in turns; files; queries of one code and of all."""
    taken: dict[str, list[float]] = {"ours": [], "peer": [], "xlsx": []}
    made = _check(_codes(size, 0)[:10])
    for turn in range(rounds + 1):
        codes = _codes(size, turn)
        seconds, made = _timed(lambda codes=codes: _check(codes))
        told, verdicts = _timed(lambda codes=codes: peer(codes))
        ours = dict(made.lines.values_list("uscc", "verdict"))
        if ours != verdicts:
            wrong = [
                (code, ours.get(code), verdict)
                for code, verdict in verdicts.items()
                if ours.get(code) != verdict
            ]
            raise SystemExit(f"ours and the peer differ: {wrong[:5]}")
        if turn:
            taken["ours"].append(seconds)
            taken["peer"].append(told)
            taken["xlsx"].append(_timed(lambda made=made: check_files.written(made, "xlsx"))[0])
    queries = []
    for asked in (codes[:1], codes):
        with CaptureQueriesContext(connection) as captured:
            _check(asked)
        queries.append(len(captured))
    counts = {name: getattr(made, name) for name in ("passed", "attention", "rejected", "unknown")}
    return {"taken": taken, "queries": queries, "codes": len(codes), "counts": counts}


def outcomes(size: int) -> dict[str, Any]:
    """Seconds of reporting an outcome of each line."""
    made = _check(_codes(size, 99))
    viewer = Viewer(Organisation.objects.get(key=DEPARTMENT), "基准")
    reports = [
        batch_checks.Report(row, "REFUSED", None, "名额已满") for row in range(1, len(made.lines.all()) + 1)
    ]
    return {"took": _timed(lambda: batch_checks.report_outcomes(viewer, made, reports, timezone.now()))[0]}


def cases() -> dict[str, Any]:
    """Seconds until all cases are open, until nothing changed, and after some enterprises changed."""
    today = timezone.localdate()
    first, opened = _timed(lambda: measures.derive_cases(None, today))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE enterprise_credit_measurecase")
    same, none = _timed(lambda: measures.derive_cases(None, today))
    changed = list(CreditSubject.objects.order_by("name_key").values_list("uscc", flat=True)[:CHANGED])
    Standing.objects.filter(subject__in=changed).update(grade="D")
    few, moved = _timed(lambda: measures.derive_cases(changed, today))
    one, _ = _timed(lambda: measures.derive_cases(changed[:1], today))
    return {
        "first": first, "opened": opened, "same": same, "none": none, "few": few, "moved": moved, "one": one,
        "cases": MeasureCase.objects.count(),
    }  # fmt: skip


def bench(database: str, size: int, rounds: int) -> Table:
    """One after the other."""
    job(database, f"tests.benchmarks.rating:{checkpoint.__name__}")
    table = Table(f"batch checks and joint measures, {size:,} enterprises")
    found = job(database, f"{HERE}:check", size=size, rounds=rounds)
    taken = found["taken"]
    ratio = median(ours / other for ours, other in zip(taken["ours"], taken["peer"], strict=True))
    counts = ", ".join(f"{name} {count:,}" for name, count in found["counts"].items())
    table.add(
        f"check of {found['codes']:,}", median(taken["ours"]),
        f"most {max(taken['ours']):.3f} s; {found['queries'][1]} queries (of one: {found['queries'][0]}); {counts}",
    )  # fmt: skip
    table.add(
        "the same verdicts by hand-written SQL", median(taken["peer"]),
        f"nothing written; ours takes {ratio:.1f} times as long; {megabytes(found['peak'] - found['idle'])} above idle",
    )  # fmt: skip
    table.add("its result as XLSX", median(taken["xlsx"]))
    table.add("an outcome of each line", job(database, f"{HERE}:outcomes", size=size)["took"])
    done = job(database, f"{HERE}:cases")
    above = megabytes(done["peak"] - done["idle"])
    table.add(
        "joint measures, all, first time",
        done["first"],
        f"{done['opened']:,} cases opened; {above} above idle",
    )
    table.add("all, nothing changed", done["same"], f"{done['none']:,} changed")
    table.add(f"{CHANGED:,} enterprises changed", done["few"], f"{done['moved']:,} changed")
    table.add("one enterprise", done["one"])
    return table
