"""The tables of a trial as sheets of the page and of workbooks, with what is drawn of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from creditsys import charts
from creditsys.charts import Cell, Series
from ratings.admin.exports import MAX_ROWS
from ratings.admin.insight.sheets import Sheet
from ratings.insight import lab_report
from ratings.insight.lab import MOVES, Comparison, Move, Side
from ratings.insight.lab_report import LIST_HEADERS, NOT_RATED, Table
from ratings.insight.scales import merged
from ratings.insight.trials import Trial

#: Pharmacies that the page lists; files list all.
LISTED: Final = 200
#: What is drawn of the groups: pairs of fills and moves.
_DRAWN: Final = (Move.BETTER, Move.WORSE, Move.ENTERED, Move.LEFT)


@dataclass(frozen=True)
class Result:
    """A trial as the page and the files show it; the columns behind it are let go."""

    run: int
    title: str
    headline: str
    warnings: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    #: pharmacies that change, as many as were asked for
    listed: Sheet
    size: int
    changed: int


def result_of(trial: Trial, districts: Mapping[int, str], whole: bool) -> Result:
    """Everything of one trial; the list whole, or its first rows."""
    many = trial.comparison.changed
    rows = list(lab_report.listed(trial, districts, MAX_ROWS if whole else LISTED))
    note = f"共 {many:,} 家；降级的在前，变动大的在前；名称为今日登记的名称。"
    if len(rows) < many and not whole:
        note += f"本页列前 {len(rows)} 家，全部名单见下载的文件。"
    elif len(rows) < many:
        note += f"文件列前 {len(rows):,} 家；更多的请用 manage.py simulate --csv。"
    tables = lab_report.tables(trial, districts)
    return Result(
        run=trial.run.pk,
        title=f"{trial.label}　{trial.scope}　批次 #{trial.run.pk}",
        headline=lab_report.headline(trial),
        warnings=tuple(lab_report.warnings(trial)),
        sheets=tuple(_sheet(trial, table) for table in tables),
        listed=Sheet(
            f"{trial.run.pk}-list",
            f"{trial.label} 变动的药店",
            LIST_HEADERS,
            rows,
            note=note,
            names=2,
            most=LISTED,
        ),
        size=len(trial),
        changed=many,
    )


def plain_sheet(table: Table) -> Sheet:
    """A table that belongs to no single period."""
    return Sheet(table.key, table.title, table.headers, table.rows, note=table.note, names=2)


def _sheet(trial: Trial, table: Table) -> Sheet:
    drawn: dict[str, Any] = {}
    title = f"{trial.label} {table.title}"
    if table.key == "grades":
        drawn = _grades(trial, title)
    elif table.key in ("matrix", "published"):
        found = trial.published if table.key == "published" and trial.published else trial.comparison
        drawn = {"drawing": _matrix(found, title, table), "own_table": True}
    elif table.key in ("districts", "forms", "sizes"):
        drawn = _groups(title, table)
    return Sheet(
        f"{trial.run.pk}-{table.key}",
        title,
        table.headers,
        table.rows,
        note=table.note,
        total=table.total,
        names=2 if table.key in ("effects", "rules") else 1,
        **drawn,
    )


def _grades(trial: Trial, title: str) -> dict[str, Any]:
    sides = [trial.comparison.before, trial.comparison.after]
    if trial.published is not None and not trial.against_published:
        sides.append(trial.published.before)
    names = merged(side.names for side in sides)
    series = [Series(name, charts.grade_fill(place, len(names))) for place, name in enumerate(names)]
    series.append(Series(NOT_RATED, charts.grade_fill(-1, len(names))))
    rows = [(side.title, _counts(side, names)) for side in sides]
    return {"drawing": charts.stacked(title, series, rows), "legend": charts.legend(series, title)}


def _counts(side: Side, names: Sequence[str]) -> list[int]:
    *counts, not_rated = side.counts().tolist()
    found = dict(zip(side.names, counts, strict=True))
    return [*(found.get(name, 0) for name in names), not_rated]


def _matrix(found: Comparison, title: str, table: Table) -> Any:
    """Shaded by the share of the row; what keeps its grade is framed."""
    rows = []
    for name, *cells, total in table.rows[:-1]:
        drawn = [
            Cell(
                f"{count:,}",
                count / total if total else 0.0,
                kept=table.headers[place + 1] == name,
            )
            for place, count in enumerate(cells)
        ]
        rows.append((name, [*drawn, Cell(f"{total:,}")]))
    name, *sums = table.rows[-1]
    rows.append((name, [Cell(f"{count:,}") for count in sums]))
    return charts.matrix(title, table.headers[0], table.headers[1:], rows)


def _groups(title: str, table: Table) -> dict[str, Any]:
    columns = [(move, table.headers.index(MOVES[move])) for move in _DRAWN]
    other = table.headers.index(MOVES[Move.OTHER])
    rows = [row for row in table.rows if row[0] != "合计"]
    if any(row[other] for row in rows):
        columns = [(Move.OTHER, other), *columns[2:]]
    series = charts.plain(*(MOVES[move] for move, _ in columns))
    drawn = [(row[0], [row[place] for _, place in columns]) for row in rows]
    drawing = charts.stacked(f"{title}：变动的药店", series, drawn, share=False)
    return {"drawing": drawing, "legend": charts.legend(series, title) if drawing else ""}
