"""What charts are made of, whatever draws them: fills that are told apart without colour, parts, texts.

A plan counts from its upper left corner, downwards, in units of which a text is :data:`TEXT` high. Shape,
hatching and text say everything, colour only helps.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from creditsys.marks import grade_colour

#: What a share or a value may be; None = not known, drawn as a gap.
Value = int | float | None
#: How high a text is, and the number within a piece of a bar.
TEXT: Final = 12
SMALL: Final = 11


class Series(NamedTuple):
    """One of the things compared in a chart; ``fill`` is a key of :data:`FILLS`."""

    name: str
    fill: str


class Fill(NamedTuple):
    """A ground and what is hatched on it: rising, cross, across or upright lines, or dots."""

    ground: str
    hatch: str = ""
    ink: str = ""
    #: how wide its lines or dots are; they lie 8 apart (across and upright: 4)
    weight: float = 0

    @property
    def edge(self) -> str:
        """The colour of frames and lines: of ground and ink the darker one."""
        return self.ground if self.ink in ("", "#ffffff") else self.ink


#: Fills that are told apart without colour; grounds as in marks.css.
FILLS: Final[dict[str, Fill]] = {
    # of grades, best first; the worst and no grade
    "0": Fill("#14653a"),
    "1": Fill("#1d4f91", "rising", "#ffffff", 1.6),
    "2": Fill("#8a5a00", "dots", "#ffffff", 3),
    "3": Fill("#9a3412", "cross", "#ffffff", 1.2),
    "worst": Fill("#a31621", "across", "#ffffff", 1.6),
    "none": Fill("#d9dee5", "upright", "#4b5563", 1),
    # of plain series, in this order
    "a": Fill("#1d4f91"),
    "b": Fill("#ffffff", "rising", "#8a5a00", 3),
    "c": Fill("#ffffff", "dots", "#14653a", 4.4),
    "d": Fill("#ffffff", "cross", "#4b5563", 1.4),
}
PLAIN: Final = ("a", "b", "c", "d")
#: Of lines, by fill.
DASHES: Final = {"a": "", "b": "7 4", "c": "2 3", "d": "9 3 2 3"}
#: Corners of marks around their place, by fill; others are circles. Those of grades are as their badges.
CORNERS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "1": ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    "2": ((-0.5, -1), (0.5, -1), (1, 0), (0.5, 1), (-0.5, 1), (-1, 0)),
    "3": ((0, -1), (1, 0), (0, 1), (-1, 0)),
    "worst": ((-1, -0.8), (1, -0.8), (0, 1)),
    "none": ((-1, -0.3), (1, -0.3), (1, 0.3), (-1, 0.3)),
    "b": ((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)),
    "c": ((0, -1), (1, 0.8), (-1, 0.8)),
    "d": ((0, -1), (1, 0), (0, 1), (-1, 0)),
}


def grade_fill(position: int, grades: int) -> str:
    """The fill of a grade, as its badge is coloured; -1 = no grade."""
    return grade_colour(position, grades)


def plain(*names: str) -> tuple[Series, ...]:
    """Up to four series that are no grades."""
    return tuple(Series(name, fill) for name, fill in zip(names, PLAIN, strict=False))


# Parts of a plan


class Box(NamedTuple):
    """A bar, or a piece of one."""

    fill: str
    x: float
    y: float
    width: float
    height: float


class Label(NamedTuple):
    """A line of text on its baseline; ``anchor`` is start, middle or end; ``ground``: how wide it is whitened below."""

    x: float
    y: float
    words: str
    anchor: str = "middle"
    ground: float = 0


class Rule(NamedTuple):
    """A straight line: "" an axis, tick, zero, or start (of something that the words beside it name)."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str = ""


class Curve(NamedTuple):
    """A line through points, with a gap at each None."""

    fill: str
    points: tuple[tuple[float, float] | None, ...]


class Mark(NamedTuple):
    """A point of a line: circle, square, triangle, diamond; or the shape of a grade."""

    fill: str
    x: float
    y: float
    size: float = 4.5


Part = Box | Label | Rule | Curve | Mark


@dataclass(frozen=True, slots=True)
class Plan:
    """A chart laid out. ``said`` tells those who do not see it what it is and where the numbers are."""

    title: str
    width: float
    height: float
    parts: tuple[Part, ...]
    said: str
    #: width on a screen below which it is moved sideways instead of shrunk
    least: int = 0

    @property
    def fills(self) -> list[str]:
        """Of its boxes, each once."""
        return list(dict.fromkeys(part.fill for part in self.parts if isinstance(part, Box)))


# Words


def width_of(words: object, size: float = TEXT) -> float:
    """About how wide a text is, rather too wide: Chinese takes a square a character, Latin a little more than half."""
    return size * sum(
        1.0 if char > "~" or char in "MWmw@%" else 0.76 if char.isupper() else 0.62 for char in str(words)
    )


def cut(words: str, room: float) -> str:
    """``words``, or as much of them as there is room for, with … behind."""
    if width_of(words) <= room:
        return words
    while words and width_of(words) + TEXT > room:
        words = words[:-1]
    return f"{words}…"


def spelled(value: Value, unit: float = 1) -> str:
    """A value in ``unit``, to be glanced at: the table has it exactly."""
    if value is None:
        return "—"
    found = value / unit
    if not found or abs(found) >= 100 or (unit == 1 and isinstance(value, int)):
        return f"{found:,.0f}"
    return f"{found:.1f}"


# A table whose cells are shaded


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a heat table: what is written, how dark (0 to 1), where it leads; ``kept`` frames it."""

    words: str
    weight: float = 0.0
    url: str = ""
    sub: str = ""
    kept: bool = False

    @property
    def level(self) -> int:
        """How dark, from 0 to 5."""
        return min(5, round(max(self.weight, 0) * 5 + (0.4 if self.weight > 0 else 0)))
