"""The same rating by hand-written SQL: what an expert would write for this one scheme.

Staged temporary tables, analysed; the months turned by ``max() FILTER`` (faster than a
self-join here); medians by ``percentile_disc``; ranks by counting better scores; and the whole
trace stored in a table of ``ratings_rating``'s shape, checks and indexes, but without its
triggers. Only for ``shaoxing-style`` version 1 and whole years: that is its advantage.
"""

import time
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from ratings.rules.columns import WHOLE
from ratings.rules.periods import Period, months_of
from ratings.rules.vocabulary import SERVICE_STATUSES

TABLE = "bench_sql_rating"
FRAUD = (
    "COLLUSIVE_CASH_OUT",
    "OTHER_FRAUD",
    "CROSS_REGION_RESALE",
    "CARD_POOLING",
    "CARD_FOR_GOODS",
    "CARD_RING_RESALE",
    "RETURNED_DRUG",
)
FORGERY = ("PRESCRIPTION_INVALID", "IDENTITY_NOT_VERIFIED", "SETTLE_FOR_UNDESIGNATED")
SUBSTITUTION = ("ITEM_SUBSTITUTION", "BEYOND_PAY_SCOPE", "INDUCED_NONDRUG_SALE")


def _known(table: str) -> str:
    return (
        f"{table}.recorded_at <= %(cutoff)s AND ({table}.voided_at IS NULL OR {table}.voided_at > %(cutoff)s)"
    )


def _months_to_last(day: str) -> str:
    """Whole months from a day to the period's last (a 31st, so a day of month never exceeds it)."""
    return f"""greatest(0, (extract(year FROM %(last)s::date)::int - extract(year FROM {day})::int) * 12
               + extract(month FROM %(last)s::date)::int - extract(month FROM {day})::int)"""


def _half_up(top: str, bottom: int) -> str:
    """Rounded division of what is never positive."""
    return f"-((2 * -({top}) + {bottom}) / {2 * bottom})"


def _in(kinds: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{kind}'" for kind in kinds) + ")"


def _population() -> list[str]:
    return [
        f"""CREATE TEMP TABLE s_pop ON COMMIT DROP AS
        SELECT v.pharmacy_id AS id, v.district_id AS district, v.is_chain AS chain, v.designated_on,
               v.predecessor_id
        FROM ratings_pharmacyversion v
        WHERE {_known("v")} AND v.designated_on <= %(last)s
          AND (v.designated_until IS NULL OR v.designated_until > %(last)s)""",
        f"""CREATE TEMP TABLE s_line ON COMMIT DROP AS
        WITH RECURSIVE line(subject, member, taken_over_on) AS (
            SELECT id, predecessor_id, designated_on FROM s_pop WHERE predecessor_id IS NOT NULL
            UNION ALL
            SELECT line.subject, v.predecessor_id, v.designated_on
            FROM line JOIN ratings_pharmacyversion v ON v.pharmacy_id = line.member
            WHERE v.predecessor_id IS NOT NULL AND {_known("v")}
        ) SELECT l.*, v.designated_on AS since, v.designated_until AS ended_on
        FROM line l JOIN ratings_pharmacyversion v ON v.pharmacy_id = l.member WHERE {_known("v")}""",
        "ANALYZE s_pop",
        "ANALYZE s_line",
    ]


def _service(months: list[date]) -> list[str]:
    """Bits of the months out of service, and the status at the end; only where there are any."""
    bits = ", ".join(f"({number}, DATE '{month}')" for number, month in enumerate(months))
    return [
        f"""CREATE TEMP TABLE s_out ON COMMIT DROP AS
        WITH spans AS (
            SELECT s.pharmacy_id, s.status, s.occurred_on AS since,
                   lead(s.occurred_on, 1, 'infinity') OVER (PARTITION BY s.pharmacy_id ORDER BY s.occurred_on) AS until
            FROM ratings_servicestatus s WHERE {_known("s")}
        ), out_of_service AS (
            SELECT s.pharmacy_id AS subject, greatest(s.since, p.designated_on) AS since, s.until
            FROM spans s JOIN s_pop p ON p.id = s.pharmacy_id WHERE s.status <> 'IN_SERVICE'
            UNION ALL
            SELECT l.subject, greatest(s.since, l.since), least(s.until, l.taken_over_on)
            FROM spans s JOIN s_line l ON l.member = s.pharmacy_id
            WHERE s.status <> 'IN_SERVICE' AND s.since < l.taken_over_on
            UNION ALL
            SELECT l.subject, l.ended_on, l.taken_over_on FROM s_line l WHERE l.ended_on < l.taken_over_on
        )
        SELECT o.subject, bit_or(1 << m.number) AS mask
        FROM out_of_service o
        JOIN (VALUES {bits}) m(number, first) ON o.since < m.first + interval '1 month' AND o.until > m.first
        GROUP BY 1""",
        f"""CREATE TEMP TABLE s_status ON COMMIT DROP AS
        SELECT DISTINCT ON (s.pharmacy_id) s.pharmacy_id, array_position(%(statuses)s::text[], s.status::text) - 1 AS status
        FROM ratings_servicestatus s WHERE {_known("s")} AND s.occurred_on <= %(last)s
        ORDER BY s.pharmacy_id, s.occurred_on DESC""",
        "ANALYZE s_out",
        "ANALYZE s_status",
    ]


def _facts() -> list[str]:
    def subjects(table: str, columns: str) -> str:
        return f"""(SELECT f.pharmacy_id AS subject, {columns} FROM {table} f
                    WHERE f.decided_on <= %(last)s AND {_known("f")}
                    UNION ALL
                    SELECT l.subject, {columns} FROM {table} f JOIN s_line l ON l.member = f.pharmacy_id
                    WHERE f.decided_on <= %(last)s AND {_known("f")})"""

    full = f"""(CASE WHEN kind IN {_in(FRAUD)} THEN ARRAY[-20000, -30000, -50000]
                WHEN kind IN {_in(FORGERY)} THEN ARRAY[-10000, -18000, -30000]
                WHEN kind IN {_in(SUBSTITUTION)} THEN ARRAY[-6000, -12000, -24000]
                WHEN kind = 'TRACE_CODE_UNUSED' THEN ARRAY[-4000, -8000, -16000]
                WHEN kind = 'OBSTRUCTION' THEN ARRAY[-10000, -20000, -40000]
                ELSE ARRAY[-2000, -4000, -8000] END)[CASE gravity WHEN 'MINOR' THEN 1 WHEN 'GENERAL' THEN 2 ELSE 3 END]"""
    complaint = "CASE topic WHEN 'FRAUD' THEN -5000 WHEN 'SERVICE' THEN -2000 ELSE -1000 END"
    return [
        f"""CREATE TEMP TABLE s_violations ON COMMIT DROP AS
        SELECT subject, count(*) FILTER (WHERE age < 24) AS n,
               sum({_half_up("points * greatest(24 - age, 0)", 24)})::bigint AS total,
               bool_or(age < 24 AND fraud) AS fraud
        FROM (SELECT subject, {full} AS points, {_months_to_last("decided_on")} AS age,
                     track = 'PENALTY' AND kind IN {_in(FRAUD)} AS fraud
              FROM {subjects("ratings_violation", "f.kind, f.gravity, f.track, f.decided_on")} f) one
        GROUP BY 1""",
        f"""CREATE TEMP TABLE s_complaints ON COMMIT DROP AS
        SELECT subject, count(*) FILTER (WHERE age < 24) AS n,
               sum({_half_up("points * greatest(24 - age, 0)", 24)})::bigint AS total
        FROM (SELECT subject, {complaint} AS points, {_months_to_last("decided_on")} AS age
              FROM {subjects("ratings_complaint", "f.topic, f.decided_on, f.finding")} f
              WHERE finding = 'VERIFIED') one
        GROUP BY 1""",
        "ANALYZE s_violations",
        "ANALYZE s_complaints",
    ]


def _growth(months: list[date]) -> list[str]:
    half = len(months) // 2
    turned = ", ".join(
        f"max(f.amount_fen) FILTER (WHERE f.month = DATE '{month}') AS m{number}"
        for number, month in enumerate(months)
    )
    # A successor's month is its own and its predecessors' together.
    joined = ", ".join(
        f"CASE WHEN i.m{number} IS NULL THEN w.m{number} ELSE coalesce(w.m{number}, 0) + i.m{number} END AS m{number}"
        for number in range(len(months))
    )
    inherited = ", ".join(f"sum(w.m{number})::bigint AS m{number}" for number in range(len(months)))
    pair = [
        f"CASE WHEN m{n} <> 0 AND m{n + half} <> 0 AND mask & {1 << n | 1 << (n + half)} = 0 "
        f"AND since <= DATE '{months[n]}' THEN "
        for n in range(half)
    ]
    count = " + ".join(f"{pair[n]} 1 ELSE 0 END" for n in range(half))
    base = " + ".join(f"{pair[n]} m{n} ELSE 0 END" for n in range(half))
    current = " + ".join(f"{pair[n]} m{n + half} ELSE 0 END" for n in range(half))
    return [
        # One pass over the payments, of all pharmacies: predecessors are needed too.
        f"""CREATE TEMP TABLE s_wide ON COMMIT DROP AS
        SELECT f.pharmacy_id, {turned} FROM ratings_fundpayment f
        WHERE f.month BETWEEN %(base)s AND %(last)s AND {_known("f")} GROUP BY 1""",
        "ANALYZE s_wide (pharmacy_id)",
        f"""CREATE TEMP TABLE s_inherited ON COMMIT DROP AS
        SELECT l.subject, min(l.since) AS since, {inherited}
        FROM s_line l LEFT JOIN s_wide w ON w.pharmacy_id = l.member GROUP BY 1""",
        "ANALYZE s_inherited",
        f"""CREATE TEMP TABLE s_growth ON COMMIT DROP AS
        SELECT id, ({count})::bigint AS months, {base} AS base, {current} AS current
        FROM (
            SELECT p.id, least(p.designated_on, i.since) AS since, coalesce(o.mask, 0) AS mask, {joined}
            FROM s_pop p LEFT JOIN s_wide w ON w.pharmacy_id = p.id
            LEFT JOIN s_inherited i ON i.subject = p.id LEFT JOIN s_out o ON o.subject = p.id
        ) one""",
        "ANALYZE s_growth",
    ]


def _score() -> list[str]:
    growth = "round((current - base)::numeric * 10000 / base)::bigint"
    return [
        f"""CREATE TEMP TABLE s_known ON COMMIT DROP AS
        SELECT p.id, p.district, p.chain::int AS chain, coalesce(s.status, 0) AS status, tenure, opened,
               CASE WHEN s.status = 2 THEN 1 WHEN tenure < 6 THEN 2 ELSE 0 END AS state,
               coalesce(v.n, 0) AS v_n, coalesce(v.total, 0) AS v_sum, coalesce(v.fraud, false) AS fraud,
               coalesce(c.n, 0) AS c_n, coalesce(c.total, 0) AS c_sum,
               coalesce(g.months, 0) AS months, coalesce(g.current, 0) AS current, coalesce(g.base, 0) AS base,
               CASE WHEN coalesce(g.months, 0) < 3 THEN 1 WHEN g.base <= 0 THEN 2 ELSE 0 END AS basis,
               CASE WHEN g.months >= 3 AND g.base > 0 THEN greatest(-1000000000, least(1000000000, {growth})) ELSE 0 END AS growth
        FROM (SELECT p.*, {_months_to_last("p.designated_on")} AS opened,
                     {_months_to_last("least(p.designated_on, l.since)")} AS tenure
              FROM s_pop p LEFT JOIN (SELECT subject, min(since) AS since FROM s_line GROUP BY 1) l ON l.subject = p.id) p
        LEFT JOIN s_status s ON s.pharmacy_id = p.id
        LEFT JOIN s_violations v ON v.subject = p.id
        LEFT JOIN s_complaints c ON c.subject = p.id
        LEFT JOIN s_growth g ON g.id = p.id""",
        """CREATE TEMP TABLE s_median ON COMMIT DROP AS
        SELECT coalesce(district, 0) AS district, count(*) AS n,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY growth) AS median
        FROM s_known WHERE state = 0 AND basis = 0 GROUP BY GROUPING SETS ((district), ())""",
        "ANALYZE s_known",
        "ANALYZE s_median",
        f"""CREATE TEMP TABLE s_scored ON COMMIT DROP AS
        SELECT *, CASE WHEN state = 0 THEN least(100000, (component + 50) / 100 * 100) ELSE 0 END AS score
        FROM (
            SELECT *, greatest(0, 100000 + v_points + c_points + g_points) AS component
            FROM (
                SELECT *, greatest(-100000, v_sum) AS v_points, greatest(-20000, c_sum) AS c_points,
                       greatest(-20000, g_sum) AS g_points
                FROM (
                    SELECT k.*, CASE WHEN basis = 0 THEN m.median ELSE 0 END AS median,
                           CASE WHEN basis = 0 THEN growth - m.median ELSE 0 END AS excess,
                           CASE WHEN basis = 0 THEN {_half_up("greatest(0, growth - m.median - 1000) * -500", 100)}
                                ELSE 0 END AS g_sum
                    FROM s_known k JOIN (
                        SELECT d.district, CASE WHEN own.n >= 10 THEN own.median ELSE city.median END AS median
                        FROM (SELECT DISTINCT district FROM s_pop) d
                        LEFT JOIN s_median own ON own.district = d.district
                        JOIN s_median city ON city.district = 0
                    ) m ON m.district = k.district
                ) one
            ) two
        ) three""",
    ]


def _places() -> list[str]:
    """Ranks by counting better scores: many share one, so no wide row is ever sorted."""
    better = "ORDER BY score DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return [
        f"""CREATE TEMP TABLE s_places ON COMMIT DROP AS
        WITH counted AS (
            SELECT district, score, count(*) AS n FROM s_scored WHERE state = 0 GROUP BY 1, 2
        ), in_city AS (
            SELECT score, 1 + coalesce(sum(sum(n)) OVER ({better}), 0)::int AS rank_city FROM counted GROUP BY 1
        )
        SELECT c.district, c.score, i.rank_city,
               1 + coalesce(sum(c.n) OVER (PARTITION BY c.district {better.replace("score", "c.score")}), 0)::int
                   AS rank_district
        FROM counted c JOIN in_city i ON i.score = c.score""",
        "ANALYZE s_scored",
        "ANALYZE s_places",
    ]


def _stored() -> str:
    return f"""
    INSERT INTO {TABLE} (run_id, pharmacy_id, district_id, state, score, grade, grade_before_caps, caps,
                         rank_district, rank_city, trace)
    SELECT %(run)s, id, one.district, state, one.score,
           CASE WHEN state > 0 THEN -1 WHEN caps & 1 > 0 THEN 3 WHEN caps & 2 > 0 THEN greatest(2, band)
                WHEN caps & 4 > 0 THEN greatest(1, band) ELSE band END,
           CASE WHEN state > 0 THEN -1 ELSE band END, caps,
           CASE WHEN state = 0 THEN p.rank_district ELSE 0 END, CASE WHEN state = 0 THEN p.rank_city ELSE 0 END,
           ARRAY[status, chain, tenure, opened, v_n, v_sum, v_points, c_n, c_sum, c_points, months, current, base,
                 basis, growth, median, excess, g_sum, g_points, component,
                 -least(0, v_points, c_points, g_points), component * {WHOLE}]
    FROM (
        SELECT *, CASE WHEN score >= 90000 THEN 0 WHEN score >= 80000 THEN 1 WHEN score >= 60000 THEN 2 ELSE 3 END AS band,
               CASE WHEN state > 0 THEN 0 ELSE fraud::int + 2 * (status = 1)::int + 4 * (tenure < 24)::int END AS caps
        FROM s_scored
    ) one LEFT JOIN s_places p ON p.district = one.district AND p.score = one.score"""


def prepare() -> None:
    """The table that takes the result."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {TABLE} (LIKE ratings_rating INCLUDING ALL) WITH (autovacuum_enabled = off)"
        )


def run(period: str, cutoff: str, run: int) -> dict[str, Any]:
    """One whole rating, in one transaction; seconds by stage."""
    span = Period.parse(period)
    months = months_of(span.previous_year.first, 2 * span.months)
    params = {
        "cutoff": datetime.fromisoformat(cutoff),
        "base": months[0],
        "last": span.last,
        "statuses": list(SERVICE_STATUSES.ids),
        "run": run,
    }
    stages = {
        "payments": [*_population(), *_service(months), *_growth(months)],
        "facts": _facts(),
        "score": [*_score(), *_places()],
        "store": [_stored()],
    }
    taken: dict[str, float] = {}
    start = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
        for stage, statements in stages.items():
            before = time.perf_counter()
            for statement in statements:
                cursor.execute(statement, params)
            taken[stage] = time.perf_counter() - before
    return {"seconds": time.perf_counter() - start, "stages": taken}
