"""The certificate of a grade (信用等级证书) for a pharmacy's wall: only of a grade that holds on the day of issue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph

from creditsys import pdf
from creditsys.pdf_marks import grade_mark
from ratings.models import IssuedDocument, Pharmacy
from ratings.published import Entry, Grade
from ratings.reports.layout import demo
from ratings.reports.reading import entry_of, out_of_service, rules_of
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.documents import About, Stamp, issue
from ratings.services.errors import Refused
from ratings.services.steps import local_day, shown_day

TITLE: Final = "信用等级证书"
#: What it must not be taken for: a certificate hangs longer than a grade holds.
CAUTION: Final = "等级可能变动，以扫码查询的当前等级为准"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says."""

    city: str
    name: str
    #: as the ledger has it, where the pharmacy has changed its name since
    former_name: str
    code: str
    address: str
    grade: str
    label: str
    #: in the scheme's grades, 0 = best, and how many there are
    position: int
    grades: int
    #: written 2025H2
    period: str
    valid_from: date
    #: the first day on which it holds no more; None = until the next grade is published
    valid_until: date | None
    scheme: str
    #: row of the ledger, and its publication
    seq: int
    publication: int
    #: an objection to the grade is being heard
    under_objection: bool

    @property
    def grade_shown(self) -> str:
        """The letter and the word."""
        return f"{self.grade} {'级 ' if len(self.grade) <= 2 else ''}{self.label}"

    @property
    def validity(self) -> str:
        """From when until when, the last day included."""
        if self.valid_until is None:
            return f"自{shown_day(self.valid_from)}起，至下一次公布为止"
        return f"自{shown_day(self.valid_from)}起，至{shown_day(self.valid_until - timedelta(days=1))}止"


def certificate(pharmacy: Pharmacy, on: date) -> Certificate:
    """What the certificate of a pharmacy says on a day.

    Raises Refused, with the reason, where there is no grade that holds: none published, withdrawn, not
    rated, run out; and for a pharmacy that is designated no more or whose agreement is not in force.
    """
    entry = entry_of(pharmacy.code, on)
    grade = _certifiable(entry, on)
    scheme = rules_of([grade.scheme])[grade.scheme]
    return Certificate(
        city=settings.CITY_NAME,
        name=entry.name,
        former_name=grade.name if grade.name != entry.name else "",
        code=entry.code,
        address=entry.address or f"{entry.district_name}{entry.street}",
        grade=grade.grade,
        label=grade.label,
        position=grade.position,
        grades=len(scheme.grades),
        period=grade.period,
        valid_from=grade.valid_from,
        valid_until=grade.valid_until,
        scheme=f"{scheme.document.title}第{scheme.document.version}版",
        seq=grade.seq,
        publication=grade.publication,
        under_objection=grade.under_objection,
    )


def _certifiable(entry: Entry, on: date) -> Grade:
    """The grade in force; Refused where there is none to certify."""
    whose = f"{entry.name}（{entry.code}）"
    if out := out_of_service(entry, on):
        raise Refused(f"{whose}{out}，不签发等级证书；恢复后可以签发。")
    grade = entry.grade
    if grade is None:
        raise Refused(f"{whose}没有公布过信用等级，不签发等级证书；等级公布生效后可以签发。")
    if grade.position < 0:
        raise Refused(f"{whose}现在没有信用等级（{grade.reason}），不签发等级证书。")
    if not grade.holds(on):
        until = shown_day(grade.valid_until or on)
        raise Refused(
            f"{whose}的 {grade.grade} 级自{until}起已失效，不签发等级证书；新的等级公布后可以签发。"
        )
    return grade


def issue_certificate(
    pharmacy: Pharmacy, *, by: Actor, site: str, at: datetime | None = None
) -> IssuedDocument:
    """Issue the certificate of the grade that holds now. Raises Refused as :func:`certificate` and
    ``documents.issue`` do."""
    moment = at or timezone.now()
    said = certificate(pharmacy, local_day(moment))
    about = About(
        IssuedDocument.Kind.CERTIFICATE,
        f"{said.name}{TITLE}（{said.grade}级）",
        pharmacy=pharmacy,
        district=pharmacy.district,
        period=said.period,
        seq=said.seq,
    )
    return issue(about, lambda stamp: drawn(said, stamp), by=by, site=site, at=moment)


def drawn(said: Certificate, stamp: Stamp) -> bytes:
    """The PDF: one landscape page."""
    return pdf.render(
        f"{said.name}{TITLE}", "", [_Wall(said, stamp)], sheet=pdf.LANDSCAPE, made_at=stamp.at, bare=True
    )


#: Of the page, in points: how far its parts stand from its edges.
_EDGE: Final = 26.0
_SIDE: Final = 62.0
#: Where the column of the grade begins.
_RIGHT: Final = 566.0
_MARK: Final = 176.0
_INK, _DIM, _GOLD = (colors.HexColor(code) for code in ("#1f2933", "#52606d", "#8a6d3b"))


def _style(size: float, alignment: int = TA_LEFT, colour: colors.Color = _INK) -> ParagraphStyle:
    return ParagraphStyle(
        "wall", pdf.BODY, fontSize=size, leading=size * 1.35, alignment=alignment, textColor=colour
    )


class _Wall(Flowable):  # type: ignore[misc] # reportlab is not typed
    """The whole page: to be read from two metres, and on a black and white printer too."""

    def __init__(self, said: Certificate, stamp: Stamp) -> None:
        super().__init__()
        self.width, self.height = pdf.LANDSCAPE.across, pdf.LANDSCAPE.down
        self._said, self._stamp = said, stamp

    def wrap(self, *_available: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        self._borders()
        self._head()
        self._holder()
        self._grade()
        self._foot()

    def _borders(self) -> None:
        """Two lines around, and a square in each corner."""
        canvas: Any = self.canv
        for inset, width, colour in ((_EDGE, 3.2, _INK), (_EDGE + 7, 0.8, _GOLD)):
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(width)
            canvas.rect(inset, inset, self.width - 2 * inset, self.height - 2 * inset)
        side, inner = 12.0, _EDGE + 7
        canvas.setLineWidth(0.8)
        for x in (inner, self.width - inner - side):
            for y in (inner, self.height - inner - side):
                canvas.rect(x, y, side, side)

    def _head(self) -> None:
        canvas: Any = self.canv
        self._across(f"{self._said.city}医疗保障定点零售药店", 17, 74, spaced=2)
        self._across(TITLE, 44, 128, spaced=10, bold=1.1)
        canvas.setStrokeColor(_GOLD)
        canvas.setLineWidth(1.2)
        canvas.line(self.width / 2 - 210, self.height - 146, self.width / 2 + 210, self.height - 146)

    def _holder(self) -> None:
        said, wide = self._said, _RIGHT - _SIDE - 34
        name = _fitted(said.name, wide, 112, 38, 13)
        facts = [
            ("定点编码", said.code),
            ("地址", said.address or "—"),
            ("评价周期", Period.parse(said.period).label),
            ("有效期", said.validity),
            ("评价规则", said.scheme),
            ("公布序号", f"{said.seq}（发布 {said.publication}）"),
        ]
        if said.former_name:
            facts.insert(1, ("公布时名称", said.former_name))
        if said.under_objection:
            facts.append(("异议", "签发时，对本等级的异议正在处理"))
        top = 166 + self._put(name, _SIDE, 166, _evenly(name, wide)) + 16
        room = self.height - top - 152
        size = _size_for(facts, wide, room)
        for label, value in facts:
            self._put(pdf.paragraph(label, _style(size, colour=_DIM)), _SIDE, top, size * 6)
            top += (
                self._put(pdf.paragraph(value, _style(size)), _SIDE + size * 6, top, wide - size * 6)
                + size * 0.3
            )

    def _grade(self) -> None:
        said, canvas = self._said, self.canv
        wide = self.width - _SIDE - _RIGHT
        mark = grade_mark(said.position, said.grades, said.grade, _MARK)
        mark.drawOn(canvas, _RIGHT + (wide - _MARK) / 2, self.height - 172 - _MARK)
        self._put(_fitted(said.grade_shown, wide, 74, 32, 12, TA_CENTER), _RIGHT, 172 + _MARK + 8, wide)

    def _foot(self) -> None:
        stamp, square = self._stamp, 27 * mm
        top = self.height - _EDGE - 26 - square
        pdf.qr(stamp.address, square).drawOn(self.canv, _SIDE - 4, self.height - top - square)
        left, wide = _SIDE + square + 8, 400.0
        below = top + 6
        for text, size, colour in (
            (CAUTION, 12.5, _INK),
            (f"编号 {stamp.number}　验证码 {stamp.code}", 9.5, _DIM),
            (f"核验地址 {stamp.address}", 8, _DIM),
            (demo(), 9.5, _INK),
        ):
            if text:
                below += self._put(pdf.paragraph(text, _style(size, colour=colour)), left, below, wide) + 2
        right = self.width - _SIDE - 190
        office = _fitted(stamp.office, 190, 44, 17, 10, TA_RIGHT)
        below = top + 18
        below += self._put(office, right, below, 190) + 4
        self._put(pdf.paragraph(shown_day(stamp.at.date()), _style(14, TA_RIGHT)), right, below, 190)

    def _across(self, text: str, size: float, top: float, *, spaced: float, bold: float = 0) -> None:
        """A line in the middle of the page, its letters ``spaced`` apart; ``top`` is down to its foot."""
        canvas: Any = self.canv
        shown = pdf.readable(text)
        wide = canvas.stringWidth(shown, pdf.FONT, size) + spaced * (len(shown) - 1)
        line = canvas.beginText((self.width - wide) / 2, self.height - top)
        line.setFont(pdf.FONT, size)
        line.setCharSpace(spaced)
        line.setFillColor(_INK)
        if bold:
            canvas.setLineWidth(bold)
            line.setStrokeColor(_INK)
            line.setTextRenderMode(2)
        line.textOut(shown)
        line.setTextRenderMode(0)
        line.setCharSpace(0)
        canvas.drawText(line)

    def _put(self, paragraph: Paragraph, x: float, top: float, wide: float) -> float:
        """Draw a paragraph ``top`` below the page's upper edge; its height."""
        _, high = paragraph.wrap(wide, self.height)
        paragraph.drawOn(self.canv, x, self.height - top - high)
        return float(high)


def _fitted(
    text: str, wide: float, high: float, largest: float, least: float, alignment: int = TA_LEFT
) -> Paragraph:
    """``text`` as large as fits into the room, and at least ``least``."""
    size = largest
    while True:
        found = pdf.paragraph(text, _style(size, alignment))
        if size <= least or found.wrap(wide, high)[1] <= high:
            return found
        size -= 1


def _evenly(paragraph: Paragraph, wide: float) -> float:
    """The least width in which a paragraph has no more lines than in ``wide`` and none ends with a bracket
    that opens; so no single character is left over for the last line."""
    high = paragraph.wrap(wide, 0)[1]
    best, width = wide, wide
    while (width := width - paragraph.style.fontSize / 4) > 0 and paragraph.wrap(width, 0)[1] <= high:
        lines = ["".join(words) for _, words in paragraph.blPara.lines]
        if not any(line.endswith(("（", "(", "“")) for line in lines):
            best = width
    return best


def _size_for(facts: Sequence[tuple[str, str]], wide: float, room: float) -> float:
    """The largest size in which all of the facts fit into the room."""
    size = 16.0
    while size > 8:
        values = (pdf.paragraph(value, _style(size)) for _, value in facts)
        if sum(value.wrap(wide - size * 6, room)[1] + size * 0.3 for value in values) <= room:
            break
        size -= 0.5
    return size
