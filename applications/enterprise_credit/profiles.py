"""Everything about one enterprise that a department may see, on a day: the one reading behind page, file and API.

Grades of pharmacies come through ``ratings.published`` and :meth:`Application.shown`; records through
``Catalogue.visible_types`` and ``shown_fields``. Of what the viewer may not see nothing is told, not even that it
exists. The number of queries is the same for one pharmacy and for three hundred.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connection, transaction

from applications.enterprise_credit import standings, words
from applications.enterprise_credit.application import APPLICATION
from applications.enterprise_credit.counting import shown_after
from applications.enterprise_credit.documents import rule_named
from applications.enterprise_credit.looks import Aim, record_look
from applications.enterprise_credit.models import Assessment, CreditRecord, CreditSubject, Look, Standing
from applications.enterprise_credit.rules.assessment import EnterpriseGrade, Step
from applications.enterprise_credit.rules.catalogue import Catalogue, RecordType, shown_fields
from applications.enterprise_credit.rules.explaining import reason_for, steps_for
from applications.enterprise_credit.viewing import Viewer
from ratings.published import Entry, Grade, enterprise_codes, entries, histories

#: Newest records of a type, newest rows of a pharmacy's history, newest assessments: so many are read.
MOST_RECORDS: Final = 200
MOST_GRADES: Final = 6
MOST_ASSESSMENTS: Final = 200
_LISTS: Final = ("RED_LIST", "BLACK_LIST")


@dataclass(frozen=True, slots=True)
class Value:
    """One field of a record: as stored, and as it is read."""

    key: str
    label: str
    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record in force, with the fields that the viewer may see."""

    id: int
    record_no: str
    document_no: str
    decided_on: date
    valid_from: date
    #: the first day on which it holds no more
    valid_until: date | None
    values: tuple[Value, ...]
    #: since when an objection to it is being heard
    objected_on: date | None
    #: what is objected; "" to all but the supplier
    objection: str


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one type: the newest, and how many there are."""

    type: RecordType
    department: str
    total: int
    records: tuple[Record, ...]

    @property
    def has_personal(self) -> bool:
        """Whether data of natural persons are among what is shown."""
        personal = {field.key for field in self.type.fields if field.personal}
        return any(value.key in personal for record in self.records for value in record.values)


@dataclass(frozen=True, slots=True)
class Store:
    """One pharmacy of the enterprise, with its published grade."""

    code: str
    name: str
    district: int
    district_name: str
    address: str
    designated_on: date
    #: the first day on which it is designated no more
    designated_until: date | None
    #: a key of words.SERVICES
    service: str
    #: the fields that the application may show; None = nothing was published
    grade: Mapping[str, Any] | None
    #: whether the grade is in force
    holds: bool
    #: its newest published rows, oldest first
    history: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The pharmacies of one district: how many, and how many of each grade in force ("" = without)."""

    district: int
    name: str
    stores: int
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Score:
    """One assessment of the enterprise; ``score`` in thousandths of a point, None = not rated."""

    on: date
    score: int | None
    grade: str
    position: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One enterprise as one department may see it. Scores in thousandths of a point."""

    subject: CreditSubject
    district_name: str
    #: the day (Asia/Shanghai) that all this holds for
    on: date
    #: None = not assessed yet
    standing: Standing | None
    #: as the viewer may read them
    reason: str
    steps: tuple[Step, ...]
    #: title of the rule, and its grades, best first
    rule: str
    scale: tuple[EnterpriseGrade, ...]
    #: oldest first; the last is the one in force
    scores: tuple[Score, ...]
    #: worst grade first, those that are designated before the others
    stores: tuple[Store, ...]
    #: grade in force ("" = without) to number of pharmacies, of those that are designated; best first
    grades: Mapping[str, int]
    places: tuple[Place, ...]
    groups: tuple[Group, ...]

    @property
    def lists(self) -> tuple[tuple[Group, Record], ...]:
        """The red and black lists that it stands on."""
        return tuple(
            (one, record) for one in self.groups if one.type.kind in _LISTS for record in one.records
        )

    @property
    def assessment(self) -> Assessment | None:
        return self.standing.assessment if self.standing else None

    def shown(self) -> dict[str, Any]:
        """What is shown, for the record of looks; of records, ``personal`` names types with personal fields."""
        return {
            "assessment": self.assessment.pk if self.assessment else None,
            "stores": [store.grade["seq"] if store.grade else None for store in self.stores],
            "records": {one.type.key: [record.id for record in one.records] for one in self.groups},
            "personal": [one.type.key for one in self.groups if one.has_personal],
        }


def profile(uscc: str, viewer: Viewer, catalogue: Catalogue, on: date) -> Profile | None:
    """An enterprise as ``viewer`` may see it on a day (Asia/Shanghai); None where there is none of this code."""
    subject = CreditSubject.objects.select_related("standing__assessment").filter(pk=uscc).first()
    if subject is None:
        return None
    standing: Standing | None = getattr(subject, "standing", None)
    stores = _stores(uscc, on)
    designated = [store for store in stores if store.service in {"IN_SERVICE", "SUSPENDED"}]
    reason, title = "", ""
    steps: tuple[Step, ...] = ()
    scale: tuple[EnterpriseGrade, ...] = ()
    if standing is not None:
        rule = rule_named(standing.assessment.rule)
        department = viewer.department.key
        steps = steps_for(rule, standings.explain(standing.assessment), catalogue, department)
        reason = reason_for(rule, standing.assessment.reason, catalogue, department)
        title, scale = rule.title, rule.grades
    return Profile(
        subject=subject,
        district_name=next((one.district_name for one in stores if one.district == subject.district), ""),
        on=on,
        standing=standing,
        reason=reason,
        steps=steps,
        rule=title,
        scale=scale,
        scores=_scores(uscc),
        stores=tuple(stores),
        grades=_counted(designated),
        places=_places(designated),
        groups=_groups(uscc, catalogue, viewer.department.key, on),
    )


def _scores(uscc: str) -> tuple[Score, ...]:
    rows = Assessment.objects.filter(subject=uscc).order_by("-id")[:MOST_ASSESSMENTS]
    found = rows.values_list("on", "score", "grade", "position")
    return tuple(Score(*row) for row in reversed(found))


def _stores(uscc: str, on: date) -> list[Store]:
    codes = enterprise_codes(uscc)
    with transaction.atomic():
        found = list(entries(on, codes))
    past = histories(codes, MOST_GRADES)
    stores = [_store(entry, past.get(entry.code, []), on) for entry in found]
    return sorted(stores, key=_worst_first)


def _store(entry: Entry, past: Sequence[Grade], on: date) -> Store:
    grade = APPLICATION.shown(entry.grade) if entry.grade else None
    shown = (APPLICATION.shown(row) for row in past)
    return Store(
        code=entry.code,
        name=entry.name,
        district=entry.district,
        district_name=entry.district_name,
        address=entry.address,
        designated_on=entry.designated_on,
        designated_until=entry.designated_until,
        service=_service(entry, on),
        grade=grade,
        holds=entry.grade is not None and entry.grade.holds(on) and entry.grade.position >= 0,
        history=tuple(row for row in shown if row is not None),
    )


def _service(entry: Entry, on: date) -> str:
    if entry.designated_until is not None and entry.designated_until <= on:
        return "ENDED"
    if entry.designated_on > on:
        return "NOT_YET"
    begun = [status for since, status in entry.statuses if since <= on]
    return begun[-1] if begun else "IN_SERVICE"


def _worst_first(store: Store) -> tuple[Any, ...]:
    position = store.grade["position"] if store.holds and store.grade else -1
    return store.service not in {"IN_SERVICE", "SUSPENDED"}, -position, store.code


def _grade_of(store: Store) -> tuple[int, str]:
    """Position and name of the grade in force; behind all others where there is none."""
    return (store.grade["position"], store.grade["grade"]) if store.holds and store.grade else (99, "")


def _counted(stores: Sequence[Store]) -> dict[str, int]:
    counted = Counter(map(_grade_of, stores))
    return {name: sum(n for (_, one), n in counted.items() if one == name) for _, name in sorted(counted)}


def _places(stores: Sequence[Store]) -> tuple[Place, ...]:
    found: dict[tuple[int, str], list[Store]] = {}
    for store in stores:
        found.setdefault((store.district, store.district_name), []).append(store)
    return tuple(Place(*key, len(own), _counted(own)) for key, own in sorted(found.items()))


_RECORDS: Final = f"""
    SELECT record_type, total, id, record_no, document_no, decided_on, valid_from, valid_until, data,
           objected_on, objection
    FROM (
        SELECT r.record_type, r.id, r.record_no, r.document_no, r.decided_on, r.valid_from, r.valid_until,
               r.data::text AS data, r.objected_on, r.objection,
               count(*) OVER (PARTITION BY r.record_type) AS total,
               row_number() OVER (PARTITION BY r.record_type ORDER BY r.decided_on DESC, r.id DESC) AS place
        FROM {CreditRecord._meta.db_table} r
        JOIN unnest(%(types)s::text[], %(after)s::date[]) AS type(key, after) ON type.key = r.record_type
        WHERE r.subject_id = %(uscc)s AND r.voided_at IS NULL
          AND r.valid_from <= %(on)s AND (r.valid_until IS NULL OR r.valid_until > %(on)s)
          AND r.decided_on > type.after
    ) placed
    WHERE place <= %(most)s
    ORDER BY record_type, place
"""


def _groups(uscc: str, catalogue: Catalogue, department: str, on: date) -> tuple[Group, ...]:
    """Records in force by type, in the catalogue's order; types without any are left out."""
    types = catalogue.visible_types(department)
    params: dict[str, Any] = {
        "types": [one.key for one in types],
        "after": [shown_after(one, on) for one in types],
        "uscc": uscc,
        "on": on,
        "most": MOST_RECORDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, params)
        rows = cursor.fetchall()
    names = {one.key: one.name for one in catalogue.departments}
    groups = []
    for one in types:
        own = [row for row in rows if row[0] == one.key]
        if own:
            records = tuple(_record(one, department, row[2:]) for row in own)
            groups.append(Group(one, names.get(one.department, one.department), own[0][1], records))
    return tuple(groups)


def _record(record_type: RecordType, department: str, row: tuple[Any, ...]) -> Record:
    pk, record_no, document_no, decided_on, valid_from, valid_until, data, objected_on, objection = row
    given = json.loads(data)
    values = tuple(
        Value(field.key, field.label, given[field.key], words.value(field, given[field.key]))
        for field in shown_fields(record_type, department)
        if field.key in given
    )
    return Record(
        pk,
        record_no,
        document_no,
        decided_on,
        valid_from,
        valid_until,
        values,
        objected_on,
        objection if department == record_type.department else "",
    )


def record_profile(
    viewer: Viewer, aim: Aim, form: str, uscc: str, found: Profile | None, at: datetime
) -> Look:
    """Put on record that a profile is looked at, or that there was none of this code; before it is sent."""
    return record_look(
        viewer,
        aim,
        form,
        uscc=uscc,
        name=found.subject.name if found else "",
        found=found is not None,
        district=found.subject.district if found else None,
        districts={store.district for store in found.stores} if found else (),
        shown=found.shown() if found else {},
        at=at,
    )
