"""A period's life: every move from every state, everything a move demands, and two people at once."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from ratings.models import (
    Adjustment,
    AuditEvent,
    PeriodMove,
    Pharmacy,
    PublishedGrade,
    RatingPeriod,
    RatingRun,
    SchemeVersion,
)
from ratings.rules import shipped_schemes
from ratings.rules.moves import PERIOD_MOVES, PERIOD_STATES, REASON
from ratings.services import periods
from ratings.services.adjustments import propose_rerated
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.periods import DEMANDS, faults, move, notice_dates, open_period
from ratings.services.review import confirm_items, confirm_rest
from ratings.services.schemes import activate_scheme, store_scheme
from tests import desk, factories
from tests.ratings.services.lives import APPROVER, CLERK, REVIEWER, Result, published, run_of

pytestmark = pytest.mark.django_db
SECOND = Actor(desk.OTHER, "127.0.0.1")
NAMES = tuple(dict.fromkeys(row.name for row in PERIOD_MOVES))
ALLOWED = {(row.name, row.source) for row in PERIOD_MOVES}
#: 09:00 in Shanghai on the Tuesday after desk.life's notice (5 to 11 February 2026).
AFTER = datetime(2026, 2, 17, 1, tzinfo=UTC)


@pytest.fixture
def scheme() -> SchemeVersion:
    stored = store_scheme(shipped_schemes()["shaoxing-style"].read_text(), by=APPROVER)
    return activate_scheme(stored, by=APPROVER)


@pytest.fixture
def shop() -> Pharmacy:
    return factories.pharmacy()


@pytest.fixture
def run(scheme: SchemeVersion, shop: Pharmacy) -> RatingRun:
    """One pharmacy, rated B by a cap, far from any bound."""
    return run_of(scheme, Result(shop, 1, 95_000, before_caps=0))


def confirmed(period: RatingPeriod) -> RatingPeriod:
    """Everything on the period's work list is confirmed, and the rest of each district."""
    if waiting := list(period.items.filter(confirmed_at=None).values_list("pk", flat=True)):
        confirm_items(waiting, by=REVIEWER)
    for district in periods.unconfirmed_districts(period):
        confirm_rest(period, district, by=REVIEWER)
    return period


class TestOpen:
    def test_from_a_finished_run(self, run: RatingRun) -> None:
        period = open_period(run, by=CLERK, at=desk.NOW)
        assert (period.state, period.period, period.period_end) == ("COMPUTED", "2025H2", date(2025, 12, 31))
        assert (period.opened_by, period.opened_at) == (desk.CLERK, desk.NOW)
        assert AuditEvent.objects.get(action="建立评价周期").detail["run"] == run.pk

    def test_not_from_an_unfinished_run(self, scheme: SchemeVersion) -> None:
        run = RatingRun.objects.create(
            period="2025H2",
            period_end=date(2025, 12, 31),
            scheme=scheme,
            scheme_sha256=scheme.sha256,
            cutoff=factories.KNOWN,
        )
        with pytest.raises(Refused, match="尚未完成"):
            open_period(run, by=CLERK)

    @pytest.mark.parametrize(
        ("state", "told"), [("COMPUTED", "已建立评价周期，现为“已计算”"), ("ABANDONED", "不能重来.*重新评价")]
    )
    def test_one_life_a_run(self, run: RatingRun, state: str, told: str) -> None:
        desk.life(run, state)
        with pytest.raises(Refused, match=told):
            open_period(run, by=CLERK)

    @pytest.mark.parametrize(
        ("first", "second", "overlap"),
        [
            (None, None, True),
            (None, 330602, True),
            (330602, None, True),
            (330602, 330602, True),
            (330602, 330603, False),
        ],
    )
    def test_scopes_of_a_period_do_not_overlap(
        self, scheme: SchemeVersion, shop: Pharmacy, first: int | None, second: int | None, overlap: bool
    ) -> None:
        factories.district(330603, "柯桥区")
        one = run_of(scheme, Result(shop, 1), district=first)
        two = run_of(scheme, Result(shop, 1), district=second, cutoff=factories.KNOWN + timedelta(hours=2))
        period = open_period(one, by=CLERK)
        if not overlap:
            assert open_period(two, by=CLERK).district_id == second
            return
        with pytest.raises(Refused, match=r"已在办理，现为“已计算”.*请审批员先终止"):
            open_period(two, by=CLERK)
        move(period, "abandon", by=APPROVER, reason="数据有误")
        assert open_period(two, by=CLERK).state == "COMPUTED"

    def test_a_published_one_is_not_to_be_abandoned(self, scheme: SchemeVersion, shop: Pharmacy) -> None:
        desk.life(run_of(scheme, Result(shop, 1)), "PUBLISHED")
        again = run_of(scheme, Result(shop, 1), cutoff=factories.KNOWN + timedelta(hours=2))
        with pytest.raises(Refused, match="以更正、信用修复等"):
            open_period(again, by=CLERK)

    @pytest.mark.parametrize(
        ("late", "early", "overtaken"),
        [(None, None, True), (None, 330602, True), (330602, None, True), (330603, 330602, False)],
    )
    def test_not_before_what_was_published(
        self, scheme: SchemeVersion, shop: Pharmacy, late: int | None, early: int | None, overtaken: bool
    ) -> None:
        factories.district(330603, "柯桥区")
        desk.life(run_of(scheme, Result(shop, 1), district=late), "PUBLISHED")
        run = run_of(scheme, Result(shop, 1), period="2025H1", district=early)
        if overtaken:
            with pytest.raises(Refused, match=r"更晚的2025年下半年.*已发布"):
                open_period(run, by=CLERK)
        else:
            assert open_period(run, by=CLERK).state == "COMPUTED"


class TestTheTable:
    def test_every_demand_is_looked_at(self) -> None:
        assert {demand for row in PERIOD_MOVES for demand in row.demands} - {REASON} == set(DEMANDS)

    @pytest.mark.parametrize("state", PERIOD_STATES.ids)
    @pytest.mark.parametrize("name", NAMES)
    def test_only_what_is_listed_moves(self, run: RatingRun, name: str, state: str) -> None:
        period = desk.life(run, state)
        if (name, state) in ALLOWED:
            assert not any("的周期可以" in fault for fault in faults(period, name, by=SECOND, at=AFTER))
            return
        assert faults(period, name, by=SECOND, at=AFTER) == [
            f"2025年下半年（全市）现为“{PERIOD_STATES[state].label}”，只有"
            + "、".join(f"“{PERIOD_STATES[row.source].label}”" for row in PERIOD_MOVES if row.name == name)
            + f"的周期可以“{next(row.title for row in PERIOD_MOVES if row.name == name)}”。"
        ]
        with pytest.raises(Refused, match="的周期可以"):
            move(period, name, by=SECOND, reason="试", at=AFTER)
        unchanged(period, state)

    @pytest.mark.parametrize("row", [row for row in PERIOD_MOVES if row.needs_reason], ids=str)
    def test_a_reason_is_given(self, run: RatingRun, row: Any) -> None:
        period = desk.life(run, row.source)
        for reason, told in (("  ", "须写明理由"), ("长" * 501, "现有 501 字")):
            with pytest.raises(Refused, match=told):
                move(period, row.name, by=APPROVER, reason=reason, at=AFTER)
        unchanged(period, row.source)
        assert move(period, row.name, by=APPROVER, reason="长" * 500, at=AFTER).state == row.target

    def test_no_move_of_that_name(self, run: RatingRun) -> None:
        with pytest.raises(KeyError):
            move(desk.life(run), "jump", by=APPROVER)


def unchanged(period: RatingPeriod, state: str) -> None:
    period.refresh_from_db()
    assert period.state == state
    assert not PeriodMove.objects.exists()
    assert not AuditEvent.objects.filter(subject=f"ratingperiod:{period.pk}").exists()


def test_a_whole_life_is_on_record(run: RatingRun, scheme: SchemeVersion, shop: Pharmacy) -> None:
    period = move(open_period(run, by=CLERK, at=desk.NOW), "review", by=REVIEWER, at=desk.NOW)
    assert (period.reviewed_by, period.reviewed_at, period.items.count()) == (desk.REVIEWER, desk.NOW, 1)
    period = move(confirmed(period), "give_notice", by=APPROVER, at=desk.NOW)
    assert (period.noticed_by, period.notice_from) == (desk.APPROVER, date(2026, 2, 4))
    assert (period.notice_until, period.calendar_known) == (date(2026, 2, 11), True)
    period = move(period, "finalise", by=REVIEWER, at=AFTER)
    assert (period.state, period.finalised_by, period.finalised_at) == ("FINAL", desk.REVIEWER, AFTER)
    period = move(period, "publish", by=APPROVER, at=AFTER)
    assert (period.state, period.published_by) == ("PUBLISHED", desk.APPROVER)
    assert PublishedGrade.objects.get().grade == "B"
    later = run_of(scheme, Result(shop, 1), period="2026H1", cutoff=factories.KNOWN + timedelta(days=300))
    desk.life(later, "PUBLISHED")
    period = move(period, "close", by=APPROVER, at=AFTER)
    period.refresh_from_db()
    assert period.state == "CLOSED"
    names = ["review", "give_notice", "finalise", "publish", "close"]
    assert list(period.moves.values_list("name", flat=True)) == names
    assert list(period.moves.values_list("by", flat=True)) == [desk.REVIEWER, desk.APPROVER] * 2 + [
        desk.APPROVER
    ]
    events = AuditEvent.objects.filter(subject=f"ratingperiod:{period.pk}").exclude(action="批量确认")
    assert list(events.order_by("id").values_list("action", flat=True)) == [
        "建立评价周期", "开始审核", "开始公示", "审定", "发布", "归档",
    ]  # fmt: skip
    notice = events.get(action="开始公示").detail
    assert (notice["before"], notice["after"]["notice_until"]) == ({"state": "UNDER_REVIEW"}, "2026-02-11")


class TestBack:
    @pytest.mark.parametrize(("name", "state"), [("recall", "PUBLIC_NOTICE"), ("reopen", "FINAL")])
    def test_takes_back_the_notice_and_lists_what_is_new(self, run: RatingRun, name: str, state: str) -> None:
        period = move(desk.life(run, state), name, by=APPROVER, reason="名称有误", at=AFTER)
        period.refresh_from_db()
        assert (period.state, period.reviewed_by) == ("UNDER_REVIEW", desk.REVIEWER)
        assert (period.noticed_by, period.notice_from, period.notice_until) == ("", None, None)
        assert (period.finalised_by, period.finalised_at) == ("", None)
        assert period.items.count() == 1
        assert period.moves.get().reason == "名称有误"
        period = move(confirmed(period), "give_notice", by=APPROVER, at=AFTER)
        assert period.notice_from == date(2026, 2, 17)

    def test_the_way_back_does_not_weaken_four_eyes(self, run: RatingRun) -> None:
        period = move(desk.life(run, "PUBLIC_NOTICE"), "recall", by=APPROVER, reason="重看", at=AFTER)
        with pytest.raises(Refused, match="须由另一人办理"):
            move(confirmed(period), "give_notice", by=REVIEWER, at=AFTER)

    @pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL"])
    def test_abandoned_from_each_open_state(self, run: RatingRun, state: str) -> None:
        assert move(desk.life(run, state), "abandon", by=APPROVER, reason="误算").state == "ABANDONED"


# What is missing, one thing at a time. Each row: the move, its state, what is amiss, what is told.

Amiss = Callable[[RatingPeriod], Any]


def _item(period: RatingPeriod) -> None:
    period.items.create(rating=period.run.ratings.get(), remarks=1)


def _proposal(period: RatingPeriod) -> None:
    desk.adjustment(period, period.run.ratings.get())


def _objection(state: str) -> Amiss:
    def amiss(period: RatingPeriod) -> None:
        row = desk.objection(period, period.run.ratings.get())
        values = {"proposed_by": desk.REVIEWER, "proposed_at": desk.NOW}
        if state != "OPEN":
            type(row).objects.filter(pk=row.pk).update(state="PROPOSED", **values)
        if state == "REVIEW_REQUESTED":
            decided = {"decided_by": desk.APPROVER, "decided_at": desk.NOW}
            type(row).objects.filter(pk=row.pk).update(state="REJECTED", **decided)
            type(row).objects.filter(pk=row.pk).update(state=state)

    return amiss


def _nothing(period: RatingPeriod) -> None:
    """Nothing is amiss but what the row says itself."""


def _later_out(period: RatingPeriod) -> None:
    rating = period.run.ratings.get()
    run = run_of(
        period.run.scheme,
        Result(rating.pharmacy, 1),
        period="2026H1",
        cutoff=factories.KNOWN + timedelta(days=300),
    )
    desk.life(run, "PUBLISHED")


@pytest.mark.parametrize(
    ("name", "state", "amiss", "by", "told"),
    [
        ("give_notice", "UNDER_REVIEW", _item, APPROVER, "还有 1 件审核事项未确认"),
        ("give_notice", "UNDER_REVIEW", _nothing, APPROVER, "越城区的其余结果尚未批量确认"),
        ("give_notice", "UNDER_REVIEW", _proposal, APPROVER, "有 1 件等级调整待审批"),
        ("give_notice", "UNDER_REVIEW", _nothing, REVIEWER, "审核由您（审核乙）开始"),
        ("finalise", "PUBLIC_NOTICE", _objection("OPEN"), REVIEWER, "有 1 件异议未办结"),
        ("finalise", "PUBLIC_NOTICE", _objection("PROPOSED"), REVIEWER, "有 1 件异议未办结"),
        ("finalise", "PUBLIC_NOTICE", _objection("REVIEW_REQUESTED"), REVIEWER, "有 1 件异议未办结"),
        ("finalise", "PUBLIC_NOTICE", _proposal, REVIEWER, "有 1 件等级调整待审批"),
        ("publish", "FINAL", _nothing, REVIEWER, "审定由您（审核乙）办理"),
        ("publish", "FINAL", _objection("OPEN"), APPROVER, "有 1 件异议未办结"),
        ("publish", "FINAL", _later_out, APPROVER, "更晚的2026年上半年（全市）已发布"),
        ("abandon", "PUBLIC_NOTICE", _objection("OPEN"), APPROVER, "有 1 件异议未办结"),
        ("abandon", "UNDER_REVIEW", _proposal, APPROVER, "有 1 件等级调整待审批"),
        ("close", "PUBLISHED", _nothing, APPROVER, "以后的评价周期尚未发布"),
        ("close", "PUBLISHED", _objection("OPEN"), APPROVER, "有 1 件异议未办结"),
        ("close", "PUBLISHED", _proposal, APPROVER, "有 1 件等级调整待审批"),
    ],
)
def test_what_a_move_demands(
    run: RatingRun, name: str, state: str, amiss: Amiss, by: Actor, told: str
) -> None:
    period = desk.life(run, state)
    amiss(period)
    assert any(told in fault for fault in faults(period, name, by=by, at=AFTER))
    with pytest.raises(Refused, match=told):
        move(period, name, by=by, reason="试", at=AFTER)
    period.refresh_from_db()
    assert (period.state, PeriodMove.objects.count()) == (state, 0)


def test_everything_that_is_missing_is_told_at_once(run: RatingRun) -> None:
    period = desk.life(run, "UNDER_REVIEW")
    _item(period)
    _proposal(period)
    assert len(faults(period, "give_notice", by=REVIEWER)) == 3


class TestNotice:
    @pytest.mark.parametrize(
        ("begun", "days", "until", "known"),
        [
            (datetime(2026, 2, 4, 2, tzinfo=UTC), 5, date(2026, 2, 11), True),
            (datetime(2025, 9, 29, 2, tzinfo=UTC), 1, date(2025, 9, 30), True),
            (datetime(2025, 9, 29, 2, tzinfo=UTC), 5, date(2025, 10, 13), True),  # over the holidays
            (datetime(2089, 1, 3, 2, tzinfo=UTC), 5, date(2089, 1, 10), False),
        ],
    )
    def test_working_days_after_the_first(
        self, settings: Settings, begun: datetime, days: int, until: date, known: bool
    ) -> None:
        settings.NOTICE_WORKING_DAYS = days
        assert notice_dates(begun) == {
            "notice_from": begun.date(),
            "notice_until": until,
            "calendar_known": known,
        }

    def test_begins_on_the_day_in_shanghai(self) -> None:
        assert notice_dates(datetime(2026, 2, 3, 15, 59, tzinfo=UTC))["notice_from"] == date(2026, 2, 3)
        assert notice_dates(datetime(2026, 2, 3, 16, 0, tzinfo=UTC))["notice_from"] == date(2026, 2, 4)

    def test_is_over_on_the_day_after_its_last(self, run: RatingRun) -> None:
        period = desk.life(run, "PUBLIC_NOTICE")  # until 11 February
        last = datetime(2026, 2, 11, 15, 59, 59, tzinfo=UTC)
        assert faults(period, "finalise", by=REVIEWER, at=last) == [
            "公示期至 2026-02-11（含当日），2026-02-12 起可以审定。"
        ]
        assert faults(period, "finalise", by=REVIEWER, at=last + timedelta(seconds=1)) == []


class TestClose:
    def test_districts_together_replace_the_city(self, scheme: SchemeVersion) -> None:
        shops = [factories.pharmacy(district=factories.district(330602 + n, f"区{n}")) for n in range(2)]
        city = desk.life(run_of(scheme, *(Result(shop, 1) for shop in shops)), "PUBLISHED")
        later = {"period": "2026H1", "cutoff": factories.KNOWN + timedelta(days=300)}
        for shop, told in zip(shops, (["尚未发布"], []), strict=True):
            run = run_of(scheme, Result(shop, 1), district=shop.district_id, **later)
            desk.life(run, "PUBLISHED")
            found = faults(city, "close", by=APPROVER, at=AFTER)
            assert len(found) == len(told)
            assert all(part in fault for part, fault in zip(told, found, strict=True))

    def test_repairs_of_grades_that_this_period_gave_keep_it_open(
        self, scheme: SchemeVersion, shop: Pharmacy
    ) -> None:
        other = factories.pharmacy()
        repairs = [desk.repair(factories.violation(each)) for each in (shop, other)]
        run = run_of(scheme, Result(shop, -1), Result(other, 1), period="2025H1")
        period = published(run)
        _later_of(scheme, other)
        assert faults(period, "close", by=APPROVER, at=AFTER) == [
            "有 1 件信用修复未办结：请先作出决定，或登记撤回。"
        ]
        type(repairs[0]).objects.filter(pk=repairs[0].pk).update(state="WITHDRAWN")
        assert faults(period, "close", by=APPROVER, at=AFTER) == []

    def test_a_grade_that_no_later_period_replaced_keeps_it_open(
        self, scheme: SchemeVersion, shop: Pharmacy
    ) -> None:
        """Nothing could withdraw it any more once the period is closed."""
        other, unrated = factories.pharmacy(), factories.pharmacy()
        run = run_of(scheme, Result(shop, 1), Result(other, 1), Result(unrated, -1), period="2025H1")
        period = published(run)
        _later_of(scheme, other)
        (told,) = faults(period, "close", by=APPROVER, at=AFTER)
        assert told.startswith(f"有 1 家药店以后没有评价，本期等级仍在施行（{shop.code}）")
        ends = PublishedGrade.objects.get(pharmacy=shop).valid_until
        assert ends is not None
        midnight = datetime.combine(ends, time.min, timezone.get_default_timezone())
        assert faults(period, "close", by=APPROVER, at=midnight - timedelta(seconds=1)) == [told]
        assert faults(period, "close", by=APPROVER, at=midnight) == []


def _later_of(scheme: SchemeVersion, shop: Pharmacy) -> None:
    published(run_of(scheme, Result(shop, 1), cutoff=factories.KNOWN + timedelta(hours=2)))


class TestPublish:
    def test_fails_as_a_whole(self, run: RatingRun, monkeypatch: pytest.MonkeyPatch) -> None:
        period = desk.life(run, "FINAL")
        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="断电"):
            patch.setattr(
                periods, "record", lambda *args, **values: (_ for _ in ()).throw(RuntimeError("断电"))
            )
            move(period, "publish", by=APPROVER, at=AFTER)
        unchanged(period, "FINAL")
        assert not PublishedGrade.objects.exists()
        assert move(period, "publish", by=APPROVER, at=AFTER).state == "PUBLISHED"


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def both(self, *acts: Callable[[], Any]) -> list[str]:
        """What each of two people is told, who press at the same moment."""
        ready, told = threading.Barrier(len(acts)), []

        def press(act: Callable[[], Any]) -> None:
            ready.wait(20)
            try:
                act()
                told.append("")
            except Refused as refusal:
                told.append(str(refusal))
            finally:
                connections.close_all()

        people = [threading.Thread(target=press, args=(act,)) for act in acts]
        for person in people:
            person.start()
        for person in people:
            person.join(20)
        return sorted(told)

    def test_one_moves_and_the_other_is_told(self, run: RatingRun) -> None:
        period = desk.life(run, "FINAL")
        told = self.both(
            lambda: move(period, "publish", by=APPROVER, at=AFTER),
            lambda: move(period, "publish", by=SECOND, at=AFTER),
        )
        assert told[0] == ""
        assert "“发布”，现为“已发布”；请刷新页面" in told[1]
        assert (PeriodMove.objects.count(), PublishedGrade.objects.count()) == (1, 1)

    def test_one_opens_the_city_or_the_other_a_district(self, scheme: SchemeVersion, shop: Pharmacy) -> None:
        city = run_of(scheme, Result(shop, 1))
        part = run_of(scheme, Result(shop, 1), district=shop.district_id)
        told = self.both(lambda: open_period(city, by=CLERK), lambda: open_period(part, by=CLERK))
        assert told[0] == ""
        assert "范围与本批次重叠" in told[1]

    def test_an_earlier_period_is_never_published_last(self, run: RatingRun, shop: Pharmacy) -> None:
        earlier = desk.life(run_of(run.scheme, Result(shop, 0), period="2025H1"), "FINAL")
        later = desk.life(run, "FINAL")
        told = self.both(
            lambda: move(later, "publish", by=APPROVER, at=AFTER),
            lambda: move(earlier, "publish", by=SECOND, at=AFTER),
        )
        assert told[0] == ""
        assert told[1] == "" or "更晚的2025年下半年（全市）已发布" in told[1]
        assert PublishedGrade.objects.latest("seq").period == "2025H2"

    def test_a_proposal_holds_up_settling_or_publishing(self, run: RatingRun) -> None:
        period = desk.life(run, "PUBLIC_NOTICE")
        rating = run.ratings.get()
        words = {"cause": "CORRECTION", "text": "处罚决定已撤销", "clause": "第九条"}
        again = desk.rerating(rating, grade=0)
        told = self.both(
            lambda: move(period, "finalise", by=REVIEWER, at=AFTER),
            lambda: propose_rerated(rating, again, **words, by=SECOND, at=AFTER),
        )
        assert told[0] == ""
        period.refresh_from_db()
        assert Adjustment.objects.count() == 1
        held_up = (
            told[1]
            if period.state == "PUBLIC_NOTICE"
            else "".join(faults(period, "publish", by=APPROVER, at=AFTER))
        )
        assert "待审批" in held_up
