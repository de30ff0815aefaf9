"""Preliminary grades under public notice (公示): which periods and rows are shown, and nothing else of them.

Whatever shows a preliminary grade reads it here: name, code, grade, why not rated; no scores, nothing about people.
"""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from ratings.models import RatingPeriod
from ratings.rules.scheme import Scheme
from ratings.services.standing import STANDING_JOIN
from ratings.services.terms import term


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One pharmacy under notice."""

    #: in which it was rated
    district: int
    code: str
    name: str
    #: place in the scheme's grades, -1 = not rated
    position: int
    #: why it is not rated, "" where it is
    reason: str


def running(today: date) -> QuerySet[RatingPeriod]:
    """Periods whose notice can be seen today (Asia/Shanghai)."""
    return (
        RatingPeriod.objects.filter(state="PUBLIC_NOTICE", notice_from__lte=today, notice_until__gte=today)
        .select_related("district", "run__scheme")
        .order_by("-period_end", "district_id", "id")
    )


def runs(period: RatingPeriod, today: date) -> bool:
    """Whether a period is one of those that :func:`running` gives."""
    first, last = period.notice_from, period.notice_until
    return (
        period.state == "PUBLIC_NOTICE" and first is not None and last is not None and first <= today <= last
    )


_MATCHING: Final = """
    FROM ratings_rating r JOIN ratings_pharmacy p ON p.id = r.pharmacy_id {joined}
    WHERE r.run_id = %(run)s AND (%(districts)s::int[] IS NULL OR r.district_id = ANY(%(districts)s))
      AND (p.name || ' ' || p.code) ILIKE ALL (%(wanted)s::text[])
"""


def count(period: RatingPeriod, districts: Collection[int] | None = None, typed: str = "") -> int:
    """How many pharmacies :func:`rows` gives."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_MATCHING.format(joined='')}", _wanted(period, districts, typed))
        return int(cursor.fetchone()[0])


def rows(
    period: RatingPeriod,
    scheme: Scheme,
    districts: Collection[int] | None = None,
    typed: str = "",
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[NoticeRow]:
    """Pharmacies by district and code, with the grade as it stands; of all districts, or those given.

    Every word of ``typed`` is in the name or the code.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.district_id, p.code, p.name, standing.position, r.state
                {_MATCHING.format(joined=STANDING_JOIN)}
                ORDER BY r.district_id, p.code COLLATE "C" LIMIT %(limit)s OFFSET %(offset)s""",
            {**_wanted(period, districts, typed), "limit": limit, "offset": offset},
        )
        return [
            NoticeRow(
                district,
                code,
                name,
                position,
                _reason(scheme, position, state),
            )
            for district, code, name, position, state in cursor.fetchall()
        ]


def _reason(scheme: Scheme, position: int, state: int) -> str:
    """Why there is no grade: by the rules, or withdrawn since."""
    if position >= 0:
        return ""
    return scheme.reasons[state - 1].title if state else "撤回等级"


def _wanted(period: RatingPeriod, districts: Collection[int] | None, typed: str) -> dict[str, Any]:
    words = unicodedata.normalize("NFKC", typed).split()
    escaped = (word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") for word in words)
    return {
        "run": period.run_id,
        "districts": None if districts is None else list(districts),
        "wanted": [f"%{word}%" for word in escaped],
    }


@dataclass(frozen=True, slots=True)
class Objecting:
    """What a notice says of objections."""

    #: ways to object, for pharmacies of one district
    ways: tuple[str, ...]
    #: within which an objection is answered, and at the latest
    answer: str
    longest: str
    #: where objections are taken in; "" where the installation names none
    contact: str


def objecting(district: str, opened: date) -> Objecting:
    """How pharmacies of a district object to a notice that was opened on a day.

    Raises Refused where no term holds then.
    """
    return Objecting(
        ways=(
            "打开医保经办机构送达的告知链接，查看本店的逐项说明，在线提出；或者",
            f"到{district}医疗保障经办机构书面提出，写明药店名称、定点编码、有异议的事项和理由，并附材料。",
        ),
        answer=term("objection_answer", opened).length_text,
        longest=term("objection_last", opened).length_text,
        contact=settings.OBJECTION_CONTACT,
    )
