"""The pages of endpoints and messages: who may what, and what they show."""

import html
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from applications.bank_loans.models import Delivery, Endpoint, LoanProduct
from creditsys.sealing import unseal
from ratings.models import AuditEvent, StaffScope
from tests.bank_loans import building
from tests.bank_loans.webhooks.building import OTHER_SHOP, SHOP, endpoint, queued, shops
from tests.bank_loans.webhooks.receiver import Receiver, Reply
from tests.bank_loans.webhooks.test_services import repeats

pytestmark = pytest.mark.django_db
ALL = ("view_endpoint", "add_endpoint", "change_endpoint", "view_delivery", "change_delivery")
HTTPS = "https://hooks.bank.example/"


def staff(*rights: str, whole_city: bool = True) -> Client:
    user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=rights, content_type__app_label="bank_loans")
    )
    StaffScope.objects.create(user=user, whole_city=whole_city)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def official(db: None) -> Client:
    return staff(*ALL)


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:bank_loans_{model}_{page}", args=args)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return html.unescape(answer.content.decode())


def test_register_shows_the_secret_once(official: Client) -> None:
    bank = building.bank()
    assert "登记通知地址" in text(official.get(url("endpoint", "add")))
    answer = official.post(url("endpoint", "add"), {"bank": bank.pk, "url": HTTPS})
    made = Endpoint.objects.get()
    secret = unseal(made.secret)
    assert secret in text(answer) and "只显示这一次" in text(answer)
    assert "no-store" in answer["Cache-Control"]
    for address in (url("endpoint", "change", made.pk), url("endpoint", "changelist")):
        assert secret not in text(official.get(address))
        assert HTTPS in text(official.get(address))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"url": "http://8.8.8.8/"}, "须以 https:// 开头"),
        ({"url": "https://169.254.169.254/"}, "不是公网地址"),
        ({"url": ""}, "cs-field"),
    ],
)
def test_register_refuses(form: dict[str, str], said: str, official: Client) -> None:
    answer = official.post(url("endpoint", "add"), {"bank": building.bank().pk, **form})
    assert said in text(answer)
    assert not Endpoint.objects.exists()


def test_verify_and_try(official: Client, receiver: Receiver) -> None:
    made = endpoint(receiver.url, state="UNVERIFIED", verified_at=None)
    assert "试发" not in text(official.get(url("endpoint", "change", made.pk)))
    verify = url("endpoint", "act", made.pk, "verify")
    assert "验证码" in text(official.get(verify))
    assert receiver.got == []
    assert "没有原样返回验证码" in text(official.post(verify))
    assert AuditEvent.objects.latest("pk").action == "未获准"
    receiver.answer = repeats
    assert "已通过验证并启用" in text(official.post(verify, follow=True))
    receiver.answer = lambda got: Reply(503, "<b>忙</b>".encode())
    tried = official.post(url("endpoint", "act", made.pk, "test"))
    assert "对方没有收下：答复 503：<b>忙</b>" in text(tried)
    assert b"<b>" not in tried.content
    receiver.answer = lambda got: 202
    assert "对方已收下（答复 202）" in text(
        official.post(url("endpoint", "act", made.pk, "test"), follow=True)
    )


def test_rotate_and_stop(official: Client) -> None:
    made = endpoint(HTTPS)
    before = unseal(made.secret)
    rotate = url("endpoint", "act", made.pk, "rotate")
    assert "再并用 24 小时" in text(official.get(rotate))
    assert official.post(rotate, {"hours": "1"}).status_code == 200
    made.refresh_from_db()
    assert unseal(made.secret) == before
    answer = official.post(rotate, {"hours": "168"})
    made.refresh_from_db()
    assert unseal(made.secret) in text(answer)
    assert unseal(made.previous_secret) == before
    stop = url("endpoint", "act", made.pk, "stop")
    assert "errorlist" in text(official.post(stop, {"reason": ""}))
    assert "已停用" in text(official.post(stop, {"reason": "银行要求"}, follow=True))
    assert "状态已经改变" in text(official.post(stop, {"reason": "再"}, follow=True))
    assert "停用：银行要求" in text(official.get(url("endpoint", "changelist")))


def test_the_page_of_an_endpoint_tells_of_its_trouble(official: Client, product: LoanProduct) -> None:
    made = endpoint(HTTPS, failures=4, rests_until=timezone.now(), last_error="答复 500")
    queued(product, [SHOP, OTHER_SHOP])
    Delivery.objects.filter(code=SHOP).update(state="DEAD", attempts=10, last_error="连接不上")
    page = text(official.get(url("endpoint", "change", made.pk)))
    assert "连续失败 4 次" in page and "答复 500" in page
    assert "连接不上" in page and OTHER_SHOP not in page
    Endpoint.objects.update(rests_until=timezone.now() + timezone.timedelta(hours=1))
    assert "暂停至" in text(official.get(url("endpoint", "changelist")))


def test_the_list_of_messages(official: Client, product: LoanProduct) -> None:
    first, second = endpoint(HTTPS), endpoint(f"{HTTPS}2")
    rows = queued(product, [SHOP, OTHER_SHOP])
    Delivery.objects.filter(pk=rows[0].pk).update(state="DEAD", attempts=10, last_error="答复 500")
    listed = text(official.get(url("delivery", "changelist")))
    counts = re.sub(r"<[^>]+>|\s+", "", listed[listed.index('id="delivery-counts"') :])
    assert counts.startswith('id="delivery-counts">未能送达1件待发送3件')
    assert "eligibility.lost" in listed and "答复 500" in listed

    def found(**query: object) -> int:
        page = text(official.get(url("delivery", "changelist"), query))
        return int(re.search(r"共 (\d+) 条", page)[1])  # type: ignore[index]

    assert found() == 4
    assert found(state__exact="DEAD") == 1
    assert found(endpoint=first.pk) == 2
    assert found(endpoint="x") == 0
    assert found(endpoint=second.pk, state__exact="DEAD") == 1
    assert found(q=SHOP) == 2
    assert found(q=rows[0].message_id) == 1
    assert found(q="P33060299999") == 0


def test_a_message(official: Client, product: LoanProduct) -> None:
    endpoint(HTTPS)
    first, later = queued(product, [SHOP, SHOP])
    page = text(official.get(url("delivery", "change", first.pk)))
    assert str(first.message_id) in page
    body = page[page.index("<pre") :].split(">", 1)[1].split("</pre>")[0]
    assert json.loads(body)["data"]["code"] == SHOP
    assert "等待前一件" not in page and "重发" not in page and "放弃" in page
    assert f"通知 #{first.pk}" in text(official.get(url("delivery", "change", later.pk)))


def test_dead_ones_are_sent_again(official: Client, product: LoanProduct) -> None:
    endpoint(HTTPS)
    rows = queued(product, shops(3))
    Delivery.objects.exclude(pk=rows[2].pk).update(state="DEAD", attempts=10)
    one = official.post(url("delivery", "act", rows[0].pk, "resend"), follow=True)
    assert "已排队重发" in text(one)
    chosen = {"action": "resend_chosen", "_selected_action": [row.pk for row in rows]}
    assert "2 件已排队重发" in text(official.post(url("delivery", "changelist"), chosen, follow=True))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"PENDING"}
    Delivery.objects.update(attempts=0)
    assert "没有未能送达" in text(official.post(url("delivery", "changelist"), chosen, follow=True))


def test_give_up(official: Client, product: LoanProduct) -> None:
    endpoint(HTTPS)
    (row,) = queued(product)
    give_up = url("delivery", "act", row.pk, "give-up")
    assert "请先与银行核对" in text(official.get(give_up))
    assert "已放弃" in text(official.post(give_up, {"reason": "已电话告知"}, follow=True))
    page = text(official.get(url("delivery", "change", row.pk)))
    assert "已电话告知" in page and "重发" not in page
    assert official.get(url("delivery", "act", row.pk, "none")).status_code == 404


#: Address (of the row's key) and form, to the permission that it takes.
PAGES = {
    ("endpoint", "changelist"): "view_endpoint",
    ("endpoint", "change"): "view_endpoint",
    ("endpoint", "add"): "add_endpoint",
    ("endpoint", "act", "verify"): "change_endpoint",
    ("endpoint", "act", "test"): "change_endpoint",
    ("endpoint", "act", "rotate"): "change_endpoint",
    ("endpoint", "act", "stop"): "change_endpoint",
    ("delivery", "changelist"): "view_delivery",
    ("delivery", "change"): "view_delivery",
    ("delivery", "act", "resend"): "change_delivery",
    ("delivery", "act", "give-up"): "change_delivery",
}


def address(page: tuple[str, ...], row: Delivery) -> str:
    key = row.endpoint_id if page[0] == "endpoint" else row.pk
    return url(page[0], page[1], *(() if page[1] in {"changelist", "add"} else (key, *page[2:])))


@pytest.mark.parametrize("page", PAGES)
def test_rights(page: tuple[str, ...], product: LoanProduct, receiver: Receiver) -> None:
    endpoint(receiver.url)
    (row,) = queued(product)
    Delivery.objects.update(state="DEAD", attempts=10)
    where, right = address(page, row), PAGES[page]
    view = f"view_{page[0]}"
    before = [list(model.objects.values()) for model in (Endpoint, Delivery)]
    # who may change may see
    lacks = {right} if right != view else {each for each in ALL if each.endswith(page[0])}
    without = staff(*(each for each in ALL if each not in lacks))
    form = {"reason": "试", "hours": "24", "bank": product.bank_id, "url": HTTPS, "action": "resend_chosen"}
    assert without.get(where).status_code == 403
    if page[1] in {"act", "add"}:
        assert without.post(where, form).status_code == 403
    assert staff(right, view).get(where).status_code == 200
    assert staff(right, view, whole_city=False).get(where).status_code == 403
    assert Client().get(where).status_code == 302
    assert receiver.got == []
    assert [list(model.objects.values()) for model in (Endpoint, Delivery)] == before


def test_who_may_only_look_is_offered_nothing(product: LoanProduct) -> None:
    made = endpoint(HTTPS)
    (row,) = queued(product)
    Delivery.objects.update(state="DEAD", attempts=10)
    looking = staff("view_endpoint", "view_delivery")
    for page in (url("endpoint", "change", made.pk), url("delivery", "change", row.pk)):
        assert "/act/" not in text(looking.get(page))
    assert "resend_chosen" not in text(looking.get(url("delivery", "changelist")))
    chosen = {"action": "resend_chosen", "_selected_action": [row.pk]}
    looking.post(url("delivery", "changelist"), chosen)
    row.refresh_from_db()
    assert row.state == "DEAD"


def test_nothing_is_edited_or_deleted(official: Client, product: LoanProduct) -> None:
    made = endpoint(HTTPS)
    (row,) = queued(product)
    assert official.post(url("endpoint", "change", made.pk), {"url": "https://x.example/"}).status_code == 200
    for page in (
        url("endpoint", "delete", made.pk),
        url("delivery", "delete", row.pk),
        url("delivery", "add"),
    ):
        assert official.get(page).status_code == 403
        assert official.post(page, {"post": "yes"}).status_code == 403
    made.refresh_from_db()
    assert made.url == HTTPS


@pytest.mark.parametrize("page", ["endpoint", "delivery"])
def test_as_many_queries_for_three_rows_as_for_one(page: str, official: Client, product: LoanProduct) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            text(official.get(url(page, "changelist")))
        return len(found)

    endpoint(HTTPS)
    queued(product)
    queries()
    one = queries()
    for number in (2, 3):
        endpoint(f"{HTTPS}{number}", building.bank(f"bank{number}"))
        queued(building.product(f"edai{number}", bank=building.bank(f"bank{number}")), shops(2))
    assert Endpoint.objects.count() == 3
    assert queries() == one
