"""Whole columns of plain cells at once: the fast way through a large file.

A bulk function takes the raw cells of one column in one chunk and returns the staged values,
or None when any cell is not of the plain form; then the cells go one by one through parsing.py,
which accepts more forms and says what is wrong. Both must agree on every plain cell (tested).
"""

import re
from collections.abc import Callable, Sequence

from ratings.codes import PROVINCES

Bulk = Callable[[Sequence[str]], Sequence[str] | None]

DESIGNATED = re.compile(rf"P(?:{'|'.join(map(str, sorted(PROVINCES)))})[0-9]{{9}}")
WHOLE = re.compile(r"[0-9]{1,9}")
_YUAN = re.compile(r"-?[0-9]{1,10}\.[0-9]{2}")
_FEN = re.compile(r"-?[0-9]{1,12}")


def as_is(pattern: re.Pattern[str]) -> Bulk:
    """Cells that match are staged as they are."""

    def convert(cells: Sequence[str]) -> Sequence[str] | None:
        return cells if all(map(pattern.fullmatch, cells)) else None

    return convert


def amounts(unit: int) -> Bulk:
    """Plain amounts: yuan with two decimals (unit 100), or whole fen (unit 1)."""
    if unit == 1:
        return as_is(_FEN)

    def convert(cells: Sequence[str]) -> Sequence[str] | None:
        if not all(map(_YUAN.fullmatch, cells)):
            return None
        return [cell.replace(".", "") for cell in cells]

    return convert if unit == 100 else lambda cells: None


def memoised(parse: Callable[[str], str]) -> Bulk:
    """For columns with few distinct cells: each is parsed once.

    Raises whatever ``parse`` raises; the caller then goes cell by cell.
    """
    memo = _Memo(parse)

    def convert(cells: Sequence[str]) -> Sequence[str] | None:
        if len(memo) > _Memo.LIMIT:
            memo.clear()
        return list(map(memo.__getitem__, cells))

    return convert


class _Memo(dict[str, str]):
    """Parsed cells by raw cell."""

    LIMIT = 20_000
    #: longer cells are not kept
    _LONGEST = 400

    def __init__(self, parse: Callable[[str], str]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, cell: str) -> str:
        value = self._parse(cell)
        if len(cell) <= self._LONGEST:
            self[cell] = value
        return value
