"""Grades as people see them: shape, letter and word; colour only helps."""

from collections.abc import Sequence
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

#: Outlines in a 24 by 24 box, best grade first; the worst grade always has the last one.
_SHAPES: Final = (
    '<circle cx="12" cy="12" r="11"/>',
    '<rect x="1.5" y="1.5" width="21" height="21" rx="4"/>',
    '<path d="M6.5 1.5h11L23 12l-5.5 10.5h-11L1 12z"/>',
    '<path d="M12 .8 23.2 12 12 23.2 .8 12z"/>',
)
_WORST: Final = '<path d="M.5 1.5h23L12 23.5z"/>'
_NOT_RATED: Final = '<path d="M2 10h20v4H2z"/>'


def grade_colour(position: int, grades: int) -> str:
    """The ending of the style class of a grade: none, 0 to 3, worst."""
    if not 0 <= position < grades:
        return "none"
    return "worst" if position == grades - 1 else str(min(position, len(_SHAPES) - 1))


def grade_badge(position: int, names: Sequence[tuple[str, str]], *, absent: str = "不予评级") -> SafeString:
    """A grade as shape, letter and word. ``names`` are (name, label), best first; -1 = ``absent``."""
    colour = grade_colour(position, len(names))
    if colour == "none":
        return _shape(colour, _NOT_RATED, "", absent)
    name, label = names[position]
    shape = _WORST if colour == "worst" else _SHAPES[int(colour)]
    inside = name if len(name) <= 2 else ""
    return _shape(colour, shape, inside, label if inside else f"{name} {label}")


def _shape(colour: str, shape: str, letter: str, text: str) -> SafeString:
    height = 10.5 if colour == "worst" else 12.5
    return format_html(
        '<span class="cs-grade cs-grade-{}"><svg viewBox="0 0 24 24" aria-hidden="true">{}'
        '<text x="12" y="{}">{}</text></svg><span class="cs-grade-letter">{}</span> {}</span>',
        colour,
        mark_safe(shape),  # noqa: S308 -- one of the constants above
        height,
        letter,
        letter,
        text,
    )
