"""Fixed answers for fixed codes, whatever the day, whatever is really published."""

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from applications.bank_loans import reading, sandbox
from applications.bank_loans.eligibility import bring_up_to_date, reckon
from applications.bank_loans.models import Change, LoanProduct, Standing
from ratings.codes import uscc_problem
from tests.bank_loans.building import TODAY, A, authorise, city, product
from tests.bank_loans.consumer import whole

pytestmark = pytest.mark.django_db
ANSWERS = {
    "P99000000001": [],
    "P99000000002": [],
    "P99000000003": ["below_minimum"],
    "P99000000004": ["grade_withdrawn"],
    "P99000000005": ["grade_expired"],
    "P99000000006": ["not_authorised"],
}


def offered(**values: Any) -> LoanProduct:
    return product("sandbox", is_sandbox=True, authorisation_required=True, valid_from=date(2020, 1, 1), **values)  # fmt: skip


@pytest.mark.parametrize("day", [date(2026, 2, 11), date(2031, 7, 1), date(2090, 1, 1)])
def test_the_answers(day: date) -> None:
    city(A)
    one = bring_up_to_date(offered(), day)
    assert dict(Standing.objects.values_list("code", "reasons")) == ANSWERS
    listed = whole(one)
    assert {code: (row["grade"], row["under_objection"]) for code, row in listed.items()} == {
        "P99000000001": ("A", False),
        "P99000000002": ("B", True),
    }
    found = reading.check(
        one, [*ANSWERS, "P99000000099", *(row["social_credit_code"] for row in listed.values())]
    )
    assert found["P99000000099"] == []
    assert [len(rows) for code, rows in found.items() if code != "P99000000099"] == [1] * 8
    assert (one.position, one.ledger_seq) == (2, sandbox.LAST_SEQ)


def test_nothing_changes_them() -> None:
    one = bring_up_to_date(offered(), TODAY)
    city(A)
    authorise(one, "P99000000006")
    with CaptureQueriesContext(connection) as queries:
        bring_up_to_date(one, TODAY)
    assert not queries
    assert reckon(one, TODAY, Change.Cause.AUTHORISATION, ["P99000000006"]) == 0
    assert reckon(one, TODAY, Change.Cause.REGISTER) == 0
    assert dict(Standing.objects.values_list("code", "reasons")) == ANSWERS


def test_another_minimum() -> None:
    one = bring_up_to_date(offered(minimum_grade="A"), TODAY)
    assert list(whole(one)) == ["P99000000001"]
    LoanProduct.objects.filter(pk=one.pk).update(minimum_grade="S", reckoned_on=None)
    assert whole(bring_up_to_date(LoanProduct.objects.get(pk=one.pk), TODAY)) == {}


def test_answers_that_a_new_version_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    one = bring_up_to_date(offered(), TODAY)
    better = tuple({**each, "grade": "A", "position": 0} if each["grade"] == "C" else each for each in sandbox.PHARMACIES)  # fmt: skip
    monkeypatch.setattr(sandbox, "PHARMACIES", better)
    monkeypatch.setattr(sandbox, "LAST_SEQ", sandbox.LAST_SEQ + 1)
    assert len(whole(bring_up_to_date(one, TODAY))) == 3


def test_social_credit_codes_are_valid_and_their_own() -> None:
    codes = [one["social_credit_code"] for one in sandbox.PHARMACIES]
    assert [uscc_problem(code) for code in codes] == [""] * len(codes)
    assert len(set(codes)) == len(codes)
