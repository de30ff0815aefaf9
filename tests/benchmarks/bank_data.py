"""Loan products for the set of ``data.py``: enterprises, names, and published periods, made by the database itself.

Seven in ten pharmacies are eligible: of grade A or B in the three newest periods, and still designated. One in
twenty belongs to one chain, the others to small ones. A publication more gives one in ten another grade.
"""

from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from applications.bank_loans.models import LoanProduct
from applications.clients.models import Organisation
from ratings.models import Publication, RatingPeriod, RatingRun
from ratings.rules.periods import Period
from ratings.services.schemes import scheme_in_force
from tests.benchmarks.data import PERIOD, SCHEME

PRODUCT: Final = "bench"
#: Published, oldest first; the last by :func:`publish_all`.
_PERIODS: Final = ("2090", "2091", "2092")
_NEWEST: Final = "2093"

#: Even chance from 0 to n - 1.
LOT: Final = """
CREATE OR REPLACE FUNCTION lot(item bigint, purpose int, n int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((hashint8extended(item, purpose) & 1152921504606846975) % n)::int
$$
"""
_ENTERPRISES: Final = """
INSERT INTO ratings_enterprise (uscc, name, recorded_at)
SELECT '9133' || lpad(i::text, 13, '0') || 'X', '医药连锁' || i || '有限公司', TIMESTAMPTZ '2022-12-31 00:00+08'
FROM generate_series(1, %(size)s / 5) i ON CONFLICT DO NOTHING
"""
_NAMED: Final = """
UPDATE ratings_pharmacy p
SET enterprise_id = e.id, name = '某市康泰民生大药房连锁有限公司' || p.id || '分店',
    designated_until = CASE WHEN p.id %% 100 <> 98 AND p.designated_until > CURRENT_DATE THEN NULL ELSE designated_until END
FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM ratings_enterprise) e
WHERE e.number = CASE WHEN p.id %% 20 = 0 THEN 1 ELSE 1 + p.id %% (%(size)s / 5) END
"""
_GRADES: Final = """
INSERT INTO ratings_publishedgrade (seq, publication_id, pharmacy_id, code, name, district, event, period, scheme, run,
    grade, grade_label, position, score, rank_district, rank_city, valid_from, valid_until, reason)
SELECT %(first)s - 1 + row_number() OVER (ORDER BY code), %(number)s, id, code, name, district_id, 'PERIODIC',
       %(period)s, %(scheme)s, %(run)s,
       (ARRAY['A', 'B', 'C', 'D'])[place + 1], (ARRAY['优秀', '良好', '一般', '较差'])[place + 1], place,
       (ARRAY[95, 85, 70, 40])[place + 1] * 1000 + lot(id, 81, 50) * 100, 1, 1, %(day)s, %(day)s::date + 365, ''
FROM (SELECT *, CASE WHEN lot < 300 THEN 0 WHEN lot < 715 THEN 1 WHEN lot < 930 THEN 2 ELSE 3 END AS place
      FROM (SELECT *, lot(id, CASE WHEN lot(id, 90, 10) = 0 THEN %(draw)s ELSE 91 END, 1000) AS lot FROM ratings_pharmacy) two) one
"""


def prepare(size: int) -> dict[str, Any]:
    """Publish periods, and offer a product of which seven in ten pharmacies are eligible."""
    with connection.cursor() as cursor:
        # Neither versions of the registry nor signed publications are wanted here.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(LOT)
        cursor.execute(_ENTERPRISES, {"size": size})
        cursor.execute(_NAMED, {"size": size})
        cursor.execute("TRUNCATE ratings_publishedgrade, ratings_publication")
        cursor.execute("SET session_replication_role = DEFAULT")
    for number, period in enumerate(_PERIODS, start=1):
        publish(number, period, draw=91)
    _vacuum()
    bank = Organisation.objects.create(key="bench", name="基准银行", kind="BANK")
    product = LoanProduct.objects.create(
        key=PRODUCT, bank=bank, name="药店e贷", credit_line_fen=1_000_000_000, loan_limit_fen=300_000_000,
        authorisation_required=False, minimum_months=12, minimum_periods=3, valid_from=timezone.localdate(),
    )  # fmt: skip
    return {"product": product.pk}


def publish_all() -> None:
    """One period more; one pharmacy in ten has a grade of its own drawing."""
    publish(len(_PERIODS) + 1, _NEWEST, draw=92)
    _vacuum()


def publish(number: int, code: str, draw: int) -> None:
    period, scheme = Period.parse(code), scheme_in_force(SCHEME, Period.parse(PERIOD).last)
    named = {"period": period.code, "period_end": period.last}
    now = timezone.now()
    run = RatingRun.objects.create(
        **named, scheme=scheme, scheme_sha256=scheme.sha256, cutoff=now, started_by="基准"
    )
    life = RatingPeriod.objects.create(**named, run=run, opened_by="基准")
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) + 1, (SELECT count(*) FROM ratings_pharmacy) FROM ratings_publishedgrade")  # fmt: skip
        first, rows = cursor.fetchone()
        cursor.execute("SET session_replication_role = replica")
        Publication.objects.create(
            number=number, event="PERIODIC", period=life, at=now, published_by="基准", first_seq=first,
            last_seq=first + rows - 1, rows=rows, merkle_root="0" * 64, previous="" if number == 1 else "0" * 64,
            statement="", statement_sha256="0" * 64, fingerprints=b"", signature="0" * 128, public_key="0" * 64,
        )  # fmt: skip
        cursor.execute(
            _GRADES,
            {
                "number": number,
                "first": first,
                "period": period.code,
                "scheme": f"{scheme.key}@{scheme.version}",
                "run": run.pk,
                "draw": draw,
                "day": timezone.localdate() - timedelta(days=100 - 10 * number),
            },
        )
        cursor.execute("SET session_replication_role = DEFAULT")


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ratings_pharmacy, ratings_publishedgrade, ratings_publication")
