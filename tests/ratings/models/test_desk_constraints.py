"""What the database holds of periods, reviews, adjustments, objections, repairs and evidence."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Model

from ratings.models import (
    Adjustment,
    BulkConfirmation,
    CreditRepair,
    Evidence,
    NoticeLink,
    Objection,
    ObjectionFact,
    PeriodMove,
    Publication,
    PublishedGrade,
    Rating,
    RatingPeriod,
    Rerating,
    ReviewItem,
)
from ratings.rules.moves import (
    OBJECTION_MOVES,
    OBJECTION_STATES,
    PERIOD_MOVES,
    PERIOD_STATES,
    REPAIR_MOVES,
    REPAIR_STATES,
)
from tests import desk, factories
from tests.desk import APPROVER, CLERK, NOW, REVIEWER
from tests.ratings.models.test_run_constraints import rating as new_rating
from tests.ratings.models.test_run_constraints import run as new_run

pytestmark = pytest.mark.django_db
HASH = "a" * 64


@pytest.fixture
def rating() -> Rating:
    return new_rating(new_run(), factories.pharmacy())


@pytest.fixture
def period(rating: Rating) -> RatingPeriod:
    return desk.life(rating.run)


def broken(constraint: str, make: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make()


def changed(row: Model, **values: Any) -> Callable[[], object]:
    """An UPDATE of this row that no form stands before."""
    return lambda: type(row)._default_manager.filter(pk=row.pk).update(**values)


class TestPeriod:
    def test_one_live_life_of_a_period_and_scope(self, period: RatingPeriod) -> None:
        other = new_run(cutoff=NOW)
        broken("ratingperiod_one_live", lambda: desk.life(other))
        desk.walk(period, "ABANDONED")
        assert desk.life(other).state == "COMPUTED"

    @pytest.mark.parametrize("pair", ["reviewed", "noticed", "finalised", "published"])
    def test_who_and_when_stand_together(self, period: RatingPeriod, pair: str) -> None:
        # ratingperiod_reviewed_whole, ratingperiod_noticed_whole,
        # ratingperiod_finalised_whole, ratingperiod_published_whole
        broken(f"ratingperiod_{pair}_whole", changed(period, **{f"{pair}_by": "甲"}))
        broken(f"ratingperiod_{pair}_whole", changed(period, **{f"{pair}_at": NOW}))

    def test_four_eyes(self, period: RatingPeriod) -> None:
        desk.walk(period, "FINAL")
        broken("ratingperiod_notice_not_by_reviewer", changed(period, noticed_by=REVIEWER))
        broken(
            "ratingperiod_publish_not_by_finaliser",
            changed(period, published_by=REVIEWER, published_at=NOW),
        )

    @pytest.mark.parametrize("until", [None, date(2026, 2, 4)])
    def test_notice_dates(self, period: RatingPeriod, until: date | None) -> None:
        broken("ratingperiod_notice_dates", changed(period, notice_from=date(2026, 2, 5), notice_until=until))

    def test_a_state_has_its_record(self, period: RatingPeriod) -> None:
        desk.walk(period, "UNDER_REVIEW")
        broken("ratingperiod_state_backed", changed(period, state="PUBLIC_NOTICE"))

    def test_moves_and_items(self, period: RatingPeriod, rating: Rating) -> None:
        PeriodMove.objects.create(period=period, name="review", source="COMPUTED", target="X", by="甲")
        item = ReviewItem.objects.create(period=period, rating=rating, remarks=1)
        broken("reviewitem_confirmed_whole", changed(item, confirmed_by="甲"))
        broken("reviewitem_remarks", changed(item, remarks=0))
        broken("reviewitem_remarks", changed(item, remarks=32))
        BulkConfirmation.objects.create(period=period, district=rating.district, count=1, by="甲")
        again = BulkConfirmation(period=period, district=rating.district, count=1, by="乙")
        broken("bulkconfirmation_once", again.save)
        other = factories.district(330603, "柯桥区")
        broken(
            "bulkconfirmation_count",
            BulkConfirmation(period=period, district=other, count=-1, by="乙").save,
        )


_MOVES = [
    (table, moves, source.id, target.id)
    for table, states, moves in (
        (RatingPeriod, PERIOD_STATES, PERIOD_MOVES),
        (Objection, OBJECTION_STATES, OBJECTION_MOVES),
        (CreditRepair, REPAIR_STATES, REPAIR_MOVES),
    )
    for source in states
    for target in states
    if source.id != target.id
]


@pytest.mark.parametrize(("table", "moves", "source", "target"), _MOVES)
def test_only_listed_moves_are_possible(
    table: type[Model], moves: Any, source: str, target: str, rating: Rating
) -> None:
    """The trigger's list is that of rules/moves.py, move by move, for each table with states."""
    allowed = any((move.source, move.target) == (source, target) for move in moves)
    trigger = next(one for one in table._meta.triggers if one.name == "moves_only")  # type: ignore[attr-defined]
    assert (f"('{source}', '{target}')" in trigger.func) is allowed


@pytest.mark.parametrize(("source", "target"), [("COMPUTED", "PUBLISHED"), ("PUBLISHED", "UNDER_REVIEW")])
def test_the_database_refuses_other_moves(period: RatingPeriod, source: str, target: str) -> None:
    desk.walk(period, source)
    broken(f"不能从 {source} 变为 {target}", changed(period, state=target))


def test_rows_begin_at_the_start(rating: Rating, period: RatingPeriod) -> None:
    shop = factories.pharmacy()
    case = factories.violation(shop)
    broken("须从起始状态开始", lambda: desk.objection(period, rating, state="UPHELD"))
    broken("须从起始状态开始", lambda: desk.repair(case, state="GRANTED"))
    broken("须先提出，再决定", lambda: desk.adjustment(period, rating, state="APPROVED"))


class TestAdjustment:
    def test_one_open_a_rating(self, period: RatingPeriod, rating: Rating) -> None:
        first = desk.adjustment(period, rating)
        broken("adjustment_one_open", lambda: desk.adjustment(period, rating))
        desk.decided(first)
        assert desk.adjustment(period, rating).state == "PROPOSED"

    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("adjustment_changes", {"to_grade": 0, "from_grade": 0}),
            ("adjustment_reckoned_or_reasoned", {"reason_code": ""}),
            ("adjustment_reckoned_or_reasoned", {"cause": "CORRECTION"}),
            ("adjustment_text_given", {"text": ""}),
            ("adjustment_text_given", {"clause": ""}),
            ("adjustment_decided_when_not_open", {"decided_by": "甲", "decided_at": NOW}),
        ],
    )
    def test_what_is_proposed(
        self, period: RatingPeriod, rating: Rating, constraint: str, values: dict[str, Any]
    ) -> None:
        broken(constraint, lambda: desk.adjustment(period, rating, **values))

    @pytest.mark.parametrize("cause", ["OBJECTION", "REPAIR"])
    def test_a_cause_names_its_source(self, period: RatingPeriod, rating: Rating, cause: str) -> None:
        again = desk.rerating(rating)
        broken("adjustment_source", lambda: desk.adjustment(period, rating, cause=cause, rerating=again))

    def test_another_person_decides(self, period: RatingPeriod, rating: Rating) -> None:
        row = desk.adjustment(period, rating)
        for state in ("APPROVED", "REJECTED"):
            broken(
                "adjustment_not_decided_by_proposer", lambda state=state: desk.decided(row, state, REVIEWER)
            )
        assert desk.decided(row, "CANCELLED", REVIEWER).state == "CANCELLED"

    def test_a_decision_is_whole(self, period: RatingPeriod, rating: Rating) -> None:
        row = desk.adjustment(period, rating)
        broken("adjustment_decided_whole|adjustment_decided_when_not_open", changed(row, state="APPROVED"))
        broken("adjustment_decided_whole", changed(row, state="APPROVED", decided_at=NOW))

    def test_decided_once_and_nothing_else_changes(self, period: RatingPeriod, rating: Rating) -> None:
        row = desk.adjustment(period, rating)
        broken("提出的内容不得修改", changed(row, text="改口"))
        desk.decided(row)
        broken("已决定的记录不得再改", changed(row, decision_text="改口"))
        broken("已决定的记录不得再改", changed(row, state="REJECTED"))

    def test_reversed_once_unless_rejected(self, period: RatingPeriod, rating: Rating) -> None:
        first = desk.decided(desk.adjustment(period, rating))
        back = {"cause": "CORRECTION", "from_grade": 1, "to_grade": 0, "reverses": first}
        desk.decided(desk.adjustment(period, rating, **back), "REJECTED")
        desk.decided(desk.adjustment(period, rating, **back))
        broken("adjustment_reversed_once", lambda: desk.adjustment(period, rating, **back))

    def test_rerating(self, rating: Rating) -> None:
        broken("rerating_grade_or_reason", lambda: desk.rerating(rating, grade=-1, grade_before_caps=-1))
        broken("rerating_fingerprints", lambda: desk.rerating(rating, inputs_sha256=""))

    @pytest.mark.parametrize(
        ("values", "position"),
        [
            ({"grade": 1}, 1),
            ({"grade": 1, "limit": 3}, 3),
            ({"grade": 3, "limit": 1}, 3),
            ({"grade": 1, "withdrawn_rule": "terminated"}, -1),
            ({"grade": -1, "grade_before_caps": -1, "state": 1, "limit": 3}, -1),
        ],
    )
    def test_the_position_that_follows(self, rating: Rating, values: dict[str, Any], position: int) -> None:
        assert desk.rerating(rating, **values).position == position


_DECIDED = {"decided_by": "甲", "decided_at": NOW}
_SERVED = {"served_by": "乙", "served_at": NOW}


class TestObjection:
    def test_one_open_a_rating(self, period: RatingPeriod, rating: Rating) -> None:
        first = desk.objection(period, rating)
        broken("objection_one_open", lambda: desk.objection(period, rating))
        changed(first, state="WITHDRAWN")()
        assert desk.objection(period, rating).is_open

    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("objection_given", {"statement": ""}),
            ("objection_given", {"received_by": ""}),
            ("objection_due_order", {"last_due_on": date(2026, 2, 11)}),
            ("objection_extended_whole", {"extended_by": "甲"}),
            ("objection_proposed_whole", {"proposed_by": "甲"}),
            ("objection_decided_whole", {"decided_by": "甲"}),
            ("objection_reviewed_whole", {"reviewed_by": "甲"}),
            ("objection_served_whole", {"served_by": "甲"}),
            ("objection_review_requested_whole", {"review_requested_by": "甲"}),
            ("objection_review_proposed_whole", {"review_proposed_by": "甲"}),
            ("objection_handed_in_before_entry", {"handed_in_on": date(2026, 2, 5)}),
            ("objection_served_after_decision", {"served_on": date(2026, 2, 4)}),
            ("objection_served_after_decision", {**_DECIDED, **_SERVED, "served_on": None}),
            ("objection_served_after_decision", {**_DECIDED, **_SERVED, "served_on": date(2026, 2, 3)}),
            ("objection_served_after_decision", {**_DECIDED, **_SERVED, "served_on": date(2026, 2, 5)}),
            ("objection_served_after_decision", {**_SERVED, "served_on": date(2026, 2, 4)}),
            (
                "objection_not_reviewed_by_party",
                {
                    "review_proposed_by": "甲",
                    "review_proposed_at": NOW,
                    "reviewed_by": "甲",
                    "reviewed_at": NOW,
                },
            ),
            (
                "objection_review_not_proposed_by_decider",
                {**_DECIDED, "review_proposed_by": "甲", "review_proposed_at": NOW},
            ),
            (
                "objection_not_decided_by_proposer",
                {"proposed_by": "甲", "proposed_at": NOW, "decided_by": "甲", "decided_at": NOW},
            ),
            (
                "objection_not_reviewed_by_decider",
                {"decided_by": "甲", "decided_at": NOW, "reviewed_by": "甲", "reviewed_at": NOW},
            ),
        ],
    )
    def test_constraints(
        self, period: RatingPeriod, rating: Rating, constraint: str, values: dict[str, Any]
    ) -> None:
        broken(constraint, lambda: desk.objection(period, rating, **values))

    def test_a_state_has_its_record(self, period: RatingPeriod, rating: Rating) -> None:
        broken("objection_state_backed", changed(desk.objection(period, rating), state="PROPOSED"))

    def test_facts(self, period: RatingPeriod, rating: Rating) -> None:
        row = desk.objection(period, rating)
        case = factories.violation(rating.pharmacy)
        broken("objectionfact_one", ObjectionFact(objection=row).save)
        ObjectionFact.objects.create(objection=row, violation=case)
        broken("objectionfact_once", ObjectionFact(objection=row, violation=case).save)


class TestRepair:
    def test_one_open_a_violation(self) -> None:
        case = factories.violation(factories.pharmacy())
        desk.repair(case)
        broken("creditrepair_one_open", lambda: desk.repair(case))

    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("creditrepair_given", {"commitment": ""}),
            ("creditrepair_given", {"correction": ""}),
            ("creditrepair_accepted_whole", {"accepted_by": "甲"}),
            ("creditrepair_extended_whole", {"extended_by": "甲"}),
            ("creditrepair_proposed_whole", {"proposed_by": "甲"}),
            ("creditrepair_decided_whole", {"decided_by": "甲"}),
            (
                "creditrepair_not_decided_by_proposer",
                {"proposed_by": "甲", "proposed_at": NOW, "decided_by": "甲", "decided_at": NOW},
            ),
        ],
    )
    def test_constraints(self, constraint: str, values: dict[str, Any]) -> None:
        case = factories.violation(factories.pharmacy())
        broken(constraint, lambda: desk.repair(case, **values))

    def test_a_state_has_its_record(self) -> None:
        row = desk.repair(factories.violation(factories.pharmacy()))
        broken("creditrepair_state_backed", changed(row, state="ACCEPTED"))
        changed(row, state="ACCEPTED", accepted_by=CLERK, accepted_at=NOW)()
        proposed = {"proposed_by": REVIEWER, "proposed_at": NOW, "decide_due_on": date(2026, 3, 1)}
        changed(row, state="PROPOSED", **proposed)()
        granted = {"state": "GRANTED", "decided_by": APPROVER, "decided_at": NOW}
        broken("creditrepair_state_backed", changed(row, **granted))
        changed(row, decision_no="修〔2026〕1号", **granted)()
        broken("不能从 GRANTED 变为 PROPOSED", changed(row, state="PROPOSED"))


class TestEvidenceAndLinks:
    def test_evidence_belongs_to_one(self, period: RatingPeriod, rating: Rating) -> None:
        row = desk.objection(period, rating)
        case = desk.repair(factories.violation(rating.pharmacy))
        file = {"file": "evidence/x", "name": "x.pdf", "sha256": HASH, "size": 1, "content_type": "a/b"}
        broken("evidence_of_one", Evidence(**file, uploaded_by="甲").save)
        broken("evidence_of_one", Evidence(**file, uploaded_by="甲", objection=row, repair=case).save)
        broken(
            "evidence_fingerprint",
            Evidence(**{**file, "size": 0}, uploaded_by="甲", objection=row).save,
        )
        kept = Evidence.objects.create(**file, uploaded_by="甲", objection=row)
        broken("不得修改", changed(kept, name="y.pdf"))

    def test_one_live_link(self, rating: Rating) -> None:
        first = {"rating": rating, "issued_by": "甲", "expires_at": NOW}
        link = NoticeLink.objects.create(**first, token_sha256=HASH)
        broken("noticelink_one_live", NoticeLink(**first, token_sha256="b" * 64).save)
        changed(link, revoked_at=NOW)()
        broken("noticelink_hash", NoticeLink(**first, token_sha256="plain").save)
        NoticeLink.objects.create(**first, token_sha256="b" * 64)

    def test_a_link_is_opened_by_a_known_browser(self, rating: Rating) -> None:
        link = NoticeLink.objects.create(rating=rating, issued_by="甲", expires_at=NOW, token_sha256=HASH)
        for half in ({"opened_at": NOW}, {"opened_by_sha256": HASH}):
            broken("noticelink_opened_whole", changed(link, **half))
        broken("noticelink_opened_whole", changed(link, opened_at=NOW, opened_by_sha256="plain"))
        changed(link, opened_at=NOW, opened_by_sha256=HASH)()


@pytest.mark.parametrize(
    "model",
    [
        Adjustment,
        BulkConfirmation,
        CreditRepair,
        Evidence,
        NoticeLink,
        Objection,
        ObjectionFact,
        PeriodMove,
        Publication,
        PublishedGrade,
        RatingPeriod,
        Rerating,
        ReviewItem,
    ],
)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_nothing_is_deleted(model: type[models.Model], statement: str) -> None:
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="不得删除"), transaction.atomic():
        cursor.execute(statement.format(model._meta.db_table))
