"""The second factor at sign-in: a code from an authenticator (TOTP, RFC 6238), or a recovery code.

django-otp keeps the devices and the throttle: after n wrong codes in a row the next is taken
only 2^(n-1) seconds later, and no code is taken twice.
"""

import unicodedata
from base64 import b32encode
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from ratings.services.audit import Actor, record
from ratings.services.errors import Refused

#: How many recovery codes somebody holds at first; each works once.
RECOVERY_CODES: Final = 10
_DIGITS: Final = 6


def has_device(user: User) -> bool:
    """Whether the user has an authenticator that is confirmed. One query."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def recovery_codes_left(user: User) -> int:
    """How many recovery codes the user has not used yet."""
    return int(StaticToken.objects.filter(device__user=user).count())


@transaction.atomic
def enrolment(user: User) -> Any:
    """The authenticator (TOTPDevice) that the user is about to confirm; the same until then.

    Raises Refused when one is confirmed already.
    """
    User.objects.select_for_update().get(pk=user.pk)  # two tabs must not make two secrets
    if has_device(user):
        raise Refused("两步验证已经启用。更换手机时，请先停用或请系统管理员重置，再重新启用。")
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "验证器"})
    return device


def confirm_enrolment(user: User, code: str, *, by: Actor) -> tuple[Any, list[str]]:
    """Switch the second factor on by a first code; returns the device and the recovery codes.

    The codes are shown once. Raises Refused for a wrong code (on record) or too many of them.
    """
    device = enrolment(user)
    if fault := _try_code(device, code, by):
        raise Refused(fault)
    with transaction.atomic():
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        codes = _new_codes(user)
        record("启用两步验证", user, by=by)
    device.refresh_from_db()
    return device, codes


def check_code(user: User, code: str, *, by: Actor) -> Any:
    """The user's device that the code is good for; a recovery code is used up.

    Raises Refused for a wrong code (on record), too many of them, or without a device.
    """
    code = _normal(code)
    authenticator = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    if authenticator is None:
        raise Refused("尚未启用两步验证，请先启用。")
    recovery = StaticDevice.objects.filter(user=user, confirmed=True).first()
    device = authenticator if recovery is None or _is_number(code) else recovery
    if fault := _try_code(device, code, by):
        raise Refused(fault)
    if device is recovery:
        record("使用恢复码", user, by=by, left=recovery_codes_left(user))
    return device


def new_recovery_codes(user: User, code: str, *, by: Actor) -> list[str]:
    """Make new recovery codes, against a code; the old ones are void. Raises as check_code."""
    check_code(user, code, by=by)
    with transaction.atomic():
        codes = _new_codes(user)
        record("更换恢复码", user, by=by)
    return codes


def turn_off(user: User, code: str, *, by: Actor) -> None:
    """Switch the user's own second factor off, against a code. Raises as check_code."""
    check_code(user, code, by=by)
    with transaction.atomic():
        _remove(user)
        record("停用两步验证", user, by=by)


@transaction.atomic
def reset(user: User, *, reason: str, by: Actor) -> None:
    """Remove a colleague's second factor, for example after a lost phone.

    Raises Refused for one's own, without a reason, or when there is none.
    """
    if user.get_username() == by.name:
        raise Refused("不能重置自己的两步验证：请在“两步验证”页停用，或请另一位系统管理员重置。")
    if not reason.strip():
        raise Refused("重置两步验证须写明理由。")
    if not has_device(user):
        raise Refused(f"用户 {user.get_username()} 没有启用两步验证，无须重置。")
    _remove(user)
    record("重置两步验证", user, by=by, reason=reason.strip(), name=user.get_username())


def secret_text(device: Any) -> str:
    """The secret for typing: base32 in groups of four."""
    secret = b32encode(device.bin_key).decode()
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _normal(code: str) -> str:
    """As typed on a phone or copied from paper: full-width digits, blanks, hyphens, capitals."""
    return "".join(unicodedata.normalize("NFKC", code).split()).replace("-", "").lower()


def _is_number(code: str) -> bool:
    return len(code) == _DIGITS and code.isdecimal()


@transaction.atomic
def _try_code(device: Any, code: str, by: Actor) -> str:
    """What is wrong with a code; "" when it is good.

    A wrong code counts for the throttle and goes on record, so nothing is raised in here.
    """
    locked = type(device).objects.select_for_update().get(pk=device.pk)
    subject = f"user:{device.user_id}"
    allowed, why = locked.verify_is_allowed()
    if not allowed:
        record("两步验证失败", subject, by=by, reason="输错次数过多，没有核对")
        return f"已连续输错 {locked.throttling_failure_count} 次。请在 {_clock(why)} 以后用新的验证码再试。"
    if locked.verify_token(_normal(code)):
        return ""
    record(
        "两步验证失败",
        subject,
        by=by,
        reason="验证码不正确或已用过",
        failures=locked.throttling_failure_count,
    )
    _, why = locked.verify_is_allowed()
    wait = f"请在 {_clock(why)} 以后用新的验证码再试" if why else "请用新的验证码再试"
    return f"验证码不正确或已用过。{wait}；屡次不对时，请核对手机的时间是否准确。"


def _clock(why: Any) -> str:
    """The moment until which django-otp takes no code, rounded up to a whole second."""
    return f"{timezone.localtime(why['locked_until']) + timedelta(seconds=1):%H:%M:%S}"


def _new_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="恢复码", confirmed=True)
    tokens = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=token) for token in tokens)
    return [f"{token[:4]}-{token[4:]}" for token in tokens]


def _remove(user: User) -> None:
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
