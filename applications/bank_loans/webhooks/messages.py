"""What is said to banks: bodies and signatures of messages (Standard Webhooks)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone
from standardwebhooks import Webhook

from applications.bank_loans.models import Change, Endpoint, Reason
from creditsys.sealing import unseal

LOST: Final = "eligibility.lost"
WITHDRAWN: Final = "eligibility.withdrawn"
REGAINED: Final = "eligibility.regained"
#: Of the challenge, and of what a person sends to try an endpoint.
VERIFICATION: Final = "endpoint.verification"
TEST: Final = "endpoint.test"
TITLES: Final = {LOST: "等级不再符合", WITHDRAWN: "撤出名单", REGAINED: "重新列入"}

#: A removal for one of these is ``eligibility.lost``: the grade no longer does. All others are withdrawals.
OF_THE_GRADE: Final = frozenset(
    {Reason.BELOW_MINIMUM, Reason.GRADE_EXPIRED, Reason.NOT_GRADED, Reason.TOO_FEW_PERIODS}
)


def event_type(change: Change) -> str:
    """The type of the event that a change is told as; of several reasons, those of the grade decide."""
    if change.kind == Change.Kind.ADDED:
        return REGAINED
    return LOST if OF_THE_GRADE.intersection(change.reasons) else WITHDRAWN


def change_body(change: Change) -> bytes:
    """The body for a change, the same bytes every time. Neither name nor grade: the bank asks the feed for more.

    Needs ``change.product``.
    """
    old, new = "eligible", "not_eligible"
    if change.kind == Change.Kind.ADDED:
        old, new = new, old
    data = {
        "product": change.product.key,
        "number": change.number,
        "code": change.code,
        "social_credit_code": change.social_credit_code,
        "old": old,
        "new": new,
        "cause": change.cause,
        "reasons": list(change.reasons),
        "ledger_seq": change.ledger_seq,
        "at": _text(change.at),
    }
    return body(event_type(change), change.at, data)


def body(kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """The body of a message: type, timestamp (Asia/Shanghai) and data."""
    whole = {"type": kind, "timestamp": _text(at), "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def headers(endpoint: Endpoint, message_id: str, content: bytes, now: datetime) -> dict[str, str]:
    """The headers of one attempt, signed with the endpoint's secret and, while both hold, the one before it.

    Raises ValueError where the secret was sealed with another SECRET_KEY.
    """
    secrets = [endpoint.secret]
    if endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > now:
        secrets.append(endpoint.previous_secret)
    moment, text = now.astimezone(UTC), content.decode()
    signatures = [Webhook(unseal(secret)).sign(message_id, moment, text) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "creditsys-webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _text(at: datetime) -> str:
    return timezone.localtime(at, timezone.get_default_timezone()).isoformat()
