"""What documents share: how they say their number and where they are verified, and how the office signs."""

from typing import Final

from django.conf import settings
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Table, TableStyle

from creditsys import pdf
from ratings.services.documents import Stamp
from ratings.services.steps import shown_day

_QR: Final = 24 * mm
_RIGHT: Final = ParagraphStyle("right", pdf.BODY, alignment=TA_RIGHT)


def foot(stamp: Stamp) -> str:
    """What stands below each page."""
    return "　".join(filter(None, (f"编号 {stamp.number}", f"验证码 {stamp.code}", demo())))


def demo() -> str:
    """What a document of the demo city says wherever its number stands; "" in production."""
    return "" if settings.PRODUCTION else "演示数据，并非真实"


def verification(stamp: Stamp, width: float, said: str = "扫码核验真伪和当前状态") -> Flowable:
    """The QR code with the number, the code and the address beside it; kept on one page."""
    words = [
        pdf.paragraph(said),
        pdf.paragraph(f"编号：{stamp.number}　验证码：{stamp.code}", pdf.CELL),
        pdf.paragraph(f"核验地址：{stamp.address}", pdf.CELL),
    ]
    block = Table([[pdf.qr(stamp.address, _QR), words]], colWidths=[_QR + 4 * mm, width - _QR - 4 * mm])
    block.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return KeepTogether([block])


def signed_off(stamp: Stamp) -> Flowable:
    """The office and the day of issue, at the right, where the seal is put."""
    lines = [pdf.paragraph(text, _RIGHT) for text in (stamp.office, shown_day(stamp.at.date()))]
    return KeepTogether(lines)
