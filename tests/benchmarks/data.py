"""National sets of facts, made by the database itself: set-based and the same every time.

A set of n pharmacies has 24 monthly payments each (2023 and 2024), violations (20 in 100
pharmacies), complaints (10), suspensions (0.5), re-registrations (1), newcomers (12), and
among the payments missing, zero, negative, corrected and late ones. Payments lie in the
table as they would come in, month by month.
"""

from django.core.management import call_command
from django.db import connection

from ratings.rules import shipped_schemes
from ratings.rules.vocabulary import COMPLAINT_TOPICS, GRAVITIES, VIOLATION_KINDS
from ratings.services.audit import Actor
from ratings.services.schemes import activate_scheme, store_scheme

PERIOD = "2024"
SCHEME = "shaoxing-style"
#: Even chance from 0 to n - 1, reckoned from a row's number and a purpose's.
DRAW = """
CREATE OR REPLACE FUNCTION draw(item bigint, purpose int, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (((item * 2654435761 + purpose * 40503) % 4294967291) * 48271 % 2147483647) / 7 % n
$$
"""
DISTRICTS = """
INSERT INTO ratings_district (code, name)
SELECT 110101 + 200 * d, '区县' || d FROM generate_series(0, %(districts)s - 1) d
"""
# Every hundredth pharmacy takes over from the one before it.
PHARMACIES = """
INSERT INTO ratings_pharmacy (id, code, name, is_chain, district_id, street, address, source_datum,
                              designated_on, designated_until, contact, predecessor_id, recorded_at)
SELECT i, 'P' || district || lpad((10000 + i / %(districts)s)::text, 5, '0'), '药店' || i, draw(i, 1, 5) < 2,
       district, '', '', '', opened, CASE WHEN i %% 100 = 98 THEN taken_over END, '',
       CASE WHEN i %% 100 = 99 THEN i - 1 END, TIMESTAMPTZ '2022-12-31 00:00+08'
FROM (
    SELECT i, 110101 + 200 * (i %% %(districts)s) AS district,
           DATE '2023-02-01' + draw(i - i %% 2, 2, 600)::int AS taken_over,
           CASE WHEN i %% 100 = 99 THEN DATE '2023-02-01' + draw(i - 1, 2, 600)::int
                WHEN i %% 100 <> 98 AND draw(i, 3, 100) < 12 THEN DATE '2023-01-01' + draw(i, 4, 720)::int
                ELSE DATE '2012-01-01' + draw(i, 5, 3900)::int END AS opened
    FROM generate_series(1, %(size)s) i
) one
"""
_VIOLATIONS = """
INSERT INTO ratings_violation (pharmacy_id, kind, gravity, track, body, document_no, amount_fen, occurred_on,
    decided_on, measures, personnel_points, recorded_by, recorded_at, voided_at, void_reason, voided_by)
SELECT pharmacy, (%(kinds)s::text[])[CASE WHEN draw(k, 11, 10) = 0 THEN 1 + draw(k, 12, 21)
                                          ELSE (ARRAY[1, 3, 4, 10, 14, 15, 16])[1 + draw(k, 12, 7)] END],
       (%(gravities)s::text[])[(ARRAY[1, 1, 1, 1, 1, 1, 2, 2, 2, 3])[1 + draw(k, 13, 10)]],
       CASE WHEN draw(k, 14, 4) = 0 THEN 'PENALTY' ELSE 'AGREEMENT' END, '机关', '文' || k, draw(k, 15, 2000000),
       decided - 30, decided, '', 0, '基准', recorded, CASE WHEN draw(k, 18, 100) = 0 THEN recorded + interval '60 days' END,
       CASE WHEN draw(k, 18, 100) = 0 THEN '更正' ELSE '' END, CASE WHEN draw(k, 18, 100) = 0 THEN '基准' ELSE '' END
FROM (
    SELECT k, 1 + draw(k, 16, %(size)s) AS pharmacy, decided, (decided + 3)::timestamptz AS recorded
    FROM (SELECT k, DATE '2022-06-01' + draw(k, 17, 940)::int AS decided
          FROM generate_series(1, %(size)s / 5) k) two
) one
"""
_COMPLAINTS = """
INSERT INTO ratings_complaint (pharmacy_id, reference_no, topic, state, finding, occurred_on, decided_on,
                               recorded_by, recorded_at, void_reason, voided_by)
SELECT 1 + draw(k, 21, %(size)s), '举' || k,
       (%(topics)s::text[])[(ARRAY[1, 2, 2, 2, 2, 2, 3, 3, 3, 3])[1 + draw(k, 22, 10)]],
       'CLOSED', CASE WHEN draw(k, 23, 10) < 6 THEN 'VERIFIED' ELSE 'UNFOUNDED' END,
       decided - 20, decided, '基准', (decided + 2)::timestamptz, '', ''
FROM (SELECT k, DATE '2022-06-01' + draw(k, 24, 940)::int AS decided
      FROM generate_series(1, %(size)s / 10) k) one
"""
_STATUSES = """
INSERT INTO ratings_servicestatus (pharmacy_id, status, occurred_on, decided_on, document_no, recorded_by,
                                   recorded_at, void_reason, voided_by)
SELECT pharmacy, status, day, day, '', '基准', day::timestamptz, '', ''
FROM (SELECT 200 * k AS pharmacy, DATE '2023-02-01' + draw(k, 31, 690)::int AS since, draw(k, 32, 150)::int AS days
      FROM generate_series(1, %(size)s / 200) k) one,
     LATERAL (VALUES ('SUSPENDED', since), ('IN_SERVICE', since + 20 + days)) spans(status, day)
"""
_PAYMENTS = """
INSERT INTO ratings_fundpayment (pharmacy_id, month, amount_fen, settlements, recorded_by, recorded_at,
                                 voided_at, void_reason, voided_by)
SELECT p.id, DATE %(month)s,
       CASE draw(p.id * 24 + %(number)s, 41, 2000)
            WHEN 0 THEN 0 WHEN 1 THEN -100000
            ELSE (2000000 + draw(p.id, 42, 8000000)) * (90 + draw(p.id * 24 + %(number)s, 43, 20)) / 100
                 * CASE WHEN %(number)s < 12 THEN 100 ELSE 85 + draw(p.id, 44, 50) END / 100
       END,
       300, '基准', DATE %(month)s + interval '35 days', NULL, '', ''
FROM ratings_pharmacy p
WHERE p.designated_on < DATE %(month)s + interval '1 month'
  AND (p.designated_until IS NULL OR p.designated_until > DATE %(month)s)
  AND draw(p.id * 24 + %(number)s, 45, 100) > 0
ORDER BY p.id
"""
# One in 500 was another amount before it was corrected.
_CORRECTED = """
INSERT INTO ratings_fundpayment (pharmacy_id, month, amount_fen, settlements, recorded_by, recorded_at,
                                 voided_at, void_reason, voided_by)
SELECT pharmacy_id, month, amount_fen + 5000, settlements, recorded_by, recorded_at - interval '5 days',
       recorded_at, '更正', '基准'
FROM ratings_fundpayment WHERE draw(id, 46, 500) = 0
"""


def migrate() -> None:
    """Make the tables, and put the scheme in force."""
    call_command("migrate", verbosity=0, interactive=False)
    actor = Actor("基准")
    text = shipped_schemes()[SCHEME].read_text(encoding="utf-8")
    activate_scheme(store_scheme(text, by=actor), by=actor)


def build(size: int) -> dict[str, int]:
    """Fill an empty, migrated database with a set of ``size`` pharmacies."""
    numbers = {"size": size, "districts": max(6, size // 180)}
    with connection.cursor() as cursor:
        cursor.execute(DRAW)
        cursor.execute(DISTRICTS, numbers)
        cursor.execute(PHARMACIES, numbers)
        cursor.execute(
            _VIOLATIONS, {**numbers, "kinds": list(VIOLATION_KINDS.ids), "gravities": list(GRAVITIES.ids)}
        )
        cursor.execute(_COMPLAINTS, {**numbers, "topics": list(COMPLAINT_TOPICS.ids)})
        cursor.execute(_STATUSES, numbers)
        # Building is not measured: without row checks, and with the index made afterwards.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'fundpayment_one_live'")
        index = cursor.fetchone()[0]
        cursor.execute("DROP INDEX fundpayment_one_live")
        for number in range(24):
            month = f"{2023 + number // 12}-{number % 12 + 1:02d}-01"
            cursor.execute(_PAYMENTS, {"month": month, "number": number})
        cursor.execute(_CORRECTED)
        cursor.execute(index)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ALTER TABLE ratings_rating SET (autovacuum_enabled = off)")
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("SELECT count(*) FROM ratings_fundpayment")
        payments = cursor.fetchone()[0]
    return {"payments": payments}
