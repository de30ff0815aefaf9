"""A re-rating is the run's own reckoning of one pharmacy on the facts of now; the others do not move."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.models import AuditEvent, FundPayment, Pharmacy, Rating, Rerating, Violation
from ratings.rules import rate, shipped_schemes
from ratings.rules.columns import POINT
from ratings.services import reratings
from ratings.services.errors import Refused
from ratings.services.explanations import explain_rerating
from ratings.services.facts import record_fact, save_registry, void_fact
from ratings.services.reratings import replay_rerating, rerate
from ratings.services.runs import stored_peers
from ratings.services.schemes import activate_scheme, parsed, store_scheme
from ratings.signals import read_signals
from tests import factories
from tests.ratings.services.regrading import (
    AT,
    CLERK,
    GOOD,
    PENALISED,
    REVIEWER,
    A,
    D,
    city_in,
    convict,
    end_agreement,
    enter,
    rating_of,
    shanghai,
)
from tests.ratings.services.test_runs import (
    PERIOD,
    laid_aside_guards,
    rate_now,
    scheme_in_force,
    small_city,
)

pytestmark = pytest.mark.django_db
#: A scheme that cannot rate without a year-end value, whose veto for fraud applies at once.
DEMANDING = (
    shipped_schemes()["weighted"]
    .read_text()
    .replace('if_missing = "not_rated"', 'if_missing = "error"')
    .replace("within_months = 12, ge = 1 }", "within_months = 12, ge = 1 }\nat_once = true")
)
RECKONED = ("state", "score", "grade", "grade_before_caps", "caps", "trace")


def values(row: Rating | Rerating) -> list[Any]:
    return [getattr(row, name) for name in RECKONED]


@pytest.mark.parametrize("state", ["COMPUTED", "PUBLISHED"])
@pytest.mark.parametrize("key", sorted(shipped_schemes()))
def test_where_nothing_changed_every_pharmacy_gets_what_its_run_gave(key: str, state: str) -> None:
    shops = small_city()
    scheme = scheme_in_force(key)
    for term in parsed(scheme).document.measures:
        for place, shop in enumerate(shops):
            value = max(term.min // POINT, place % 2)
            factories.measure(shop, key=term.key, period="2025H2", value=value)
    period = enter(rate_now(scheme=scheme), state)
    for rating in Rating.objects.filter(run=period.run).select_related("run__scheme", "pharmacy"):
        again = rerate(rating, by=REVIEWER, at=AT)
        assert values(again) == values(rating)
        assert (again.limit, again.limit_rule, again.withdrawn_rule) == (-1, "", "")
        assert again.position == rating.grade
        assert replay_rerating(again)


def test_after_a_fact_is_voided_it_is_what_a_run_on_those_facts_gives_with_the_same_peers() -> None:
    shops, period = city_in("UNDER_REVIEW")
    rating = rating_of(shops[PENALISED], period)
    before = {row.pk: values(row) for row in Rating.objects.filter(run=period.run)}
    void_fact(shops[PENALISED].violation_set.get(), reason="处罚被撤销", by=CLERK)
    again = rerate(rating, by=REVIEWER)
    rules = parsed(period.run.scheme)
    fresh = rate(rules, read_signals(PERIOD, timezone.now()), stored_peers(period.run))
    row = fresh.code.tolist().index(shops[PENALISED].code.encode())
    assert (again.score, again.grade, again.trace) == (
        fresh.score[row],
        fresh.grade[row],
        fresh.trace[row].tolist(),
    )
    assert (rating.grade, again.grade) == (2, A)
    assert {row.pk: values(row) for row in Rating.objects.filter(run=period.run)} == before
    assert replay_rerating(again)
    event = AuditEvent.objects.get(action="复评")
    assert (event.actor, event.subject) == (REVIEWER.name, f"rerating:{again.pk}")
    assert event.detail["after"] == {"grade": A, "score": again.score}


def test_growth_is_held_against_the_median_of_the_run() -> None:
    """Everybody else's payments double afterwards: the median of now would be another."""
    shops, period = city_in("UNDER_REVIEW")
    for payment in FundPayment.objects.filter(month__year=2025).exclude(pharmacy=shops[GOOD]):
        void_fact(payment, reason="重报", by=CLERK)
        record_fact(
            FundPayment,
            by=CLERK,
            pharmacy=payment.pharmacy,
            month=payment.month,
            amount_fen=payment.amount_fen * 2,
            settlements=1,
        )
    rating = rating_of(shops[GOOD], period)
    assert values(rerate(rating, by=REVIEWER)) == values(rating)


class TestAtOnce:
    @pytest.mark.parametrize("state", ["UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL", "PUBLISHED"])
    def test_counts_whatever_the_state(self, state: str) -> None:
        shops, period = city_in(state)
        convict(shops[GOOD])
        again = rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT)
        assert (again.grade, again.limit, again.limit_rule, again.position) == (A, D, "fraud", D)
        assert replay_rerating(again)

    @pytest.mark.parametrize(
        ("decided_on", "day", "limit"),
        [
            (date(2026, 2, 6), date(2026, 2, 6), D),
            (date(2026, 2, 7), date(2026, 2, 6), -1),
            # Within 24 months of the decision, reckoned to the day and not to the period's end.
            (date(2026, 2, 1), date(2028, 1, 31), D),
            (date(2026, 2, 1), date(2028, 2, 1), -1),
        ],
    )
    def test_is_as_of_the_day(self, decided_on: date, day: date, limit: int) -> None:
        shops, period = city_in("PUBLISHED")
        convict(shops[GOOD], decided_on=decided_on)
        assert rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=shanghai(day)).limit == limit

    @pytest.mark.parametrize(("on", "rule"), [(date(2026, 2, 5), "terminated"), (date(2026, 2, 6), "")])
    def test_an_ended_agreement_withdraws_from_its_day_on(self, on: date, rule: str) -> None:
        shops, period = city_in("PUBLISHED")
        end_agreement(shops[GOOD], on)
        again = rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT)
        assert (again.withdrawn_rule, again.position) == (rule, -1 if rule else A)
        assert replay_rerating(again)

    @pytest.mark.parametrize(
        ("until", "rule"), [(date(2026, 2, 5), "registry:ended"), (date(2026, 2, 6), "")]
    )
    def test_so_does_the_end_of_designation(self, until: date, rule: str) -> None:
        shops, period = city_in("PUBLISHED")
        shops[GOOD].designated_until = until
        save_registry(shops[GOOD], by=CLERK)
        again = rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT)
        assert (again.withdrawn_rule, again.position) == (rule, -1 if rule else A)
        assert replay_rerating(again)

    def test_needs_no_value_that_only_the_next_rating_has(self) -> None:
        """A scheme with a mandatory year-end value: nobody has this year's yet."""
        shops = small_city()
        scheme = activate_scheme(store_scheme(DEMANDING, by=CLERK), by=CLERK)
        for shop in Pharmacy.objects.all():
            factories.measure(shop, period="2025H2", value=90)
        period = enter(rate_now(scheme=scheme), "PUBLISHED")
        convict(shops[GOOD])
        assert rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT).limit_rule == "fraud"


class TestRefused:
    def test_a_pharmacy_that_the_registry_no_longer_has_in_the_period(self) -> None:
        shops, period = city_in("UNDER_REVIEW")
        shops[GOOD].designated_until = date(2025, 12, 31)
        save_registry(shops[GOOD], by=CLERK)
        with pytest.raises(Refused, match="末日已不定点"):
            rerate(rating_of(shops[GOOD], period), by=REVIEWER)
        assert not Rerating.objects.exists()


class TestReplay:
    def test_holds_after_the_world_moved_on(self) -> None:
        shops, period = city_in("PUBLISHED")
        again = rerate(rating_of(shops[PENALISED], period), by=REVIEWER, at=AT)
        void_fact(shops[PENALISED].violation_set.get(), reason="处罚被撤销", by=CLERK)
        convict(shops[PENALISED])
        assert replay_rerating(again)
        assert "串换" in explain_rerating(again).text()

    @pytest.mark.parametrize("column", ["score", "grade", "caps", "limit", "grade_before_caps"])
    def test_finds_a_row_changed_by_a_superuser(self, column: str) -> None:
        shops, period = city_in("PUBLISHED")
        again = rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT)
        with laid_aside_guards():
            Rerating.objects.filter(pk=again.pk).update(**{column: F(column) + 1})
        again.refresh_from_db()
        assert not replay_rerating(again)

    @pytest.mark.parametrize("column", ["inputs_sha256", "outcomes_sha256"])
    def test_finds_another_fingerprint(self, column: str) -> None:
        shops, period = city_in("PUBLISHED")
        again = rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT)
        with laid_aside_guards():
            Rerating.objects.filter(pk=again.pk).update(**{column: "0" * 64})
        again.refresh_from_db()
        assert not replay_rerating(again)

    def test_finds_a_fact_changed_by_a_superuser(self) -> None:
        shops, period = city_in("PUBLISHED")
        convict(shops[GOOD], amount_fen=1)
        again = rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT)
        with laid_aside_guards():
            Violation.objects.filter(pharmacy=shops[GOOD]).update(amount_fen=2)
        assert not replay_rerating(again)


class TestExplained:
    def test_by_the_facts_that_it_knew(self) -> None:
        shops, period = city_in("UNDER_REVIEW")
        void_fact(shops[PENALISED].violation_set.get(), reason="处罚被撤销", by=CLERK)
        again = rerate(rating_of(shops[PENALISED], period), by=REVIEWER)
        explanation = explain_rerating(again)
        assert (explanation.score, explanation.grade) == (again.score, "A")
        assert not explanation.indicators[0].facts

    def test_not_where_it_was_tampered_with(self) -> None:
        shops, period = city_in("UNDER_REVIEW")
        again = rerate(rating_of(shops[GOOD], period), by=REVIEWER)
        with laid_aside_guards():
            Rerating.objects.filter(pk=again.pk).update(score=1)
        again.refresh_from_db()
        with pytest.raises(Refused, match=f"复评 #{again.pk} 中的结果与事实不符"):
            explain_rerating(again)


def test_constant_number_of_queries() -> None:
    shops, period = city_in("PUBLISHED")
    counts = []
    for more in (1, 3):
        for number in range(more):
            convict(shops[GOOD], document_no=f"{more}-{number}")
        with CaptureQueriesContext(connection) as queries:
            rerate(rating_of(shops[GOOD], period), by=REVIEWER, at=AT)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_a_fact_recorded_meanwhile_is_known_only_after_its_cutoff(monkeypatch: pytest.MonkeyPatch) -> None:
    shops, period = city_in("UNDER_REVIEW")
    rating = rating_of(shops[GOOD], period)
    recorded: list[Violation] = []

    def clerk() -> None:
        recorded.append(convict(shops[GOOD], occurred_on=date(2025, 11, 1), decided_on=date(2025, 12, 1)))
        connections.close_all()

    writer = threading.Thread(target=clerk)
    reckon = reratings.reckon

    def slow_reckon(*args: Any) -> Any:
        writer.start()
        writer.join(0.3)
        assert not recorded
        return reckon(*args)

    monkeypatch.setattr(reratings, "reckon", slow_reckon)
    again = rerate(rating, by=REVIEWER)
    monkeypatch.undo()
    writer.join(20)
    assert recorded[0].recorded_at > again.cutoff
    assert again.grade == A
    assert replay_rerating(again)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_recorded_behind_the_cutoff_of_a_re_rating() -> None:
    shops, period = city_in("UNDER_REVIEW")
    again = rerate(rating_of(shops[GOOD], period), by=REVIEWER)
    with pytest.raises(Exception, match="不得补记到过去"), transaction.atomic():
        factories.violation(shops[GOOD], recorded_at=again.cutoff)
    factories.violation(shops[GOOD], recorded_at=again.cutoff + timedelta(microseconds=1))
