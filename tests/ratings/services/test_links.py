"""One-time links: opened once, by one browser, until public notice ends; only hashes are kept."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.models import AuditEvent, District, NoticeLink, RatingPeriod
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.links import (
    LinkClosed,
    check_browser,
    find_link,
    issue_link,
    issue_links,
    open_link,
    token_hash,
)
from tests import factories
from tests.ratings.services.lives import Result, run_of
from tests.ratings.services.regrading import (
    AT,
    CLERK,
    GOOD,
    PENALISED,
    at_the_same_moment,
    city_in,
    enter,
    rating_of,
)
from tests.ratings.services.test_runs import scheme_in_force

pytestmark = pytest.mark.django_db
#: The last moment of the notice of ``desk.life``.
LAST = datetime.fromisoformat("2026-02-11T23:59:59+08:00")
BY = Actor(CLERK.name, "10.0.0.8")
PHONE, OTHER_PHONE = "phone", "another phone"


class TestIssuing:
    def test_only_the_hash_is_kept_and_it_ends_with_the_notice(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        token = issue_link(rating_of(shops[0], period), by=BY, at=AT)
        link = NoticeLink.objects.get()
        assert (link.token_sha256, len(token)) == (token_hash(token), 43)
        assert link.expires_at == LAST + timedelta(seconds=1)
        told = str(list(AuditEvent.objects.values_list("action", "subject", "reason", "detail")))
        assert token not in told

    def test_a_new_one_revokes_the_old(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        rating = rating_of(shops[0], period)
        old, new = (issue_link(rating, by=BY, at=AT) for _time in range(2))
        with pytest.raises(LinkClosed) as closed:
            open_link(old, browser=PHONE, address=None, at=AT)
        assert closed.value.kind == "revoked"
        assert open_link(new, browser=PHONE, address=None, at=AT).rating == rating

    @pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "FINAL", "PUBLISHED", "ABANDONED"])
    def test_only_during_public_notice(self, state: str) -> None:
        shops, period = city_in(state)
        with pytest.raises(Refused, match="只有公示中的评价结果才签发"):
            issue_link(rating_of(shops[0], period), by=BY, at=AT)
        with pytest.raises(Refused, match=f"现为“{period.get_state_display()}”"):
            issue_links(period, None, by=BY, at=AT)

    def test_not_after_its_last_day(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        rating = rating_of(shops[0], period)
        assert issue_link(rating, by=BY, at=LAST)
        with pytest.raises(Refused, match="公示已于 2026年2月11日结束"):
            issue_link(rating, by=BY, at=LAST + timedelta(seconds=1))

    def test_all_of_a_district_at_once(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        other = issue_link(rating_of(shops[1], period), by=BY, at=AT)
        before = issue_link(rating_of(shops[0], period), by=BY, at=AT)
        rows = list(issue_links(period, District.objects.get(code=330602), by=BY, at=AT))
        here = sorted(shop.code for shop in shops if shop.district_id == 330602)
        assert [row.code for row in rows][: len(here)] == here
        assert rows[0].name == "某某大药房"
        assert len({row.token for row in rows}) == len(rows) == 4  # three of the city's six, and the new one
        assert find_link(rows[0].token, at=AT).rating.pharmacy.code == rows[0].code
        assert rows[0].path == f"/n/{rows[0].token}/"
        assert find_link(other, at=AT)
        with pytest.raises(LinkClosed):
            find_link(before, at=AT)
        event = AuditEvent.objects.filter(action="签发告知链接").latest("id")
        assert (event.detail["count"], event.detail["district"]) == (4, 330602)

    def test_issued_even_if_the_list_is_never_read(self) -> None:
        _shops, period = city_in("PUBLIC_NOTICE")
        issue_links(period, None, by=BY, at=AT)
        assert NoticeLink.objects.filter(revoked_at=None).count() == 7

    def test_constant_number_of_queries(self) -> None:
        scheme, made = scheme_in_force(), [Result(factories.pharmacy()) for _shop in range(3)]
        counts = []
        for period, shops in (("2025H1", 1), ("2025H2", 3)):
            under = enter(run_of(scheme, *made[:shops], period=period), "PUBLIC_NOTICE")
            with CaptureQueriesContext(connection) as queries:
                assert len(list(issue_links(under, None, by=BY, at=AT))) == shops
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestOpening:
    @pytest.mark.parametrize("browser", ["", PHONE])
    def test_nobody_is_known_before(self, browser: str) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        link = find_link(issue_link(rating_of(shops[0], period), by=BY, at=AT), at=AT)
        with pytest.raises(LinkClosed):
            check_browser(link, browser)

    def test_once(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        token = issue_link(rating_of(shops[0], period), by=BY, at=AT)
        link = open_link(token, browser=PHONE, address="10.0.0.9", at=AT)
        assert (link.opened_at, link.opened_from) == (AT, "10.0.0.9")
        assert link.opened_by_sha256 == token_hash(PHONE)
        for browser in (OTHER_PHONE, "", link.opened_by_sha256):
            with pytest.raises(LinkClosed, match="已经打开过") as closed:
                open_link(token, browser=browser, address="10.0.0.9", at=AT)
            assert closed.value.kind == "opened"
        again = open_link(token, browser=PHONE, address="10.0.0.7", at=AT + timedelta(minutes=1))
        assert (again.opened_at, again.opened_from) == (AT, "10.0.0.9")
        event = AuditEvent.objects.get(action="打开告知链接")
        assert (event.actor, event.address) == (f"药店 {shops[0].code}（告知链接）", "10.0.0.9")

    def test_until_midnight_of_the_last_day(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        token = issue_link(rating_of(shops[0], period), by=BY, at=AT)
        assert find_link(token, at=LAST)
        with pytest.raises(LinkClosed) as closed:
            find_link(token, at=LAST + timedelta(seconds=1))
        assert closed.value.kind == "expired"

    def test_not_once_the_notice_is_recalled(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        token = issue_link(rating_of(shops[0], period), by=BY, at=AT)
        RatingPeriod.objects.filter(pk=period.pk).update(state="UNDER_REVIEW")
        with pytest.raises(LinkClosed) as closed:
            open_link(token, browser=PHONE, address=None, at=AT)
        assert closed.value.kind == "expired"

    @pytest.mark.parametrize("token", ["", "x", "a" * 43, "中" * 5000, "\x00"])
    def test_unknown_tokens(self, token: str) -> None:
        with CaptureQueriesContext(connection) as queries, pytest.raises(LinkClosed) as closed:
            find_link(token)
        assert (closed.value.kind, len(queries)) == ("unknown", 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_browsers_at_the_same_moment_one_opens() -> None:
    shops, period = city_in("PUBLIC_NOTICE")
    token = issue_link(rating_of(shops[PENALISED], period), by=BY, at=AT)
    assert find_link(issue_link(rating_of(shops[GOOD], period), by=BY, at=AT), at=AT)
    told = at_the_same_moment(
        *[partial(open_link, token, browser=secret, address=None, at=AT) for secret in (PHONE, OTHER_PHONE)]
    )
    assert sorted(text == "done" for text in told) == [False, True]
    assert AuditEvent.objects.filter(action="打开告知链接").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_button_pressed_twice_at_the_same_moment_opens_once_for_both() -> None:
    shops, period = city_in("PUBLIC_NOTICE")
    token = issue_link(rating_of(shops[PENALISED], period), by=BY, at=AT)
    press = partial(open_link, token, browser=PHONE, address=None, at=AT)
    assert at_the_same_moment(press, press) == ["done", "done"]
    assert AuditEvent.objects.filter(action="打开告知链接").count() == 1
