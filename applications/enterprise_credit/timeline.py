"""What happened to an enterprise, day by day: its own grade, its pharmacies' grades, departments' records."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from applications.enterprise_credit import words
from applications.enterprise_credit.profiles import Profile, Store
from applications.enterprise_credit.rules.kinds import RECORD_KINDS
from ratings.admin.show import period_label
from ratings.published import EVENTS

#: So many of the newest are told.
MOST: Final = 60
#: From so many pharmacies with one event on one day, they are counted instead of named.
_COUNTED: Final = 3


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``kind`` is "enterprise", "stores" or "record"."""

    on: date
    kind: str
    title: str
    text: str


def timeline(profile: Profile) -> tuple[Event, ...]:
    """The newest events first; made of what the profile shows and nothing else."""
    found = [*_assessments(profile), *_publications(profile), *_records(profile)]
    return tuple(sorted(found, key=lambda event: event.on, reverse=True)[:MOST])


def _assessments(profile: Profile) -> Iterator[Event]:
    """Changes of the enterprise's grade; scores between them are in the chart."""
    before = None
    for one in profile.scores:
        if before is None or one.grade != before.grade:
            now = f"{one.grade}（{words.points(one.score)}）" if one.grade else "不评等级"
            then = f"由 {before.grade or '不评等级'} 变为 " if before else "首次评定："
            yield Event(one.on, "enterprise", "企业信用等级", f"{then}{now}")
        before = one


def _publications(profile: Profile) -> Iterator[Event]:
    """What was published of the pharmacies; many of one day and event are counted by grade."""
    told: dict[tuple[date, str, str], list[tuple[Store, Mapping[str, Any]]]] = {}
    for store in profile.stores:
        for row in store.history:
            told.setdefault((row["valid_from"], row["event"], row["period"]), []).append((store, row))
    for (on, event, period), rows in told.items():
        title = f"药店等级：{EVENTS.get(event, event)}（{period_label(period)}）"
        if len(rows) < _COUNTED:
            for store, row in rows:
                yield Event(on, "stores", title, f"{store.name}：{words.grade(row)}")
        else:
            counted = Counter(row["grade"] or "不予评级" for _, row in rows)
            text = "，".join(f"{name} {count} 家" for name, count in sorted(counted.items()))
            yield Event(on, "stores", title, f"{len(rows)} 家药店：{text}")


def _records(profile: Profile) -> Iterator[Event]:
    for one in profile.groups:
        for record in one.records:
            number = record.document_no or record.record_no
            objected = f"（{words.OBJECTED}）" if record.objected_on else ""
            title = f"{RECORD_KINDS[one.type.kind]}：{one.type.title}"
            yield Event(record.decided_on, "record", title, f"{one.department}，{number}{objected}")
