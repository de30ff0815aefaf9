"""What a look-up is for, and what is put on record of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from applications.enterprise_credit import documents, looks
from applications.enterprise_credit.looks import Aim
from applications.enterprise_credit.models import BatchCheck, CheckLine, Look
from applications.enterprise_credit.rules.catalogue import Watch
from applications.enterprise_credit.viewing import Viewer
from ratings.services.errors import Refused
from tests import factories
from tests.enterprise_credit import building

pytestmark = pytest.mark.django_db
#: 10:00 in Shanghai
MORNING = datetime(2026, 3, 2, 2, tzinfo=UTC)


def viewer(*districts: int) -> Viewer:
    return Viewer(building.department(), "甲", frozenset(districts), address="192.0.2.7")


def aim(case_no: str = "") -> Aim:
    return looks.stated(documents.catalogue_on(MORNING.date()), "supervision", case_no)


def put(who: Viewer, **changed: Any) -> Look:
    values: dict[str, Any] = {
        "uscc": "91330602MA288UYN8Y",
        "name": "某公司",
        "found": True,
        "district": 330602,
        "shown": {},
        "at": MORNING,
        **changed,
    }
    return looks.record_look(who, values.pop("aim", aim()), values.pop("form", Look.Form.PAGE), **values)


def test_a_look_up_states_a_known_purpose() -> None:
    catalogue = documents.catalogue_on(MORNING.date())
    assert looks.stated(catalogue, "award", "  （2026）  1号 \0").case_no == "（2026） 1号"
    with pytest.raises(Refused, match="未写明用途"):
        looks.stated(catalogue, "", "")
    with pytest.raises(Refused, match=r"没有用途“curiosity”.*评先评优 award"):
        looks.stated(catalogue, "curiosity", "")
    assert len(looks.stated(catalogue, "award", "号" * 100).case_no) == 100
    with pytest.raises(Refused, match="最长 100 字，现有 101 字"):
        looks.stated(catalogue, "award", "号" * 101)


def test_some_purposes_ask_for_a_case_number() -> None:
    catalogue = documents.catalogue_on(MORNING.date())
    strict = catalogue.purposes[0].model_copy(update={"case_required": True})
    catalogue = catalogue.model_copy(update={"purposes": (strict,)})
    with pytest.raises(Refused, match="须填案号"):
        looks.stated(catalogue, strict.key, "  ")
    assert looks.stated(catalogue, strict.key, "1").case_no == "1"


def test_a_look_says_who_when_why_and_what() -> None:
    look = put(viewer(), aim=aim("（2026）1号"), shown={"records": {"scjgj-penalty": [3]}})
    look.refresh_from_db()
    assert (look.by, look.department.key, look.address) == ("甲", "scjgj", "192.0.2.7")
    assert (look.purpose, look.purpose_title, look.case_no) == ("supervision", "日常监管", "（2026）1号")
    assert look.shown == {"records": {"scjgj-penalty": [3]}}
    assert not look.outside
    assert not look.at_night


@pytest.mark.parametrize(
    ("own", "district", "districts", "outside"),
    [
        ((), 330604, (), False),
        ((330602,), 330602, (), False),
        ((330602,), 330604, (), True),
        ((330602,), None, (), False),
        ((330602,), 330604, (330604, 330602), False),
        ((330602, 330604), 330603, (330603,), True),
    ],
)
def test_what_lies_outside_is_marked(
    own: tuple[int, ...], district: int | None, districts: tuple[int, ...], outside: bool
) -> None:
    assert put(viewer(*own), district=district, districts=districts).outside is outside


@pytest.mark.parametrize(
    ("hour", "minute", "night"), [(21, 59, False), (22, 0, True), (5, 59, True), (6, 0, False)]
)
def test_night_is_reckoned_in_shanghai(hour: int, minute: int, night: bool) -> None:
    at = datetime(2026, 3, 2, hour, minute, tzinfo=UTC) - timedelta(hours=8)
    assert put(viewer(), at=at).at_night is night


def test_a_night_may_lie_within_one_day() -> None:
    watch = Watch(without_case_a_day=1, night_from=1, night_until=5, outside_a_day=1, clause="示例")
    assert [hour for hour in range(24) if looks.is_night(watch, hour)] == [1, 2, 3, 4]
    never = watch.model_copy(update={"night_until": 1})
    assert not any(looks.is_night(never, hour) for hour in range(24))


def test_a_page_may_be_read_on_for_half_an_hour() -> None:
    who, code = viewer(), "91330602MA288UYN8Y"
    look = put(who)
    put(who, form=Look.Form.PDF)
    assert looks.recent_look(who, code, MORNING + timedelta(minutes=29, seconds=59)) == look
    assert looks.recent_look(who, code, MORNING + timedelta(minutes=30)) is None
    assert looks.recent_look(who, code, MORNING - timedelta(seconds=1)) is None
    assert looks.recent_look(Viewer(building.department(), "乙"), code, MORNING) is None
    assert looks.recent_look(Viewer(building.department("swj"), "甲"), code, MORNING) is None
    assert looks.recent_look(who, "91330602MA288UYN8X", MORNING) is None


def test_each_line_of_a_check_is_a_look(django_assert_num_queries: Any) -> None:
    here, there = building.subject("甲公司"), building.subject("乙公司", district=330604)
    # most of its pharmacies are elsewhere, one is here
    both = building.subject("丙公司", district=330604)
    owner = factories.enterprise(uscc=both.uscc)
    for code in (330602, 330604, 330604):
        factories.pharmacy(district=factories.district(code, str(code)), enterprise=owner)
    check = BatchCheck.objects.create(
        department=building.department(), by="甲", on=MORNING.date(), purpose="award", purpose_title="评先评优",
        title="名单", catalogue="x@1", sha256="0" * 64,
    )  # fmt: skip
    lines = [
        (here.uscc, "PASS"),
        (there.uscc, "REJECT"),
        (both.uscc, "PASS"),
        ("no such code, and a long one", "UNKNOWN"),
    ]
    CheckLine.objects.bulk_create(
        CheckLine(batch_check=check, row=row, uscc=code, given_name="所写", verdict=verdict,
                  reasons=[{"id": "grade_d", "text": "保密"}] if verdict == "REJECT" else [])
        for row, (code, verdict) in enumerate(lines, 1)
    )  # fmt: skip
    who, why = viewer(330602), aim("1号")
    # the savepoint and its end, the catalogue, twice where they are, the lines
    with django_assert_num_queries(6):
        assert looks.record_check(who, why, check, MORNING) == 4
    rows = list(Look.objects.order_by("id"))
    assert [(row.name, row.found, row.outside) for row in rows] == [
        ("甲公司", True, False),
        ("乙公司", True, True),
        ("丙公司", True, False),
        ("所写", False, False),
    ]
    assert {(row.form, row.check_id, row.case_no, row.by) for row in rows} == {
        ("CHECK", check.pk, "1号", "甲")
    }
    assert rows[1].shown == {"verdict": "REJECT", "grade": "", "score": None, "reasons": ["grade_d"]}


def test_the_record_is_kept() -> None:
    look = put(viewer())
    for act in (look.delete, lambda: Look.objects.update(by="乙")):
        with pytest.raises(DatabaseError, match="查询记录"), transaction.atomic():
            act()
