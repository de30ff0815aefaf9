"""Tables whose cells know their headers, for phones: what ``enterprise_credit/admin/table.html`` draws."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from applications.enterprise_credit import describing
from applications.enterprise_credit.describing import Table
from ratings.admin import show

#: Rows that stand open; the rest is folded.
_OPEN: Final = 10


def drawn(
    title: str, headers: Sequence[str], rows: Sequence[Sequence[Any]], note: str = ""
) -> dict[str, Any]:
    """A table of texts, numbers or safe HTML."""
    return {"title": title, "headers": headers, "rows": _rows(headers, rows), "note": note}


def labelled(one: Table) -> dict[str, Any]:
    """A table of plain texts."""
    return drawn(one.title, one.headers, one.rows, one.note)


def folded(one: Table) -> dict[str, Any]:
    """The same, all but the first rows folded away."""
    more = one.rows[_OPEN:]
    first = replace(one, rows=one.rows[:_OPEN])
    return {**labelled(first), "folded": _rows(one.headers, more), "more": len(more)}


def _rows(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> SafeString:
    """Rows as HTML; put together here, as a template takes its time over thousands of cells."""
    begins = [format_html('<td data-label="{}">', header) for header in headers]
    marked = [header == describing.OBJECTION for header in headers]
    return format_html_join("", "<tr>{}</tr>", ((_cells(begins, marked, row),) for row in rows))


def _cells(begins: Sequence[str], marked: Sequence[bool], row: Sequence[Any]) -> SafeString:
    cells = (
        f"{begin}{show.badge('warn', text) if mark and text else conditional_escape(text if text != '' else '—')}</td>"
        for begin, mark, text in zip(begins, marked, row, strict=True)
    )
    return mark_safe("".join(cells))  # noqa: S308 -- each part is escaped
