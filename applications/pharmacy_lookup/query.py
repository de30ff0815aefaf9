"""What people and programs ask for, read into a :class:`Search`: page and API read it alike.

Whatever is wrong is told all at once, each fault with its parameter, what is wrong and what to do, in the
language of the moment; nothing wrong ever reaches the database.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from math import isfinite
from typing import Any, Final, TypeVar

import orjson
from django.utils.translation import gettext_lazy as _

from applications.api.parameters import Fault, Parameters, write_cursor
from applications.pharmacy_lookup.finder import DESIGNATED, NO_GRADE, Ordering, Search, Service
from applications.pharmacy_lookup.geodesy import Point
from applications.pharmacy_lookup.models import Directory
from creditsys import geo
from creditsys.spelling import Word, words

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
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})")
_DISTRICT: Final = re.compile(r"[1-8][0-9]{5}")
#: A designated code of a pharmacy.
CODE: Final = re.compile(r"P[1-8][0-9]{10}")
_Given = Mapping[str, Sequence[str]]
_Enum = TypeVar("_Enum", Service, Ordering)


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
        return write_cursor([self.fingerprint, *last])


def read_query(given: _Given, *, strict: bool = True, parameters: Sequence[str] = PARAMETERS) -> Query:
    """The query of a request's parameters (name to its values). Raises BadQuery with all faults.

    ``strict`` also refuses what is not among ``parameters``, so that a misspelt one is noticed. Reads the
    directory, with one query, only where a grade or a district is named.
    """
    return _Reader(given, parameters if strict else None).query()


class _Reader(Parameters):
    def __init__(self, given: _Given, parameters: Sequence[str] | None) -> None:
        # A form that was sent gives all its fields, empty ones too.
        super().__init__(
            {name: [value for value in values if value] for name, values in given.items()}, parameters
        )

    def query(self) -> Query:
        datum = self._datum()
        near = self._near(datum)
        directory = self._directory()
        district = self._district(directory)
        typed = self.one("q").strip()
        asked = Search(
            near=near,
            radius=self.whole("radius", RADIUS, LEAST_RADIUS, MOST_RADIUS),
            district=district,
            street=self._street(directory, district),
            words=self._words(typed),
            grades=self._grades(directory),
            services=tuple(self._choices("service", Service)) or DESIGNATED,
            limit=self.whole("limit", LIMIT, 1, MOST_LIMIT),
        )
        ordering = self._ordering(asked)
        fingerprint = self._fingerprint(ordering)
        after = self._after(ordering, fingerprint)
        if self.faults:
            raise BadQuery(self.faults)
        search = Search(
            near=asked.near, radius=asked.radius, district=asked.district, street=asked.street, words=asked.words,
            grades=asked.grades, services=asked.services, ordering=ordering, limit=asked.limit, after=after,
        )  # fmt: skip
        return Query(search, datum, typed, fingerprint)

    def _datum(self) -> str:
        asked = self.one("datum").lower().replace("-", "")
        if asked and asked not in DATUMS:
            self.wrong(
                "datum",
                _("没有坐标系“{value}”；请用 {choices} 之一。"),
                value=asked,
                choices=" ".join(DATUMS),
            )
        return DATUMS.get(asked, geo.WGS84)

    def _near(self, datum: str) -> Point | None:
        text = self.one("near")
        if not text:
            return None
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 2 or not all(map(_NUMBER.fullmatch, parts)):
            self.wrong("near", _("“{value}”不是“经度,纬度”两个数；例如 near=120.5800,30.0000。"), value=text)
            return None
        longitude, latitude = map(float, parts)
        if not _in_china(latitude, longitude):
            if _in_china(longitude, latitude):
                self.wrong(
                    "near",
                    _("经纬度写反了：先写经度，后写纬度，即 near={value}。"),
                    value=f"{parts[1]},{parts[0]}",
                )
            else:
                self.wrong("near", _("“{value}”不在中国境内（经度 73 至 136，纬度 3 至 54）。"), value=text)
            return None
        return Point(*geo.to_wgs84(latitude, longitude, datum))

    def _directory(self) -> Directory | None:
        if not any(self.given.get(name) for name in ("grade", "district", "street")):
            return None
        return Directory.objects.first()

    def _grades(self, directory: Directory | None) -> tuple[str, ...]:
        known = [one["grade"] for one in directory.grades] if directory else []
        asked = self.several("grade")
        for grade in asked:
            if grade not in (*known, NO_GRADE):
                choices = " ".join((*known, NO_GRADE))
                self.wrong(
                    "grade",
                    _("没有等级“{value}”；请用 {choices}，几个之间用逗号。"),
                    value=grade,
                    choices=choices,
                )
        return tuple(asked)

    def _district(self, directory: Directory | None) -> int | None:
        text = self.one("district")
        if not text:
            return None
        known = {str(one["code"]) for one in directory.districts} if directory else set()
        if not _DISTRICT.fullmatch(text) or text not in known:
            self.wrong(
                "district",
                _("没有区县“{value}”；请写六位行政区划代码（GB/T 2260）：{choices}。"),
                value=text,
                choices=" ".join(sorted(known)[:30]),
            )
            return None
        return int(text)

    def _street(self, directory: Directory | None, district: int | None) -> str:
        text = self.one("street")
        if not text:
            return ""
        if district is None:
            if not self.given.get("district"):
                self.wrong("street", _("选街道须同时写明区县（district）。"))
            return ""
        places = directory.districts if directory else []
        streets: list[str] = next((one["streets"] for one in places if one["code"] == district), [])
        if text not in streets:
            self.wrong("street", _("该区县没有街道（乡镇）“{value}”；请核对名称。"), value=text)
        return text

    def _words(self, typed: str) -> tuple[Word, ...]:
        if not typed:
            return ()
        if len(typed) > MOST_TYPED:
            self.wrong(
                "q",
                _("写了 {count} 个字，最多 {most} 个；请只写名称或地址中的几个字。"),
                count=len(typed),
                most=MOST_TYPED,
            )
            return ()
        if "\0" in typed:
            self.wrong("q", _("里面有不能用的字符（空字节）；请去掉。"))
            return ()
        found = words(typed)
        if not found:
            self.wrong("q", _("“{value}”里没有可查的字；请写名称、地址、拼音或至少两个首字母。"), value=typed)
        if len(found) > MOST_WORDS:
            self.wrong("q", _("写了 {count} 个词，最多 {most} 个。"), count=len(found), most=MOST_WORDS)
        return tuple(found)

    def _choices(self, name: str, choices: type[_Enum]) -> list[_Enum]:
        found = []
        for text in self.several(name):
            try:
                found.append(choices(text if text in list(choices) else text.upper()))
            except ValueError:
                self.unlike(name, text, choices)
        return found

    def _ordering(self, asked: Search) -> Ordering:
        usual = Ordering.DISTANCE if asked.near else Ordering.CODE
        found = self._choices("ordering", Ordering)
        if not found:
            return usual
        if len(found) > 1:
            self.wrong("ordering", _("排序只能选一种。"))
        if found[0] is Ordering.DISTANCE and not self.given.get("near"):
            self.wrong("ordering", _("按距离排序须写明位置（near）。"))
        if found[0] is Ordering.GRADE and not (self.given.get("near") or self.given.get("district")):
            self.wrong("ordering", _("按等级排序须写明位置（near）或区县（district）。"))
        return found[0]

    def _fingerprint(self, ordering: Ordering) -> str:
        """Of all that says which rows come in which order; not of how many at a time."""
        asked = [
            (name, self.given.get(name, []))
            for name in PARAMETERS
            if name not in {"limit", "cursor", "ordering"}
        ]
        return blake2s(orjson.dumps([asked, ordering]), digest_size=6).hexdigest()

    def _after(self, ordering: Ordering, fingerprint: str) -> tuple[Any, ...]:
        after = self.cursor("cursor", lambda values: _is_key(values[1:], ordering))
        if after and after[0] != fingerprint:
            self.wrong("cursor", _("这个游标属于另一次查询；条件变了，请从第一页重新查起。"))
            return ()
        return tuple(after[1:])


def _in_china(latitude: float, longitude: float) -> bool:
    return SOUTH <= latitude <= NORTH and WEST <= longitude <= EAST


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
