"""Where lines of Chinese may break. reportlab cuts anywhere but before a few signs, and those it hangs out of the line.

No line begins with closing punctuation nor ends with an opening bracket (GB/T 15834-2011, 5.1); a number is not cut and
keeps its unit.
"""

import re
from collections.abc import Sequence
from typing import Final

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import paragraph

_OPENING: Final = r"（《〈“‘「『【〔\[("
_CLOSING: Final = r"，。、；：？！）》〉”’」』】〕…％%\])"
#: What stays on one line: a number with its unit, a word or one character, and the punctuation around it.
_PIECE: Final = re.compile(
    rf"[{_OPENING}]*(?:[0-9]+(?:[,.][0-9]+)*(?:月底|[年月日分元件家个级])?|[!-'*-Z^-~]+|.)[{_CLOSING}]*",
    re.DOTALL,
)
#: Whose right half is blank: it may lie in the margin.
_HALF: Final = frozenset("，。、；：）》〉」』】〕")
#: A line may be wider by so many points, which nobody sees.
_SLACK: Final = 0.01


def lines(text: str, widths: Sequence[float], font: str, size: float) -> list[str]:
    """``text`` in lines; ``widths`` are those of the first ones, the last holds for all after it.

    What no line can hold, such as a long address, is cut anywhere.
    """
    if _across(text, font, size) <= widths[0] + _SLACK:
        return [text]
    found: list[str] = []
    line, used, narrow = "", 0.0, min(widths)
    for piece in _PIECE.findall(text):
        for part in [piece] if _across(piece, font, size) <= narrow else piece:
            room = widths[min(len(found), len(widths) - 1)]
            if line and used + _across(part.rstrip(), font, size) > room + _SLACK:
                found.append(line.rstrip())
                line, used = "", 0.0
            if line or not found or not part.isspace():
                line += part
                used += stringWidth(part, font, size)
    return [*found, line] if line else found


def _across(text: str, font: str, size: float) -> float:
    """How much of a line ``text`` takes at its end."""
    return float(stringWidth(text, font, size)) - (size / 2 if text[-1:] in _HALF else 0)


def install() -> None:
    """Have reportlab's paragraphs with ``wordWrap="CJK"`` break so."""

    def split(text: str, given: float | Sequence[float], font: str, size: float) -> list[list[float | str]]:
        widths = list(given) if isinstance(given, Sequence) else [given]
        told = lines(text, widths, font, size) if text else []
        rooms = widths + widths[-1:] * len(told)
        return [[room - stringWidth(line, font, size), line] for room, line in zip(rooms, told, strict=False)]

    paragraph.wordSplit = split
