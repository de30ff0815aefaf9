"""What a column and a kind of import are, and the parsers that columns are made of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from ratings.models.facts import MAX_AMOUNT_FEN
from ratings.rules.periods import add_months
from ratings.rules.vocabulary import Vocabulary
from ratings.services.imports import parsing
from ratings.services.imports.bulk import Bulk

#: A parser of one cleaned cell (see parsing.py).
Parse = Callable[[str], str]
#: A row of staged values by column name; None = empty.
Row = dict[str, str | None]
#: Looks at (and may complete) a parsed row; yields (column, message, remedy).
RowCheck = Callable[[Row], Iterator[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class Context:
    """What parsers need to know of the import they work for."""

    #: the day of recording, Asia/Shanghai; nothing known is later
    today: date
    #: day 0 of an XLSX file's date serials; None in CSV
    epoch: date | None
    #: registered districts: name -> codes with that name
    districts: Mapping[str, tuple[int, ...]]
    #: fen in one unit of a bare amount in this column
    unit: int = 100


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that names a row of another table."""

    table: str
    #: column of that table which the cell holds
    by: str
    #: for "not registered" messages
    label: str
    remedy: str
    #: the row may be a new one of the same file
    in_file: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a kind: ``name`` is ours (mapping, defaults), ``label`` the Chinese header."""

    name: str
    label: str
    parser: Callable[[Context], Parse]
    sql: str
    aliases: tuple[str, ...] = ()
    help: str = ""
    example: str = ""
    required: bool = False
    #: staged for an empty cell, and for the column of a new row that the file lacks (None = NULL)
    empty: str | None = ""
    #: column of the table; the name unless given
    db: str = ""
    reference: Reference | None = None
    #: recognises and converts whole columns of plain cells at once
    whole: Callable[[Context], Bulk] | None = None
    #: header may carry a unit of money, or a datum, in parentheses
    unit: str = ""

    @property
    def target(self) -> str:
        return self.db or self.name


@dataclass(frozen=True, slots=True)
class Rule:
    """What must not stand in one row of the table, columns that the file lacks included."""

    #: where it is shown: the first of these that the file has
    columns: tuple[str, ...]
    #: SQL, with {name} for the value that a column would get
    broken: str
    #: Chinese, with {name} for values
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of import."""

    id: str
    label: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    #: facts are versioned by voiding; registry rows are updated in place
    is_fact: bool = True
    check_row: RowCheck | None = None
    rules: tuple[Rule, ...] = ()
    #: comes in millions of rows: a file of new, good rows goes straight into the table
    straight: bool = False
    #: columns that come all or none
    together: tuple[tuple[str, ...], ...] = ()
    help: str = ""

    def column(self, name: str) -> Column:
        """The column of this name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def plain(parse: Parse) -> Callable[[Context], Parse]:
    return lambda context: parse


def text(limit: int) -> Callable[[Context], Parse]:
    return plain(parsing.text_parser(limit))


def word_of(vocabulary: Vocabulary) -> Callable[[Context], Parse]:
    return plain(parsing.vocabulary_parser(vocabulary))


def past(context: Context) -> Parse:
    return parsing.date_parser(
        latest=context.today, beyond=f"晚于记录日期 {context.today.isoformat()}", epoch=context.epoch
    )


def soon(context: Context) -> Parse:
    """Dates that may be set ahead, by a year at most."""
    return parsing.date_parser(
        latest=add_months(context.today, 12), beyond="比记录日期晚一年以上", epoch=context.epoch
    )


def any_end(context: Context) -> Parse:
    return parsing.date_parser(latest=date(2100, 12, 31), beyond="过晚", epoch=context.epoch)


def month(context: Context) -> Parse:
    return parsing.month_parser(latest=context.today, epoch=context.epoch)


def amount(lowest: int) -> Callable[[Context], Parse]:
    return lambda context: parsing.amount_parser(context.unit, lowest, MAX_AMOUNT_FEN)


def district(context: Context) -> Parse:
    return parsing.district_parser(context.districts)
