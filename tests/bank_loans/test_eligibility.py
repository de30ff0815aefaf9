"""Who is on a list, why others are not, and what of it is kept."""

import pytest

from applications.bank_loans import eligibility
from applications.bank_loans.models import Standing
from tests.bank_loans.building import NONE, TODAY, A, B, C, city, product

pytestmark = pytest.mark.django_db


def test_the_list_follows_the_ledger() -> None:
    shops, _ = city(A, B, C, NONE)
    one = eligibility.bring_up_to_date(product(), TODAY)
    found = dict(Standing.objects.filter(product=one).values_list("code", "reasons"))
    assert [found[each.code] for each in shops] == [[], [], ["below_minimum"], ["not_graded"]]
    assert (one.position, one.ledger_seq, one.reckoned_on) == (2, 4, TODAY)
