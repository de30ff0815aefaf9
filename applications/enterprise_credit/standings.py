"""Where enterprises stand: subjects from the registry, what the rule makes of their figures, and their ranks.

Everything is derived and may be derived anew at any time. One process at a time writes, under an advisory lock.
"""

import json
from collections.abc import Collection, Iterator
from datetime import date
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from applications.enterprise_credit.counting import COUNTED, STORES, count, pages, stage_stores
from applications.enterprise_credit.documents import rule_named, rule_on
from applications.enterprise_credit.matching import match_waiting
from applications.enterprise_credit.models import Assessment, CreditSubject, Standing
from applications.enterprise_credit.names import grams, name_key
from applications.enterprise_credit.rules.assessment import (
    Assessed,
    EnterpriseRule,
    Result,
    assess,
    results,
    slots,
)
from applications.enterprise_credit.rules.figures import restored
from ratings.published import stage

#: Of the advisory lock under which one process at a time writes.
_LOCK: Final = 0x656E7472
_SUBJECT: Final = CreditSubject._meta.db_table
_ASSESSMENT: Final = Assessment._meta.db_table
_STANDING: Final = Standing._meta.db_table
#: Who is on record for subjects that came from the registry.
_REGISTRY: Final = "定点药店登记"


@transaction.atomic
def refresh(usccs: Collection[str] | None, on: date) -> int:
    """Subjects, assessments and ranks of enterprises (None = all) in accord with the day; how many assessments are new.

    Records that wait for enterprises that appear or are renamed match, and count. Waits for another process that is at it. Costs of one enterprise do not grow with their number, but where its
    score changes, for the ranks.
    """
    lock()
    _stage(usccs, on)
    if _sync(usccs is None):
        match_waiting(usccs)
    derived, moved = _derive(usccs, on)
    _drop(STORES)
    if derived or moved:
        rerank(on)
    return derived


@transaction.atomic
def sync_subjects(codes: Collection[str] | None = None) -> int:
    """Credit subjects from the registry: those of some pharmacies (designated codes), or all; how many were written.

    The district is that of most of its pharmacies (of as many in several, the lowest code); null without any.
    An enterprise whose pharmacies have left it loses its district only when all are looked at.
    """
    lock()
    today = timezone.localdate()
    usccs = None if codes is None else enterprises_of(codes, today)
    _stage(usccs, today)
    written = _sync(codes is None)
    if written:
        match_waiting(usccs)
    _drop(STORES)
    return written


@transaction.atomic
def derive(usccs: Collection[str] | None, on: date) -> int:
    """Assess enterprises (None = all) by the rule in force on a day; how many assessments are new.

    An assessment is written where the figures, the rule or the result are others than before. Ranks are left to
    :func:`rerank`. Raises NoDocument without a rule or a catalogue in force.
    """
    lock()
    _stage(usccs, on)
    derived, _ = _derive(usccs, on)
    _drop(STORES)
    return derived


def enterprises_of(codes: Collection[str], on: date) -> list[str]:
    """The unified social credit codes of the enterprises that have these pharmacies, each once."""
    with transaction.atomic(), connection.cursor() as cursor:
        stage(STORES, on, (), codes)
        cursor.execute(
            f"SELECT DISTINCT social_credit_code FROM pg_temp.{STORES} WHERE social_credit_code <> '' ORDER BY 1"
        )
        found = [uscc for (uscc,) in cursor.fetchall()]
        cursor.execute(f"DROP TABLE pg_temp.{STORES}")
    return found


def lock() -> None:
    """Wait until no other process writes subjects, assessments or ranks; inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _stage(usccs: Collection[str] | None, on: date) -> None:
    if usccs is None:
        with connection.cursor() as cursor:
            # A province is grouped and sorted in memory instead of spilling to disk.
            cursor.execute("SET LOCAL work_mem = '256MB'")
    stage_stores(on, usccs)


def _drop(*tables: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {', '.join(f'pg_temp.{table}' for table in tables)}")


_REGISTERED: Final = f"""
    CREATE TEMP TABLE enterprise_registered ON COMMIT DROP AS
    SELECT DISTINCT ON (uscc) uscc, name, district
    FROM (
        SELECT social_credit_code AS uscc, district, max(enterprise_name) AS name, count(*) AS stores
        FROM pg_temp.{STORES} WHERE social_credit_code <> '' GROUP BY 1, 2
    ) one
    ORDER BY uscc, stores DESC, district
"""
_CHANGED_SUBJECTS: Final = f"""
    DELETE FROM pg_temp.enterprise_registered r USING {_SUBJECT} c
    WHERE c.uscc = r.uscc AND c.origin = 'REGISTRY' AND c.name = r.name AND c.district IS NOT DISTINCT FROM r.district
"""
_WRITE_SUBJECTS: Final = f"""
    INSERT INTO {_SUBJECT} (uscc, name, name_key, grams, district, origin, recorded_at, recorded_by)
    SELECT n.uscc, n.name, n.name_key, n.grams, r.district, 'REGISTRY', %(now)s, %(by)s
    FROM pg_temp.enterprise_named n JOIN pg_temp.enterprise_registered r USING (uscc)
    ON CONFLICT (uscc) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, grams = excluded.grams,
        district = excluded.district, origin = excluded.origin
"""
_WITHOUT_STORES: Final = f"""
    UPDATE {_SUBJECT} c SET district = NULL
    WHERE district IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_temp.{STORES} s WHERE s.social_credit_code = c.uscc)
"""


def _sync(whole: bool) -> int:
    """Subjects from the staged pharmacies; ``whole``: these are all there are."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.enterprise_registered, pg_temp.enterprise_named")
        cursor.execute(_REGISTERED)
        cursor.execute(_CHANGED_SUBJECTS)
        cursor.execute(
            "CREATE TEMP TABLE enterprise_named (uscc text, name text, name_key text, grams int[]) ON COMMIT DROP"
        )
        for page in pages("enterprise_registered", "name"):
            with cursor.copy("COPY pg_temp.enterprise_named FROM STDIN") as copy:
                for uscc, name in page:
                    # a name of nothing but marks is compared as it is: it must not keep out all the others
                    copy.write_row((uscc, name, name_key(name) or name, grams(name)))
        cursor.execute(_WRITE_SUBJECTS, {"now": timezone.now(), "by": _REGISTRY})
        written = cursor.rowcount
        if whole:
            cursor.execute(_WITHOUT_STORES)
            written += cursor.rowcount
        cursor.execute("DROP TABLE pg_temp.enterprise_registered, pg_temp.enterprise_named")
    return int(written)


#: Of what was counted, that from which the newest assessment was made already.
_SAME: Final = f"""
    DELETE FROM pg_temp.{COUNTED} f USING {_STANDING} s, {_ASSESSMENT} a
    WHERE s.subject_id = f.uscc AND a.id = s.assessment_id AND a.rule = %(rule)s AND a.figures = f.figures
"""
_RESULT: Final = "uscc text, score bigint, grade text, label text, position int, reason text"
_WRITE: Final = f"""
    WITH written AS (
        INSERT INTO {_ASSESSMENT} (subject_id, at, "on", rule, ledger_seq, figures, score, grade, label, position, reason)
        SELECT uscc, %(now)s, %(on)s, %(rule)s, c.last_seq, c.figures, r.score, r.grade, r.label, r.position, r.reason
        FROM pg_temp.{COUNTED} c JOIN pg_temp.enterprise_result r USING (uscc)
        ORDER BY uscc
        RETURNING id, subject_id, score, grade, position
    )
    INSERT INTO {_STANDING} (subject_id, assessment_id, score, grade, position, district, stores,
                             rank_city, ranked_city, rank_district, ranked_district)
    SELECT w.subject_id, w.id, w.score, w.grade, w.position, c.district, c.stores, 0, 0, 0, 0
    FROM written w JOIN pg_temp.{COUNTED} c ON c.uscc = w.subject_id
    ON CONFLICT (subject_id) DO UPDATE SET assessment_id = excluded.assessment_id, score = excluded.score,
        grade = excluded.grade, position = excluded.position, district = excluded.district, stores = excluded.stores
"""
#: An enterprise may move to another district and change nothing else.
_MOVED: Final = f"""
    UPDATE {_STANDING} s SET district = f.district
    FROM pg_temp.{COUNTED} f WHERE f.uscc = s.subject_id AND s.district IS DISTINCT FROM f.district
"""


def _derive(usccs: Collection[str] | None, on: date) -> tuple[int, int]:
    """How many assessments are new, and how many enterprises moved."""
    rule = rule_on(on)
    count(usccs, slots(rule), on, weight=rule.stores.weight)
    params: dict[str, Any] = {"now": timezone.now(), "on": on, "rule": rule.named}
    with connection.cursor() as cursor:
        cursor.execute(_MOVED)
        moved = cursor.rowcount
        cursor.execute(_SAME, params)
        cursor.execute("DROP TABLE IF EXISTS pg_temp.enterprise_result")
        cursor.execute(f"CREATE TEMP TABLE enterprise_result ({_RESULT}) ON COMMIT DROP")
        for page in pages(COUNTED, "figures"):
            with cursor.copy("COPY pg_temp.enterprise_result FROM STDIN") as copy:
                for uscc, one in _assessed(rule, page):
                    copy.write_row((uscc, one.score, one.grade, one.label, one.position, one.reason))
        cursor.execute("ANALYZE pg_temp.enterprise_result (uscc)")
        cursor.execute(_WRITE, params)
        written = cursor.rowcount
        cursor.execute(f"DROP TABLE pg_temp.enterprise_result, pg_temp.{COUNTED}")
    return int(written), int(moved)


def _assessed(rule: EnterpriseRule, page: list[tuple[Any, ...]]) -> Iterator[tuple[str, Result]]:
    figures = (restored(uscc, json.loads(stored)) for uscc, stored in page)
    return zip((uscc for uscc, _ in page), results(rule, figures), strict=True)


_RANK: Final = f"""
    UPDATE {_STANDING} s
    SET rank_city = n.rank_city, ranked_city = n.ranked_city, rank_district = n.rank_district,
        ranked_district = n.ranked_district, ranked_at = %(now)s
    FROM (
        SELECT subject_id,
               CASE WHEN ranked THEN of_city ELSE 0 END AS rank_city, in_city AS ranked_city,
               CASE WHEN ranked AND enough THEN of_district ELSE 0 END AS rank_district,
               CASE WHEN enough THEN in_district ELSE 0 END AS ranked_district
        FROM (
            SELECT subject_id, score IS NOT NULL AS ranked,
                   count(score) OVER () AS in_city, count(score) OVER district AS in_district,
                   district IS NOT NULL AND count(score) OVER district >= %(least)s AS enough,
                   rank() OVER (ORDER BY score DESC NULLS LAST) AS of_city,
                   rank() OVER (PARTITION BY district ORDER BY score DESC NULLS LAST) AS of_district
            FROM {_STANDING} WINDOW district AS (PARTITION BY district)
        ) one
    ) n
    WHERE n.subject_id = s.subject_id
      AND (s.rank_city, s.ranked_city, s.rank_district, s.ranked_district)
          IS DISTINCT FROM (n.rank_city, n.ranked_city, n.rank_district, n.ranked_district)
"""


@transaction.atomic
def rerank(on: date) -> int:
    """Rank all enterprises by score, in the city and in their district; how many ranks changed.

    1 = best; those of the same score share a rank, and the next ones are left out (1, 1, 3). Enterprises that are
    not rated have rank 0, and so have those of districts with fewer than the rule's ``min_ranked`` rated ones.
    """
    lock()
    with connection.cursor() as cursor:
        cursor.execute(_RANK, {"now": timezone.now(), "least": rule_on(on).min_ranked})
        return int(cursor.rowcount)


def explain(assessment: Assessment) -> Assessed:
    """The steps that lead from an assessment's stored figures to its result, by the rule that it names.

    Raises NoDocument where there is no such rule in force.
    """
    return assess(rule_named(assessment.rule), restored(assessment.subject_id, assessment.figures))


def replay(assessments: Iterator[Assessment]) -> Iterator[Assessment]:
    """Of assessments, those whose stored figures and rule do not give the stored result; none, if all is well."""
    for one in assessments:
        again = explain(one)
        if (again.score, again.grade, again.label, again.position, again.reason) != (
            one.score,
            one.grade,
            one.label,
            one.position,
            one.reason,
        ):
            yield one
