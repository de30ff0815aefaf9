"""What banks read: pages, changes and checks, and that nothing else ever comes out."""

from datetime import timedelta

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from applications.bank_loans import reading, streams
from applications.bank_loans.eligibility import bring_up_to_date, reckon
from applications.bank_loans.models import Change, LoanProduct, Standing
from tests import factories
from tests.bank_loans.building import NONE, TODAY, A, B, C, authorise, city, product, publish, regrade, shop
from tests.bank_loans.consumer import whole
from tests.ratings.test_published import START

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def everything(one: LoanProduct, codes: list[str]) -> bytes:
    """All that banks can read of a list, as bytes."""
    parts = [
        orjson.dumps(reading.eligible_page(one, "", 10_000).rows),
        orjson.dumps(reading.changes_page(one, 0, 10_000).rows),
        orjson.dumps(reading.check(one, codes)),
        *(b"".join(streams.stream(one, format)) for format in streams.FORMATS),
    ]
    return b"".join(parts)


class TestPages:
    def test_by_code(self) -> None:
        shops, _ = city(*[A] * 5, C)
        one = bring_up_to_date(product(), TODAY)
        codes = sorted(each.code for each in shops[:5])
        first = reading.eligible_page(one, "", 2)
        assert ([row["code"] for row in first.rows], first.more) == (codes[:2], True)
        rest = reading.eligible_page(one, codes[1], 3)
        assert ([row["code"] for row in rest.rows], rest.more) == (codes[2:], False)
        assert reading.eligible_page(one, codes[-1], 3).rows == []
        assert (first.position, first.ledger_seq) == (5, 6)

    def test_an_empty_list(self) -> None:
        one = bring_up_to_date(product(), TODAY)
        assert reading.eligible_page(one, "", 5) == reading.changes_page(one, 0, 5)
        assert reading.eligible_page(one, "", 5) == reading.Page(0, 0, [], more=False)

    def test_another_product_has_its_own(self) -> None:
        shops, _ = city(A, B)
        best, all_ = product("best", minimum_grade="A"), product()
        best, all_ = (bring_up_to_date(one, TODAY) for one in (best, all_))
        assert list(whole(best)) == [shops[0].code]
        assert reading.changes_page(best, 0, 9).position == 1
        assert len(whole(all_)) == 2
        assert [len(reading.check(one, [shops[1].code])[shops[1].code]) for one in (best, all_)] == [1, 1]

    def test_changes_show_what_is_listed_now(self) -> None:
        (one, other), life = city(A, B)
        loan = bring_up_to_date(product(), TODAY)
        regrade(life, one, C, START + DAY)
        loan = bring_up_to_date(loan, TODAY)
        page = reading.changes_page(loan, 0, 9)
        assert [(row["code"], row["kind"], row["pharmacy"] is not None) for row in page.rows] == [
            (one.code, "added", False), (other.code, "added", True), (one.code, "removed", False),
        ]  # fmt: skip
        assert page.rows[2]["reasons"] == ["below_minimum"]
        assert [row["ledger_seq"] for row in page.rows] == [2, 2, 3]
        assert page.rows[1]["pharmacy"] == reading.eligible_page(loan, "", 1).rows[0]

    def test_a_page_is_one_query(self) -> None:
        city(A, B, C)
        loan = bring_up_to_date(product(), TODAY)
        for act in (
            lambda: reading.eligible_page(loan, "", 2),
            lambda: reading.changes_page(loan, 0, 2),
            lambda: reading.check(loan, ["P33060200001"]),
            lambda: reading.check(loan, [f"P330602{number:05d}" for number in range(10_000)]),
        ):
            with CaptureQueriesContext(connection) as queries:
                act()
            assert len(queries) == 1


class TestCheck:
    def test_by_either_code(self) -> None:
        enterprise = factories.enterprise()
        good, bad = shop(enterprise=enterprise), shop(enterprise=enterprise)
        publish({good: A, bad: C})
        loan = bring_up_to_date(product(), TODAY)
        found = reading.check(loan, [bad.code, enterprise.uscc, good.code, "P33060299999", "", good.code])
        yes = {
            "code": good.code, "social_credit_code": enterprise.uscc, "eligible": True, "reasons": [],
            "pharmacy": whole(loan)[good.code],
        }  # fmt: skip
        no = {
            "code": bad.code, "social_credit_code": enterprise.uscc, "eligible": False,
            "reasons": ["below_minimum"], "pharmacy": None,
        }  # fmt: skip
        assert found == {
            bad.code: [no],
            enterprise.uscc: [yes, no],
            good.code: [yes],
            "P33060299999": [],
            "": [],
        }
        assert list(found) == [bad.code, enterprise.uscc, good.code, "P33060299999", ""]

    def test_of_large_enterprises_no_more_than_is_borne(self, monkeypatch: pytest.MonkeyPatch) -> None:
        chain = factories.enterprise()
        shops, _ = city(A, A)
        for one in shops:
            one.enterprise = chain
            one.save()
        listed = bring_up_to_date(product(), TODAY)
        monkeypatch.setattr(reading, "MOST_CHECKED", 2)
        assert len(reading.check(listed, [chain.uscc])[chain.uscc]) == 2
        monkeypatch.setattr(reading, "MOST_CHECKED", 1)
        with pytest.raises(reading.TooMany):
            reading.check(listed, [chain.uscc])

    def test_of_one_that_has_not_authorised_it_nothing_more_than_was_asked(self) -> None:
        enterprise = factories.enterprise()
        good, *others = (shop(enterprise=enterprise) for _ in range(3))
        publish({good: A, others[0]: A, others[1]: C})
        loan = product(authorisation_required=True)
        authorise(loan, good.code)
        loan = bring_up_to_date(loan, TODAY)
        found = reading.check(loan, [others[0].code, enterprise.uscc])
        no = {"eligible": False, "reasons": ["not_authorised"], "pharmacy": None}
        assert found[others[0].code] == [{"code": others[0].code, "social_credit_code": "", **no}]
        assert found[enterprise.uscc][0]["code"] == good.code
        assert found[enterprise.uscc][1:] == [{"code": "", "social_credit_code": enterprise.uscc, **no}]


class TestNothingElse:
    @pytest.mark.parametrize("how", ["below", "withdrawn", "unauthorised", "expired"])
    def test_who_is_not_on_the_list_never_appears(self, how: str) -> None:
        """Neither name nor grade nor date, though it was on the list before."""
        names = {"below": "不显示的甲店", "withdrawn": "不显示的乙店", "unauthorised": "不显示的丙店", "expired": "不显示的丁店"}  # fmt: skip
        hidden, shown = shop(name=names[how], enterprise=factories.enterprise()), shop(name="显示的店")
        life = publish({hidden: A, shown: B})
        loan = product(authorisation_required=True)
        rows = [authorise(loan, each.code) for each in (hidden, shown)]
        loan = bring_up_to_date(loan, TODAY)
        assert hidden.enterprise is not None
        codes = [hidden.code, hidden.enterprise.uscc, shown.code]
        assert names[how].encode() in everything(loan, codes)
        day = TODAY
        if how == "below":
            regrade(life, hidden, C, START + DAY)
        elif how == "withdrawn":
            regrade(life, hidden, NONE, START + DAY)
        elif how == "unauthorised":
            rows[0].withdrawn_on, rows[0].withdrawn_by, rows[0].withdrawal_reason = TODAY, "经办甲", "来函"
            rows[0].save()
            reckon(loan, TODAY, Change.Cause.AUTHORISATION, [hidden.code])
        else:
            publish({shown: B}, period="2026H1", at=START + 60 * DAY)
            day = TODAY + 370 * DAY
        loan = bring_up_to_date(LoanProduct.objects.get(pk=loan.pk), day)
        told = everything(loan, codes)
        assert names[how].encode() not in told
        assert "显示的店".encode() in told
        for word in ("优秀", "一般", '"A"', '"C"', ",A,", ",C,", "撤回", "score", "rank", "2015-03-01,1,"):
            assert word.encode() not in told
        kept = Standing.objects.filter(code=hidden.code).values()
        assert not any(str(value) in (names[how], "A", "C") for row in kept for value in row.values())

    def test_nothing_before_the_list_is_brought_up_to_date_but_what_was_listed(self) -> None:
        city(A, B, C)
        assert everything(product(), []).count(b"P330602") == 0
