"""Listing what a review must look at, against one hand-written statement for one scheme."""

import time
from datetime import timedelta
from statistics import median
from typing import Any

from django.db import connection, transaction

from ratings.models import RatingPeriod, ReviewItem
from ratings.rules.adjusting import growth_columns
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.publication import publish_period
from ratings.services.review import list_items, progress
from ratings.services.runs import default_cutoff, start_run
from ratings.services.schemes import parsed, scheme_in_force
from tests import desk
from tests.benchmarks.data import SCHEME
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

#: The period before, whose grades are published, and the one under review.
_BEFORE, _NOW = "2024H1", "2024H2"
_BY = Actor("基准")
#: What our list must be, said for the default scheme alone: grades A to D at 90, 80 and 60 points.
_PEER = """
INSERT INTO review_peer
SELECT id, remarks FROM (
    SELECT r.id,
           CASE WHEN r.grade >= 0 AND g.position >= 0 AND abs(r.grade - g.position) >= 2
                  OR r.grade < 0 AND g.position >= 0 OR r.grade >= 0 AND kept.seq < last.seq THEN 1 ELSE 0 END
         + CASE WHEN r.grade > r.grade_before_caps THEN 2 ELSE 0 END
         + CASE WHEN r.grade >= 0 AND least(abs(r.score - 90000), abs(r.score - 80000),
                                            abs(r.score - 60000)) <= 1000 THEN 4 ELSE 0 END
         + CASE WHEN r.grade >= 0 AND kept.seq IS NULL THEN 8 ELSE 0 END
         + CASE WHEN r.grade >= 0 AND r.trace[{growth}] >= 5000 THEN 16 ELSE 0 END AS remarks
    FROM ratings_rating r
    LEFT JOIN (SELECT pharmacy_id, max(seq) AS seq FROM ratings_publishedgrade GROUP BY 1) last
        ON last.pharmacy_id = r.pharmacy_id
    LEFT JOIN (SELECT pharmacy_id, max(seq) AS seq FROM ratings_publishedgrade WHERE position >= 0 GROUP BY 1) kept
        ON kept.pharmacy_id = r.pharmacy_id
    LEFT JOIN ratings_publishedgrade g ON g.seq = last.seq
    WHERE r.run_id = %s
) one WHERE remarks > 0
"""


def prepare() -> dict[str, int]:
    """One published period, and the next one under review with nothing listed."""
    periods = []
    for code, state in ((_BEFORE, "FINAL"), (_NOW, "UNDER_REVIEW")):
        period = Period.parse(code)
        scheme = scheme_in_force(SCHEME, period.last)
        run = start_run(period, scheme, cutoff=default_cutoff(period, scheme) + timedelta(days=1), by=_BY)
        periods.append(desk.life(run, state))
    publish_period(periods[0], by=_BY)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE review_peer (rating_id bigint PRIMARY KEY, remarks int)")
        cursor.execute("VACUUM ANALYZE ratings_publishedgrade, ratings_rating")
    return {"period": periods[1].pk}


def ours(period: int, keep: bool) -> dict[str, Any]:
    """List once; taken back unless kept, so that it can be repeated."""
    with transaction.atomic():
        found = RatingPeriod.objects.get(pk=period)
        start = time.perf_counter()
        items = list_items(found)
        seconds = time.perf_counter() - start
        transaction.set_rollback(not keep)
    return {"seconds": seconds, "items": items}


def peer(period: int) -> None:
    """The same by the statement."""
    found = RatingPeriod.objects.get(pk=period)
    (name,) = growth_columns(parsed(found.run.scheme))
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE review_peer")
        cursor.execute(_PEER.format(growth=found.run.trace_columns.index(name) + 1), [found.run_id])


def compared(period: int) -> dict[str, Any]:
    """Rows in which the two differ, and how long the counts by district take."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM review_peer p FULL JOIN ratings_reviewitem i USING (rating_id)
               WHERE p.remarks IS DISTINCT FROM i.remarks"""
        )
        differ = cursor.fetchone()[0]
    found, start = RatingPeriod.objects.get(pk=period), time.perf_counter()
    rows = progress(found)
    seconds = time.perf_counter() - start
    assert sum(row.items for row in rows) == ReviewItem.objects.count()
    return {"differ": differ, "seconds": seconds}


def bench(database: str, size: int, rounds: int) -> Table:
    """Alternate the two and report the medians."""
    period = job(database, "tests.benchmarks.review:prepare")["period"]
    mine, theirs = [], []
    for number in range(rounds):
        mine.append(job(database, "tests.benchmarks.review:ours", period=period, keep=number == rounds - 1))
        theirs.append(job(database, "tests.benchmarks.review:peer", period=period))
    result = job(database, "tests.benchmarks.review:compared", period=period)
    if result["differ"]:
        raise SystemExit(f"{result['differ']} items differ from the statement's: the comparison is void")
    table = Table(f"list what a review must look at, {size:,} pharmacies")
    peak = megabytes(max(one["peak"] for one in mine))
    table.add("our list", median(one["seconds"] for one in mine), f"{mine[0]['items']:,} items, peak {peak}")
    table.add("one statement", median(one["seconds"] for one in theirs), "without the items' foreign keys")
    table.add("counts by district", result["seconds"])
    return table
