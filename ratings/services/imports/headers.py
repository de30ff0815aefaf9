"""Which of their columns is which of ours: header row, aliases, mapping, units, defaults."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from unicodedata import normalize

from ratings.services.imports.columns import Column, Kind
from ratings.services.imports.errors import UnreadableFile
from ratings.services.imports.parsing import UNITS, clean, datum_of, quote
from ratings.services.imports.sources import Head, Source

_DROPPED = re.compile(r"[\s_\-*:：]+")
_NOTE = re.compile(r"(.+?)[(\[【〔](.+?)[)\]】〕]")
_ENGLISH_UNITS = {"fen": 1, "yuan": 100}
#: The line of a template that shows how to fill it in begins with this.
EXAMPLE_MARK = "#示例"


@dataclass(frozen=True, slots=True)
class Bound:
    """One of our columns and where its cells come from."""

    column: Column
    #: position in their rows; None when only the default fills it
    index: int | None
    #: what they call it
    header: str
    #: fen in one unit of a bare amount
    unit: int = 100
    #: text that stands for empty cells, or for the whole column
    default: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file are to be read."""

    head: Head
    #: records up to and including the header
    skip: int
    header_line: int
    #: their header cells
    headers: list[str]
    bound: tuple[Bound, ...]
    ignored: list[str]


@dataclass(frozen=True, slots=True)
class _Match:
    column: Column
    unit: int | None = None
    datum: str | None = None


def simplified(header: str) -> str:
    """A header without blanks, marks, case and width."""
    return _DROPPED.sub("", normalize("NFKC", clean(header)).lower())


def find_layout(kind: Kind, source: Source, mapping: dict[str, str], defaults: dict[str, str]) -> Layout:
    """The header row that fits best, and its columns. Raises UnreadableFile, saying what is missing
    and which headers were seen."""
    names = _Names(kind)
    targets = {simplified(theirs): names.target(ours) for theirs, ours in mapping.items()}
    filled = {names.target(ours).column.name: text for ours, text in defaults.items()}
    best: tuple[int, Head, int] | None = None
    for head in source.heads():
        for position, (_, row) in enumerate(head.rows):
            found = {
                match.column.name
                for cell in row
                if (match := targets.get(simplified(cell)) or names.match(cell))
            }
            if found and (best is None or len(found) > best[0]):
                best = (len(found), head, position)
    if best is None:
        raise _no_header(kind, source)
    _, head, position = best
    line, headers = head.rows[position]
    headers = [clean(cell) for cell in headers]
    _check_mapping(mapping, headers)
    bound, ignored = _bind(kind, names, headers, targets, filled)
    return Layout(head, position + 1, line, headers, bound, ignored)


def _bind(
    kind: Kind,
    names: "_Names",
    headers: list[str],
    targets: dict[str, _Match],
    filled: dict[str, str],
) -> tuple[tuple[Bound, ...], list[str]]:
    taken: dict[str, Bound] = {}
    datums: set[str] = set()
    ignored: list[str] = []
    mapped = {match.column.name for match in targets.values()}
    for index, header in enumerate(headers):
        match = targets.get(simplified(header))
        explicit = match is not None
        if match is None:
            match = names.match(header)
            if match is not None and match.column.name in mapped:
                match = None
        if match is None:
            if header:
                ignored.append(header)
            continue
        name = match.column.name
        if name in taken:
            raise UnreadableFile(
                f"“{taken[name].header}”和“{header}”两列都像“{match.column.label}”。",
                f"请用列对应指明一列，如 {header}={name}。",
            )
        unit, datum = match.unit, match.datum
        if explicit:
            noted_unit, noted_datum = names.noted(header, match.column)
            if unit and noted_unit and unit != noted_unit:
                raise UnreadableFile(f"“{header}”一列的金额单位与列对应中写的不一致。", "请核对单位。")
            unit, datum = unit or noted_unit, datum or noted_datum
        if datum:
            datums.add(datum)
        taken[name] = Bound(match.column, index, header, unit or 100, filled.get(name, ""))
    if len(datums) > 1:
        raise UnreadableFile(f"表头中写了不同的坐标系：{'、'.join(sorted(datums))}。", "请统一为一种。")
    if datums and "datum" not in taken and not filled.get("datum"):
        filled = {**filled, "datum": datums.pop()}
    for column in kind.columns:
        if column.name not in taken and filled.get(column.name):
            taken[column.name] = Bound(column, None, column.label, 100, filled[column.name])
    _check_missing(kind, taken, headers)
    if "latitude" not in taken:
        taken.pop("datum", None)
    elif "datum" not in taken:  # a place goes with its datum, also when it is taken back
        column = kind.column("datum")
        taken["datum"] = Bound(column, None, column.label)
    return tuple(taken[column.name] for column in kind.columns if column.name in taken), ignored


def _check_missing(kind: Kind, taken: dict[str, Bound], headers: list[str]) -> None:
    missing = [column for column in kind.columns if column.required and column.name not in taken]
    for group in kind.together:
        if any(name in taken for name in group):
            missing += [kind.column(name) for name in group if name not in taken]
    if missing:
        wanted = "、".join(f"“{column.label}”（{column.name}）" for column in missing)
        raise UnreadableFile(
            f"缺少列：{wanted}。文件中的表头为：{_listed(headers)}。",
            "请补上这些列，或用列对应指明（他们的列=我们的列），或为整列指定默认值。",
        )


def _check_mapping(mapping: dict[str, str], headers: list[str]) -> None:
    seen = {simplified(header) for header in headers}
    unknown = [theirs for theirs in mapping if simplified(theirs) not in seen]
    if unknown:
        near = get_close_matches(unknown[0], headers, n=1)
        hint = f"是否指“{near[0]}”？" if near else ""
        raise UnreadableFile(
            f"列对应中的{quote(unknown[0])}不在文件里。文件中的表头为：{_listed(headers)}。",
            f"{hint}请核对列对应。",
        )


def _no_header(kind: Kind, source: Source) -> UnreadableFile:
    first = next((row for head in source.heads() for _, row in head.rows if any(row)), None)
    if first is None:
        return UnreadableFile("文件里没有任何内容。", "请核对文件。")
    return UnreadableFile(
        f"找不到“{kind.label}”的表头。文件第一行为：{_listed([clean(cell) for cell in first])}。",
        f"表头须在前 10 行之内，须有：{'、'.join(c.label for c in kind.columns if c.required)}；"
        "名称不同的列请用列对应指明（他们的列=我们的列）。",
    )


def _listed(headers: list[str]) -> str:
    shown = [quote(header, 20) for header in headers if header][:20]
    return "、".join(shown) if shown else "（空）"


def _notes(header: str, column: Column) -> tuple[int | None, str | None]:
    """The unit of money (fen) and the datum that a header notes in parentheses."""
    found = _NOTE.fullmatch(simplified(header))
    if not found:
        return None, None
    return (
        UNITS.get(found[2]) if column.unit == "money" else None,
        datum_of(found[2]) if column.unit == "datum" else None,
    )


class _Names:
    """Every name that a kind's columns go by."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._by_name: dict[str, Column] = {}
        for column in kind.columns:
            for name in (column.name, column.label, *column.aliases):
                self._by_name.setdefault(simplified(name), column)

    def match(self, header: str) -> _Match | None:
        """The column that a header names, with the unit or datum that it notes in parentheses."""
        name = simplified(header)
        column = self._by_name.get(name)
        if column:
            return _Match(column, self._unit_in_name(column, name))
        found = _NOTE.fullmatch(name)
        if not found or found[1] not in self._by_name:
            return None
        column = self._by_name[found[1]]
        unit = self._unit_in_name(column, found[1])
        noted_unit, datum = _notes(header, column)
        if unit and noted_unit and unit != noted_unit:
            raise UnreadableFile(f"“{clean(header)}”一列写了两种金额单位。", "请核对单位。")
        return _Match(column, unit or noted_unit, datum)

    @staticmethod
    def _unit_in_name(column: Column, name: str) -> int | None:
        if column.unit != "money":
            return None
        return next((fen for word, fen in _ENGLISH_UNITS.items() if name.endswith(word)), None)

    def noted(self, header: str, column: Column) -> tuple[int | None, str | None]:
        """The unit and the datum that a header tells of a column: by its name, where it is one of the column's, and in
        parentheses."""
        named = self.match(header)
        if named and named.column == column:
            return named.unit, named.datum
        return _notes(header, column)

    def target(self, ours: str) -> _Match:
        """The column that a mapping or default means; an alias or a note tells a unit too, the column's own name (which
        may end in \"fen\") does not: the header does. Raises UnreadableFile, naming the nearest."""
        if match := self.match(ours):
            return _Match(match.column) if ours == match.column.name else match
        columns = [column.name for column in self._kind.columns]
        near = get_close_matches(ours, columns, n=1, cutoff=0.5)
        hint = f"是否指 {near[0]}？" if near else ""
        raise UnreadableFile(
            f"“{self._kind.label}”没有名为{quote(ours)}的列。", f"{hint}可用的列：{'、'.join(columns)}。"
        )
