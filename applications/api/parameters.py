"""The parameters of an address, read strictly: every fault is kept with its parameter, what is wrong and what to do.

Texts are translatable, so that each fault can be told in Chinese and English.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import orjson
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.api.problems import Problem

_WHOLE: Final = re.compile(r"[0-9]{1,18}")
#: Characters of a value that are looked at, and of one that is told.
LONGEST: Final = 400
_LONGEST_TOLD, _TOLD = 200, 40
#: So many unknown parameters are told of.
_MOST_UNKNOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with what was asked: by parameter, and why, in a translatable text."""

    parameter: str
    detail: str | Promise


class Parameters:
    """What was given by name; ``faults`` are what was found wrong with it so far."""

    def __init__(self, given: Mapping[str, Sequence[str]], known: Sequence[str] | None = None) -> None:
        """``known`` are all that may be given: others are refused, so that a misspelt one is noticed."""
        self.given = given
        self.faults: list[Fault] = []
        if known is not None:
            self._refuse_unknown(known)

    def wrong(self, parameter: str, text: Any, **values: Any) -> None:
        """Keep a fault; ``values`` fill the text, long ones cut."""
        shown = {name: _short(value) for name, value in values.items()}
        self.faults.append(Fault(parameter, format_lazy(text, **shown)))

    def unlike(self, parameter: str, value: str, choices: Iterable[str]) -> None:
        """Keep as a fault that a value is none of those that may be chosen."""
        self.wrong(parameter, _("没有“{value}”；请用 {choices}。"), value=value, choices=" ".join(choices))

    def refuse(self) -> None:
        """Raises Problem (400) where anything was found wrong."""
        if self.faults:
            raise Problem(400, faults=[(one.parameter, one.detail) for one in self.faults])

    def one(self, name: str) -> str:
        """The value of a parameter that may be given once; "" where it is not."""
        values = self.given.get(name, [])
        if len(set(values)) > 1:
            self.wrong(name, _("写了 {count} 次；只写一次。"), count=len(values))
        return values[-1] if values else ""

    def several(self, name: str) -> list[str]:
        """Values with commas between, or given several times; each once."""
        parts = (part.strip() for value in self.given.get(name, []) for part in value[:LONGEST].split(","))
        return list(dict.fromkeys(part for part in parts if part))

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number in a range."""
        if not self.given.get(name):
            return default
        text = self.one(name)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            self.wrong(
                name, _("“{value}”不行；请写 {least} 至 {most} 的整数。"), value=text, least=least, most=most
            )
            return default
        return int(text)

    def cursor(self, name: str, fits: Callable[[list[Any]], bool]) -> list[Any]:
        """The values of a cursor; none where it is not given, or is not one that ``fits``."""
        if not self.given.get(name):
            return []
        values = _decoded(self.one(name))
        if values and fits(values):
            return values
        self.wrong(name, _("不是本接口给出的游标；请用上一页结果中的 next。"))
        return []

    def _refuse_unknown(self, known: Sequence[str]) -> None:
        unknown = [name for name in self.given if name not in known]
        for name in unknown[:_MOST_UNKNOWN]:
            near = get_close_matches(name[:40], known, n=1)
            if near:
                self.wrong(name, _("没有这个参数；是否应为 {name}？"), name=near[0])
            else:
                self.wrong(name, _("没有这个参数；可用的有 {names}。"), names=" ".join(known))


def write_cursor(values: Sequence[Any]) -> str:
    """Values as a text for the address of the next page."""
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _decoded(text: str) -> list[Any] | None:
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, list) and found else None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_TOLD else f"{text[:_TOLD]}……"
