"""The one-time link's pages: what they show to whom, and what they take in."""

import re
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.models import AuditEvent, NoticeLink, Objection, Rating, RatingPeriod
from ratings.rules.exact import decimal_text
from ratings.services.adjustments import decide_adjustment, propose_adjustment
from ratings.services.explanations import explain_rating
from ratings.services.links import issue_link, token_hash
from ratings.services.objection_reviews import decide_review, propose_review, request_review, review_until
from ratings.services.objections import decide_objection, propose_outcome, record_service, withdraw_objection
from ratings.services.steps import shown_day
from tests.ratings.services.regrading import (
    APPROVER,
    CLERK,
    GOOD,
    OTHER,
    PENALISED,
    REVIEWER,
    city_in,
    rating_of,
)
from tests.ratings.services.uploads import PDF, picture, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def browser(**headers: str) -> Client:
    """A browser that has never been here."""
    return Client(enforce_csrf_checks=True, headers=headers or {})


def noticed(shop: int = PENALISED) -> tuple[Rating, str]:
    """A rating under public notice until three days from now, and the address of its link."""
    shops, period = city_in("PUBLIC_NOTICE")
    today = timezone.localdate()
    RatingPeriod.objects.filter(pk=period.pk).update(
        notice_from=today - timedelta(days=1), notice_until=today + timedelta(days=3)
    )
    rating = rating_of(shops[shop], period)
    return rating, f"/n/{issue_link(rating, by=CLERK)}/"


def in_state(rating: Rating, state: str) -> None:
    """Move the period back or forth past the services."""
    RatingPeriod.objects.filter(run=rating.run_id).update(state=state)


def opened(address: str, client: Client | None = None) -> Client:
    client = client or browser()
    assert client.get(address).status_code == 200
    assert client.post(address).status_code == 303
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def guarded(response: Any) -> None:
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert "noindex" in response.headers["X-Robots-Tag"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def send(client: Client, address: str, **values: Any) -> Any:
    data = {"ground": "FACT", "statement": "处罚决定已被撤销", "contact": "店长 13800000000", **values}
    return client.post(f"{address}objection/", data)


class TestOpening:
    def test_looking_uses_nothing_up_and_tells_nothing(self) -> None:
        rating, address = noticed()
        for _look in range(2):
            response = browser().get(address)
            assert response.status_code == 200
            guarded(response)
            for secret in (rating.pharmacy.code, rating.pharmacy.name, "C 级"):
                assert secret not in response.content.decode()
        assert browser().head(address).status_code == 200
        assert NoticeLink.objects.get().opened_at is None

    def test_every_browser_that_looks_gets_its_own_secret_and_keeps_it(self) -> None:
        _rating, address = noticed()
        first, second = browser(), browser()
        secrets = [client.get(address).cookies["notice_link"].value for client in (first, second, first)]
        assert secrets[0] == secrets[2] != secrets[1]
        assert {len(secret) for secret in secrets} == {43}

    def test_the_button_opens_it_for_this_browser_alone(self) -> None:
        rating, address = noticed()
        client = opened(address)
        cookie = client.cookies["notice_link"]
        assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (address, True, "Lax")
        assert cookie["expires"]
        assert NoticeLink.objects.get().opened_by_sha256 == sha256(cookie.value.encode()).hexdigest()
        for _time in range(2):
            response = client.get(address)
            guarded(response)
            assert rating.pharmacy.name in response.content.decode()
        for method in ("get", "post"):
            second = getattr(browser(), method)(address)
            assert second.status_code == 403
            assert "此链接已经打开过" in text_of(second)
            assert rating.pharmacy.code not in second.content.decode()
        assert AuditEvent.objects.filter(action="打开告知链接").count() == 1

    def test_pressing_again_is_harmless_even_if_the_first_answer_never_came(self) -> None:
        rating, address = noticed()
        client, lost = browser(), browser()
        client.get(address)
        lost.cookies["notice_link"] = client.cookies["notice_link"].value
        assert lost.post(address).status_code == 303
        was = NoticeLink.objects.get()
        for _time in range(2):
            response = client.post(address)
            assert (response.status_code, response.headers["Location"]) == (303, address)
        assert rating.pharmacy.name in client.get(address).content.decode()
        assert NoticeLink.objects.get().opened_at == was.opened_at
        assert AuditEvent.objects.filter(action="打开告知链接").count() == 1

    def test_a_browser_that_looked_earlier_is_too_late(self) -> None:
        _rating, address = noticed()
        late = browser()
        late.get(address)
        opened(address)
        assert late.post(address).status_code == 403
        assert late.get(address).status_code == 403

    @pytest.mark.parametrize("cookie", [None, "", "x", "a" * 42, "a" * 44, "." * 43])
    def test_a_browser_that_keeps_no_cookie_is_told_before_it_is_opened(self, cookie: str | None) -> None:
        _rating, address = noticed()
        client = browser()
        if cookie is not None:
            client.cookies["notice_link"] = cookie
        response = client.post(address)
        guarded(response)
        assert response.status_code == 200
        for told in ("还没有打开，链接仍然有效", "这个浏览器没有保存 Cookie"):
            assert told in text_of(response)
        assert NoticeLink.objects.get().opened_at is None
        client.cookies["notice_link"] = response.cookies["notice_link"].value  # allowed meanwhile
        assert "没有保存 Cookie" not in text_of(client.get(address))
        opened(address, client)

    def test_the_cookie_of_another_link_opens_nothing(self) -> None:
        rating, address = noticed()
        shop = Rating.objects.filter(run=rating.run).exclude(pk=rating.pk).first()
        other = opened(f"/n/{issue_link(shop, by=CLERK)}/")
        opened(address)
        thief = browser()
        thief.cookies["notice_link"] = other.cookies["notice_link"].value
        assert thief.get(address).status_code == 403
        thief.cookies["notice_link"] = token_hash(other.cookies["notice_link"].value)[:43]
        assert thief.get(address).status_code == 403
        assert send(thief, address).status_code == 403
        assert not Objection.objects.exists()

    def test_a_cookie_is_no_key_before_the_link_is_opened(self) -> None:
        rating, address = noticed()
        client = opened(address)
        again = f"/n/{issue_link(rating, by=CLERK)}/"
        fresh = browser()
        fresh.cookies["notice_link"] = client.cookies["notice_link"].value
        assert "只能打开一次" in text_of(fresh.get(again))
        assert send(fresh, again).status_code == 403

    def test_another_site_s_page_cannot_press_the_button(self) -> None:
        _rating, address = noticed()
        client = browser()
        client.get(address)
        response = client.post(address, headers={"sec-fetch-site": "cross-site"})
        assert "只能打开一次" in text_of(response)
        assert "没有保存 Cookie" not in text_of(response)
        assert NoticeLink.objects.get().opened_at is None

    @pytest.mark.parametrize(
        ("values", "status", "told"),
        [
            ({"revoked_at": timezone.now()}, 410, "此链接已被取代"),
            ({"expires_at": timezone.now() - timedelta(seconds=1)}, 410, "此链接已经失效"),
        ],
    )
    def test_one_friendly_page_each(
        self, settings: Any, values: dict[str, Any], status: int, told: str
    ) -> None:
        settings.OBJECTION_CONTACT = "0575-12345678"
        rating, address = noticed()
        client = opened(address)
        NoticeLink.objects.update(**values)
        for visitor in (client, browser()):
            response = visitor.get(address)
            guarded(response)
            assert response.status_code == status
            assert told in text_of(response)
            assert "0575-12345678" in text_of(response)
            assert rating.pharmacy.code not in response.content.decode()

    @pytest.mark.parametrize("token", ["x", "a" * 43, "%00", "中文"])
    def test_unknown_ones(self, token: str) -> None:
        for response in (browser().get(f"/n/{token}/"), browser().post(f"/n/{token}/objection/")):
            guarded(response)
            assert response.status_code == 404
            assert "没有这个链接" in text_of(response)

    def test_other_methods_are_refused(self) -> None:
        assert browser().delete("/n/x/").status_code == 405


class TestResult:
    def test_tells_all_that_the_subject_must_know(self) -> None:
        rating, address = noticed()
        period = rating.run.life
        text = text_of(opened(address).get(address))
        last = period.notice_until
        for part in (
            rating.pharmacy.name,
            rating.pharmacy.code,
            "2025年下半年",
            "这是公示中的预评结果，尚未正式发布",
            f"{last.year}年{last.month}月{last.day}日（含当日）",
            "串换药品、日用品、保健品",  # the fact, with its document
            "某医保罚",
            "行政复议",
            "60 日内",
            "5 个工作日内答复",
            "《浙江省公共信用信息管理条例》第三十一条",
            "不因陈述、申辩或提出异议加重评价",
            "情节严重的，满 12 个月后可以申请",
        ):
            assert part in text
        assert "C" in text

    def test_tells_each_change_with_its_reason_and_clause(self) -> None:
        rating, address = noticed()
        in_state(rating, "UNDER_REVIEW")
        change = propose_adjustment(
            rating, reason_code="self_report", to_grade=1, text="主动退回全部基金", by=REVIEWER
        )
        in_state(rating, "PUBLIC_NOTICE")
        client = opened(address)
        before = text_of(client.get(address))
        assert "主动退回" not in before  # proposed is not decided
        assert "如何提升等级" in before and "以后会怎样" in before
        in_state(rating, "UNDER_REVIEW")
        decide_adjustment(change, approve=True, text="内部意见", by=APPROVER)
        in_state(rating, "PUBLIC_NOTICE")
        text = text_of(client.get(address))
        assert "主动退回全部基金" in text
        assert change.clause in text
        # what would better the grade that the facts give says nothing of the one that stands
        assert "按以上事实计算的等级为" in text
        assert "如何提升等级" not in text and "以后会怎样" not in text
        assert "内部意见" not in text
        for name in (REVIEWER.name, APPROVER.name):
            assert name not in text

    def test_a_pharmacy_that_is_not_rated_is_told_why(self) -> None:
        _rating, address = noticed()
        new = Rating.objects.get(grade=-1)
        address = f"/n/{issue_link(new, by=CLERK)}/"
        assert "不予评级：" in text_of(opened(address).get(address))

    def test_constant_number_of_queries(self) -> None:
        _rating, address = noticed(GOOD)
        client = opened(address)
        counts = []
        send(client, address, files=[upload()])
        for _more in range(2):
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            counts.append(len(queries))
            for _number in range(2):
                withdraw_objection(
                    Objection.objects.latest("id"),
                    text="自愿撤回",
                    uploads=[upload("撤回.pdf", PDF + b"\n")],
                    by=CLERK,
                )
                send(client, address, files=[upload()])
        assert counts[0] == counts[1]


class TestObjection:
    def test_is_taken_in_with_facts_and_files(self) -> None:
        rating, address = noticed()
        client = opened(address)
        fact = rating.pharmacy.violation_set.get()
        assert f'value="violations-{fact.pk}"' in client.get(address).content.decode()
        response = send(
            client, address, facts=[f"violations-{fact.pk}"], files=[upload(), upload("门店.png", picture())]
        )
        assert (response.status_code, response.headers["Location"]) == (303, f"{address}#objections")
        row = Objection.objects.get()
        assert (row.channel, row.against, row.ground) == ("LINK", "NOTICE", "FACT")
        assert row.received_by == f"药店 {rating.pharmacy.code}（告知链接）"
        assert [one.violation for one in row.facts.all()] == [fact]
        assert row.evidence.first().size == len(PDF)
        text = text_of(client.get(address))
        assert f"异议 #{row.pk}：办理中" in text
        assert "13800000000" not in text
        assert "提交异议" not in text  # one at a time

    def test_its_course_is_shown_but_no_proposal(self) -> None:
        rating, address = noticed()
        client = opened(address)
        send(client, address)
        row = propose_outcome(Objection.objects.get(), outcome="REJECTED", text="拟不采纳", by=REVIEWER)
        text = text_of(client.get(address))
        assert "：办理中" in text
        assert "拟不采纳" not in text
        row = decide_objection(row, text="事实清楚，不予采纳", by=APPROVER)
        text = text_of(client.get(address))
        assert "：不成立" in text
        assert "决定，理由：拟不采纳" in text  # now it is the decision's
        assert "决定意见：事实清楚，不予采纳" in text
        assert f"可在 {shown_day(review_until(row))}（含当日）前到医保经办窗口申请复核" in text
        assert "自送达之日起；未登记送达的，自决定之日起算" in text
        row = record_service(row, served_on=timezone.localdate(), by=CLERK)
        row = request_review(row, statement="有新证据", by=CLERK)
        row = propose_review(row, outcome="REJECTED", text="拟维持原决定", by=REVIEWER)
        text = text_of(client.get(address))
        assert f"{shown_day(timezone.localdate())}送达" in text
        assert "：复核中" in text
        assert "拟维持原决定" not in text
        decide_review(row, text="予以维持", by=OTHER)
        text = text_of(client.get(address))
        assert "复核，理由：拟维持原决定" in text
        assert "复核决定：予以维持" in text
        assert rating.pharmacy.name in text

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({"ground": ""}, "请选择理由类别"),
            ({"statement": " "}, "须写明异议内容"),
            ({"files": [upload("木马.pdf", b"MZ")]}, "不是 PDF、JPEG 或 PNG"),
            (
                {"files": [upload(f"{number}.pdf", PDF + b"\n" * number) for number in range(6)]},
                "最多上传 5 个",
            ),
            ({"contact": " "}, "请填写联系人和电话"),
            ({"facts": ["violations-999999"]}, "所选的记录有误"),
            ({"facts": ["payments-1"]}, "所选的记录有误"),
            ({"facts": ["violations-²"]}, "所选的记录有误"),
        ],
    )
    def test_an_error_is_told_and_keeps_what_was_typed(self, values: dict[str, Any], told: str) -> None:
        _rating, address = noticed()
        client = opened(address)
        response = send(client, address, **{"statement": "<b>有误</b>", **values})
        guarded(response)
        assert response.status_code == 422
        assert told in text_of(response)
        page = response.content.decode()
        assert values.get("contact", "店长 13800000000") in page
        if "statement" not in values:
            assert "&lt;b&gt;有误&lt;/b&gt;</textarea>" in page
        if values.get("ground") is None:
            assert re.search(r'value="FACT" required checked', page)
        assert not Objection.objects.exists()

    def test_another_pharmacy_s_fact_cannot_be_named(self) -> None:
        _rating, address = noticed(GOOD)
        other = Rating.objects.order_by("pharmacy__code").first().pharmacy.violation_set.get()
        response = send(opened(address), address, facts=[f"violations-{other.pk}"])
        assert "所选的记录有误" in text_of(response)
        assert other.document_no not in response.content.decode()

    def test_what_is_too_large_is_turned_away_unread(self, settings: Any) -> None:
        settings.EVIDENCE_MAX_MB = 1
        _rating, address = noticed()
        client = opened(address)
        big = upload("大.pdf", PDF + b"\n" * 6 * 1024 * 1024)
        response = send(client, address, files=[big])
        assert response.status_code == 422
        assert "上传的文件太大" in text_of(response)
        assert client.post(f"{address}objection/", {"a": "b"}, CONTENT_LENGTH="x").status_code == 422

    def test_from_another_site_s_page_nothing_is_taken(self) -> None:
        _rating, address = noticed()
        client = opened(address)
        client.defaults["HTTP_SEC_FETCH_SITE"] = "cross-site"
        assert send(client, address).status_code == 303
        assert not Objection.objects.exists()

    def test_looking_at_the_form_s_address_leads_back(self) -> None:
        _rating, address = noticed()
        response = opened(address).get(f"{address}objection/")
        assert (response.status_code, response.headers["Location"]) == (303, address)


def test_what_time_alone_brings_is_told_as_a_timeline() -> None:
    """Each lost point says until when it counts; the months in which something changes stand in order."""
    rating, address = noticed()
    page = text_of(opened(address).get(address))
    told = explain_rating(rating, over_time=True)
    assert told.timeline
    for stage in told.timeline:
        assert f"{stage.day.year}年{stage.day.month}月底" in page
        assert all(text in page for text in stage.texts)
    for fact in (fact for part in told.indicators for fact in part.facts if fact.gone_on and fact.points):
        assert f"从{fact.gone_on.year}年{fact.gone_on.month}月底起不再计算" in page
    last = told.timeline[-1]
    assert f"到{last.day.year}年{last.day.month}月底为 {decimal_text(last.score)} 分" in page
    assert page.index("如何提升等级") < page.index("以后会怎样 没有新的事实") < page.index("您的权利 陈述")


def test_nothing_to_wait_for_has_no_timeline() -> None:
    _, address = noticed(GOOD)
    assert "以后会怎样" not in text_of(opened(address).get(address))
