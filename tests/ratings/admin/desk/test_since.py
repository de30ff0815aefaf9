"""Who decides about a re-rating sees which facts came or went since the run."""

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from ratings.models import Adjustment, Pharmacy, StaffScope
from ratings.services.adjustments import propose_correction
from ratings.services.facts import void_fact
from ratings.services.interim import find_interim
from tests.ratings.services.regrading import convict, end_agreement

from .conftest import REVIEWER, Desk, page_of, text_of

HEADING = "评价以后新增或作废的事实"


def fraud(shop: Pharmacy, document_no: str) -> None:
    """Decided today, as everything else here happens today."""
    today = timezone.localdate()
    convict(shop, document_no=document_no, occurred_on=today, decided_on=today)


def interim(desk: Desk) -> Adjustment:
    desk.to("PUBLISHED")
    fraud(desk.shops[2], "某医保罚〔2026〕66号")
    return find_interim(by=REVIEWER)[0]


def test_the_fact_behind_an_interim_change_is_named(desk: Desk) -> None:
    page = text_of(desk["approver"], page_of(interim(desk)))
    assert HEADING in page
    assert "某医保罚〔2026〕66号" in page
    assert "新增" in page


def test_the_state_behind_a_withdrawal_is_named(desk: Desk) -> None:
    desk.to("PUBLISHED")
    status = end_agreement(desk.shops[2])
    page = text_of(desk["approver"], page_of(find_interim(by=REVIEWER)[0]))
    assert page_of(status) in page


def test_the_voided_fact_behind_a_correction_is_named_with_its_reason(desk: Desk) -> None:
    desk.to("PUBLISHED")
    void_fact(desk.violation, reason="处罚已被撤销", by=REVIEWER)
    made = propose_correction(desk.rating(), text="处罚已被撤销", clause="第四十八条", by=REVIEWER)
    assert made is not None
    page = text_of(desk["approver"], page_of(made))
    assert page_of(desk.violation) in page
    assert "已作废：处罚已被撤销" in page


def test_what_the_run_counted_or_what_came_later_is_not_listed(desk: Desk) -> None:
    made = interim(desk)
    fraud(desk.shops[2], "某医保罚〔2026〕67号")
    assert "某医保罚〔2026〕67号" not in text_of(desk["approver"], page_of(made))
    void_fact(desk.violation, reason="处罚已被撤销", by=REVIEWER)
    correction = propose_correction(desk.rating(), text="处罚已被撤销", clause="第四十八条", by=REVIEWER)
    assert correction is not None
    assert "某医保罚〔2026〕66号" not in text_of(desk["approver"], page_of(correction))


def test_facts_are_for_those_who_may_see_their_kind(desk: Desk) -> None:
    made = interim(desk)
    user = User.objects.create_user("narrow", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_adjustment"))
    StaffScope.objects.create(user=user, whole_city=True)
    client = Client()
    client.force_login(user)
    assert HEADING not in text_of(client, page_of(made))
