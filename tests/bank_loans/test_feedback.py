"""Reports of banks: whole or not at all, once for each key, and every sum holds."""

import contextlib
import itertools
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from applications.bank_loans.feedback import KeyReused, take_in
from applications.bank_loans.feedback_lines import MAX_EVENTS, MAX_FEN, BadFeedback
from applications.bank_loans.models import FeedbackBatch, LoanEvent, LoanProduct
from applications.clients.models import Client
from ratings.models import AuditEvent, Pharmacy
from tests.bank_loans import building, reporting
from tests.bank_loans.building import TODAY, A, C
from tests.bank_loans.reporting import SHOP, event, report, reversal
from tests.clients import building as clients
from tests.ratings.services.regrading import at_the_same_moment

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Pharmacy:
    return building.shop(code=SHOP)


@pytest.fixture
def product(shop: Pharmacy) -> LoanProduct:
    return building.product()


@pytest.fixture
def client(product: LoanProduct) -> Client:
    return clients.client(organisation_=product.bank)


_serial = itertools.count(1)


class Bank(reporting.Bank):
    """With what it must not do."""

    def is_refused(self, *events: dict[str, Any]) -> list[str]:
        """The paths of what is wrong with a report of which nothing is written."""
        before = LoanEvent.objects.count(), FeedbackBatch.objects.count()
        with pytest.raises(BadFeedback) as bad:
            self.reports(*events)
        assert (LoanEvent.objects.count(), FeedbackBatch.objects.count()) == before
        return [path for path, _ in bad.value.faults]


@pytest.fixture
def bank(client: Client, product: LoanProduct) -> Bank:
    return Bank(client, product)


def test_a_report_is_kept_with_its_totals_and_on_record(bank: Bank) -> None:
    batch = bank.reports(
        event("1", "granted", 1000), event("2", "drawn", 600), event("3", "overdue", 0, on="2026-02-11")
    )
    assert (batch.rows, batch.total_fen) == (3, 1600)
    kept = LoanEvent.objects.order_by("line").values_list("line", "kind", "amount_fen", "code")
    assert list(kept) == [(1, "granted", 1000, SHOP), (2, "drawn", 600, SHOP), (3, "overdue", 0, SHOP)]
    told = AuditEvent.objects.get(action="收到贷款反馈")
    assert told.detail["rows"] == 3
    assert bank.client.client_id in told.actor


def test_a_grant_keeps_the_grade_of_its_day(client: Client) -> None:
    fresh = building.shop()
    (good, bad), life = building.city(A, C)
    building.regrade(life, good, building.B, at=building.START + timedelta(days=3))
    product = building.product("other", bank=client.organisation)
    day = building.START.date()
    Bank(client, product).reports(
        event("1", "granted", 10, loan_no="L1", code=good.code, on=str(day + timedelta(days=1))),
        event("2", "granted", 10, loan_no="L2", code=good.code, on=str(day + timedelta(days=4))),
        event("3", "granted", 10, loan_no="L3", code=bad.code, on=str(day + timedelta(days=4))),
        event("4", "granted", 10, loan_no="L4", code=fresh.code, on=str(day + timedelta(days=4))),
        event("5", "granted", 10, loan_no="L5", code=good.code, on=str(day - timedelta(days=9))),
        event("6", "drawn", 10, loan_no="L1", code=good.code, on=str(day + timedelta(days=4))),
        today=day + timedelta(days=9),
    )
    kept = LoanEvent.objects.order_by("line").values_list("grade", "grade_position", "district")
    assert list(kept) == [
        ("A", 0, 330602), ("B", 1, 330602), ("C", 2, 330602), ("", -1, 330602), ("", -1, 330602), ("", -1, None)
    ]  # fmt: skip


def test_a_batch_costs_as_many_queries_as_it_has_days(
    bank: Bank, django_assert_num_queries: Any, shop: Pharmacy
) -> None:
    def grants(many: int, mark: str) -> list[dict[str, Any]]:
        return [event(f"{mark}{one}", "granted", 5, loan_no=f"{mark}{one}") for one in range(many)]

    with django_assert_num_queries(11) as few:
        bank.reports(*grants(1, "a"))
    with django_assert_num_queries(len(few)):
        bank.reports(*grants(300, "b"))


def test_the_same_key_gives_the_first_answer(bank: Bank) -> None:
    first = bank.reports(event("1", "granted", 10), key="k")
    again = bank.reports(event("1", "granted", 10), key="k", today=TODAY + timedelta(days=40))
    assert again == first
    assert LoanEvent.objects.count() == 1
    with pytest.raises(KeyReused):
        bank.reports(event("2", "granted", 10, loan_no="L2"), key="k")
    other = building.product("other", bank=bank.product.bank)
    with pytest.raises(KeyReused):
        Bank(bank.client, other).reports(event("1", "granted", 10), key="k")


def test_another_client_may_use_the_same_key(bank: Bank) -> None:
    bank.reports(event("1", "granted", 10), key="k")
    colleague = Bank(clients.client(organisation_=bank.product.bank), bank.product)
    assert colleague.reports(event("2", "drawn", 10), key="k").rows == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_one(bank: Bank) -> None:
    content = report(event("1", "granted", 10))
    told = at_the_same_moment(*[lambda: take_in(bank.client, bank.product, "same", content, TODAY)] * 2)
    assert told == ["done", "done"]
    assert LoanEvent.objects.count() == FeedbackBatch.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_never_draw_more_than_was_granted(bank: Bank) -> None:
    bank.reports(event("1", "granted", 10))

    def draw(number: str) -> None:
        with contextlib.suppress(BadFeedback):
            take_in(bank.client, bank.product, number, report(event(number, "drawn", 6)), TODAY)

    at_the_same_moment(lambda: draw("2"), lambda: draw("3"))
    assert LoanEvent.objects.filter(kind="drawn").count() == 1


BAD_SHAPES: list[tuple[dict[str, Any], str]] = [
    ({"amount_fen": 1.0}, "amount_fen"),
    ({"amount_fen": "10"}, "amount_fen"),
    ({"amount_fen": True}, "amount_fen"),
    ({"amount_fen": None}, "amount_fen"),
    ({"amount_fen": 0}, "amount_fen"),
    ({"amount_fen": -1}, "amount_fen"),
    ({"amount_fen": MAX_FEN + 1}, "amount_fen"),
    ({"kind": "overdue", "amount_fen": -1}, "amount_fen"),
    ({"kind": "lent"}, "kind"),
    ({"kind": ["granted"]}, "kind"),
    ({"code": "H33060200001"}, "code"),
    ({"code": "P3306020000"}, "code"),
    ({"code": "P３３０６０２００００１"}, "code"),
    ({"on": "2026-02-12"}, "on"),
    ({"on": "2026-02-30"}, "on"),
    ({"on": "20260211"}, "on"),
    ({"on": 20260211}, "on"),
    ({"event_no": ""}, "event_no"),
    ({"event_no": "x" * 61}, "event_no"),
    ({"event_no": "a\0b"}, "event_no"),
    ({"loan_no": "编号"}, "loan_no"),
    ({"loan_no": 17}, "loan_no"),
    ({"reverses": "0"}, "reverses"),
    ({"kind": "reversed"}, "reverses"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("values", "field"), BAD_SHAPES)
def test_each_wrong_line_is_told_by_its_path(bank: Bank, values: dict[str, Any], field: str) -> None:
    wrong = event("2", "granted", 10, loan_no="L2") | values
    with pytest.raises(BadFeedback) as bad:
        take_in(
            bank.client,
            bank.product,
            "k",
            {"rows": 2, "total_fen": 20, "events": [event("1", "granted", 10), wrong]},
            TODAY,
        )
    assert [path for path, _ in bad.value.faults] == [f"events.1.{field}"]
    assert not FeedbackBatch.objects.exists()


def test_a_missing_field_and_no_object_are_told(bank: Bank) -> None:
    bare = event("1", "granted", 10)
    del bare["on"]
    with pytest.raises(BadFeedback) as bad:
        take_in(bank.client, bank.product, "k", {"rows": 2, "total_fen": 0, "events": [bare, 7]}, TODAY)
    assert [path for path, _ in bad.value.faults] == ["events.0.on", "events.1"]


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"rows": 2}, ["rows"]),
        ({"total_fen": 11}, ["total_fen"]),
        ({"rows": 2, "total_fen": 9}, ["rows", "total_fen"]),
        ({"rows": "1"}, ["rows"]),
        ({"total_fen": 10.0}, ["total_fen"]),
        ({"note": ""}, ["note"]),
        ({"events": []}, ["events"]),
        ({"events": {}}, ["events"]),
        ({"events": [1] * (MAX_EVENTS + 1)}, ["events"]),
    ],
)
def test_control_totals_must_agree(bank: Bank, changes: dict[str, Any], paths: list[str]) -> None:
    with pytest.raises(BadFeedback) as bad:
        take_in(bank.client, bank.product, "k", report(event("1", "granted", 10)) | changes, TODAY)
    assert [path for path, _ in bad.value.faults] == paths


def test_the_largest_report_is_taken_in(bank: Bank) -> None:
    draws = [event(f"d{one}", "drawn", 1) for one in range(MAX_EVENTS - 1)]
    assert bank.reports(event("1", "granted", MAX_EVENTS), *draws).rows == MAX_EVENTS


def test_what_is_not_so_is_refused(bank: Bank) -> None:
    bank.reports(event("1", "granted", 10, on="2026-02-01"), event("2", "drawn", 6))
    assert bank.is_refused(event("1", "drawn", 1)) == ["events.0.event_no"]
    assert bank.is_refused(event("3", "drawn", 1), event("3", "drawn", 1)) == ["events.1.event_no"]
    assert bank.is_refused(event("3", "granted", 5)) == ["events.0.loan_no"]
    assert bank.is_refused(event("3", "granted", 5, loan_no="L2", code="P33060299999")) == ["events.0.code"]
    assert bank.is_refused(event("3", "granted", 5, loan_no="L2", on="2025-12-31")) == ["events.0.on"]
    for kind in ("drawn", "repaid", "overdue"):
        assert bank.is_refused(event("3", kind, 1, loan_no="L2")) == ["events.0.loan_no"]
        assert bank.is_refused(event("3", kind, 1, code="P33060299999")) == ["events.0.code"]
        assert bank.is_refused(event("3", kind, 1, on="2026-01-31")) == ["events.0.on"]
    assert bank.is_refused(reversal("3", "1", 10, loan_no="L2")) == ["events.0.loan_no"]
    assert bank.is_refused(event("3", "drawn", 5)) == ["events.0.amount_fen"]
    assert bank.is_refused(event("3", "repaid", 7)) == ["events.0.amount_fen"]
    assert bank.is_refused(event("3", "overdue", 7)) == ["events.0.amount_fen"]
    bank.reports(event("3", "drawn", 4), event("4", "overdue", 10), event("5", "repaid", 10))


def test_what_is_repaid_can_be_drawn_again(bank: Bank) -> None:
    bank.reports(event("1", "granted", 10), event("2", "drawn", 10), event("3", "repaid", 4))
    assert bank.is_refused(event("4", "drawn", 5)) == ["events.0.amount_fen"]
    bank.reports(event("4", "drawn", 4))


def test_a_reversal_takes_back_one_event(bank: Bank) -> None:
    bank.reports(
        event("1", "granted", 10), event("2", "drawn", 6), event("3", "repaid", 2), event("4", "overdue", 4)
    )
    assert bank.is_refused(reversal("5", "1", 10)) == ["events.0.reverses"]  # drawn upon
    assert bank.is_refused(reversal("5", "2", 6)) == ["events.0.reverses"]  # repaid in part
    assert bank.is_refused(reversal("5", "9", 6)) == ["events.0.reverses"]
    assert bank.is_refused(reversal("5", "3", 1)) == ["events.0.amount_fen"]
    assert bank.is_refused(reversal("5", "3", 2, on="2026-02-10")) == ["events.0.on"]
    bank.reports(reversal("5", "3", 2))
    assert bank.is_refused(reversal("6", "3", 2)) == ["events.0.reverses"]  # once only
    assert bank.is_refused(reversal("6", "5", 2)) == ["events.0.reverses"]  # not a reversal
    assert bank.is_refused(reversal("6", "2", 6)) == ["events.0.reverses"]  # said to be overdue
    bank.reports(reversal("6", "4", 4), reversal("7", "2", 6), reversal("8", "1", 10))
    bank.reports(event("9", "granted", 3), event("10", "overdue", 0))
    assert bank.is_refused(reversal("11", "10", 1)) == ["events.0.reverses"]


def test_a_balance_of_nothing_does_not_keep_a_grant(bank: Bank) -> None:
    bank.reports(event("1", "granted", 100), event("2", "drawn", 100), event("3", "overdue", 80))
    bank.reports(event("4", "overdue", 0))
    assert bank.is_refused(reversal("5", "1", 100)) == ["events.0.reverses"]
    bank.reports(reversal("6", "3", 80), reversal("7", "2", 100), reversal("8", "1", 100))
    bank.reports(event("9", "granted", 70))


def test_what_is_nested_too_deep_is_told(bank: Bank) -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(BadFeedback) as bad:
        take_in(bank.client, bank.product, "deep", {"rows": 1, "total_fen": 1, "events": deep}, TODAY)
    assert [path for path, _ in bad.value.faults] == ["events"]


def test_a_repayment_that_was_drawn_again_is_not_reversed(bank: Bank) -> None:
    bank.reports(
        event("1", "granted", 10), event("2", "drawn", 10), event("3", "repaid", 4), event("4", "drawn", 4)
    )
    assert bank.is_refused(reversal("5", "3", 4)) == ["events.0.reverses"]
    bank.reports(reversal("5", "4", 4), reversal("6", "3", 4))


def test_loans_of_another_product_are_others(bank: Bank) -> None:
    bank.reports(event("1", "granted", 10))
    other = Bank(bank.client, building.product("other", bank=bank.product.bank))
    assert other.is_refused(event("1", "drawn", 1)) == ["events.0.loan_no"]
    other.reports(event("1", "granted", 10))


def test_the_sandbox_knows_its_own_pharmacies(client: Client) -> None:
    sandbox = Bank(client, building.product("sandbox", bank=client.organisation, is_sandbox=True))
    assert sandbox.is_refused(event("1", "granted", 10)) == ["events.0.code"]
    sandbox.reports(event("1", "granted", 10, code="P99000000001"))


# Sums, against a plain reckoning beside it.

KINDS = st.sampled_from(["granted", "drawn", "repaid", "overdue", "reversed"])
STEPS = st.lists(st.tuples(KINDS, st.integers(0, 1), st.integers(0, 12), st.integers(0, 12)), max_size=25)


class Plain:
    """What must hold, written down once more: live events, and their sums each time anew."""

    def __init__(self) -> None:
        self.live: dict[str, list[tuple[str, str, int]]] = defaultdict(list)

    def sums(self, loan: str) -> dict[str, int]:
        found = dict.fromkeys(("granted", "drawn", "repaid"), 0)
        for _, kind, amount in self.live[loan]:
            if kind in found:
                found[kind] += amount
        return found

    def holds(self, loan: str) -> bool:
        grants = [one for one in self.live[loan] if one[1] == "granted"]
        sums = self.sums(loan)
        overdue = max((amount for _, kind, amount in self.live[loan] if kind == "overdue"), default=0)
        return (
            len(grants) == (1 if self.live[loan] else 0)
            and 0 <= sums["drawn"] - sums["repaid"] <= sums["granted"]
            and overdue <= sums["drawn"]
        )

    def takes(self, number: str, loan: str, kind: str, amount: int, target: str) -> bool:
        before = list(self.live[loan])
        if amount == 0 and kind != "overdue":
            return False
        if kind == "reversed":
            match = [one for one in before if one[0] == target]
            if not match or match[0][2] != amount:
                return False
            self.live[loan].remove(match[0])
        else:
            self.live[loan].append((number, kind, amount))
        if self.holds(loan):
            return True
        self.live[loan] = before
        return False


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, together=st.booleans())
def test_sums_hold_whatever_is_reported(bank: Bank, steps: list[Any], together: bool) -> None:
    plain, serial = Plain(), next(_serial)
    names = [f"{serial}-A", f"{serial}-B"]
    taken = []
    for place, (kind, which, amount, target) in enumerate(steps):
        number, of, loan = f"{serial}.{place}", f"{serial}.{target}", names[which]
        one = event(number, kind, amount, loan_no=loan, **({"reverses": of} if kind == "reversed" else {}))
        expected = plain.takes(number, loan, kind, amount, of)
        if expected:
            taken.append(one)
        if together:
            continue
        if expected:
            bank.reports(one)
        else:
            assert len(bank.is_refused(one)) >= 1
    if together and taken:
        bank.reports(*taken)
    for loan in names:
        told = LoanEvent.objects.filter(loan_no=loan)
        undone = set(told.exclude(reverses="").values_list("reverses", flat=True))
        live = {one.event_no for one in told if one.kind != "reversed" and one.event_no not in undone}
        assert live == {number for number, _, _ in plain.live[loan]}
