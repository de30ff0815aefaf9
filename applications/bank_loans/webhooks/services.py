"""What people do with endpoints and messages; each act on record."""

import base64
import hmac
import json
import secrets
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from applications.bank_loans.models import Delivery, Endpoint, LoanProduct
from applications.bank_loans.webhooks import messages
from applications.bank_loans.webhooks.addresses import target
from applications.bank_loans.webhooks.posting import Answer, Line
from applications.bank_loans.webhooks.queue import catch_up
from applications.clients.models import Organisation
from creditsys.sealing import seal
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

#: How long the secret before a new one signs too, unless told otherwise; and at most.
OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=7)
#: Messages that one act sends again.
MOST_RESENT: Final = 10_000


@transaction.atomic
def register_endpoint(bank: Organisation, url: str, *, by: Actor) -> tuple[Endpoint, str]:
    """A new endpoint of a bank, and its secret, which is shown this once. Nothing is sent before it is verified.

    Refused for an address that messages may not go to, or that is known already.
    """
    url = url.strip()
    if bank.kind != Organisation.Kind.BANK:
        raise Refused("通知地址只为银行登记。")
    if len(url) > 500:
        raise Refused("接收地址不超过 500 个字符。")
    target(url)
    if Endpoint.objects.filter(bank=bank, url=url).exists():
        raise Refused("该地址已经登记。")
    secret = _new_secret()
    endpoint = Endpoint.objects.create(bank=bank, url=url, secret=seal(secret), created_by=by.name)
    record("登记通知地址", endpoint, by=by, bank=bank.key, url=url)
    return endpoint, secret


def verify_endpoint(endpoint: Endpoint, *, by: Actor) -> Endpoint:
    """Challenge the receiver; once it has answered with the challenge, messages are sent to it.

    One that was stopped is then told what it has missed. Takes up to about 15 s, outside any transaction.
    Refused where the answer is another.
    """
    challenge = secrets.token_urlsafe(32)
    answer = _send_now(endpoint, messages.VERIFICATION, {"challenge": challenge}, read=True)
    if not answer.is_good:
        raise Refused(f"未通过验证：{answer.problem.rstrip('。')}。")
    if not _repeats(answer.body, challenge):
        raise Refused('未通过验证：对方答复了，但没有原样返回验证码（应为 {"challenge": "……"}）。')
    with transaction.atomic():
        # a list that is just being derived takes this endpoint for what it was: wait for it
        list(LoanProduct.objects.select_for_update(no_key=True).filter(bank=endpoint.bank_id).order_by("pk"))
        row = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
        missed = 0
        if row.state == Endpoint.State.STOPPED and row.verified_at is not None:
            missed = catch_up(row)
        row.state, row.verified_at = Endpoint.State.ACTIVE, row.verified_at or timezone.now()
        row.failures, row.rests_until, row.last_error = 0, None, ""
        row.save(update_fields=["state", "verified_at", "failures", "rests_until", "last_error"])
        record("验证通知地址", row, by=by, url=row.url, missed=missed)
    return row


@transaction.atomic
def rotate_secret(endpoint: Endpoint, *, by: Actor, overlap: timedelta = OVERLAP) -> str:
    """A new secret, shown this once. The one before it signs too for ``overlap``; zero: no more from now on."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Refused(f"新旧密钥并用的时间为 0 至 {LONGEST_OVERLAP.days * 24} 小时。")
    row = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    secret = _new_secret()
    row.previous_secret = row.secret if overlap else ""
    row.previous_until = timezone.now() + overlap if overlap else None
    row.secret = seal(secret)
    row.save(update_fields=["secret", "previous_secret", "previous_until"])
    record("更换通知签名密钥", row, by=by, url=row.url, overlap_hours=overlap / timedelta(hours=1))
    return secret


@transaction.atomic
def stop_endpoint(endpoint: Endpoint, *, reason: str, by: Actor) -> Endpoint:
    """Send nothing more there. What waits stays, and goes once the endpoint has been verified anew."""
    row = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    if row.state == Endpoint.State.STOPPED:
        raise Refused("该通知地址已经停用。")
    reason = _given(reason, "停用")
    row.state, row.rests_until, row.last_error = Endpoint.State.STOPPED, None, f"停用：{reason}"[:300]
    row.save(update_fields=["state", "rests_until", "last_error"])
    record("停用通知地址", row, by=by, reason=reason, url=row.url)
    return row


def send_test(endpoint: Endpoint, *, by: Actor) -> Answer:
    """Send an ``endpoint.test`` event here and now; what came of it goes on record. An active one rests no longer
    once it has arrived. Refused for an endpoint that was never verified: that is what its verification is for."""
    if endpoint.verified_at is None:
        raise Refused("该通知地址尚未验证；请先验证。")
    answer = _send_now(endpoint, messages.TEST, {})
    with transaction.atomic():
        if answer.is_good:
            rested = Endpoint.objects.filter(pk=endpoint.pk, state=Endpoint.State.ACTIVE)
            rested.update(failures=0, rests_until=None, last_error="")
        record(
            "试发通知", endpoint, by=by, url=endpoint.url, status=answer.status, problem=answer.problem[:300]
        )
    return answer


@transaction.atomic
def resend(deliveries: Collection[int], *, by: Actor) -> int:
    """Send again, by their keys, what is dead, and now what waits for its next attempt; how many.

    Attempts count on; of one pharmacy the order stays. Refused where there is nothing of the kind, or too much.
    """
    if len(deliveries) > MOST_RESENT:
        raise Refused(f"一次最多重发 {MOST_RESENT:,} 件。")
    now = timezone.now()
    rows = Delivery.objects.filter(
        Q(state=Delivery.State.DEAD) | Q(state=Delivery.State.PENDING, attempts__gt=0),
        Q(leased_until=None) | Q(leased_until__lte=now),
        pk__in=deliveries,
    )
    found = sorted(rows.select_for_update().values_list("pk", flat=True))
    if not found:
        raise Refused("所选通知中没有未能送达或等待重试的。")
    Delivery.objects.filter(pk__in=found).update(state=Delivery.State.PENDING, due_at=now, leased_until=None)
    record(
        "重发通知",
        f"delivery:{found[0]}" if len(found) == 1 else "delivery",
        by=by,
        count=len(found),
        deliveries=found[:100],
    )
    return len(found)


@transaction.atomic
def give_up(delivery: Delivery, *, reason: str, by: Actor) -> Delivery:
    """Send this one no more; later ones of the pharmacy may go. Refused once it has arrived, or is on its way."""
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    if row.state not in {Delivery.State.PENDING, Delivery.State.DEAD}:
        raise Refused("该通知已经送达或者放弃。")
    if row.leased_until is not None and row.leased_until > timezone.now():
        raise Refused("该通知正在发送，请稍候再试。")
    row.given_up_reason = _given(reason, "放弃")
    row.state = Delivery.State.GIVEN_UP
    row.save(update_fields=["state", "given_up_reason"])
    record("放弃通知", row, by=by, reason=row.given_up_reason, code=row.code, attempts=row.attempts)
    return row


def _send_now(endpoint: Endpoint, kind: str, data: dict[str, Any], *, read: bool = False) -> Answer:
    """Send one message that is not kept."""
    now: datetime = timezone.now()
    content = messages.body(kind, now, data)
    try:
        headers = messages.headers(endpoint, str(uuid.uuid4()), content, now)
    except ValueError:
        raise Refused("签名密钥无法解密：SECRET_KEY 已更换，请更换签名密钥。") from None
    with Line(endpoint.url) as line:
        return line.post(content, headers, read=read)


def _repeats(body: bytes, challenge: str) -> bool:
    try:
        found = json.loads(body)["challenge"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(found, str) and hmac.compare_digest(found.encode(), challenge.encode())


def _new_secret() -> str:
    """As Standard Webhooks writes one: 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _given(reason: str, act: str) -> str:
    """A reason without blanks around it; Refused where it is missing or too long."""
    reason = reason.strip()
    if not reason:
        raise Refused(f"须写明{act}的理由。")
    if len(reason) > 500:
        raise Refused(f"理由不超过 500 字，现有 {len(reason)} 字。")
    return reason
