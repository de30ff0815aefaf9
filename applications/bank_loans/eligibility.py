"""Derives the list of each product from the published ledger, and writes what changed, numbered.

Everything is set-based, for one product at a time under a lock on its row. Each change has one cause, the first
that fits: the product's terms, a new row of the ledger, the authorisation, the date, else the register.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from applications.bank_loans import sandbox
from applications.bank_loans.application import APPLICATION
from applications.bank_loans.models import Authorisation, Change, LoanProduct, Reason, Standing
from applications.bank_loans.models.lists import SHOWN
from applications.bank_loans.webhooks.queue import enqueue
from ratings.published import codes_since, last_seq, stage

#: Above so many pharmacies all are looked at, instead of naming each.
MANY: Final = 20_000


class Busy(Exception):
    """The list is being brought up to date by another process, and that takes its time."""


def bring_up_to_date(product: LoanProduct, today: date, *, patience: int = 5) -> LoanProduct:
    """The product, its list in accord with the ledger and the day. What every reader calls first.

    ``product`` as it was just read. Costs one query where nothing has happened. Else derives those pharmacies of
    which the ledger has new rows, and those that ``turns_on`` says; all, where the product has never been derived
    or its terms have changed (reckoned_on is null). Raises Busy after waiting ``patience`` seconds for another
    process.
    """
    until = _last_seq(product)
    if product.reckoned_on and product.reckoned_on >= today and product.ledger_seq >= until:
        return product
    return _reckon(product, today, Change.Cause.DATE, (), patience)[0]


def reckon(
    product: LoanProduct,
    today: date,
    cause: Change.Cause,
    codes: Collection[str] | None = None,
    *,
    patience: int = 5,
) -> int:
    """Derive the standing of some pharmacies, or of all, anew; how many changes of the list that made.

    For what the ledger does not tell: the register, authorisations, the product's terms. What the ledger and the
    day brought since is derived with it, so that the list is in accord with all of them afterwards. Raises Busy
    as above.
    """
    return _reckon(product, today, cause, codes, patience)[1]


def _last_seq(product: LoanProduct) -> int:
    return sandbox.LAST_SEQ if product.is_sandbox else last_seq()


@transaction.atomic
def _reckon(
    product: LoanProduct, today: date, cause: Change.Cause, codes: Collection[str] | None, patience: int
) -> tuple[LoanProduct, int]:
    product = locked(product.pk, patience)
    # A list never goes back behind a day or a row that it was derived for.
    today = max(today, product.reckoned_on or today)
    until = max(_last_seq(product), product.ledger_seq)
    if product.reckoned_on is None:
        cause, codes = Change.Cause.PRODUCT, None
    wanted = _wanted(product, today, until, codes)
    changes = 0
    if wanted is None or wanted:
        changes = _derive(
            product,
            {
                **_terms(product, today),
                "until": until,
                "after": product.ledger_seq,
                "cause": cause,
                "asked": None if codes is None or len(codes) > MANY else list(codes),
                "position": product.position,
                "now": timezone.now(),
            },
            wanted,
        )
    before = product.position
    product.position, product.ledger_seq, product.reckoned_on = before + changes, until, today
    product.save(update_fields=["position", "ledger_seq", "reckoned_on"])
    if changes:
        enqueue(product, before, product.position)
    return product, changes


def _terms(product: LoanProduct, today: date) -> dict[str, Any]:
    """What the tests of a pharmacy refer to."""
    return {
        "product": product.pk,
        "on": today,
        "districts": product.districts,
        "months": product.minimum_months,
        "periods": product.minimum_periods,
        "must": product.authorisation_required,
        "from": product.valid_from,
        "to": product.valid_until,
    }


def locked(key: int, patience: int = 5) -> LoanProduct:
    """The product as it stands, once nobody else is at it. Raises Busy after ``patience`` seconds."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{patience}s"])
            product = LoanProduct.objects.select_for_update(no_key=True).get(pk=key)
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Busy from error
        raise
    return product


def _wanted(product: LoanProduct, today: date, until: int, codes: Collection[str] | None) -> set[str] | None:
    """The pharmacies to be derived: those asked for, those with new rows, those whose day has come; None = all."""
    if codes is None or len(codes) > MANY:
        return None
    wanted = set(codes)
    if until > product.ledger_seq:
        if product.is_sandbox or until - product.ledger_seq > MANY:
            return None
        wanted.update(codes_since(product.ledger_seq, until))
    if product.reckoned_on is None or product.reckoned_on < today:
        due = Standing.objects.filter(product=product, turns_on__lte=today)
        wanted.update(due.values_list("code", flat=True)[: MANY + 1])
    return None if len(wanted) > MANY else wanted


_STANDING: Final = Standing._meta.db_table
_COLUMNS: Final = ("social_credit_code", *SHOWN)
#: What stands in a column while its pharmacy is not eligible.
_EMPTY: Final = {
    field.name: "NULL" if field.null else f"'{field.default}'"
    for field in Standing._meta.concrete_fields
    if field.name in SHOWN
}
_GRANTED: Final = f"SELECT code, valid_from, valid_until, withdrawn_on FROM {Authorisation._meta.db_table} WHERE product_id = %(product)s"
_REASONS: Final = {
    Reason.NOT_DESIGNATED: "s.designated_on > %(on)s OR s.designated_until <= %(on)s",
    Reason.OTHER_DISTRICT: "cardinality(%(districts)s::int[]) > 0 AND s.district <> ALL(%(districts)s::int[])",
    # A period's list with a pharmacy that has no grade does not withdraw one; whatever comes later does.
    Reason.GRADE_WITHDRAWN: "s.event = 'WITHDRAWAL' OR s.position < 0 AND s.event <> 'PERIODIC'",
    Reason.GRADE_EXPIRED: "s.position >= 0 AND s.valid_until <= %(on)s",
    Reason.NOT_GRADED: "s.seq IS NULL OR s.position < 0 AND s.event = 'PERIODIC'",
    # Of a grade that has run out, nothing is told but that.
    Reason.BELOW_MINIMUM: "s.position >= 0 AND NOT s.reaches AND (s.valid_until IS NULL OR s.valid_until > %(on)s)",
    Reason.TOO_NEW: "s.ripe_on > %(on)s",
    # A single period that does not reach is a grade below the minimum, and told as that.
    Reason.TOO_FEW_PERIODS: "%(periods)s > 1 AND s.periods < %(periods)s",
}
#: Of these, one is told alone.
_FIRST: Final = {
    Reason.PRODUCT_CLOSED: "%(from)s > %(on)s OR %(to)s <= %(on)s",
    Reason.NOT_AUTHORISED: "%(must)s AND g.holds IS NOT TRUE",
}
#: What the tests are about.
_SOURCE: Final = """
    (SELECT *, (designated_on + make_interval(months => %(months)s))::date AS ripe_on FROM staged) s
    LEFT JOIN (
        SELECT code, bool_or(valid_from <= %(on)s AND least(valid_until, withdrawn_on, 'infinity') > %(on)s) AS holds,
               min(day) FILTER (WHERE day > %(on)s) AS turns_on
        FROM ({granted}) g, unnest(ARRAY[valid_from, valid_until, withdrawn_on]) day GROUP BY code
    ) g ON g.code = s.code
"""
_DERIVED: Final = f"""
    CREATE TEMP TABLE derived ON COMMIT DROP AS
    SELECT s.code, s.social_credit_code, s.last_seq, reasons::varchar(20)[] AS reasons, least(
               s.turns_on, g.turns_on, CASE WHEN s.ripe_on > %(on)s THEN s.ripe_on END,
               CASE WHEN %(from)s > %(on)s THEN %(from)s::date END, CASE WHEN %(to)s > %(on)s THEN %(to)s::date END
           ) AS turns_on,
           {", ".join(f"CASE WHEN reasons = '{{{{}}}}' THEN s.{name} ELSE {empty} END AS {name}" for name, empty in _EMPTY.items())}
    FROM {_SOURCE}, LATERAL (SELECT CASE
        {" ".join(f"WHEN {test} THEN ARRAY['{reason}']" for reason, test in _FIRST.items())}
        ELSE array_remove(ARRAY[{", ".join(f"CASE WHEN {test} THEN '{reason}' END" for reason, test in _REASONS.items())}], NULL)
    END AS reasons) why
"""
_ROW: Final = ", ".join(f"{{0}}.{name}" for name in _COLUMNS)
_CHANGED: Final = f"""
    CREATE TEMP TABLE changed ON COMMIT DROP AS
    SELECT *, CASE WHEN kind IS NOT NULL
                   THEN %(position)s + row_number() OVER (PARTITION BY kind IS NULL ORDER BY code COLLATE "C") END AS place
    FROM (
        SELECT d.*, coalesce(was.number, 0) AS number,
               CASE WHEN d.reasons = '{{}}' AND was.eligible IS NOT TRUE THEN '{Change.Kind.ADDED}'
                    WHEN d.reasons <> '{{}}' AND was.eligible THEN '{Change.Kind.REMOVED}'
                    WHEN was.eligible AND ({_ROW.format("d")}) IS DISTINCT FROM ({_ROW.format("was")})
                    THEN '{Change.Kind.CHANGED}' END AS kind,
               CASE WHEN %(cause)s = '{Change.Cause.PRODUCT}' THEN %(cause)s
                    WHEN d.last_seq > %(after)s THEN '{Change.Cause.GRADE}'
                    WHEN %(cause)s = '{Change.Cause.AUTHORISATION}'
                         AND (%(asked)s::text[] IS NULL OR d.code = ANY(%(asked)s)) THEN %(cause)s
                    WHEN was.turns_on <= %(on)s THEN '{Change.Cause.DATE}'
                    ELSE '{Change.Cause.REGISTER}' END AS cause
        FROM derived d LEFT JOIN {_STANDING} was ON was.product_id = %(product)s AND was.code = d.code
        WHERE was.code IS NULL OR (d.reasons, d.turns_on, {_ROW.format("d")})
              IS DISTINCT FROM (was.reasons, was.turns_on, {_ROW.format("was")})
    ) one
"""
_WRITE_CHANGES: Final = f"""
    INSERT INTO {Change._meta.db_table} (product_id, number, code, social_credit_code, kind, cause, reasons,
                                         ledger_seq, at, listed_before)
    SELECT %(product)s, place, code, social_credit_code, kind, cause, reasons, %(until)s, %(now)s, number > 0
    FROM changed WHERE kind IS NOT NULL ORDER BY place
"""
_WRITTEN: Final = ("reasons", "number", "turns_on", *_COLUMNS)
_WRITE_STANDINGS: Final = f"""
    INSERT INTO {_STANDING} (product_id, code, {", ".join(_WRITTEN)})
    SELECT %(product)s, code, reasons, coalesce(place, number), turns_on, {", ".join(_COLUMNS)}
    FROM changed ORDER BY code
    ON CONFLICT (product_id, code) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _WRITTEN)}
"""


def _derive(product: LoanProduct, params: dict[str, Any], codes: Collection[str] | None) -> int:
    """Derive these pharmacies, or all, and write what differs; how many changes of the list that is."""
    granted = _stage(product, params["on"], codes, params["until"])
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.derived, pg_temp.changed")
        cursor.execute(_DERIVED.format(granted=granted), params)
        cursor.execute("ANALYZE pg_temp.derived (code)")
        cursor.execute(_CHANGED, params)
        cursor.execute(_WRITE_CHANGES, params)
        changes = cursor.rowcount
        cursor.execute(_WRITE_STANDINGS, params)
        written = cursor.rowcount
        cursor.execute("DROP TABLE pg_temp.staged, pg_temp.derived, pg_temp.changed")
        if written > MANY:
            cursor.execute(f"ANALYZE {_STANDING}")
    return int(changes)


def _stage(product: LoanProduct, today: date, codes: Collection[str] | None, until: int | None) -> str:
    """Stage what the tests look at; gives the SQL that selects the authorisations."""
    minimums = {product.minimum_grade, APPLICATION.minimum_grade}
    if product.is_sandbox:
        return sandbox.stage("staged", today, minimums)
    stage("staged", today, minimums, codes, until)
    return _GRANTED


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the tests of one pharmacy saw, and which of them it fails, each taken by itself; for officials only."""

    #: the columns ``published.STAGED``, and ``ripe_on`` (designated long enough from that day on), ``authorised``
    facts: dict[str, Any]
    failed: tuple[Reason, ...]


@transaction.atomic
def explain(product: LoanProduct, code: str, today: date) -> Explanation | None:
    """Why a pharmacy is on the list of a product on a day, or is not, by the tests that make the list.

    None for a designated code that nobody has. Writes nothing.
    """
    tests = {**_FIRST, **_REASONS}
    granted = _stage(product, today, [code], None)
    failed = ", ".join(f"CASE WHEN {test} THEN '{reason}' END" for reason, test in tests.items())
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.*, g.holds IS TRUE AS authorised, array_remove(ARRAY[{failed}], NULL) AS failed"
            f" FROM {_SOURCE.format(granted=granted)} WHERE s.code = %(code)s",
            {**_terms(product, today), "code": code},
        )
        row = cursor.fetchone()
        names = [column.name for column in cursor.description]
        cursor.execute("DROP TABLE pg_temp.staged")
    if row is None:
        return None
    facts = dict(zip(names, row, strict=True))
    return Explanation(facts, tuple(map(Reason, facts.pop("failed"))))
