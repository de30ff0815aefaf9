"""What applications put on the start page: each gives what the user may do and what waits there for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Waiting:
    """One sort of work that waits for the user."""

    title: str
    url: str
    count: int
    #: of these, how many are late
    late: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """A few rows of something: (text, address, remark), and the address of all of it."""

    title: str
    rows: list[tuple[str, str, str]]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """What an application shows to one user."""

    #: for whom they work here, where it is not a scope in ratings: "市场监督管理局（越城区）"
    standing: str = ""
    #: things to do: title and address
    tasks: list[tuple[str, str]] = field(default_factory=list)
    #: None = the user has no duty here
    work: list[Waiting] | None = None
    cards: list[Card] = field(default_factory=list)


#: Gives what a user sees; only what they may see, in few queries.
Give = Callable[[HttpRequest], Home]
_GIVEN: Final[dict[str, Give]] = {}


def give_home(app_label: str, give: Give) -> None:
    """Let an application show something on the start page. Called by its admin modules, once."""
    _GIVEN[app_label] = give


def homes(request: HttpRequest) -> list[Home]:
    """What each application shows to the user, in the order in which they came."""
    return [give(request) for give in _GIVEN.values()]
