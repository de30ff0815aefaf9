"""Credit repair: not too early, in time, granted by another person, in effect from then on."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from ratings.models import Adjustment, AuditEvent, CreditRepair, PublishedGrade, Rating, Violation
from ratings.rules.moves import REPAIR_MOVES, REPAIR_STATES, moves_from
from ratings.services.adjustments import propose_rerated
from ratings.services.errors import Refused
from ratings.services.evidence import add_evidence
from ratings.services.facts import void_fact
from ratings.services.repairs import (
    accept_repair,
    apply_repair,
    check_repair,
    decide_repair,
    extend_repair,
    overdue,
    propose_repair,
    reply_repair,
    return_repair,
    withdraw_repair,
)
from ratings.services.reratings import rerate
from ratings.services.runs import replay
from ratings.services.standing import standing
from tests import desk, factories
from tests.ratings.services.regrading import (
    APPROVER,
    CLERK,
    GOOD,
    OTHER,
    PENALISED,
    REVIEWER,
    A,
    at_the_same_moment,
    city_in,
    convict,
    rating_of,
    shanghai,
)
from tests.ratings.services.uploads import upload

pytestmark = pytest.mark.django_db
#: The city's serious penalty is of 1 December 2025; a year later it may be repaired.
DAY = date(2026, 12, 1)
NOON = shanghai(DAY)


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def case(**values: Any) -> Violation:
    """A penalty of 1 June 2025."""
    return factories.violation(factories.pharmacy(), **values)


def apply(violation: Violation, applied_on: date = DAY, **values: Any) -> CreditRepair:
    given: dict[str, Any] = {
        "commitment": "今后守法经营",
        "correction": "已退回基金",
        "uploads": [upload()],
        "by": CLERK,
        "at": shanghai(applied_on),
    }
    return apply_repair(violation, applied_on=applied_on, **{**given, **values})


def accepted(violation: Violation, applied_on: date = DAY) -> CreditRepair:
    row = apply(violation, applied_on)
    return accept_repair(row, accept=True, text="", by=REVIEWER, at=shanghai(applied_on))


def proposed(violation: Violation, grant: bool = True) -> CreditRepair:
    return propose_repair(accepted(violation), grant=grant, text="整改到位", by=REVIEWER, at=NOON)


def penalised(state: str = "PUBLISHED", shop: int = PENALISED) -> tuple[Rating, Violation]:
    shops, period = city_in(state)
    return rating_of(shops[shop], period), shops[PENALISED].violation_set.get()


def grant(row: CreditRepair, by: Any = APPROVER, **values: Any) -> CreditRepair:
    return decide_repair(
        row, **{"decision_no": "医保信修〔2026〕1号", "text": "同意", "by": by, "at": NOON, **values}
    )


class TestApplying:
    @pytest.mark.parametrize(
        ("gravity", "applied_on", "earliest"),
        [
            # six months and a year until 31 March 2026; none, three months and a year from then on
            ("MINOR", date(2026, 3, 29), date(2026, 3, 30)),
            ("MINOR", date(2026, 3, 30), date(2026, 3, 30)),
            ("MINOR", date(2026, 4, 1), date(2025, 9, 30)),
            ("GENERAL", date(2026, 3, 29), date(2026, 3, 30)),
            ("GENERAL", date(2026, 3, 31), date(2026, 3, 30)),
            ("GENERAL", date(2026, 4, 1), date(2025, 12, 30)),
            ("SERIOUS", date(2026, 3, 31), date(2026, 9, 30)),
            ("SERIOUS", date(2026, 9, 29), date(2026, 9, 30)),
            ("SERIOUS", date(2026, 9, 30), date(2026, 9, 30)),
        ],
    )
    def test_minimum_time_of_the_day_of_application(
        self, gravity: str, applied_on: date, earliest: date
    ) -> None:
        violation = case(gravity=gravity, decided_on=date(2025, 9, 30), occurred_on=date(2025, 9, 1))
        at = shanghai(applied_on)
        if applied_on >= earliest:
            assert check_repair(violation, applied_on, at=at) == earliest
        else:
            told = f"最早可在 {earliest.year}年{earliest.month}月{earliest.day}日申请"
            with pytest.raises(Refused, match=told):
                check_repair(violation, applied_on, at=at)

    def test_the_day_before_and_the_day(self) -> None:
        violation = case(gravity="GENERAL", decided_on=date(2026, 1, 5))
        with pytest.raises(Refused, match=r"满 3 个月方可申请（.*第36号.*最早可在 2026年4月5日申请"):
            apply(violation, date(2026, 4, 4))
        row = apply(violation, date(2026, 4, 5))
        assert (row.state, row.earliest_on) == ("APPLIED", date(2026, 4, 5))
        # the 6th is a holiday (清明)
        assert (row.accept_due_on, row.calendar_known) == (date(2026, 4, 9), True)

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"commitment": " "}, "须写明信用承诺"),
            ({"correction": ""}, "须写明整改情况"),
            ({"contact": "1" * 101}, "不超过 100 字"),
            ({"applied_on": DAY + timedelta(days=1), "at": NOON}, "还没有到"),
            ({"applied_on": date(2025, 5, 31), "at": NOON}, "不得早于处理决定日期"),
        ],
    )
    def test_what_is_wrong_is_told(self, values: dict[str, Any], told: str) -> None:
        with pytest.raises(Refused, match=told):
            apply(case(), **values)

    def test_one_at_a_time_and_only_for_what_counts(self) -> None:
        violation = case()
        row = apply(violation)
        with pytest.raises(Refused, match=f"信用修复 #{row.pk}"):
            apply(violation)
        withdraw_repair(row, text="自愿撤回", by=CLERK)
        apply(violation)
        gone = void_fact(case(), reason="录错", by=REVIEWER)
        with pytest.raises(Refused, match="无须修复"):
            apply(gone)


class TestClocks:
    def test_acceptance(self) -> None:
        row = apply(case())
        everything = CreditRepair.objects.all()
        assert not overdue(everything, row.accept_due_on).exists()
        assert overdue(everything, row.accept_due_on + timedelta(days=1)).get() == row

    def test_decision_and_its_extension(self) -> None:
        row = accepted(case())
        due = row.decide_due_on
        assert due == date(2026, 12, 10)  # seven working days after the 1st
        everything = CreditRepair.objects.all()
        assert not overdue(everything, due).exists()
        assert overdue(everything, due + timedelta(days=1)).get() == row
        with pytest.raises(Refused, match="届满后不能延长"):
            extend_repair(row, reason="需核查", by=REVIEWER, at=shanghai(due + timedelta(days=1)))
        row = extend_repair(row, reason="需核查", by=REVIEWER, at=shanghai(due))
        assert row.decide_due_on == date(2026, 12, 24)
        with pytest.raises(Refused, match="已延长过一次"):
            extend_repair(row, reason="还需核查", by=REVIEWER, at=shanghai(due))

    def test_extended_only_between_acceptance_and_decision(self) -> None:
        with pytest.raises(Refused, match="受理之后、决定之前"):
            extend_repair(apply(case()), reason="需核查", by=REVIEWER, at=NOON)

    def test_the_answer(self) -> None:
        row = proposed(case(), grant=False)
        with pytest.raises(Refused, match="决定之后才能登记答复"):
            reply_repair(row, on=DAY, by=CLERK, at=NOON)
        row = decide_repair(row, text="整改不到位", by=APPROVER, at=NOON)
        assert row.reply_due_on == date(2026, 12, 15)
        for on in (DAY - timedelta(days=1), DAY + timedelta(days=1)):
            with pytest.raises(Refused, match="答复日期须在决定日"):
                reply_repair(row, on=on, by=CLERK, at=NOON)
        everything, late = CreditRepair.objects.all(), row.reply_due_on + timedelta(days=1)
        assert not overdue(everything, row.reply_due_on).exists()
        assert overdue(everything, late).get() == row
        assert reply_repair(row, on=DAY, by=CLERK, at=NOON).replied_on == DAY
        assert not overdue(everything, late).exists()
        with pytest.raises(Refused, match="已于 2026年12月1日答复"):
            reply_repair(row, on=DAY, by=CLERK, at=NOON)


def _walk(row: CreditRepair, state: str) -> None:
    """Take a fresh application to ``state`` past the services."""
    taken = {"accepted_by": desk.REVIEWER, "accepted_at": NOON}
    step: dict[str, Any] = {"proposed_by": desk.REVIEWER, "proposed_at": NOON, "proposed_outcome": "REFUSED"}
    done = {"decided_by": desk.APPROVER, "decided_at": NOON, "decision_no": "1号"}
    ways: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "APPLIED": [],
        "WITHDRAWN": [("WITHDRAWN", {})],
        "NOT_ACCEPTED": [("NOT_ACCEPTED", taken)],
        "ACCEPTED": [("ACCEPTED", {**taken, "decide_due_on": date(2026, 12, 10)})],
    }
    ways["PROPOSED"] = [*ways["ACCEPTED"], ("PROPOSED", step)]
    for end in ("GRANTED", "REFUSED"):
        ways[end] = [*ways["PROPOSED"], (end, done)]
    for target, values in ways[state]:
        CreditRepair.objects.filter(pk=row.pk).update(state=target, **values)
    row.refresh_from_db()


def _decided_as(outcome: str) -> Callable[[CreditRepair], CreditRepair]:
    def act(row: CreditRepair) -> CreditRepair:
        CreditRepair.objects.filter(pk=row.pk).update(proposed_outcome=outcome)
        return grant(row, by=OTHER)

    return act


ACTS: dict[str, Callable[[CreditRepair], CreditRepair]] = {
    "accept": lambda row: accept_repair(row, accept=True, text="", by=REVIEWER, at=NOON),
    "decline": lambda row: accept_repair(row, accept=False, text="材料不实", by=REVIEWER, at=NOON),
    "propose": lambda row: propose_repair(row, grant=False, text="整改不到位", by=REVIEWER, at=NOON),
    "return": lambda row: return_repair(row, text="再核实", by=APPROVER, at=NOON),
    "grant": _decided_as("GRANTED"),
    "refuse": _decided_as("REFUSED"),
    "withdraw": lambda row: withdraw_repair(row, text="自愿撤回", by=CLERK, at=NOON),
}


def test_every_move_of_the_table_has_its_act() -> None:
    assert set(ACTS) == {move.name for move in REPAIR_MOVES}


@pytest.mark.parametrize("state", REPAIR_STATES.ids)
def test_every_state_and_every_move(state: str) -> None:
    violation = case()
    allowed = {move.name: move.target for move in moves_from(REPAIR_MOVES, state)}
    for name, act in ACTS.items():
        with transaction.atomic():
            row = apply(violation)
            _walk(row, state)
            if name in allowed:
                assert act(row).state == allowed[name]
            else:
                with pytest.raises(Refused, match=f"现为“{REPAIR_STATES[state].label}”，不能"):
                    act(row)
            transaction.set_rollback(True)


class TestDeciding:
    def test_granted_voids_re_rates_and_publishes_in_one_act(self) -> None:
        rating, violation = penalised()
        row = grant(proposed(violation))
        assert (row.state, row.decision_no) == ("GRANTED", "医保信修〔2026〕1号")
        assert row.decision_text == "同意（复评后等级由 C 级变更为 A 级。）"
        violation.refresh_from_db()
        assert violation.void_reason == "信用修复：医保信修〔2026〕1号"
        change = Adjustment.objects.get()
        assert (change.cause, change.state, change.repair) == ("REPAIR", "APPROVED", row)
        assert (change.proposed_by, change.decided_by) == (desk.REVIEWER, desk.APPROVER)
        rows = PublishedGrade.objects.filter(pharmacy=rating.pharmacy).order_by("seq")
        assert [one.event for one in rows] == ["PERIODIC", "REPAIR"]
        assert rows.last().valid_from == DAY

    def test_the_past_keeps_what_was_repaired(self) -> None:
        rating, violation = penalised()
        grant(proposed(violation))
        assert replay(rating.run).same

    def test_without_a_published_grade_only_the_fact_is_voided(self) -> None:
        rating, violation = penalised("PUBLIC_NOTICE")
        row = grant(proposed(violation))
        assert "没有执行中的已发布等级" in row.decision_text
        assert not Violation.objects.get(pk=violation.pk).is_live
        assert not Adjustment.objects.exists()
        assert standing(rating).position == rating.grade

    def test_the_heir_s_grade_follows(self) -> None:
        shops, period = city_in("PUBLISHED")
        heir = rating_of(shops[GOOD], period)
        before = factories.pharmacy(
            designated_on=date(2010, 1, 1), designated_until=date(2015, 1, 1), recorded_at=desk.NOW
        )
        heir.pharmacy.predecessor = before
        heir.pharmacy.save()
        inherited = factories.violation(before, gravity="MINOR", recorded_at=desk.NOW)
        assert "仍为 A 级" in grant(proposed(inherited)).decision_text

    def test_never_worse_than_before(self) -> None:
        rating, violation = penalised()
        convict(rating.pharmacy)
        row = grant(proposed(violation))
        assert "申辩不加重，保持 C 级" in row.decision_text
        assert not Violation.objects.get(pk=violation.pk).is_live
        assert not Adjustment.objects.exists()

    def test_refused_changes_nothing(self) -> None:
        _rating, violation = penalised()
        row = decide_repair(proposed(violation, grant=False), text="整改不到位", by=APPROVER, at=NOON)
        assert (row.state, row.decision_no) == ("REFUSED", "")
        assert Violation.objects.get(pk=violation.pk).is_live

    def test_not_by_the_one_who_proposed(self) -> None:
        row = proposed(case())
        with pytest.raises(Refused, match="提出处理意见以外的人决定"):
            grant(row, by=REVIEWER)
        with pytest.raises(IntegrityError, match="not_decided_by_proposer"), transaction.atomic():
            CreditRepair.objects.filter(pk=row.pk).update(decided_by=desk.REVIEWER, decided_at=NOON)

    def test_needs_a_document_number_to_grant(self) -> None:
        with pytest.raises(Refused, match="须写明决定文书号"):
            grant(proposed(case()), decision_no=" ")

    def test_an_open_adjustment_comes_first(self) -> None:
        rating, violation = penalised()
        row = proposed(violation)
        convict(rating.pharmacy)
        propose_rerated(
            rating,
            rerate(rating, by=OTHER, at=NOON),
            cause="INTERIM",
            text="新处罚",
            clause="第十条",
            by=OTHER,
            at=NOON,
        )
        with pytest.raises(Refused, match=r"待审批的等级调整.*再作本决定"):
            grant(row)
        assert Violation.objects.get(pk=violation.pk).is_live

    def test_a_violation_annulled_meanwhile_is_not_repaired(self) -> None:
        row = proposed(case())
        void_fact(row.violation, reason="处罚被撤销", by=REVIEWER)
        with pytest.raises(Refused, match="已经作废，无须修复"):
            grant(row)

    def test_accepted_only_with_evidence(self) -> None:
        row = apply(case(), uploads=())
        with pytest.raises(Refused, match="还没有整改的证明材料"):
            accept_repair(row, accept=True, text="", by=REVIEWER, at=NOON)
        add_evidence(row, upload(), by=CLERK)
        assert accept_repair(row, accept=True, text="", by=REVIEWER, at=NOON).state == "ACCEPTED"

    def test_declined_only_with_a_reason(self) -> None:
        with pytest.raises(Refused, match="须写明受理意见"):
            accept_repair(apply(case()), accept=False, text=" ", by=REVIEWER, at=NOON)

    def test_every_act_is_on_record(self) -> None:
        row = grant(proposed(case()))
        actions = AuditEvent.objects.filter(subject=f"creditrepair:{row.pk}").order_by("id")
        assert [event.action for event in actions] == [
            "收到信用修复申请",
            "受理信用修复申请",
            "提出信用修复处理意见",
            "决定信用修复",
        ]


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_one_decides() -> None:
    _rating, violation = penalised()
    row = proposed(violation)
    told = at_the_same_moment(lambda: grant(row), lambda: grant(row, by=OTHER))
    assert sorted(text == "done" for text in told) == [False, True]
    assert any("现为“准予修复”" in text for text in told)
    assert standing(Rating.objects.get(pharmacy=violation.pharmacy)).position == A


def test_a_bad_file_leaves_no_application() -> None:
    bad = SimpleUploadedFile("木马.pdf", b"MZ")
    with pytest.raises(Refused, match="不是 PDF"):
        apply(case(), uploads=[bad])
    assert not CreditRepair.objects.exists()
