"""What people and programs ask for, read into a :class:`Search`: page and API read it alike.

Whatever is wrong is told all at once, each fault with its parameter, what is wrong and what to do, in the
language of the moment; nothing wrong ever reaches the database.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import blake2s
from math import isfinite
from typing import Any, Final, TypeVar

import orjson
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from applications.pharmacy_lookup.finder import DESIGNATED, NO_GRADE, Ordering, Search, Service
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.models import Directory
from applications.pharmacy_lookup.spelling import Word, words
from creditsys import geo

PARAMETERS: Final = (
    *("near", "datum", "radius", "grade", "service", "district", "street"),
    *("q", "ordering", "limit", "cursor"),
)
DATUMS: Final = {"wgs84": geo.WGS84, "cgcs2000": geo.CGCS2000, "gcj02": geo.GCJ02, "bd09": geo.BD09}
RADIUS: Final = 2_000
LEAST_RADIUS, MOST_RADIUS = 100, 5_000
LIMIT, MOST_LIMIT = 20, 1_000
MOST_TYPED, MOST_WORDS = 50, 5
#: Where China lies, degrees: what the registry takes as a place (``ratings.models.Pharmacy``).
SOUTH, NORTH, WEST, EAST = 3, 54, 73, 136
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})")
_LONGEST: Final = 400
_DISTRICT: Final = re.compile(r"[1-8][0-9]{5}")
#: A designated code of a pharmacy.
CODE: Final = re.compile(r"P[1-8][0-9]{10}")
#: So many unknown parameters are told of.
_MOST_UNKNOWN: Final = 10
_Given = Mapping[str, Sequence[str]]
_Enum = TypeVar("_Enum", Service, Ordering)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with what was asked: by parameter, and why, in a translatable text."""

    parameter: str
    detail: str | Promise


class BadQuery(Exception):
    """Carries every fault of a query."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.parameter}: {fault.detail}" for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it was asked for: with the datum in which places go in and out, and as it was typed."""

    search: Search
    #: a value of DATUMS
    datum: str
    typed: str
    #: what a cursor of this search carries, so that it is not used with another one
    fingerprint: str

    def cursor(self, last: tuple[Any, ...]) -> str:
        """The text that asks for the page behind the row with this sort key."""
        return base64.urlsafe_b64encode(orjson.dumps([self.fingerprint, *last])).decode().rstrip("=")


def read_query(given: _Given, *, strict: bool = True, parameters: Sequence[str] = PARAMETERS) -> Query:
    """The query of a request's parameters (name to its values). Raises BadQuery with all faults.

    ``strict`` also refuses what is not among ``parameters``, so that a misspelt one is noticed. Reads the
    directory, with one query, only where a grade or a district is named.
    """
    return _Reader(given, parameters if strict else None).query()


class _Reader:
    def __init__(self, given: _Given, parameters: Sequence[str] | None) -> None:
        self._given = {name: [value for value in values if value] for name, values in given.items()}
        self._faults: list[Fault] = []
        if parameters is not None:
            self._refuse_unknown(parameters)

    def query(self) -> Query:
        datum = self._datum()
        near = self._near(datum)
        directory = self._directory()
        district = self._district(directory)
        typed = self._one("q").strip()
        asked = Search(
            near=near,
            radius=self._whole("radius", RADIUS, LEAST_RADIUS, MOST_RADIUS),
            district=district,
            street=self._street(directory, district),
            words=self._words(typed),
            grades=self._grades(directory),
            services=tuple(self._choices("service", Service)) or DESIGNATED,
            limit=self._whole("limit", LIMIT, 1, MOST_LIMIT),
        )
        ordering = self._ordering(asked)
        fingerprint = self._fingerprint(ordering)
        after = self._after(ordering, fingerprint)
        if self._faults:
            raise BadQuery(self._faults)
        search = Search(
            near=asked.near, radius=asked.radius, district=asked.district, street=asked.street, words=asked.words,
            grades=asked.grades, services=asked.services, ordering=ordering, limit=asked.limit, after=after,
        )  # fmt: skip
        return Query(search, datum, typed, fingerprint)

    def _wrong(self, parameter: str, text: Any, **values: Any) -> None:
        shown = {name: _short(value) for name, value in values.items()}
        self._faults.append(Fault(parameter, format_lazy(text, **shown)))

    def _one(self, name: str) -> str:
        values = self._given.get(name, [])
        if len(set(values)) > 1:
            self._wrong(name, _("写了 {count} 次；只写一次。"), count=len(values))
        return values[-1] if values else ""

    def _several(self, name: str) -> list[str]:
        parts = (part.strip() for value in self._given.get(name, []) for part in value[:_LONGEST].split(","))
        return list(dict.fromkeys(part for part in parts if part))

    def _refuse_unknown(self, parameters: Sequence[str]) -> None:
        unknown = [name for name in self._given if name not in parameters]
        for name in unknown[:_MOST_UNKNOWN]:
            near = get_close_matches(name[:40], parameters, n=1)
            if near:
                self._wrong(name, _("没有这个参数；是否应为 {name}？"), name=near[0])
            else:
                self._wrong(name, _("没有这个参数；可用的有 {names}。"), names=" ".join(parameters))

    def _datum(self) -> str:
        asked = self._one("datum").lower().replace("-", "")
        if asked and asked not in DATUMS:
            self._wrong(
                "datum",
                _("没有坐标系“{value}”；请用 {choices} 之一。"),
                value=asked,
                choices=" ".join(DATUMS),
            )
        return DATUMS.get(asked, geo.WGS84)

    def _near(self, datum: str) -> Point | None:
        text = self._one("near")
        if not text:
            return None
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 2 or not all(map(_NUMBER.fullmatch, parts)):
            self._wrong("near", _("“{value}”不是“经度,纬度”两个数；例如 near=120.5800,30.0000。"), value=text)
            return None
        longitude, latitude = map(float, parts)
        if not _in_china(latitude, longitude):
            if _in_china(longitude, latitude):
                self._wrong(
                    "near",
                    _("经纬度写反了：先写经度，后写纬度，即 near={value}。"),
                    value=f"{parts[1]},{parts[0]}",
                )
            else:
                self._wrong("near", _("“{value}”不在中国境内（经度 73 至 136，纬度 3 至 54）。"), value=text)
            return None
        return Point(*geo.to_wgs84(latitude, longitude, datum))

    def _whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self._one(name)
        if not text:
            return default
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            self._wrong(
                name, _("“{value}”不行；请写 {least} 至 {most} 的整数。"), value=text, least=least, most=most
            )
            return default
        return int(text)

    def _directory(self) -> Directory | None:
        if not any(self._given.get(name) for name in ("grade", "district", "street")):
            return None
        return Directory.objects.first()

    def _grades(self, directory: Directory | None) -> tuple[str, ...]:
        known = [one["grade"] for one in directory.grades] if directory else []
        asked = self._several("grade")
        for grade in asked:
            if grade not in (*known, NO_GRADE):
                choices = " ".join((*known, NO_GRADE))
                self._wrong(
                    "grade",
                    _("没有等级“{value}”；请用 {choices}，几个之间用逗号。"),
                    value=grade,
                    choices=choices,
                )
        return tuple(asked)

    def _district(self, directory: Directory | None) -> int | None:
        text = self._one("district")
        if not text:
            return None
        known = {str(one["code"]) for one in directory.districts} if directory else set()
        if not _DISTRICT.fullmatch(text) or text not in known:
            self._wrong(
                "district",
                _("没有区县“{value}”；请写六位行政区划代码（GB/T 2260）：{choices}。"),
                value=text,
                choices=" ".join(sorted(known)[:30]),
            )
            return None
        return int(text)

    def _street(self, directory: Directory | None, district: int | None) -> str:
        text = self._one("street")
        if not text:
            return ""
        if district is None:
            if not self._given.get("district"):
                self._wrong("street", _("选街道须同时写明区县（district）。"))
            return ""
        places = directory.districts if directory else []
        streets: list[str] = next((one["streets"] for one in places if one["code"] == district), [])
        if text not in streets:
            self._wrong("street", _("该区县没有街道（乡镇）“{value}”；请核对名称。"), value=text)
        return text

    def _words(self, typed: str) -> tuple[Word, ...]:
        if not typed:
            return ()
        if len(typed) > MOST_TYPED:
            self._wrong(
                "q",
                _("写了 {count} 个字，最多 {most} 个；请只写名称或地址中的几个字。"),
                count=len(typed),
                most=MOST_TYPED,
            )
            return ()
        if "\0" in typed:
            self._wrong("q", _("里面有不能用的字符（空字节）；请去掉。"))
            return ()
        found = words(typed)
        if not found:
            self._wrong(
                "q", _("“{value}”里没有可查的字；请写名称、地址、拼音或至少两个首字母。"), value=typed
            )
        if len(found) > MOST_WORDS:
            self._wrong("q", _("写了 {count} 个词，最多 {most} 个。"), count=len(found), most=MOST_WORDS)
        return tuple(found)

    def _choices(self, name: str, choices: type[_Enum]) -> list[_Enum]:
        found = []
        for text in self._several(name):
            try:
                found.append(choices(text if text in list(choices) else text.upper()))
            except ValueError:
                self._wrong(name, _("没有“{value}”；请用 {choices}。"), value=text, choices=" ".join(choices))
        return found

    def _ordering(self, asked: Search) -> Ordering:
        usual = Ordering.DISTANCE if asked.near else Ordering.CODE
        found = self._choices("ordering", Ordering)
        if not found:
            return usual
        if len(found) > 1:
            self._wrong("ordering", _("排序只能选一种。"))
        if found[0] is Ordering.DISTANCE and not self._given.get("near"):
            self._wrong("ordering", _("按距离排序须写明位置（near）。"))
        if found[0] is Ordering.GRADE and not (self._given.get("near") or self._given.get("district")):
            self._wrong("ordering", _("按等级排序须写明位置（near）或区县（district）。"))
        return found[0]

    def _fingerprint(self, ordering: Ordering) -> str:
        """Of all that says which rows come in which order; not of how many at a time."""
        asked = [
            (name, self._given.get(name, []))
            for name in PARAMETERS
            if name not in {"limit", "cursor", "ordering"}
        ]
        return blake2s(orjson.dumps([asked, ordering]), digest_size=6).hexdigest()

    def _after(self, ordering: Ordering, fingerprint: str) -> tuple[Any, ...]:
        text = self._one("cursor")
        if not text:
            return ()
        after = _decoded(text)
        if after is None or not _is_key(after[1:], ordering):
            self._wrong("cursor", _("不是本接口给出的游标；请用上一页结果中的 next。"))
        elif after[0] != fingerprint:
            self._wrong("cursor", _("这个游标属于另一次查询；条件变了，请从第一页重新查起。"))
        else:
            return tuple(after[1:])
        return ()


def _in_china(latitude: float, longitude: float) -> bool:
    return SOUTH <= latitude <= NORTH and WEST <= longitude <= EAST


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:40]}……"


def _decoded(text: str) -> list[Any] | None:
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, list) and found else None


def _is_key(values: list[Any], ordering: Ordering) -> bool:
    """Whether these can be the sort key of a row."""
    kinds = {
        Ordering.DISTANCE: (_is_distance, _is_code),
        Ordering.GRADE: (_is_position, _is_distance, _is_code),
        Ordering.CODE: (_is_code,),
    }[ordering]
    return len(values) == len(kinds) and all(fits(value) for fits, value in zip(kinds, values, strict=True))


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and bool(CODE.fullmatch(value))


def _is_position(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 99


def _is_distance(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and 0 <= value <= 1e8
