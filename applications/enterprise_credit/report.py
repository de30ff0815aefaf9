"""A profile as files: the report (PDF) and the workbook (XLSX); both say for whom, when and what for."""

import io
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from reportlab.platypus import Flowable
from reportlab.platypus import Table as Frame

from applications.enterprise_credit import charts, describing
from applications.enterprise_credit.describing import Table
from applications.enterprise_credit.models import Look
from applications.enterprise_credit.profiles import Profile
from creditsys import pdf, pdf_charts
from ratings.admin.exports import harmless
from ratings.admin.show import moment

#: How wide the columns of some tables are, by their first header; the others share the width equally.
_SHARES: Final = {
    "依据": (6, 1, 2),
    "定点编码": (2.2, 3.4, 1.3, 1.3, 2.6, 1.3, 4.2, 1.4, 2.4),
    "名单": (1.4, 3, 2, 2, 3.4, 3),
    "日期": (1.6, 3, 6),
}
#: Cells that begin on top, without a margin.
_TOP: Final = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
_NO_SHEET_TITLE: Final = re.compile(r"[\[\]:*?/\\]")


@dataclass(frozen=True, slots=True)
class Cover:
    """For whom, when, what for; ``number`` is that of the look on record."""

    department: str
    by: str
    at: datetime
    purpose: str
    case_no: str
    number: int

    @property
    def bound(self) -> str:
        """What the file may serve for."""
        case = f"，案号或项目号 {self.case_no}" if self.case_no else ""
        return f"仅供{self.department}用于“{self.purpose}”{case}，不得另作他用"

    def facts(self) -> tuple[tuple[str, str], ...]:
        return (
            ("查询部门", self.department),
            ("查询人", self.by),
            ("查询时间", moment(self.at)),
            ("用途", self.purpose),
            ("案号或项目号", self.case_no or "无"),
            ("查询记录编号", str(self.number)),
        )


def cover_of(look: Look) -> Cover:
    """The cover of what a look shows."""
    return Cover(look.department.name, look.by, look.at, look.purpose_title, look.case_no, look.pk)


def workbook(profile: Profile, cover: Cover) -> bytes:
    """The workbook, a sheet for each part; cells are no formulas."""
    book = Workbook(write_only=True)
    first = book.create_sheet("概况")
    first.column_dimensions["A"].width, first.column_dimensions["B"].width = 18, 60
    blank = ("", "")
    rows = [
        ("企业信用信息", ""), (cover.bound, ""), *cover.facts(), blank,
        *describing.facts(profile), blank, (describing.NOTE, ""),
    ]  # fmt: skip
    for label, value in rows:
        first.append([harmless(label), harmless(value)])
    for number, one in enumerate(describing.tables(profile), 1):
        _sheet(book.create_sheet(_NO_SHEET_TITLE.sub(" ", f"{number} {one.title}")[:31]), one)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(sheet: Any, one: Table) -> None:
    for place, _ in enumerate(one.headers, 1):
        sheet.column_dimensions[get_column_letter(place)].width = 22
    sheet.freeze_panes = "A3" if one.headers else None
    title = WriteOnlyCell(sheet, harmless(one.title))
    title.font = Font(bold=True)
    sheet.append([title])
    for row in (one.headers, *one.rows, *([(one.note,)] if one.note else [])):
        sheet.append([harmless(cell) for cell in row])


def report(profile: Profile, cover: Cover, site: str) -> bytes:
    """The report; ``site`` is the address of this site, where the QR code leads."""
    name = profile.subject.name
    facts = pdf.facts(describing.facts(profile), pdf.WIDTH * 0.86)
    address = public_address(profile, site)
    code: list[Flowable] = [pdf.qr(address, 62), pdf.paragraph("公开查询", pdf.CELL)]
    head = Frame([[facts, code]], colWidths=[pdf.WIDTH * 0.88, pdf.WIDTH * 0.12], style=_TOP)
    story: list[Flowable] = [
        pdf.paragraph(f"企业信用信息报告：{name}", pdf.TITLE),
        pdf.paragraph(cover.bound),
        pdf.gap(),
        pdf.facts(cover.facts()),
        pdf.gap(),
        head,
        *_chart(profile),
    ]
    for one in describing.tables(profile):
        story += _part(one)
    story += [pdf.gap(), pdf.paragraph(f"{describing.NOTE}公开的药店等级可在 {address} 查到。")]
    heading = f"企业信用信息报告　{name}　{cover.bound}　查询记录 {cover.number}"
    return pdf.render(f"企业信用信息报告：{name}", heading, story)


def public_address(profile: Profile, site: str) -> str:
    """The public page of the enterprise's pharmacy where it has one, else the site; absolute."""
    site = settings.SITE_URL or site.rstrip("/")
    try:
        if len(profile.stores) == 1:
            return f"{site}{reverse('pharmacy_lookup:pharmacy', args=(profile.stores[0].code,))}"
        return f"{site}{reverse('pharmacy_lookup:search')}"
    except NoReverseMatch:  # residents' pages are not in use
        return f"{site}/"


def _part(one: Table) -> list[Flowable]:
    parts = pdf.heading(one.title)
    if one.rows:
        parts.append(pdf.table(one.headers, one.rows, _SHARES.get(one.headers[0], ())))
    if one.note:
        parts.append(pdf.paragraph(one.note, pdf.CELL))
    return parts


def _chart(profile: Profile) -> list[Flowable]:
    """The line of scores that the page shows."""
    points, grades = charts.score_points(profile.scores), [one.name for one in profile.scale]
    drawn = pdf_charts.score_line(points, grades, title=charts.TITLE, width=pdf.WIDTH)
    return [*pdf.heading("企业信用分"), *drawn] if drawn else []
