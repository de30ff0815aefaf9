"""Corrections: re-rated after facts were put right, approved by another person, published at once."""

from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from ratings.models import Adjustment, Publication, PublishedGrade, Rating, RatingPeriod, Rerating
from ratings.rules.periods import Period
from ratings.services import adjustments
from ratings.services.adjustments import (
    decide_adjustment,
    propose_adjustment,
    propose_correction,
    propose_rerated,
)
from ratings.services.errors import Refused
from ratings.services.facts import save_registry, void_fact
from ratings.services.interim import find_interim
from ratings.services.reratings import rerate
from ratings.services.runs import start_run
from ratings.services.standing import standing
from tests import desk, factories
from tests.ratings.services.regrading import (
    APPROVER,
    AT,
    CLERK,
    GOOD,
    GROWN,
    OTHER,
    PENALISED,
    REVIEWER,
    A,
    B,
    C,
    D,
    city_in,
    convict,
    enter,
    publish,
    rating_of,
)
from tests.ratings.services.test_runs import rate_now, small_city

pytestmark = pytest.mark.django_db


def correct(rating: Rating, **options: Any) -> Adjustment | None:
    return propose_correction(
        rating,
        **{
            "text": "处罚决定已被撤销",
            "clause": "《行政处罚法》第四十八条",
            "by": REVIEWER,
            "at": AT,
            **options,
        },
    )


def approve(adjustment: Adjustment | None) -> Adjustment:
    assert adjustment is not None
    return decide_adjustment(adjustment, approve=True, text="同意", by=APPROVER, at=AT)


def penalised(state: str = "PUBLISHED") -> Rating:
    shops, period = city_in(state)
    return rating_of(shops[PENALISED], period)


def annul(rating: Rating) -> None:
    void_fact(rating.pharmacy.violation_set.get(), reason="处罚被撤销", by=CLERK)


def public(rating: Rating) -> list[tuple[str, str, int | None]]:
    rows = PublishedGrade.objects.filter(pharmacy=rating.pharmacy).order_by("seq")
    return [(row.event, row.grade, row.score) for row in rows]


def test_an_annulled_penalty_is_gone_from_the_public_grade_once_approved() -> None:
    rating = penalised()
    annul(rating)
    row = correct(rating, due_on=date(2026, 2, 8))
    assert row is not None
    assert (row.cause, row.from_grade, row.to_grade, row.due_on) == ("CORRECTION", C, A, date(2026, 2, 8))
    assert public(rating) == [("PERIODIC", "C", 76_000)]
    approve(row)
    assert public(rating) == [("PERIODIC", "C", 76_000), ("CORRECTION", "A", 100_000)]
    assert (standing(rating).position, standing(rating).reckoned) == (A, A)
    assert PublishedGrade.objects.filter(event="CORRECTION").count() == 1


def test_before_publication_it_goes_into_the_periods_own() -> None:
    rating = penalised("PUBLIC_NOTICE")
    annul(rating)
    approve(correct(rating))
    assert not Publication.objects.exists()
    publish(RatingPeriod.objects.get(run=rating.run), at=AT)
    assert public(rating) == [("PERIODIC", "A", 100_000)]


def test_where_nothing_changes_nothing_is_proposed() -> None:
    rating = penalised()
    assert correct(rating) is None
    assert (Adjustment.objects.count(), Rerating.objects.count()) == (0, 1)


def test_a_score_is_corrected_within_its_grade() -> None:
    shops = small_city()
    minor = factories.violation(shops[PENALISED], kind="MGMT_MISSING", gravity="MINOR")
    rating = rating_of(shops[PENALISED], enter(rate_now(), "PUBLISHED"))
    void_fact(minor, reason="录错", by=CLERK)
    row = correct(rating)
    assert row is not None
    assert (row.from_grade, row.to_grade) == (C, C)
    approve(row)
    (_, _, before), (event, grade, after) = public(rating)
    assert (event, grade, after) == ("CORRECTION", "C", 76_000)
    assert before is not None
    assert before < 76_000


def test_what_was_judged_stays_as_long_as_the_reckoned_grade_does() -> None:
    rating = penalised("UNDER_REVIEW")
    approve(
        propose_adjustment(rating, reason_code="self_report", to_grade=B, text="主动", by=REVIEWER, at=AT)
    )
    assert correct(rating) is None
    annul(rating)
    row = correct(rating)
    assert row is not None
    assert (row.from_grade, row.to_grade) == (B, A)


def test_what_was_judged_does_not_pass_a_cap_that_strikes_later() -> None:
    """Reckoned B before and after; the correction of the registry makes B the best that is allowed."""
    shops, period = city_in("UNDER_REVIEW")
    shop, rating = shops[GROWN], rating_of(shops[GROWN], period)
    approve(
        propose_adjustment(rating, reason_code="self_report", to_grade=A, text="主动", by=REVIEWER, at=AT)
    )
    shop.designated_on = date(2025, 1, 1)
    save_registry(shop, by=CLERK)
    row = approve(correct(rating, text="登记更正"))
    assert row.rerating is not None
    assert (row.rerating.position, row.from_grade, row.to_grade) == (B, A, B)
    assert not standing(rating).judged


def test_a_cap_that_the_re_rating_lifted_bounds_judgement_no_more() -> None:
    shops = small_city()
    fraud = factories.violation(shops[PENALISED], kind="CARD_FOR_GOODS", gravity="MINOR")
    rating = rating_of(shops[PENALISED], enter(rate_now(), "UNDER_REVIEW"))
    assert rating.grade == D
    void_fact(fraud, reason="处罚被撤销", by=CLERK)
    approve(correct(rating))
    assert standing(rating).position == C
    assert propose_adjustment(rating, reason_code="self_report", to_grade=B, text="主动", by=REVIEWER, at=AT)


@pytest.mark.parametrize("state", ["COMPUTED", "CLOSED", "ABANDONED"])
def test_out_of_place_nothing_is_even_reckoned(state: str) -> None:
    rating = penalised(state)
    with pytest.raises(Refused, match="不能办理“更正”"):
        correct(rating)
    assert not Rerating.objects.exists()


def test_a_grade_that_a_later_period_replaced_is_not_changed_any_more() -> None:
    rating = penalised()
    run = start_run(Period.parse("2026H1"), rating.run.scheme, cutoff=timezone.now(), by=CLERK)
    later = desk.life(run, "FINAL")
    annul(rating)
    row = correct(rating)
    publish(later)
    with pytest.raises(Refused, match=f"不是本周期的等级：请在评价周期 {later} 中办理"):
        approve(row)
    assert row is not None
    decide_adjustment(row, approve=False, text="已有新的等级", by=APPROVER)
    with pytest.raises(Refused, match="不是本周期的等级"):
        correct(rating)


class TestFactsBetweenProposalAndApproval:
    def test_a_new_one_makes_the_proposal_stale(self) -> None:
        rating = penalised()
        annul(rating)
        row = correct(rating)
        convict(rating.pharmacy)
        with pytest.raises(Refused, match="事实在复评后又有变化"):
            approve(row)
        assert public(rating) == [("PERIODIC", "C", 76_000)]
        assert row is not None
        decide_adjustment(row, approve=False, text="事实有变", by=APPROVER, at=AT)
        with pytest.raises(Refused, match="即时生效的情形请“查找期间变动”"):
            correct(rating)
        (again,) = find_interim(by=REVIEWER, at=AT)
        assert again.to_grade == D
        approve(again)
        assert public(rating)[-1][:2] == ("INTERIM", "D")

    def test_one_of_another_pharmacy_does_not(self) -> None:
        shops, period = city_in("PUBLISHED")
        rating = rating_of(shops[PENALISED], period)
        annul(rating)
        row = correct(rating)
        convict(shops[GOOD])
        approve(row)


def test_a_crash_while_publishing_leaves_the_proposal_open(monkeypatch: pytest.MonkeyPatch) -> None:
    rating = penalised()
    annul(rating)
    row = correct(rating)

    def crash(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("断电")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="断电"):
        patch.setattr(adjustments, "publish_adjustment", crash)
        approve(row)
    assert row is not None
    row.refresh_from_db()
    assert (row.state, standing(rating).position) == ("PROPOSED", C)
    approve(row)


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("UNDER_REVIEW", ""),
        ("PUBLIC_NOTICE", "退回审核，更正后重新公示"),
        ("FINAL", "退回审核，更正后重新公示"),
        ("PUBLISHED", "计入下一评价周期"),
    ],
)
def test_what_the_pharmacy_was_told_is_not_corrected_for_the_worse(state: str, remedy: str) -> None:
    """A decision of the period that was recorded late; before notice it counts, afterwards it does not."""
    shops, period = city_in(state)
    rating = rating_of(shops[GOOD], period)
    again = desk.rerating(rating, grade=C, grade_before_caps=C, score=70_000)
    words = {"cause": "CORRECTION", "text": "迟报的处理决定", "clause": "第六条", "by": REVIEWER, "at": AT}
    if not remedy:
        row = propose_rerated(rating, again, **words)
        assert row is not None
        assert (row.from_grade, row.to_grade) == (A, C)
        return
    with pytest.raises(Refused, match=remedy):
        propose_rerated(rating, again, **words)
    for grade, score in ((A, 100_000), (A, 99_000)):
        same = desk.rerating(rating, grade=grade, score=score)
        row = propose_rerated(rating, same, **words)
        assert (row is None) is (score == rating.score)


def test_a_re_rating_of_another_pharmacy_is_no_ground() -> None:
    shops, period = city_in("UNDER_REVIEW")
    again = rerate(rating_of(shops[GOOD], period), by=REVIEWER)
    with pytest.raises(ValueError, match="another rating"):
        propose_rerated(
            rating_of(shops[PENALISED], period), again, cause="CORRECTION", text="错", clause="无", by=OTHER
        )
