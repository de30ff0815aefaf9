"""How the lists are read by whatever leaves this house. Callers bring the product up to date first.

Rows are plain dicts, ready for JSON: ``code``, ``social_credit_code``, ``number`` and the columns
``lists.SHOWN``, and nothing of a pharmacy that is not eligible.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from applications.bank_loans.models import Change, LoanProduct, Reason, Standing
from applications.bank_loans.models.lists import SHOWN

#: Of a row of the list, in their order.
COLUMNS: Final = ("code", "social_credit_code", "number", *SHOWN)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the position of the list that they were read at (in one statement with them)."""

    position: int
    ledger_seq: int
    rows: list[dict[str, Any]]
    #: there are more
    more: bool


_STANDING: Final = Standing._meta.db_table
_LISTED: Final = ", ".join(f"s.{name} AS {name}" for name in COLUMNS)
_PAGE: Final = f"""
    SELECT p.position, p.ledger_seq, one.*
    FROM {LoanProduct._meta.db_table} p LEFT JOIN LATERAL ({{rows}} LIMIT %(limit)s) one ON true
    WHERE p.id = %(product)s ORDER BY one.{{by}}
"""
_ELIGIBLE: Final = _PAGE.format(
    rows=f"SELECT {_LISTED} FROM {_STANDING} s WHERE s.product_id = p.id AND s.reasons = '{{}}' AND s.code > %(after)s ORDER BY s.code",
    by="code",
)
_OLD: Final = {Change.Kind.ADDED: "not_eligible", Change.Kind.CHANGED: "eligible", Change.Kind.REMOVED: "eligible"}  # fmt: skip
_NEW: Final = {Change.Kind.ADDED: "eligible", Change.Kind.CHANGED: "eligible", Change.Kind.REMOVED: "not_eligible"}  # fmt: skip
_CHANGE: Final = ("number", "code", "social_credit_code", "kind", "cause", "reasons", "ledger_seq", "at")
_CHANGES: Final = _PAGE.format(
    rows=f"""SELECT {", ".join(f"c.{name}" for name in _CHANGE)}, s.eligible,
                    {", ".join(f"s.{name} AS now_{name}" for name in COLUMNS)}
             FROM {Change._meta.db_table} c
             LEFT JOIN {_STANDING} s ON s.product_id = c.product_id AND s.code = c.code
             WHERE c.product_id = p.id AND c.number > %(after)s ORDER BY c.number""",
    by="number",
)


def eligible_page(product: LoanProduct, after: str, limit: int) -> Page:
    """The next eligible pharmacies by designated code after ``after`` ("" from the start)."""
    return _page(product, _ELIGIBLE, after, limit, lambda row: dict(zip(COLUMNS, row, strict=True)))


def changes_page(product: LoanProduct, since: int, limit: int) -> Page:
    """The next changes after number ``since`` (0 from the start), in order, without gaps.

    Rows: ``number``, ``code``, ``social_credit_code``, ``kind``, ``old`` and ``new`` ("eligible" or
    "not_eligible"), ``cause``, ``reasons``, ``ledger_seq``, ``at``, and ``pharmacy``: the row of the list as it
    is now, None unless the pharmacy is eligible now. Replayed from 0, the last row of each code gives the list.
    """
    return _page(product, _CHANGES, since, limit, _change)


def _page(product: LoanProduct, sql: str, after: str | int, limit: int, shape: Any) -> Page:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"product": product.pk, "after": after, "limit": limit + 1})
        found = cursor.fetchall()
    position, ledger_seq = found[0][:2]
    rows = [shape(row[2:]) for row in found if row[2] is not None]
    return Page(position, ledger_seq, rows[:limit], len(rows) > limit)


def _change(row: tuple[Any, ...]) -> dict[str, Any]:
    told = dict(zip(_CHANGE, row, strict=False))
    eligible, *shown = row[len(_CHANGE) :]
    return {
        **told,
        "old": _OLD[told["kind"]],
        "new": _NEW[told["kind"]],
        "pharmacy": dict(zip(COLUMNS, shown, strict=True)) if eligible else None,
    }


#: Of these nothing is told but that: not even which code goes with which.
_SILENT: Final = {Reason.NOT_AUTHORISED, Reason.PRODUCT_CLOSED}
_CHECK: Final = f"""
    SELECT asked.code, s.eligible, s.reasons, {_LISTED}
    FROM unnest(%(codes)s::text[]) asked(code)
    JOIN {_STANDING} s ON s.product_id = %(product)s AND s.{{by}} = asked.code
    WHERE asked.code <> ''
"""
#: What one check gives at the most: a code of an enterprise names all its pharmacies.
MOST_CHECKED: Final = 20_000


class TooMany(Exception):
    """The codes asked for name more than MOST_CHECKED pharmacies."""


def check(product: LoanProduct, codes: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """For each designated or social credit code: the pharmacies that it names, none = unknown. Constant queries.

    Rows: ``code``, ``social_credit_code``, ``eligible``, ``reasons``, and ``pharmacy`` as above. Of a pharmacy
    that has not authorised it, and while the product is closed, the other code than the one asked for is "". Raises TooMany.
    """
    found: dict[str, list[dict[str, Any]]] = {code: [] for code in codes}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_CHECK.format(by='code')} UNION ALL {_CHECK.format(by='social_credit_code')}"
            f" ORDER BY 4 LIMIT {MOST_CHECKED + 1}",
            {"codes": list(found), "product": product.pk},
        )
        rows = cursor.fetchall()
        if len(rows) > MOST_CHECKED:
            raise TooMany
        for asked, row in _checked(rows):
            found[asked].append(row)
    return {code: _merged(rows) for code, rows in found.items()}


def _merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row once; those of which nothing is told come last, so that neither their number nor their place does."""
    kept = [row for row in rows if row["code"]]
    return kept + [row for row in rows if not row["code"]][:1]


def _checked(rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for asked, eligible, reasons, *shown in rows:
        listed = dict(zip(COLUMNS, shown, strict=True))
        codes = {name: listed[name] for name in ("code", "social_credit_code")}
        if not _SILENT.isdisjoint(reasons):
            codes = {name: code if code == asked else "" for name, code in codes.items()}
        yield (
            asked,
            {**codes, "eligible": eligible, "reasons": reasons, "pharmacy": listed if eligible else None},
        )
