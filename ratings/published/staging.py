"""Whole cities at a time: what is public of pharmacies, staged in a table for set-based reading."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, Final

from django.db import connection

from ratings.models import PublishedGrade, SchemeVersion
from ratings.published.grades import OPEN_OBJECTIONS
from ratings.published.scales import scale

#: The columns of a staged table.
STAGED: Final = (
    "code", "social_credit_code", "name", "district", "district_name", "designated_on", "designated_until",
    "seq", "event", "period", "scheme", "grade", "label", "position", "valid_from", "valid_until",
    "under_objection", "reaches", "periods", "turns_on", "last_seq",
)  # fmt: skip
#: Those that are staged for who asks for them by name: the enterprise as registered, the grade's score
#: (thousandths of a point, NULL where there is no grade).
MORE: Final = {"enterprise_name": "coalesce(e.name, '')", "score": "g.score"}

_LEDGER: Final = PublishedGrade._meta.db_table
# Of each period the newest row in force counts: its number and whether it reaches, in one number.
_TOLD: Final = f"""
    CREATE TEMP TABLE told ON COMMIT DROP AS
    SELECT pharmacy_id, max(last_seq) AS last_seq, min(begins) AS begins,
           max(newest) FILTER (WHERE place = 1) / 2 AS seq,
           coalesce(min(place) FILTER (WHERE newest %% 2 = 0), count(newest) + 1) - 1 AS periods
    FROM (
        SELECT *, row_number() OVER (PARTITION BY pharmacy_id
                                     ORDER BY newest IS NULL, period_end DESC, newest DESC) AS place
        FROM (
            SELECT g.pharmacy_id, g.period, life.period_end, max(g.seq) AS last_seq,
                   min(g.valid_from) FILTER (WHERE g.valid_from > %(on)s) AS begins,
                   max(2 * g.seq + coalesce(g.position BETWEEN 0 AND step.worst, false)::int)
                       FILTER (WHERE g.valid_from <= %(on)s) AS newest
            FROM {_LEDGER} g
            JOIN ratings_publication act ON act.number = g.publication_id
            JOIN ratings_ratingperiod life ON life.id = act.period_id
            LEFT JOIN unnest(%(schemes)s::text[], %(worst)s::int[]) step(scheme, worst) ON step.scheme = g.scheme
            WHERE g.seq <= %(until)s {{some}}
            GROUP BY 1, 2, 3
        ) one
    ) placed
    GROUP BY pharmacy_id
"""
_STAGED: Final = f"""
    CREATE TEMP TABLE {{table}} ON COMMIT DROP AS
    SELECT p.code, coalesce(e.uscc, '') AS social_credit_code, p.name, p.district_id AS district,
           d.name AS district_name, p.designated_on, p.designated_until,
           g.seq, g.event, g.period, g.scheme, g.grade, g.grade_label AS label, g.position, g.valid_from, g.valid_until,
           objected.run_id IS NOT NULL AS under_objection,
           coalesce(told.periods, 0) > 0 AS reaches, coalesce(told.periods, 0)::int AS periods,
           least(told.begins, CASE WHEN g.valid_until > %(on)s THEN g.valid_until END,
                 CASE WHEN p.designated_on > %(on)s THEN p.designated_on END,
                 CASE WHEN p.designated_until > %(on)s THEN p.designated_until END) AS turns_on,
           coalesce(told.last_seq, 0) AS last_seq {{more}}
    FROM ratings_pharmacy p
    JOIN ratings_district d ON d.code = p.district_id
    LEFT JOIN ratings_enterprise e ON e.id = p.enterprise_id
    LEFT JOIN told ON told.pharmacy_id = p.id
    LEFT JOIN {_LEDGER} g ON g.seq = told.seq
    LEFT JOIN (
        SELECT DISTINCT r.run_id, r.pharmacy_id
        FROM ratings_objection o JOIN ratings_rating r ON r.id = o.rating_id WHERE {OPEN_OBJECTIONS}
    ) objected ON objected.run_id = g.run AND objected.pharmacy_id = g.pharmacy_id
    {{some}}
"""
#: Which pharmacies ``p`` are wanted.
_SOME: Final = {
    "codes": "p.code = ANY(%(codes)s)",
    "enterprises": "p.enterprise_id IN (SELECT id FROM ratings_enterprise WHERE uscc = ANY(%(enterprises)s))",
}


def stage(
    table: str,
    on: date,
    minimums: Collection[str],
    codes: Collection[str] | None = None,
    until: int | None = None,
    *,
    enterprises: Collection[str] | None = None,
    more: Sequence[str] = (),
) -> None:
    """Create the temporary table ``table`` (dropped at commit) with what is public of pharmacies on a day.

    One row a designated pharmacy of ``codes`` and of ``enterprises`` (unified social credit codes; None = all), as :func:`entries` has it; of the grade, the
    newest row in force by then of the latest period, run out or not (NULLs = never rated). ``reaches``:
    whether that grade is, in its own scheme, as good as each of the grades named ``minimums``, or better
    (:func:`reaches`; without any: whether there is a grade). ``periods``: how many of the pharmacy's newest published periods in a row reach them.
    ``turns_on``: the next day on which any of this changes of itself: a later row coming into force, the end of
    the grade or of the designation; NULL where there is none. ``last_seq``: the number of the ledger's last row
    about it, in force or not, 0 = none. Rows of the ledger after ``until`` (None = all) are not looked at. The table
    has the columns of STAGED, and after them those of MORE that ``more`` names.
    """
    limits = _limits(minimums)
    params: dict[str, Any] = {
        "on": on,
        "until": last_seq() if until is None else until,
        "schemes": list(limits),
        "worst": list(limits.values()),
        "codes": None if codes is None else list(codes),
        "enterprises": None if enterprises is None else list(enterprises),
    }
    tests = [test for name, test in _SOME.items() if params[name] is not None]
    some = f"WHERE {' AND '.join(tests)}" if tests else ""
    told = f"AND g.pharmacy_id IN (SELECT p.id FROM ratings_pharmacy p {some})" if tests else ""
    added = "".join(f", {MORE[name]} AS {name}" for name in more)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.told, pg_temp.{table}")
        cursor.execute(_TOLD.format(some=told), params)
        # Without it, the planner takes the join for one of some hundred rows.
        cursor.execute("ANALYZE pg_temp.told")
        cursor.execute(_STAGED.format(table=table, some=some, more=added), params)
        cursor.execute(f"ANALYZE pg_temp.{table}")
        cursor.execute("DROP TABLE pg_temp.told")


def _limits(minimums: Iterable[str]) -> dict[str, int]:
    """By scheme, the worst position that reaches each of ``minimums``; only schemes that have them all."""
    in_force = SchemeVersion.objects.filter(activated_at__isnull=False).values_list("key", "version")
    limits = {}
    for key, version in in_force:
        names = [step.name for step in scale(f"{key}@{version}")]
        if set(minimums) <= set(names):
            limits[f"{key}@{version}"] = min(map(names.index, minimums), default=len(names) - 1)
    return limits


def last_seq() -> int:
    """The number of the ledger's last row, 0 while it is empty."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(seq), 0) FROM {_LEDGER}")
        return int(cursor.fetchone()[0])


def codes_since(seq: int, until: int) -> list[str]:
    """The designated codes of the ledger's rows after ``seq``, up to ``until``, each once."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT code FROM {_LEDGER} WHERE seq > %s AND seq <= %s ORDER BY code", [seq, until]
        )
        return [code for (code,) in cursor.fetchall()]
