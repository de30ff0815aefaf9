"""The review's work list: what is on it at each bound, and confirming one by one and together."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.models import (
    Adjustment,
    AuditEvent,
    BulkConfirmation,
    District,
    Pharmacy,
    Rating,
    RatingPeriod,
    ReviewItem,
    SchemeVersion,
)
from ratings.rules import shipped_schemes
from ratings.services.errors import Refused
from ratings.services.publication import publish_adjustment
from ratings.services.review import confirm_item, confirm_items, confirm_rest, list_items, progress
from ratings.services.schemes import activate_scheme, store_scheme
from tests import desk, factories
from tests.ratings.services.lives import APPROVER, REVIEWER, Result, published, run_of

pytestmark = pytest.mark.django_db
CHANGED, CAPPED, NEAR, FIRST, GROWTH = ReviewItem.Remark
#: Scores of the default scheme (bounds 90, 80, 60) that are near none.
FAR = {0: 95_000, 1: 85_000, 2: 70_000, 3: 30_000}

FIVE_GRADES = """[[grades]]
name = "S"
label = "示范"
meaning = "示范药店。"
valid_months = 12

[[grades]]"""
BAND = """[[bands.rows]]
grade = "S"
min = 99
clause = "第十一条"

[[bands.rows]]"""


def in_force(key: str = "shaoxing-style") -> SchemeVersion:
    stored = store_scheme(shipped_schemes()[key].read_text(), by=APPROVER)
    return activate_scheme(stored, by=APPROVER)


def in_force_with(grades: str) -> SchemeVersion:
    """The default scheme with one more grade before A, as a scheme of another key."""
    text = shipped_schemes()["shaoxing-style"].read_text()
    text = text.replace('key = "shaoxing-style"', 'key = "five"').replace("[[grades]]", grades, 1)
    text = text.replace("[[bands.rows]]", BAND, 1)
    return activate_scheme(store_scheme(text, by=APPROVER), by=APPROVER)


@pytest.fixture
def scheme() -> SchemeVersion:
    return in_force()


@pytest.fixture
def shop() -> Pharmacy:
    return factories.pharmacy()


def at(shop: Pharmacy, grade: int, **values: Any) -> Result:
    return Result(shop, grade, **{"score": FAR.get(grade, 0), **values})


def listed(scheme: SchemeVersion, *results: Result) -> list[int]:
    """What the list says of each result."""
    run = run_of(scheme, *results)
    list_items(desk.life(run, "UNDER_REVIEW"))
    found = dict(ReviewItem.objects.values_list("rating__pharmacy_id", "remarks"))
    return [found.get(result.shop.pk, 0) for result in results]


def published_before(scheme: SchemeVersion, *results: Result, period: str = "2025H1") -> RatingPeriod:
    return published(run_of(scheme, *results, period=period))


class TestRemarks:
    @pytest.mark.parametrize(
        ("before", "now", "remarks"),
        [(0, 1, 0), (1, 0, 0), (2, 2, 0), (0, 2, CHANGED), (3, 1, CHANGED), (1, -1, CHANGED), (-1, -1, 0)],
    )
    def test_changed_by_two_grades_or_lost(
        self, scheme: SchemeVersion, shop: Pharmacy, before: int, now: int, remarks: int
    ) -> None:
        published_before(scheme, at(shop, before))
        assert listed(scheme, at(shop, now)) == [remarks]

    def test_first_is_who_never_had_a_grade(self, scheme: SchemeVersion) -> None:
        new, unrated, known, never = (factories.pharmacy() for _ in range(4))
        published_before(scheme, at(unrated, -1), at(known, 1))
        results = at(new, 1), at(unrated, 1), at(known, 1), at(never, -1)
        assert listed(scheme, *results) == [FIRST, FIRST, 0, 0]
        assert set(ReviewItem.objects.values_list("previous_grade", flat=True)) == {""}

    def test_none_is_first_where_nothing_was_published(self, scheme: SchemeVersion, shop: Pharmacy) -> None:
        assert listed(scheme, at(shop, 1)) == [0]

    def test_the_last_published_grade_counts_not_the_computed_one(
        self, scheme: SchemeVersion, shop: Pharmacy
    ) -> None:
        period = published_before(scheme, at(shop, 0))
        change(period, shop, 3, "INTERIM")
        assert listed(scheme, at(shop, 1)) == [CHANGED]
        assert ReviewItem.objects.get().previous_grade == "D"

    def test_a_withdrawn_grade_that_stays_away_is_no_news_and_one_that_returns_is(
        self, scheme: SchemeVersion
    ) -> None:
        away, back = factories.pharmacy(), factories.pharmacy()
        period = published_before(scheme, at(away, 0), at(back, 0))
        for each in (away, back):
            change(period, each, -1, "WITHDRAWAL")
        assert listed(scheme, at(away, -1), at(back, 0)) == [0, CHANGED]
        assert ReviewItem.objects.get().previous_grade == "A"

    def test_grades_of_another_scheme_are_compared_by_name_or_only_shown(self, scheme: SchemeVersion) -> None:
        same, changed, unknown = (factories.pharmacy() for _ in range(3))
        other = in_force_with(FIVE_GRADES)
        published_before(other, at(same, 1), at(changed, 3), at(unknown, 0, growth_bp=0))
        results = at(same, 0), at(changed, 0), at(unknown, 2, before_caps=1)
        assert listed(scheme, *results) == [0, CHANGED, CAPPED]
        shown = dict(ReviewItem.objects.values_list("rating__pharmacy", "previous_grade"))
        assert shown == {changed.pk: "C", unknown.pk: "S"}

    @pytest.mark.parametrize(("before_caps", "remarks"), [(2, 0), (1, CAPPED)])
    def test_capped_where_a_cap_lowered(
        self, scheme: SchemeVersion, shop: Pharmacy, before_caps: int, remarks: int
    ) -> None:
        published_before(scheme, at(shop, 2))
        assert listed(scheme, at(shop, 2, before_caps=before_caps)) == [remarks]

    @pytest.mark.parametrize(
        ("grade", "score", "remarks"),
        [
            (0, 91_001, 0),
            (0, 91_000, NEAR),
            (0, 90_000, NEAR),
            (1, 89_000, NEAR),
            (1, 88_999, 0),
            (3, 59_000, NEAR),
            (3, 0, 0),
        ],
    )
    def test_near_within_a_point_of_a_bound(
        self, scheme: SchemeVersion, shop: Pharmacy, grade: int, score: int, remarks: int
    ) -> None:
        published_before(scheme, at(shop, grade))
        assert listed(scheme, at(shop, grade, score=score)) == [remarks]

    @pytest.mark.parametrize(("growth_bp", "remarks"), [(4_999, 0), (5_000, GROWTH), (-9_000, 0)])
    def test_growth_from_half_on(
        self, scheme: SchemeVersion, shop: Pharmacy, growth_bp: int, remarks: int
    ) -> None:
        published_before(scheme, at(shop, 1))
        assert listed(scheme, at(shop, 1, growth_bp=growth_bp)) == [remarks]

    def test_all_at_once_and_not_rated_never_but_for_the_loss(
        self, scheme: SchemeVersion, shop: Pharmacy
    ) -> None:
        other = factories.pharmacy()
        published_before(scheme, at(shop, 0), at(other, 0))
        worst = at(shop, 3, before_caps=2, score=60_000, growth_bp=5_000)
        lost = at(other, -1, growth_bp=9_000)
        assert listed(scheme, worst, lost) == [CHANGED | CAPPED | NEAR | GROWTH, CHANGED]


def change(period: RatingPeriod, shop: Pharmacy, to: int, cause: str) -> Adjustment:
    """Publish an approved change of one grade."""
    rating = Rating.objects.get(run=period.run, pharmacy=shop)
    again = desk.rerating(rating, grade=max(to, 0), grade_before_caps=0, withdrawn_rule="x" if to < 0 else "")
    row = desk.decided(desk.adjustment(period, rating, cause=cause, to_grade=to, rerating=again))
    publish_adjustment(row, by=APPROVER)
    return row


def test_listing_again_adds_what_is_new_and_leaves_what_is_there(
    scheme: SchemeVersion, shop: Pharmacy
) -> None:
    other = factories.pharmacy()
    before = published_before(scheme, at(shop, 1), at(other, 0))
    period = desk.life(run_of(scheme, at(shop, 3), at(other, 1)), "UNDER_REVIEW")
    assert list_items(period) == 1
    confirm_item(ReviewItem.objects.get(), by=REVIEWER)
    change(before, other, 3, "INTERIM")
    assert list_items(period) == 1
    assert list_items(period) == 0
    assert dict(ReviewItem.objects.values_list("rating__pharmacy", "confirmed_by")) == {
        shop.pk: desk.REVIEWER,
        other.pk: "",
    }


def test_bands_by_position_read_the_cut_points_of_the_run() -> None:
    scheme = in_force("curve")
    shops = [factories.pharmacy() for _ in range(3)]
    scores = 81_000, 81_001, 79_000
    run = run_of(
        scheme,
        *(Result(shop, 0, score) for shop, score in zip(shops, scores, strict=True)),
        cuts={"*": {"size": 3, "own": True, "values": [80_000, None, None]}},
    )
    period = desk.life(run, "UNDER_REVIEW")
    list_items(period)
    near = {
        item.rating.pharmacy_id for item in ReviewItem.objects.select_related("rating") if item.remarks & NEAR
    }
    assert near == {shops[0].pk, shops[2].pk}


@pytest.fixture
def period(scheme: SchemeVersion) -> RatingPeriod:
    """Two districts under review; in each one result on the work list (a first rating) and two others."""
    results = []
    for code, name in ((330602, "越城区"), (330603, "柯桥区")):
        factories.district(code, name)
        results += [factories.pharmacy(district_id=code) for _ in range(3)]
    published_before(scheme, *(at(shop, 1) for number, shop in enumerate(results) if number % 3))
    found = desk.life(run_of(scheme, *(at(shop, 1) for shop in results)), "UNDER_REVIEW")
    list_items(found)
    return found


def district(code: int = 330602) -> District:
    return District.objects.get(code=code)


class TestConfirm:
    def test_one(self, period: RatingPeriod) -> None:
        item = confirm_item(period.items.all()[0], note=" 属实 ", by=REVIEWER, at=desk.NOW)
        item.refresh_from_db()
        assert (item.confirmed_by, item.confirmed_at, item.note) == (desk.REVIEWER, desk.NOW, "属实")
        assert AuditEvent.objects.get(action="确认审核事项").subject == f"reviewitem:{item.pk}"
        with pytest.raises(Refused, match=f"已由 {desk.REVIEWER} 于 .* 确认"):
            confirm_item(item, by=APPROVER)

    def test_several_leave_the_confirmed_as_they_are(self, period: RatingPeriod) -> None:
        first, second = period.items.order_by("pk")
        confirm_item(first, by=APPROVER)
        assert confirm_items([first.pk, second.pk], by=REVIEWER) == 1
        assert list(period.items.order_by("pk").values_list("confirmed_by", flat=True)) == [
            desk.APPROVER,
            desk.REVIEWER,
        ]
        with pytest.raises(Refused, match="都已确认"):
            confirm_items([first.pk, second.pk], by=REVIEWER)

    def test_the_rest_of_a_district_together_and_once(self, period: RatingPeriod) -> None:
        assert confirm_rest(period, district(), by=REVIEWER).count == 2
        with pytest.raises(Refused, match="越城区的其余结果（2 家）已由"):
            confirm_rest(period, district(), by=APPROVER)
        assert BulkConfirmation.objects.count() == 1

    def test_nothing_to_confirm_elsewhere(self, period: RatingPeriod) -> None:
        with pytest.raises(Refused, match="没有需要批量确认"):
            confirm_rest(period, factories.district(330604, "上虞区"), by=REVIEWER)

    @pytest.mark.parametrize(
        "state", ["COMPUTED", "PUBLIC_NOTICE", "FINAL", "PUBLISHED", "CLOSED", "ABANDONED"]
    )
    def test_only_under_review(self, scheme: SchemeVersion, shop: Pharmacy, state: str) -> None:
        period = desk.life(run_of(scheme, at(shop, 1)), state)
        item = ReviewItem.objects.create(period=period, rating=period.run.ratings.get(), remarks=1)
        for act in (
            lambda: confirm_item(item, by=REVIEWER),
            lambda: confirm_items([item.pk], by=REVIEWER),
            lambda: confirm_rest(period, district(), by=REVIEWER),
        ):
            with pytest.raises(Refused, match="审核中"):
                act()
        assert not AuditEvent.objects.filter(action__contains="确认").exists()

    def test_a_note_that_is_too_long(self, period: RatingPeriod) -> None:
        item = period.items.all()[0]
        with pytest.raises(Refused, match="不超过 300 字，现有 301 字"):
            confirm_item(item, note="长" * 301, by=REVIEWER)
        confirm_item(item, note="长" * 300, by=REVIEWER)


def test_progress_counts_by_district(period: RatingPeriod) -> None:
    first = period.items.filter(rating__district=330602).get()
    confirm_item(first, by=REVIEWER)
    confirm_rest(period, district(), by=REVIEWER)
    here = period.run.ratings.filter(district=330603)
    desk.objection(period, here[0])
    desk.adjustment(period, here[1])
    rows = progress(period)
    assert [
        (row.district.code, row.results, row.items, row.confirmed, row.rest, row.done) for row in rows
    ] == [(330602, 3, 1, 1, 2, True), (330603, 3, 1, 0, 2, False)]
    assert [(row.open_adjustments, row.open_objections) for row in rows] == [(0, 0), (1, 1)]


def test_constant_number_of_queries(scheme: SchemeVersion) -> None:
    counts = []
    shops = [
        factories.pharmacy(district=factories.district(330602 + place, f"区{place}")) for place in range(3)
    ]
    for code, size in (("2025Q1", 1), ("2025Q2", 3)):
        period = desk.life(
            run_of(scheme, *(at(shop, 1, before_caps=0) for shop in shops[:size]), period=code),
            "UNDER_REVIEW",
        )
        with CaptureQueriesContext(connection) as listing:
            assert list_items(period) == size
        with CaptureQueriesContext(connection) as reading:
            assert len(progress(period)) == size
        counts.append((len(listing), len(reading)))
    assert counts[0] == counts[1]
    assert counts[0][1] == 6
