"""Enterprises by social credit code, or by name: Chinese, pinyin, first letters (``creditsys/spelling.py``).

A search tells code, name and district and nothing of anybody's credit; it is no look.

What fits many of half a million names is found among the first by code; only what fits few is left for the index,
which is fast for few. Pieces of a word may lie apart in a name: the names decide.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from applications.enterprise_credit.models import CreditSubject
from applications.enterprise_credit.names import name_key
from creditsys.spelling import Meaning, Word, spell, words
from ratings.published import districts

#: So many are shown; where there are more, the search is to be narrowed down.
MOST: Final = 50
#: How many are looked at in the order of their codes before the index is asked.
_WINDOW: Final = 3_000
#: Beyond so many the pieces are not held against the names one by one.
_CANDIDATES: Final = 400
#: From so many characters on, what looks like the beginning of a code is taken for one.
_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{4}[0-9A-HJ-NPQRTUWXY]{0,12}")
_WHOLE_CODE: Final = 18
_TABLE: Final = CreditSubject._meta.db_table


@dataclass(frozen=True, slots=True)
class Match:
    """One enterprise that fits. ``district``: GB/T 2260, None and "" where it has no pharmacy."""

    uscc: str
    name: str
    district: int | None
    district_name: str


@dataclass(frozen=True, slots=True)
class Found:
    """At most :data:`MOST`; ``more``: others fit too."""

    matches: tuple[Match, ...]
    more: bool = False


def search(typed: str) -> Found:
    """Enterprises that fit what was typed: exactly so named ones first, then by code. A constant number of queries."""
    code = "".join(typed.split()).upper()
    if _CODE.fullmatch(code):
        rows = _read(
            "s.uscc BETWEEN %(first)s AND %(last)s", {"first": code, "last": code.ljust(_WHOLE_CODE, "Z")}
        )
        return _found(rows)
    meant = [word for word in words(typed) if word.meanings]
    if not meant:
        return Found(())
    named = _read("s.name_key = %(key)s", {"key": name_key(typed)})
    where, params = _conditions(meant)
    rows = _fitting(meant, _read(where, params, f"(SELECT * FROM {_TABLE} ORDER BY uscc LIMIT {_WINDOW})"))
    if len(rows) <= MOST:
        rows = _fitting(meant, _read(where, params))
    return _found({row[0]: row for row in (*named, *rows)}.values())


def is_whole_code(typed: str) -> bool:
    """Whether a whole social credit code was typed."""
    code = "".join(typed.split()).upper()
    return len(code) == _WHOLE_CODE and _CODE.fullmatch(code) is not None


def _conditions(meant: list[Word]) -> tuple[str, dict[str, Any]]:
    params: dict[str, Any] = {}
    parts = []
    for word in meant:
        ways = []
        for meaning in word.meanings:
            name = f"grams{len(params)}"
            params[name] = meaning.grams
            ways.append(f"s.grams @> %({name})s::int[]")
        parts.append(f"({' OR '.join(ways)})")
    return " AND ".join(parts), params


def _read(where: str, params: dict[str, Any], table: str = _TABLE) -> list[tuple[str, str, int | None]]:
    """Code, name and district, as many as may be needed, by code.

    First found, then put in order: a plan that walks through the codes until there are enough would take all the time
    there is where few fit.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH found AS MATERIALIZED (
                    SELECT s.uscc, s.name, s.district FROM {table} s WHERE {where} LIMIT {_CANDIDATES}
                ) SELECT * FROM found ORDER BY uscc""",
            params,
        )
        rows: list[tuple[str, str, int | None]] = cursor.fetchall()
    return rows


def _fitting(
    meant: list[Word], rows: Iterable[tuple[str, str, int | None]]
) -> list[tuple[str, str, int | None]]:
    found = []
    for row in rows:
        if all(any(_fits(meaning, row[1]) for meaning in word.meanings) for word in meant):
            found.append(row)
            if len(found) > MOST:
                break
    return found


def _fits(meaning: Meaning, name: str) -> bool:
    return meaning.pattern.strip("%") in (name_key(name) if meaning.column == "text" else spell(name).spelled)


def _found(rows: Iterable[tuple[str, str, int | None]]) -> Found:
    listed = list(rows)
    named = districts()
    matches = (
        Match(uscc, name, district, named.get(district, "") if district else "")
        for uscc, name, district in listed[:MOST]
    )
    return Found(tuple(matches), len(listed) > MOST)
