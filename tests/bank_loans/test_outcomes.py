"""What became of loans: every figure of the page equals what plain queries and a plain reckoning give."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from applications.bank_loans.feedback_lines import BadFeedback
from applications.bank_loans.models import LoanEvent, LoanProduct
from applications.bank_loans.outcomes import FEW, Figures, outcomes, span
from tests import factories
from tests.bank_loans import building
from tests.bank_loans.building import TODAY, A, B
from tests.bank_loans.reporting import Bank, event, reversal
from tests.clients import building as clients

pytestmark = pytest.mark.django_db


@pytest.fixture
def product() -> LoanProduct:
    return building.product(valid_from=date(2024, 1, 1))


@pytest.fixture
def bank(product: LoanProduct) -> Bank:
    return Bank(clients.client(organisation_=product.bank), product)


def day(text: str) -> dict[str, str]:
    return {"on": text}


@pytest.fixture
def told(bank: Bank) -> LoanProduct:
    """Two graded shops and one in another district without a grade; three loans over three quarters."""
    other = building.shop(district=factories.district(330603, "柯桥区"))
    (good, fair), _ = building.city(A, B)
    first = {"loan_no": "L1", "code": good.code}
    second = {"loan_no": "L2", "code": fair.code}
    third = {"loan_no": "L3", "code": other.code}
    bank.reports(
        event("g1", "granted", 1000, **first, **day("2026-02-10")),
        event("d1", "drawn", 400, **first, **day("2026-02-10")),
        event("d1x", "drawn", 77, **first, **day("2026-02-11")),
        reversal("r1x", "d1x", 77, **first, **day("2026-02-11")),
        event("g2", "granted", 500, **second, **day("2026-02-11")),
        event("d2", "drawn", 500, **second, **day("2026-04-01")),
        event("o2", "overdue", 300, **second, **day("2026-06-30")),
        event("o2b", "overdue", 120, **second, **day("2026-07-01")),
        event("p1", "repaid", 150, **first, **day("2026-06-30")),
        event("p2", "repaid", 100, **second, **day("2026-07-02")),
        event("g3", "granted", 10, **third, **day("2025-12-31")),
        today=date(2026, 12, 1),
    )
    return bank.product


def test_the_figures_of_all_days(told: LoanProduct) -> None:
    found = outcomes([told.pk], date(2025, 1, 1), date(2026, 9, 30))
    assert found.total == Figures(
        pharmacies=2, loans=3, granted=1510, drawn=900, repaid=250, outstanding=650, open_loans=2,
        overdue=120, overdue_loans=1,
    )  # fmt: skip
    assert [(one.grade, one.position, one.figures.loans) for one in found.grades] == [
        ("A", 0, 1), ("B", 1, 1), ("", -1, 1),
    ]  # fmt: skip
    assert found.grades[1].figures.overdue_rate == pytest.approx(120 / 400)
    assert found.grades[2].figures.overdue_rate is None
    assert {code: one.granted for code, one in found.districts.items()} == {330602: 1500, 330603: 10}
    assert [(one.label, one.granted, one.drawn, one.repaid, one.outstanding, one.overdue) for one in found.quarters[3:]] == [
        ("2025年第4季度", 10, 0, 0, 0, 0),
        ("2026年第1季度", 1500, 400, 0, 400, 0),
        ("2026年第2季度", 0, 500, 150, 750, 300),
        ("2026年第3季度", 0, 0, 100, 650, 120),
    ]  # fmt: skip


def test_a_span_takes_flows_of_its_days_and_balances_of_its_last(told: LoanProduct) -> None:
    found = outcomes([told.pk], date(2026, 4, 1), date(2026, 6, 30)).total
    assert found == Figures(
        pharmacies=1, loans=0, granted=0, drawn=500, repaid=150, outstanding=750, open_loans=2,
        overdue=300, overdue_loans=1,
    )  # fmt: skip
    (quarter,) = outcomes([told.pk], date(2026, 4, 1), date(2026, 6, 30)).quarters
    assert (quarter.outstanding, quarter.overdue) == (750, 300)
    late = outcomes([told.pk], date(2027, 1, 1), date(2027, 2, 1))
    assert [(one.first, one.outstanding) for one in late.quarters] == [(date(2027, 1, 1), 650)]


def test_other_products_count_for_nothing(told: LoanProduct) -> None:
    other = building.product("other", bank=told.bank)
    assert outcomes([other.pk], date(2025, 1, 1), TODAY).total == Figures()
    assert outcomes([], date(2026, 1, 1), TODAY).grades == []
    assert span([other.pk], TODAY) == (TODAY, TODAY)
    assert span([told.pk, other.pk], TODAY) == (date(2025, 12, 31), TODAY)


def test_no_more_is_overdue_than_is_outstanding(bank: Bank) -> None:
    (shop,), _ = building.city(A)
    loan = {"loan_no": "L1", "code": shop.code}
    bank.reports(
        event("g", "granted", 100, **loan, **day("2026-02-10")),
        event("d", "drawn", 100, **loan, **day("2026-02-10")),
        event("o", "overdue", 80, **loan, **day("2026-03-31")),
        event("p", "repaid", 70, **loan, **day("2026-04-02")),
        event("q", "repaid", 30, **loan, **day("2026-07-01")),
        today=date(2026, 12, 1),
    )
    found = outcomes([bank.product.pk], date(2026, 1, 1), date(2026, 9, 30))
    assert [one.overdue for one in found.quarters] == [80, 30, 0]
    assert (found.total.overdue, found.total.overdue_loans) == (0, 0)
    assert outcomes([bank.product.pk], date(2026, 1, 1), date(2026, 6, 30)).total.overdue_rate == 1


def test_nothing_is_overdue_where_a_repayment_is_dated_before_its_draw(bank: Bank) -> None:
    (shop,), _ = building.city(A)
    loan = {"loan_no": "L1", "code": shop.code}
    bank.reports(
        event("g", "granted", 100, **loan, **day("2026-02-10")),
        event("d", "drawn", 100, **loan, **day("2026-07-01")),
        event("p", "repaid", 10, **loan, **day("2026-03-31")),
        today=date(2026, 12, 1),
    )
    found = outcomes([bank.product.pk], date(2026, 1, 1), date(2026, 6, 30))
    assert (found.total.overdue, [one.overdue for one in found.quarters]) == (0, [0, 0])


@pytest.mark.parametrize(("open_loans", "few"), [(FEW - 1, True), (FEW, False)])
def test_small_numbers_say_so(open_loans: int, few: bool) -> None:
    assert Figures(open_loans=open_loans, outstanding=1).few is few


def test_two_queries_whatever_there_is(told: LoanProduct, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        outcomes([told.pk], date(2025, 1, 1), date(2026, 9, 30))


# Against a plain reckoning, event by event.

DAYS = [date(2025, 11, 15) + timedelta(days=40 * step) for step in range(8)]
STEPS = st.lists(
    st.tuples(st.sampled_from(["drawn", "repaid", "overdue"]), st.integers(0, 2), st.integers(1, 90)),
    max_size=20,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS, undone=st.sets(st.integers(0, 19)), bounds=st.tuples(st.integers(0, 7), st.integers(0, 7))
)
def test_figures_equal_a_plain_reckoning(
    bank: Bank, steps: list[Any], undone: set[int], bounds: tuple[int, int]
) -> None:
    product = building.product(f"p{LoanProduct.objects.count()}", bank=bank.product.bank, valid_from=DAYS[0])
    lender = Bank(bank.client, product)
    shops = [building.shop() for _ in range(2)]
    loans = [{"loan_no": f"L{place}", "code": shops[place % 2].code} for place in range(3)]
    lender.reports(
        *[
            event(f"g{place}", "granted", 200, **loan, **day(str(DAYS[0])))
            for place, loan in enumerate(loans)
        ],
        today=DAYS[-1],
    )
    kept = []
    for place, (kind, which, amount) in enumerate(steps):
        one = event(f"e{place}", kind, amount, **loans[which], **day(str(DAYS[place % len(DAYS)])))
        try:
            lender.reports(one, today=DAYS[-1])
        except BadFeedback:
            continue
        kept.append((place, which, one))
    for place, _, one in list(kept):
        if place in undone:
            back = {**one, "event_no": f"r{place}", "kind": "reversed", "reverses": one["event_no"]}
            try:
                lender.reports({**back, "on": str(DAYS[-1])}, today=DAYS[-1])
            except BadFeedback:
                continue
            kept = [other for other in kept if other[0] != place]
    start, until = DAYS[min(bounds)], DAYS[max(bounds)]
    found = outcomes([product.pk], start, until)
    sums: dict[str, int] = defaultdict(int)
    balances: dict[int, list[tuple[date, int, int]]] = defaultdict(list)
    net: dict[int, int] = defaultdict(int)
    served = set()
    for place, which, one in kept:
        on = date.fromisoformat(one["on"])
        if on > until:
            continue
        if one["kind"] == "overdue":
            balances[which].append((on, place, one["amount_fen"]))
            continue
        net[which] += one["amount_fen"] * (1 if one["kind"] == "drawn" else -1)
        if on >= start:
            sums[one["kind"]] += one["amount_fen"]
            served |= {one["code"]} if one["kind"] == "drawn" else set()
    overdue = [max(0, min(max(rows)[2], net[which])) for which, rows in balances.items()]
    total = found.total
    assert (total.drawn, total.repaid) == (sums["drawn"], sums["repaid"])
    assert total.outstanding == sum(net.values()) == found.quarters[-1].outstanding
    assert total.overdue == sum(overdue) == found.quarters[-1].overdue
    assert total.open_loans == sum(value > 0 for value in net.values())
    assert total.pharmacies == len(served)
    for name in ("granted", "drawn", "repaid"):
        assert getattr(total, name) == sum(getattr(quarter, name) for quarter in found.quarters)
    for name in Figures.__slots__:
        parts = [getattr(one.figures, name) for one in found.grades]
        assert name == "pharmacies" or sum(parts) == getattr(total, name)
    assert LoanEvent.objects.filter(product=product, kind="granted").count() == 3
