"""One-time links: issued by those with the right, shown once, gone when issued anew."""

import csv
import io
import re
from datetime import date
from urllib.parse import urlparse

import pytest
from django.test import Client
from django.utils import timezone

from ratings.models import AuditEvent, NoticeLink, Pharmacy, RatingPeriod, RatingRun
from ratings.services.links import issue_link
from tests.desk import life

from .conftest import HERE, REVIEWER, THERE, Desk, page_of, text_of, url


def issue(desk: Desk, who: str = "clerk") -> str:
    """Issue a link for the first pharmacy; its path."""
    page = desk[who].post(url("noticelink", "issue", desk.rating().pk)).content.decode()
    found = re.search(r'value="(http://testserver/n/[\w-]+/)"', page)
    assert found is not None, page
    return urlparse(found[1]).path


@pytest.mark.parametrize("who", ["clerk", "reviewer"])
def test_one_link_shown_once(desk: Desk, client: Client, who: str) -> None:
    desk.to("PUBLIC_NOTICE")
    address = url("noticelink", "issue", desk.rating().pk)
    assert address in text_of(desk[who], page_of(desk.rating()))
    path = issue(desk, who)
    assert client.get(path).status_code == 200
    again = desk[who].get(address)
    assert path not in again.content.decode()
    assert "已有一个有效的链接" in again.content.decode()
    assert "no-store" in again["Cache-Control"]
    token = path.split("/")[2]
    assert not AuditEvent.objects.filter(detail__icontains=token).exists()


@pytest.mark.parametrize("who", ["approver", "inspector"])
def test_who_may_not(desk: Desk, who: str) -> None:
    period = desk.to("PUBLIC_NOTICE")
    for address in (
        url("noticelink", "issue", desk.rating().pk),
        url("noticelink", "district", period.pk, HERE),
    ):
        assert desk[who].get(address).status_code == 403
        assert desk[who].post(address).status_code == 403
        assert address not in text_of(desk[who], page_of(period))
    assert not NoticeLink.objects.exists()


@pytest.mark.parametrize("state", ["UNDER_REVIEW", "FINAL"])
def test_only_under_notice(desk: Desk, state: str) -> None:
    period = desk.to(state)
    for address in (
        url("noticelink", "issue", desk.rating().pk),
        url("noticelink", "district", period.pk, HERE),
    ):
        answer = desk["clerk"].post(address, {"known": "0"})
        assert "只有公示中的评价结果才签发告知链接" in answer.content.decode()
    assert not NoticeLink.objects.exists()


def test_a_district_as_a_file(desk: Desk, client: Client) -> None:
    period = desk.to("PUBLIC_NOTICE")
    Pharmacy.objects.filter(pk=desk.shops[0].pk).update(name="=HYPERLINK(1)")
    address = url("noticelink", "district", period.pk, HERE)
    assert address in text_of(desk["clerk"], page_of(period))
    old = issue(desk)
    # A page that was open while links went out: pressing its button would kill them.
    late = desk["clerk"].post(address, {"known": "0"}).content.decode()
    assert "现有效 1 个；再次签发会使它们全部失效" in late
    assert 'name="known" value="1"' in late
    assert client.get(old).status_code == 200
    answer = desk["clerk"].post(address, {"known": "1"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["定点编码", "药店", "告知链接"]
    assert [row[0] for row in rows] == sorted(
        desk.run.ratings.filter(district=HERE).values_list("pharmacy__code", flat=True)
    )
    assert rows[0][1] == "'=HYPERLINK(1)"
    assert all(client.get(urlparse(row[2]).path).status_code == 200 for row in rows)
    assert "取代" in client.get(old).content.decode()
    assert answer["Content-Disposition"].startswith("attachment")
    assert "其中已打开 0 个" in text_of(desk["clerk"], address)


def test_other_districts_are_out_of_reach(desk: Desk) -> None:
    period = desk.to("PUBLIC_NOTICE")
    local = desk.local(THERE, "经办员")
    assert local.post(url("noticelink", "issue", desk.rating().pk)).status_code == 404
    assert local.post(url("noticelink", "district", period.pk, HERE)).status_code == 404
    issue(desk)
    assert local.get(url("noticelink", "changelist")).context["cl"].result_count == 0
    assert desk["inspector"].get(url("noticelink", "changelist")).context["cl"].result_count == 1


def test_the_list_shows_the_newest_notice_unless_asked(desk: Desk) -> None:
    """By pharmacy; links of an earlier period only when that is chosen."""
    period = desk.to("PUBLIC_NOTICE")
    for shop in (2, 0):
        issue_link(desk.rating(shop), by=REVIEWER)
    desk.to("PUBLISHED")

    def shown(**query: object) -> list[Pharmacy]:
        answer = desk["inspector"].get(url("noticelink", "changelist"), query)
        return [row.rating.pharmacy for row in answer.context["cl"].result_list]

    expected = [desk.shops[0], desk.shops[2]]
    assert shown() == expected
    assert shown(district=THERE) == []
    later = RatingRun.objects.create(
        period="2026H1",
        period_end=date(2026, 6, 30),
        scheme=desk.run.scheme,
        scheme_sha256=desk.run.scheme_sha256,
        cutoff=desk.run.cutoff,
        started_by="x",
    )
    life(later, "PUBLIC_NOTICE")
    RatingPeriod.objects.filter(run=later).update(noticed_at=timezone.now())
    assert shown() == []
    assert shown(period=period.pk) == expected
    assert shown(period="x") == []
