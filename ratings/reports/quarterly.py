"""季度统计表: the quarterly statistics table on paper, to be signed by those who fill in, check and answer for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, LongTable, Table, TableStyle

from creditsys import pdf
from ratings.insight.quarterly import FEN, FIGURES, Figure, Quarterly, quarterly
from ratings.insight.quarterly_book import heading, shown, title_of, unit_of
from ratings.models import District, IssuedDocument
from ratings.reports import layout
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.documents import About, Stamp, issue
from ratings.services.steps import shown_day

_SHEET: Final = pdf.LANDSCAPE
_CENTRED: Final = ParagraphStyle("centred", pdf.TITLE, alignment=TA_CENTER)
_NUMBER: Final = ParagraphStyle("number", pdf.CELL, alignment=TA_CENTER, leading=10)
#: So many columns of figures stand side by side; an amount takes two.
_ABREAST: Final = 13
_PLACE_SHARE: Final = 1.4
#: A table of so many rows is not torn apart.
_TOGETHER: Final = 15


@dataclass(frozen=True, slots=True)
class QuarterlyTable:
    """What the document says."""

    place: str
    table: Quarterly

    @property
    def title(self) -> str:
        return title_of(self.place)


def quarterly_table(quarter: Period, *, cutoff: datetime, district: District | None = None) -> QuarterlyTable:
    """A quarter's figures of all districts, or of one; eight queries at most.

    Raises Refused for a quarter that has not begun at the cutoff.
    """
    table = quarterly(quarter, cutoff=cutoff, districts=[district.code] if district else None)
    return QuarterlyTable(district.name if district else "全市", table)


def issue_quarterly(
    quarter: Period,
    *,
    cutoff: datetime,
    district: District | None = None,
    by: Actor,
    site: str,
    at: datetime | None = None,
) -> IssuedDocument:
    """Issue the table. Raises Refused as :func:`quarterly_table` does, and where the font lacks characters."""
    said = quarterly_table(quarter, cutoff=cutoff, district=district)
    about = About(
        IssuedDocument.Kind.QUARTERLY,
        f"{said.title}{quarter.label}",
        district=district,
        period=quarter.code,
    )
    return issue(about, lambda stamp: drawn(said, stamp), by=by, site=site, at=at or timezone.now())


# How it is laid out


def drawn(said: QuarterlyTable, stamp: Stamp) -> bytes:
    """The document: the figures by district, the lines to sign, then what each figure means."""
    table = said.table
    story: list[Flowable] = [pdf.paragraph(said.title, _CENTRED), pdf.facts(heading(table))]
    for figures in _bands():
        story += [pdf.gap(2 * mm), _band(figures, table)]
    story += [pdf.gap(), *_signing(stamp), layout.verification(stamp, _SHEET.width)]
    story += pdf.heading("指标解释")
    meanings = [(figure.group, figure.title, unit_of(figure), figure.meaning) for figure in FIGURES]
    story.append(pdf.table(("类别", "指标", "单位", "含义"), meanings, (1, 1.3, 0.5, 8)))
    running = f"{said.title}　{table.quarter.label}"
    return pdf.render(running, running, story, sheet=_SHEET, foot=layout.foot(stamp), made_at=stamp.at)


def _width(figure: Figure) -> int:
    return 2 if figure.unit == FEN else 1


def _bands() -> Iterator[list[Figure]]:
    """The figures, whole groups of them, as many abreast as the page is wide."""
    band: list[Figure] = []
    for group in dict.fromkeys(figure.group for figure in FIGURES):
        more = [figure for figure in FIGURES if figure.group == group]
        if band and sum(map(_width, band + more)) > _ABREAST:
            yield band
            band = []
        band += more
    yield band


def _band(figures: Sequence[Figure], table: Quarterly) -> Flowable:
    """One table: groups over figures with their units, a row for each district, the total."""
    groups = [figure.group for figure in figures]
    head = ["区县", *("" if group in groups[:at] else group for at, group in enumerate(groups))]
    rows = [(name, counts) for _, name, counts in table.rows]
    if len(rows) != 1:
        rows.append(("合计", table.total))
    cells = [
        [pdf.paragraph(text, _NUMBER) for text in head],
        ["", *(pdf.paragraph(f"{figure.title}\n（{unit_of(figure)}）", _NUMBER) for figure in figures)],
        *([pdf.paragraph(name, pdf.CELL), *_numbers(figures, counts)] for name, counts in rows),
    ]
    # A band that is not full leaves the rest of the line free, so that columns are as wide in each.
    share = _SHEET.width / (_ABREAST + _PLACE_SHARE)
    widths = [share * _PLACE_SHARE, *(share * _width(figure) for figure in figures)]
    found = LongTable(cells, colWidths=widths, repeatRows=2, hAlign="LEFT")
    spans = [("SPAN", (0, 0), (0, 1))]
    for group in dict.fromkeys(groups):
        first = groups.index(group) + 1
        spans.append(("SPAN", (first, 0), (first + groups.count(group) - 1, 0)))
    found.setStyle(
        TableStyle(
            [
                *spans,
                ("GRID", (0, 0), (-1, -1), 0.4, pdf.LINE),
                ("BACKGROUND", (0, 0), (-1, 1), pdf.SOFT),
                ("FONT", (1, 2), (-1, -1), pdf.FONT, 8),
                ("ALIGN", (1, 2), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
                ("LEFTPADDING", (0, 0), (-1, -1), 2),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    # What is longer begins below the one before, and goes on with its headers.
    return KeepTogether([found]) if len(rows) <= _TOGETHER else found


def _numbers(figures: Sequence[Figure], counts: Mapping[str, int]) -> list[str]:
    return [f"{shown(figure, counts[figure.id]):,}" for figure in figures]


def _signing(stamp: Stamp) -> list[Flowable]:
    """What is filled in by hand: the figure that the system does not hold, and who signs."""
    day = shown_day(stamp.at.date())
    lines = [
        ["检查家数（由填报单位填写）：＿＿＿＿＿＿ 家", f"填报单位（盖章）：{stamp.office}", "", ""],
        [
            "单位负责人：＿＿＿＿＿＿＿＿",
            "审核人：＿＿＿＿＿＿＿＿",
            "填报人：＿＿＿＿＿＿＿＿",
            f"填报日期：{day}",
        ],
    ]
    block = Table(
        [[pdf.paragraph(text) for text in line] for line in lines],
        colWidths=[_SHEET.width * share for share in (0.28, 0.24, 0.24, 0.24)],
    )
    block.setStyle(
        TableStyle(
            [
                ("SPAN", (1, 0), (-1, 0)),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 5),
            ]
        )
    )
    return [KeepTogether([block])]
