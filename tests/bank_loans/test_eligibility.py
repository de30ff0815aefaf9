"""Who is on a list, why others are not, and what of it is kept: both sides of every threshold and date."""

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from applications.bank_loans import eligibility
from applications.bank_loans.application import APPLICATION
from applications.bank_loans.eligibility import Busy, bring_up_to_date, reckon
from applications.bank_loans.models import Change, LoanProduct, Standing
from applications.bank_loans.models.lists import SHOWN
from ratings.models import Pharmacy, Rating
from ratings.published import Entry
from tests import desk, factories
from tests.bank_loans import truth
from tests.bank_loans.building import NONE, TODAY, A, B, C, authorise, city, product, publish, regrade, shop
from tests.ratings.test_published import START

DAY = timedelta(days=1)
GRADE, AUTHORISATION = Change.Cause.GRADE, Change.Cause.AUTHORISATION
REGISTER, PRODUCT, DATE = Change.Cause.REGISTER, Change.Cause.PRODUCT, Change.Cause.DATE


def reasons(one: LoanProduct, shop: Pharmacy) -> list[str]:
    return list(Standing.objects.get(product=one, code=shop.code).reasons)


def reasons_on(one: LoanProduct, shop: Pharmacy, *days: date) -> list[list[str]]:
    """What stands against it on days that follow each other, and the same derived anew."""
    found = []
    for day in days:
        one = bring_up_to_date(one, day)
        found.append(reasons(one, shop))
        assert reckon(one, day, REGISTER) == 0
        assert found[-1] == reasons(one, shop)
    return found


def told(one: LoanProduct, after: int = 0) -> list[tuple[str, str, str, list[str]]]:
    changes = Change.objects.filter(product=one, number__gt=after).order_by("number")
    return [(each.code, each.kind, each.cause, each.reasons) for each in changes]


@pytest.mark.django_db
class TestGrades:
    def test_the_list_follows_the_ledger(self) -> None:
        shops, _ = city(A, B, C, NONE)
        never = shop()
        one = bring_up_to_date(product(), TODAY)
        assert [reasons(one, each) for each in (*shops, never)] == [
            [], [], ["below_minimum"], ["not_graded"], ["not_graded"],
        ]  # fmt: skip
        assert (one.position, one.ledger_seq, one.reckoned_on) == (2, 4, TODAY)

    @pytest.mark.parametrize(("minimum", "listed"), [("A", [A]), ("B", [A, B]), ("C", [A, B]), ("S", [])])
    def test_the_products_minimum_and_the_applications_floor(self, minimum: str, listed: list[int]) -> None:
        """A product that asks for less than B gets B; one that asks for what no scheme has, nobody."""
        shops, _ = city(A, B, C)
        one = bring_up_to_date(product(minimum_grade=minimum), TODAY)
        assert [grade for grade, each in enumerate(shops) if not reasons(one, each)] == listed

    def test_withdrawn_and_given_again(self) -> None:
        (one,), life = city(A)
        loan = bring_up_to_date(product(), TODAY)
        regrade(life, one, NONE, START + DAY)
        assert reasons_on(loan, one, TODAY) == [["grade_withdrawn"]]
        publish({one: B}, period="2026H1", at=START + 2 * DAY)
        assert reasons_on(loan, one, TODAY + DAY) == [[]]
        assert told(loan) == [
            (one.code, "added", "product", []),
            (one.code, "removed", "grade", ["grade_withdrawn"]),
            (one.code, "added", "grade", []),
        ]
        assert [each.listed_before for each in Change.objects.order_by("number")] == [False, True, True]

    def test_taken_away_by_a_correction(self) -> None:
        (one,), life = city(A)
        regrade(life, one, NONE, START)
        regrade(life, one, NONE, START, cause="CORRECTION")
        assert reasons(bring_up_to_date(product(), TODAY), one) == ["grade_withdrawn"]

    def test_a_period_without_a_grade_is_no_withdrawal(self) -> None:
        (one,), _ = city(A)
        publish({one: NONE}, period="2026H1", at=START + DAY)
        assert reasons(bring_up_to_date(product(), TODAY), one) == ["not_graded"]

    @pytest.mark.parametrize("grade", [B, C])
    def test_runs_out_by_itself(self, grade: int) -> None:
        (one,), _ = city(grade)
        last = date(2027, 2, 9)
        before = [] if grade == B else ["below_minimum"]
        assert reasons_on(product(), one, TODAY, last, last + DAY) == [before, before, ["grade_expired"]]

    def test_a_row_in_force_later(self) -> None:
        """As of a clock that is behind: the row counts from its day on."""
        (one,), life = city(C)
        regrade(life, one, A, START + 5 * DAY)
        begins = TODAY + 4 * DAY
        assert reasons_on(product(), one, TODAY, begins - DAY, begins) == [
            ["below_minimum"], ["below_minimum"], [],
        ]  # fmt: skip

    def test_an_objection_is_marked(self) -> None:
        (one,), life = city(B)
        loan = bring_up_to_date(product(), TODAY)
        desk.objection(life, Rating.objects.get(pharmacy=one), against="PUBLISHED")
        assert reckon(loan, TODAY, REGISTER, [one.code]) == 1
        assert told(loan, 1) == [(one.code, "changed", "register", [])]
        assert Standing.objects.get().under_objection

    def test_periods_in_a_row(self) -> None:
        one, other = shop(), shop()
        loan = product(minimum_periods=3)
        for number, (period, grade) in enumerate((("2024H1", B), ("2024H2", NONE), ("2025H1", A), ("2025H2", B))):  # fmt: skip
            publish({one: grade, other: B}, period=period, at=START + number * DAY)
        day = TODAY + 4 * DAY
        loan = bring_up_to_date(loan, day)
        assert (reasons(loan, one), reasons(loan, other)) == (["too_few_periods"], [])
        publish({one: B, other: C}, period="2026H1", at=START + 5 * DAY)
        assert reasons_on(loan, one, day) == [[]]
        assert reasons(loan, other) == ["below_minimum", "too_few_periods"]

    def test_a_late_correction_of_an_earlier_period_counts_for_the_row_of_periods(self) -> None:
        one = shop()
        early = publish({one: C}, period="2025H1")
        publish({one: B}, period="2025H2", at=START + DAY)
        loan = bring_up_to_date(product(minimum_periods=2), TODAY)
        assert reasons(loan, one) == ["too_few_periods"]
        regrade(early, one, B, START + 2 * DAY, cause="CORRECTION")
        assert reasons_on(loan, one, TODAY + DAY) == [[]]
        assert told(loan) == [(one.code, "added", "grade", [])]


@pytest.mark.django_db
class TestRegister:
    def test_designation_ends(self) -> None:
        (one,), _ = city(A)
        Pharmacy.objects.filter(pk=one.pk).update(designated_until=TODAY + 2 * DAY)
        loan = product()
        assert reasons_on(loan, one, TODAY, TODAY + DAY, TODAY + 2 * DAY) == [[], [], ["not_designated"]]
        assert told(loan, 1) == [(one.code, "removed", "date", ["not_designated"])]

    def test_designation_begins(self) -> None:
        (one,), _ = city(A)
        Pharmacy.objects.filter(pk=one.pk).update(designated_on=TODAY + DAY)
        assert reasons_on(product(), one, TODAY, TODAY + DAY) == [["not_designated", "too_new"], []]

    @pytest.mark.parametrize(
        ("since", "months", "first"),
        [
            (date(2026, 2, 12), 0, date(2026, 2, 12)),
            (date(2025, 8, 12), 6, date(2026, 2, 12)),
            (date(2025, 8, 31), 6, date(2026, 2, 28)),
            (date(2025, 11, 30), 3, date(2026, 2, 28)),
            (date(2024, 2, 29), 36, date(2027, 2, 28)),
            (date(2024, 2, 29), 48, date(2028, 2, 29)),
            (date(2026, 1, 31), 1, date(2026, 2, 28)),
        ],
    )
    def test_designated_for_so_many_months(self, since: date, months: int, first: date) -> None:
        (one,), _ = city(A)
        Pharmacy.objects.filter(pk=one.pk).update(designated_on=since)
        assert truth.months_later(since, months) == first
        loan = product(minimum_months=months)
        before, after = reasons_on(loan, one, first - DAY, first)
        assert ("too_new" in before, "too_new" in after) == (True, False)

    def test_districts(self) -> None:
        factories.district(330603, "柯桥区")
        (one,), _ = city(A)
        loan = product(districts=[330603, 330604])
        loan = bring_up_to_date(loan, TODAY)
        assert reasons(loan, one) == ["other_district"]
        Pharmacy.objects.filter(pk=one.pk).update(district_id=330603)
        assert reckon(loan, TODAY, REGISTER, [one.code]) == 1
        assert reasons(loan, one) == []

    def test_what_is_shown_follows_the_register(self) -> None:
        one = shop(enterprise=factories.enterprise())
        publish({one: A})
        loan = bring_up_to_date(product(), TODAY)
        Pharmacy.objects.filter(pk=one.pk).update(name="新名大药房")
        assert reckon(loan, TODAY, REGISTER, [one.code]) == 1
        other = factories.enterprise()
        Pharmacy.objects.filter(pk=one.pk).update(enterprise=other)
        assert reckon(loan, TODAY, REGISTER) == 1
        row = Standing.objects.get()
        assert (row.name, row.social_credit_code, row.number) == ("新名大药房", other.uscc, 3)
        assert [kind for _, kind, _, _ in told(loan)] == ["added", "changed", "changed"]
        assert reckon(loan, TODAY, REGISTER) == 0

    def test_a_pharmacy_that_is_not_on_the_list_may_change_unnoticed(self) -> None:
        (one,), _ = city(C)
        loan = bring_up_to_date(product(), TODAY)
        Pharmacy.objects.filter(pk=one.pk).update(name="新名大药房", designated_until=TODAY)
        assert reckon(loan, TODAY, REGISTER, [one.code]) == 0
        assert reasons(loan, one) == ["not_designated", "below_minimum"]

    def test_codes_that_nobody_has(self) -> None:
        loan = bring_up_to_date(product(), TODAY)
        assert reckon(loan, TODAY, REGISTER, ["P33060299999"]) == 0
        assert not Standing.objects.exists()


@pytest.mark.django_db
class TestAuthorisation:
    def test_only_that_is_told_of_one_without(self) -> None:
        shops, _ = city(A, C, NONE)
        loan = bring_up_to_date(product(authorisation_required=True, districts=[330699]), TODAY)
        assert [reasons(loan, each) for each in shops] == [["not_authorised"]] * 3
        for each in shops:
            authorise(loan, each.code)
        assert reckon(loan, TODAY, AUTHORISATION, [each.code for each in shops]) == 0
        assert reasons(loan, shops[1]) == ["other_district", "below_minimum"]

    def test_from_and_until(self) -> None:
        (one,), _ = city(A)
        loan = product(authorisation_required=True)
        authorise(loan, one.code, valid_from=TODAY + DAY, valid_until=TODAY + 3 * DAY)
        no, yes = [["not_authorised"]], [[]]
        days = [TODAY + number * DAY for number in range(4)]
        assert reasons_on(loan, one, *days) == no + yes + yes + no
        assert [cause for _, _, cause, _ in told(loan)] == ["date", "date"]

    def test_withdrawn_from_a_day_on(self) -> None:
        (one,), _ = city(A)
        loan = product(authorisation_required=True)
        row = authorise(loan, one.code)
        loan = bring_up_to_date(loan, TODAY)
        row.withdrawn_on, row.withdrawn_by, row.withdrawal_reason = TODAY + 2 * DAY, "经办甲", "来函撤回"
        row.save()
        assert reckon(loan, TODAY, AUTHORISATION, [one.code]) == 0
        assert reasons_on(loan, one, TODAY + DAY, TODAY + 2 * DAY) == [[], ["not_authorised"]]

    def test_withdrawn_today_and_granted_anew(self) -> None:
        (one,), _ = city(A)
        loan = product(authorisation_required=True)
        row = authorise(loan, one.code)
        loan = bring_up_to_date(loan, TODAY)
        row.withdrawn_on, row.withdrawn_by, row.withdrawal_reason = TODAY, "经办甲", "来函撤回"
        row.save()
        assert reckon(loan, TODAY, AUTHORISATION, [one.code]) == 1
        authorise(loan, one.code, valid_from=TODAY)
        assert reckon(loan, TODAY, AUTHORISATION, [one.code]) == 1
        assert told(loan, 1) == [
            (one.code, "removed", "authorisation", ["not_authorised"]),
            (one.code, "added", "authorisation", []),
        ]

    def test_of_another_product_it_does_not_count(self) -> None:
        (one,), _ = city(A)
        other = product("other", authorisation_required=True)
        authorise(other, one.code)
        loan = bring_up_to_date(product(authorisation_required=True), TODAY)
        assert reasons(loan, one) == ["not_authorised"]
        assert reasons(bring_up_to_date(other, TODAY), one) == []

    def test_a_product_that_wants_none(self) -> None:
        (one,), _ = city(A)
        assert reasons(bring_up_to_date(product(authorisation_required=False), TODAY), one) == []


@pytest.mark.django_db
class TestProduct:
    def test_its_dates(self) -> None:
        """Outside of them nothing else is told."""
        shops, _ = city(A, C)
        loan = product(valid_from=TODAY + DAY, valid_until=TODAY + 3 * DAY, authorisation_required=True)
        authorise(loan, shops[0].code)
        days = [TODAY + number * DAY for number in range(4)]
        closed = ["product_closed"]
        assert reasons_on(loan, shops[0], *days) == [closed, [], [], closed]
        assert reasons(loan, shops[1]) == closed
        assert [(kind, cause) for _, kind, cause, _ in told(loan)] == [("added", "date"), ("removed", "date")]

    def test_ended_a_year_ago(self) -> None:
        shops, life = city(A, B)
        loan = bring_up_to_date(product(valid_until=TODAY + DAY), TODAY)
        loan = bring_up_to_date(loan, TODAY + DAY)
        assert loan.position == 4
        regrade(life, shops[0], C, START + 30 * DAY)
        publish(dict.fromkeys(shops, A), period="2026H1", at=START + 200 * DAY)
        loan = bring_up_to_date(loan, TODAY + 366 * DAY)
        assert (loan.position, loan.ledger_seq) == (4, 5)
        assert truth.standings(loan, TODAY + 366 * DAY) == {each.code: ["product_closed"] for each in shops}

    def test_edited_terms(self) -> None:
        shops, _ = city(A, B)
        loan = bring_up_to_date(product(), TODAY)
        LoanProduct.objects.filter(pk=loan.pk).update(minimum_grade="A", reckoned_on=None)
        loan = bring_up_to_date(LoanProduct.objects.get(pk=loan.pk), TODAY)
        assert told(loan, 2) == [(shops[1].code, "removed", "product", ["below_minimum"])]
        LoanProduct.objects.filter(pk=loan.pk).update(minimum_grade="B")
        assert reckon(loan, TODAY, PRODUCT) == 1
        assert told(loan, 3) == [(shops[1].code, "added", "product", [])]

    def test_edited_terms_count_for_those_that_ask_for_a_few(self) -> None:
        shops, _ = city(A, B)
        loan = bring_up_to_date(product(), TODAY)
        LoanProduct.objects.filter(pk=loan.pk).update(minimum_grade="A", reckoned_on=None)
        assert reckon(loan, TODAY, REGISTER, [shops[0].code]) == 1


@pytest.mark.django_db
class TestBringUpToDate:
    def test_one_query_where_nothing_has_happened(self) -> None:
        city(A, B)
        one = bring_up_to_date(product(), TODAY)
        with CaptureQueriesContext(connection) as queries:
            assert bring_up_to_date(one, TODAY) is one
        assert len(queries) == 1

    def test_time_passes_without_any_job(self) -> None:
        shops, _ = city(A, B, C)
        loan = bring_up_to_date(product(), TODAY)
        loan = bring_up_to_date(loan, TODAY + 400 * DAY)
        assert [cause for *_, cause, _ in told(loan, 2)] == ["date", "date"]
        assert {each: ["grade_expired"] for each in truth.standings(loan, TODAY)} == truth.standings(
            loan, TODAY + 400 * DAY
        )
        assert all(reasons(loan, each) == ["grade_expired"] for each in shops)

    def test_never_back_behind_a_day(self) -> None:
        (one,), life = city(A)
        loan = bring_up_to_date(product(), TODAY + DAY)
        assert bring_up_to_date(loan, TODAY) is loan
        regrade(life, one, C, START + 2 * DAY)
        loan = bring_up_to_date(loan, TODAY)
        assert (loan.reckoned_on, reasons(loan, one)) == (TODAY + DAY, ["below_minimum"])

    def test_an_old_copy_of_the_product_does_no_harm(self) -> None:
        city(A, B)
        old = product()
        new = bring_up_to_date(old, TODAY)
        assert bring_up_to_date(old, TODAY).position == new.position == 2

    def test_only_those_with_news_are_derived(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shops, life = city(A, B, C)
        loan = bring_up_to_date(product(), TODAY)
        asked: list[Any] = []
        stage = eligibility.stage

        def noted(table: str, on: date, minimums: Any, codes: Any, until: int) -> None:
            asked.append(codes)
            stage(table, on, minimums, codes, until)

        monkeypatch.setattr(eligibility, "stage", noted)
        regrade(life, shops[0], C, START + DAY)
        loan = bring_up_to_date(loan, TODAY)
        loan = bring_up_to_date(loan, TODAY + DAY)
        reckon(loan, TODAY + DAY, REGISTER, [shops[1].code])
        loan = bring_up_to_date(loan, date(2027, 2, 10))
        assert asked == [{shops[0].code}, {shops[1].code}, {shops[1].code, shops[2].code}]

    @pytest.mark.parametrize("many", [0, 1, 2])
    def test_above_some_number_all_are_derived(self, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
        """The causes stay what they are."""
        monkeypatch.setattr(eligibility, "MANY", many)
        shops, life = city(A, B, A)
        loan = bring_up_to_date(product(authorisation_required=True), TODAY)
        for each in shops:
            authorise(loan, each.code, valid_until=TODAY + 3 * DAY)
        assert reckon(loan, TODAY, AUTHORISATION, [each.code for each in shops]) == 3
        regrade(life, shops[0], C, START + DAY)
        Pharmacy.objects.filter(pk=shops[1].pk).update(name="新名大药房")
        assert reckon(loan, TODAY, REGISTER, [shops[1].code]) == 2
        loan = bring_up_to_date(loan, TODAY + 3 * DAY)
        assert [(code, cause) for code, _, cause, _ in told(loan)] == [
            *((each.code, "authorisation") for each in shops),
            (shops[0].code, "grade"),
            (shops[1].code, "register"),
            (shops[1].code, "date"),
            (shops[2].code, "date"),
        ]

    def test_the_queries_do_not_grow_with_the_pharmacies(self) -> None:
        counts = []
        loan = bring_up_to_date(product(), TODAY)
        for number, period in enumerate(("2024", "2025H1", "2025H2")):
            publish({shop(): A for _ in range(1 + 2 * number)}, period=period, at=START)
            with CaptureQueriesContext(connection) as queries:
                loan = bring_up_to_date(loan, TODAY)
            counts.append(len(queries))
        assert counts[1:] == [counts[1]] * 2
        assert loan.position == 9

    def test_banks_are_told_of_what_was_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heard = []
        monkeypatch.setattr(eligibility, "enqueue", lambda *values: heard.append(values) or 0)
        city(A, B)
        loan = bring_up_to_date(product(), TODAY)
        reckon(loan, TODAY, REGISTER)
        assert heard == [(loan, 0, 2)]


@pytest.mark.django_db
class TestWhatIsKept:
    def test_of_a_grade_only_what_the_application_may_show(self) -> None:
        own = {name for name in Entry.__slots__ if name != "grade"}
        assert set(SHOWN) - own <= APPLICATION.fields
        columns = {field.name for field in Standing._meta.concrete_fields}
        assert not {"score", "rank_city", "rank_district", "reason", "event", "position"} & columns

    def test_of_those_not_on_the_list_nothing_but_codes_and_reasons(self) -> None:
        (good, bad), life = city(A, C)
        loan = bring_up_to_date(product(), TODAY)
        regrade(life, good, NONE, START + DAY)
        loan = bring_up_to_date(loan, TODAY)
        for row in Standing.objects.values(*SHOWN):
            assert set(row.values()) == {"", None, False}
        assert [reasons(loan, each) for each in (good, bad)] == [["grade_withdrawn"], ["below_minimum"]]

    def test_as_reckoned_slowly(self) -> None:
        factories.district(330603, "柯桥区")
        shops, life = city(A, B, C, NONE, B)
        Pharmacy.objects.filter(pk=shops[1].pk).update(district_id=330603, enterprise=factories.enterprise())
        regrade(life, shops[4], NONE, START + DAY)
        loan = bring_up_to_date(product(), TODAY)
        rows = {row["code"]: row for row in Standing.objects.filter(reasons=[]).values("code", "social_credit_code", *SHOWN)}  # fmt: skip
        assert rows == truth.on_the_list(loan, TODAY)
        assert len(rows) == 2


@pytest.mark.django_db(transaction=True)
class TestBusy:
    @pytest.fixture
    def held(self) -> Iterator[LoanProduct]:
        """A product that another connection is at."""
        city(A)
        one, taken, done = product(), threading.Event(), threading.Event()

        def hold() -> None:
            with transaction.atomic():
                LoanProduct.objects.select_for_update().get(pk=one.pk)
                taken.set()
                done.wait(20)
            connections.close_all()

        thread = threading.Thread(target=hold)
        thread.start()
        taken.wait(20)
        yield one
        done.set()
        thread.join(20)

    def test_waits_for_a_while(self, held: LoanProduct) -> None:
        with pytest.raises(Busy):
            bring_up_to_date(held, TODAY, patience=1)
        with transaction.atomic():
            with pytest.raises(Busy):
                reckon(held, TODAY, REGISTER, patience=1)
            assert LoanProduct.objects.count() == 1
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                assert cursor.fetchone() == ("0",)
