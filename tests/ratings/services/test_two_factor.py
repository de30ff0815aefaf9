"""The second factor: enrolment, codes once each, the throttle, recovery codes, reset."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from ratings.models import AuditEvent
from ratings.services import two_factor
from ratings.services.audit import Actor
from ratings.services.errors import Refused

from .regrading import at_the_same_moment

pytestmark = pytest.mark.django_db
BY = Actor("wang", "10.0.0.1")


def code_of(device: TOTPDevice, later: int = 0) -> str:
    """What the authenticator shows ``later`` steps of 30 seconds from now."""
    return f"{totp(device.bin_key, drift=later):06}"


def wrong_for(device: TOTPDevice) -> str:
    near = {totp(device.bin_key, drift=drift) for drift in range(-3, 4)}
    return f"{next(number for number in range(100) if number not in near):06}"


def patience(device: Any) -> None:
    """Let the throttle's wait pass."""
    past = timezone.now() - timedelta(days=1)
    type(device).objects.filter(pk=device.pk).update(throttling_failure_timestamp=past)


@pytest.fixture
def user() -> User:
    return User.objects.create_user("wang", is_staff=True)


@pytest.fixture
def device(user: User) -> TOTPDevice:
    """The user's confirmed authenticator; its code of this moment is used up."""
    waiting = two_factor.enrolment(user)
    two_factor.confirm_enrolment(user, code_of(waiting), by=BY)
    return TOTPDevice.objects.get(user=user)


def test_enrolment_waits_for_a_code(user: User) -> None:
    waiting = two_factor.enrolment(user)
    assert two_factor.enrolment(user).key == waiting.key
    assert not two_factor.has_device(user)
    with pytest.raises(Refused, match="验证码不正确"):
        two_factor.confirm_enrolment(user, wrong_for(waiting), by=BY)
    assert not two_factor.has_device(user)
    patience(waiting)
    confirmed, codes = two_factor.confirm_enrolment(user, code_of(waiting), by=BY)
    assert confirmed.confirmed
    assert confirmed.throttling_failure_count == 0
    assert two_factor.has_device(user)
    assert len(set(codes)) == two_factor.recovery_codes_left(user) == 10
    assert AuditEvent.objects.filter(action="启用两步验证", actor="wang").count() == 1
    with pytest.raises(Refused, match="已经启用"):
        two_factor.enrolment(user)


def test_a_code_is_good_once(user: User, device: TOTPDevice) -> None:
    with pytest.raises(Refused, match="已用过"):
        two_factor.check_code(user, code_of(device), by=BY)
    patience(device)
    later = code_of(device, 1)
    assert two_factor.check_code(user, f" {later[:3]} {later[3:]}", by=BY) == device


@pytest.mark.django_db(transaction=True)
def test_a_code_is_good_once_in_the_same_moment(user: User, device: TOTPDevice) -> None:
    code = code_of(device, 1)
    told = at_the_same_moment(*(lambda: two_factor.check_code(user, code, by=BY) for _ in range(2)))
    assert sorted(text[:4] for text in told) == ["done", "验证码不"]


def test_full_width_digits_are_read(user: User, device: TOTPDevice) -> None:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code_of(device, 1))
    assert two_factor.check_code(user, wide, by=BY) == device


def test_wrong_codes_are_throttled_and_on_record(user: User, device: TOTPDevice) -> None:
    with pytest.raises(Refused, match="验证码不正确或已用过。请在"):
        two_factor.check_code(user, wrong_for(device), by=BY)
    with pytest.raises(Refused, match="已连续输错 1 次"):
        two_factor.check_code(user, code_of(device, 1), by=BY)  # good, but too soon
    patience(device)
    two_factor.check_code(user, code_of(device, 1), by=BY)
    events = AuditEvent.objects.filter(action="两步验证失败")
    assert {(event.actor, event.subject) for event in events} == {("wang", f"user:{user.pk}")}
    assert {event.reason for event in events} == {"验证码不正确或已用过", "输错次数过多，没有核对"}
    assert wrong_for(device) not in str(events.values())


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdefgh", "１", "-1", "1e5", "NaN"])
def test_what_is_no_code_is_refused(user: User, device: TOTPDevice, code: str) -> None:
    with pytest.raises(Refused, match="不正确"):
        two_factor.check_code(user, code, by=BY)


def test_a_recovery_code_works_once(user: User, device: TOTPDevice) -> None:
    codes = two_factor.new_recovery_codes(user, code_of(device, 1), by=BY)
    used = two_factor.check_code(user, codes[0].upper(), by=BY)
    assert isinstance(used, StaticDevice)
    assert two_factor.recovery_codes_left(user) == 9
    with pytest.raises(Refused, match="已用过"):
        two_factor.check_code(user, codes[0], by=BY)
    assert AuditEvent.objects.get(action="使用恢复码").detail == {"left": 9}


def test_new_recovery_codes_void_the_old(user: User, device: TOTPDevice) -> None:
    old = two_factor.new_recovery_codes(user, code_of(device, 1), by=BY)
    new = two_factor.new_recovery_codes(user, old[0], by=BY)
    assert not set(old) & set(new)
    with pytest.raises(Refused, match="不正确"):
        two_factor.check_code(user, old[1], by=BY)


def test_another_users_code_is_refused(device: TOTPDevice) -> None:
    other = User.objects.create_user("li", is_staff=True)
    theirs = two_factor.enrolment(other)
    two_factor.confirm_enrolment(other, code_of(theirs), by=Actor("li"))
    with pytest.raises(Refused, match="不正确"):
        two_factor.check_code(other, code_of(device, 1), by=Actor("li"))


def test_without_a_device_there_is_no_code(user: User) -> None:
    two_factor.enrolment(user)
    with pytest.raises(Refused, match="尚未启用"):
        two_factor.check_code(user, "123456", by=BY)


def _off(user: User, device: TOTPDevice) -> None:
    two_factor.turn_off(user, code_of(device, 1), by=BY)


def _reset(user: User, device: TOTPDevice) -> None:
    two_factor.reset(user, reason="手机遗失", by=Actor("root"))


@pytest.mark.parametrize(("remove", "action"), [(_off, "停用两步验证"), (_reset, "重置两步验证")])
def test_removed_means_all_gone(
    user: User, device: TOTPDevice, remove: Callable[[User, TOTPDevice], None], action: str
) -> None:
    remove(user, device)
    assert not TOTPDevice.objects.filter(user=user).exists()
    assert two_factor.recovery_codes_left(user) == 0
    assert AuditEvent.objects.filter(action=action, subject=f"user:{user.pk}").count() == 1


@pytest.mark.parametrize(("reason", "name", "why"), [("手机遗失", "wang", "自己"), (" ", "root", "理由")])
def test_a_reset_needs_another_person_and_a_reason(
    user: User, device: TOTPDevice, reason: str, name: str, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        two_factor.reset(user, reason=reason, by=Actor(name))
    assert two_factor.has_device(user)


def test_nothing_to_reset_is_said(user: User) -> None:
    with pytest.raises(Refused, match="没有启用"):
        two_factor.reset(user, reason="手机遗失", by=Actor("root"))
