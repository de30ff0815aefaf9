"""What the desk's services share: moves by table, words that must be given, days in Shanghai."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, Protocol

from django.utils import timezone

from ratings.rules.moves import Move, find, moves_from
from ratings.rules.vocabulary import Vocabulary
from ratings.services.errors import Refused

#: Most characters of a decision's reasons: the system adds what came of the re-rating (500 in all).
DECISION_LENGTH: Final = 420


class Moving(Protocol):
    """A row with a state."""

    state: str


def next_state(row: Moving, name: str, moves: tuple[Move, ...], states: Vocabulary) -> str:
    """The state to which the move ``name`` takes ``row`` from where it is.

    Raises Refused, with what is possible instead, where the table has no such move; KeyError
    for a name that the table does not know at all.
    """
    title = find(moves, name).title
    possible = moves_from(moves, row.state)
    for move in possible:
        if move.name == name:
            return move.target
    told = f"此时可以：{_listed(move.title for move in possible)}。" if possible else "它已经办结。"
    raise Refused(f"{row} 现为“{states[row.state].label}”，不能{title}。{told}")


def _listed(titles: Iterable[str]) -> str:
    return "、".join(dict.fromkeys(titles))


def written(text: str, what: str, most: int = 500) -> str:
    """The text without blanks around it. Raises Refused when there is none or too much."""
    text = text.strip()
    if not text:
        raise Refused(f"须写明{what}。")
    if len(text) > most:
        raise Refused(f"{what}不超过 {most} 字，现有 {len(text)} 字。")
    return text


def local_day(at: datetime | None) -> date:
    """The day of a moment in Asia/Shanghai; today for None."""
    return timezone.localdate(at)


def shown_day(day: date) -> str:
    """``2026年2月3日``."""
    return f"{day.year}年{day.month}月{day.day}日"
