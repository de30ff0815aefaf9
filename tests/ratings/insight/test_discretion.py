"""Adjusted of reviewed, up and down, by district and person."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from ratings.insight import discretion
from ratings.insight.discretion import Share, direction
from ratings.models import Adjustment, BulkConfirmation, ReviewItem, StaffScope
from tests import desk, factories

from .conftest import HERE, THERE, City

SPAN = (date(2026, 1, 1), timezone.localdate())


def change(city: City, shop: int, after: int, state: str = "APPROVED", **values: Any) -> Adjustment:
    rating = city.second.run.ratings.get(pharmacy=city.shops[shop])
    row = desk.adjustment(city.second, rating, to_grade=after, proposed_at=desk.NOW, **values)
    return desk.decided(row, state) if state != "PROPOSED" else row


@pytest.fixture
def adjusted(city: City) -> City:
    """Second grades are (0, 1, 0, 1, 3, None, 2, 0): one up and one down approved, one rejected, one open."""
    change(city, 0, 1)  # down
    change(city, 1, 0)  # up
    change(city, 2, 1, "REJECTED", proposed_by=desk.OTHER)
    change(city, 3, 0, "PROPOSED")
    change(
        city,
        6,
        1,
        cause="CORRECTION",
        rerating=desk.rerating(city.second.run.ratings.get(pharmacy=city.shops[6])),
    )
    return city  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(1, 0, 1), (0, 1, -1), (2, 2, 0), (-1, 3, 1), (3, -1, -1), (-1, -1, 0)],
)
def test_up_is_a_better_grade(before: int, after: int, expected: int) -> None:
    assert direction(before, after) == expected


def test_changes_name_what_was_done_and_by_whom(adjusted: City) -> None:
    found = discretion.changes(*SPAN)
    assert len(found) == 5
    one = next(each for each in found if each.code == adjusted.shops[0].code)
    assert (one.before, one.after, one.direction) == ("A", "B", -1)
    assert (one.proposed_by, one.decided_by, one.state, one.cause) == (
        desk.REVIEWER, desk.APPROVER, "APPROVED", "JUDGEMENT",
    )  # fmt: skip
    assert (one.period, one.district, one.reverses) == ("2025H2", HERE, False)
    assert discretion.changes(date(2025, 1, 1), date(2025, 12, 31)) == []
    assert {one.district for one in discretion.changes(*SPAN, frozenset({THERE}))} == {THERE}


def test_by_district_the_share_is_of_ratings_reviewed(adjusted: City) -> None:
    found = discretion.changes(*SPAN)
    reviewed = discretion.reviewed_by_district(*SPAN)
    # both periods went under review in the span; not-rated and absent shops are not counted
    assert reviewed == {HERE: 3 + 4, THERE: 3 + 3}
    shares = discretion.by_district(found, reviewed)
    assert shares[HERE] == Share(reviewed=7, proposed=2, approved=1, rejected=1, up=0, down=1)
    assert shares[THERE] == Share(reviewed=6, proposed=2, approved=1, rejected=0, up=1, down=0)
    assert discretion.reviewed_by_district(*SPAN, frozenset({HERE})) == {HERE: 7}
    assert discretion.reviewed_by_district(date(2025, 1, 1), date(2025, 12, 31)) == {}


def test_by_proposer_the_share_is_of_what_they_confirmed(adjusted: City) -> None:
    rating = adjusted.second.run.ratings.get(pharmacy=adjusted.shops[0])
    ReviewItem.objects.create(
        period=adjusted.second, rating=rating, remarks=1, confirmed_by=desk.REVIEWER, confirmed_at=desk.NOW
    )
    BulkConfirmation.objects.create(
        period=adjusted.second, district_id=HERE, count=30, by=desk.REVIEWER, at=desk.NOW
    )
    BulkConfirmation.objects.create(
        period=adjusted.second, district_id=THERE, count=5, by=desk.OTHER, at=desk.NOW
    )
    confirmed = discretion.reviewed_by_person(*SPAN)
    assert confirmed == {desk.REVIEWER: 31, desk.OTHER: 5}
    assert discretion.reviewed_by_person(*SPAN, frozenset({THERE})) == {desk.OTHER: 5}
    shares = discretion.by_proposer(discretion.changes(*SPAN), confirmed)
    assert shares[desk.REVIEWER] == Share(reviewed=31, proposed=3, approved=2, rejected=0, up=1, down=1)
    assert shares[desk.OTHER] == Share(reviewed=5, proposed=1, approved=0, rejected=1)


def test_by_decider_and_cause(adjusted: City) -> None:
    found = discretion.changes(*SPAN)
    assert discretion.by_decider(found) == {
        desk.APPROVER: Share(reviewed=3, proposed=3, approved=2, rejected=1, up=1, down=1)
    }
    causes = discretion.by_cause(found)
    assert causes["CORRECTION"] == Share(proposed=1, approved=1, up=1)
    assert causes["JUDGEMENT"].proposed == 4


def test_taking_a_change_back_is_not_counted_again(adjusted: City) -> None:
    first = Adjustment.objects.get(rating__pharmacy=adjusted.shops[0])
    back = change(adjusted, 0, 0, reverses=first, from_grade=1)
    found = discretion.changes(*SPAN)
    one = next(each for each in found if each.pk == back.pk)
    assert one.reverses
    assert discretion.by_district(found, {})[HERE].approved == 1


def test_offices_are_the_scopes_of_people(city: City) -> None:
    for name, whole, districts in (("全", True, []), ("两", False, [HERE, THERE]), ("无", False, [])):
        scope = StaffScope.objects.create(user=User.objects.create_user(name), whole_city=whole)
        scope.districts.set(districts)
    User.objects.create_user("没有范围")
    assert discretion.offices(["全", "两", "无", "没有范围", "查无此人"]) == {
        "全": "全市",
        "两": "越城区、柯桥区",
        "无": "",
    }
    factories.district()
