"""Scores, grades and ranks of all enterprises after a publication that changes nearly every score.

Counting over all records and pharmacies, assessing, storing and ranking, against hand-written SQL that reckons the
same scores and ranks by the shipped rule, and stores them in a table of its own. Ours and the peer take turns on
the same publication, and every score and rank is compared.
"""

from pathlib import Path
from statistics import median
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from applications.enterprise_credit import standings
from applications.enterprise_credit.models import Standing
from ratings.models import Publication
from tests.benchmarks import bank_data
from tests.benchmarks.rating import checkpoint
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

HERE: Final = "tests.benchmarks.enterprise_ranks"

#: What the peer counts of records: the items of the shipped rule, by hand.
_PEER: Final = """
CREATE TABLE enterprise_peer AS
WITH known AS (
    SELECT DISTINCT ON (g.pharmacy_id) g.pharmacy_id, g.position, g.score, g.valid_until
    FROM ratings_publishedgrade g
    JOIN ratings_publication a ON a.number = g.publication_id JOIN ratings_ratingperiod l ON l.id = a.period_id
    WHERE g.valid_from <= %(on)s ORDER BY g.pharmacy_id, l.period_end DESC, g.seq DESC
), paid AS (
    SELECT DISTINCT ON (subject_id, data->>'store_code') subject_id, data->>'store_code' AS code,
           greatest((data->>'amount_fen')::numeric, 0) AS weight
    FROM enterprise_credit_creditrecord
    WHERE record_type = 'ybj-fund-payment' AND voided_at IS NULL AND subject_id IS NOT NULL
      AND valid_from <= %(on)s AND (valid_until IS NULL OR valid_until > %(on)s)
    ORDER BY subject_id, data->>'store_code', decided_on DESC, id DESC
), stores AS (
    SELECT e.uscc, CASE WHEN sum(coalesce(w.weight, 0)) > 0
                        THEN sum(coalesce(w.weight, 0) * k.score) / sum(coalesce(w.weight, 0)) ELSE avg(k.score) END AS mean
    FROM ratings_pharmacy p
    JOIN ratings_enterprise e ON e.id = p.enterprise_id JOIN known k ON k.pharmacy_id = p.id
    LEFT JOIN paid w ON w.subject_id = e.uscc AND w.code = p.code
    WHERE k.position >= 0 AND (k.valid_until IS NULL OR k.valid_until > %(on)s)
      AND p.designated_on <= %(on)s AND (p.designated_until IS NULL OR p.designated_until > %(on)s)
    GROUP BY e.uscc
), counted AS (
    SELECT subject_id,
           count(*) FILTER (WHERE kind = 'PENALTY' AND decided_on + interval '12 months' > %(on)s) AS penalties,
           count(*) FILTER (WHERE kind = 'ARREARS') AS arrears,
           count(*) FILTER (WHERE kind = 'JUDGMENT' AND decided_on + interval '36 months' > %(on)s) AS judgments,
           count(*) FILTER (WHERE kind = 'HONOUR' AND decided_on + interval '36 months' > %(on)s) AS honours,
           count(*) FILTER (WHERE kind = 'RED_LIST') AS red
    FROM enterprise_credit_creditrecord r JOIN unnest(%(types)s::text[], %(kinds)s::text[], %(shown)s::int[])
         t(type, kind, months) ON t.type = r.record_type
    WHERE voided_at IS NULL AND subject_id IS NOT NULL
      AND valid_from <= %(on)s AND (valid_until IS NULL OR valid_until > %(on)s)
      AND (months IS NULL OR decided_on + make_interval(months => months) > %(on)s)
    GROUP BY subject_id
), scored AS (
    SELECT c.uscc, c.district, least(greatest(
               floor(s.mean / 100 + 0.5) * 100 - least(2000 * coalesce(penalties, 0), 10000)
               - least(3000 * coalesce(arrears, 0), 9000) - least(3000 * coalesce(judgments, 0), 6000)
               + least(1000 * coalesce(honours, 0), 3000) + least(2000 * coalesce(red, 0), 2000), 0), 100000)::bigint AS score
    FROM enterprise_credit_creditsubject c
    LEFT JOIN stores s USING (uscc) LEFT JOIN counted r ON r.subject_id = c.uscc
    -- least and greatest pass over NULL
    WHERE s.mean IS NOT NULL
)
SELECT uscc, score, rank() OVER (ORDER BY score DESC) AS rank_city,
       rank() OVER (PARTITION BY district ORDER BY score DESC) AS rank_district
FROM scored
"""
_DIFFERS: Final = f"""
SELECT count(*) FROM {Standing._meta.db_table} s FULL JOIN enterprise_peer p ON p.uscc = s.subject_id
WHERE (s.score, nullif(s.rank_city, 0), nullif(s.rank_district, 0))
      IS DISTINCT FROM (p.score, p.rank_city::int, p.rank_district::int)
"""
_FIRST: Final = 2026


def publish() -> None:
    """One period more, in which nearly every pharmacy has another score."""
    number = Publication.objects.count() + 1
    year, quarter = divmod(number - 4, 4)
    bank_data.publish(number, f"{_FIRST + year}Q{quarter + 1}", draw=90 + number)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE ratings_publishedgrade SET score = score - 100 * lot(pharmacy_id, 300 + %(number)s, 40)"
            " WHERE publication_id = %(number)s AND position >= 0",
            {"number": number},
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE ratings_publishedgrade, ratings_publication")
        cursor.execute("VACUUM enterprise_credit_standing")


def refresh() -> dict[str, Any]:
    """All enterprises, as after a publication or at night."""
    idle = _memory(start=True)["VmRSS"]
    changed = standings.refresh(None, timezone.localdate())
    return {"changed": changed, "above": _memory()["VmHWM"] - idle}


def refresh_one() -> dict[str, Any]:
    """An enterprise of which nothing has changed."""
    uscc = Standing.objects.order_by("-rank_city").values_list("pk", flat=True)[0]
    return {"changed": standings.refresh([uscc], timezone.localdate())}


def peer() -> dict[str, Any]:
    """The same scores and ranks by SQL that knows the shipped rule only."""
    from applications.enterprise_credit.documents import catalogue_on

    today = timezone.localdate()
    kinds = {"PENALTY", "ARREARS", "HONOUR", "RED_LIST"}
    types = [
        one for one in catalogue_on(today).record_types if one.kind in kinds or one.key == "fy-enforcement"
    ]
    params = {
        "on": today,
        "types": [one.key for one in types],
        "kinds": [one.kind for one in types],
        "shown": [one.shown_months for one in types],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("DROP TABLE IF EXISTS enterprise_peer")
        cursor.execute(_PEER, params)
        return {"rows": cursor.rowcount}


def differ() -> dict[str, Any]:
    """How many enterprises have another score or rank by the peer."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERS)
        return {"rows": cursor.fetchone()[0]}


def _memory(start: bool = False) -> dict[str, int]:
    """Bytes of this process: now (VmRSS) and at most (VmHWM), since the last time with ``start``."""
    if start:
        Path("/proc/self/clear_refs").write_text("5")
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if line[0].startswith("Vm")}


def bench(database: str, size: int, rounds: int) -> Table:
    """Publish, derive and rank, ours and the peer in turn; then with nothing changed, and for one enterprise."""
    ours, theirs, above, changed = [], [], 0, []
    for _ in range(rounds):
        job(database, f"{HERE}:publish")
        job(database, f"tests.benchmarks.rating:{checkpoint.__name__}")
        done = job(database, f"{HERE}:refresh")
        ours.append(done["seconds"])
        changed.append(done["changed"])
        above = max(above, done["above"])
        job(database, f"tests.benchmarks.rating:{checkpoint.__name__}")
        theirs.append(job(database, f"{HERE}:peer")["seconds"])
        if wrong := job(database, f"{HERE}:differ")["rows"]:
            raise SystemExit(f"{wrong} enterprises have another score or rank than by hand-written SQL")
    table = Table(f"ranks of enterprises, {size:,} enterprises")
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    told = f"{median(changed):,.0f} changed, {megabytes(above)} above idle; / hand-written SQL = {ratio:.2f}"
    table.add("after a publication", median(ours), told)
    table.add("hand-written SQL", median(theirs), "scores and ranks alone: no grades, figures, history")
    table.add("nothing changed", job(database, f"{HERE}:refresh")["seconds"])
    table.add("one enterprise", job(database, f"{HERE}:refresh_one")["seconds"])
    return table
