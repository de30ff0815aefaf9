"""Signing in: failures lock, all of it is on record, sessions end."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ratings.models import AuditEvent
from ratings.services.sign_in import locks_of

pytestmark = pytest.mark.django_db
PASSWORD = "Xk3-long-pass"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings) -> None:
    """Slow hashes are Django's matter; some tests sign in ten times."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def wang() -> User:
    return User.objects.create_user("wang", password=PASSWORD, is_staff=True)


def sign_in(client: Client, password: str = PASSWORD, name: str = "wang", **meta: Any) -> Any:
    return client.post(LOGIN, {"username": name, "password": password, "next": "/admin/"}, **meta)


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("id"))


def test_sign_in_and_out_are_on_record(client: Client, wang: User) -> None:
    assert sign_in(client, REMOTE_ADDR="10.1.2.3").status_code == 302
    client.post(reverse("admin:logout"), REMOTE_ADDR="10.1.2.3")
    for action in ("登录", "退出登录"):
        (event,) = events(action)
        assert (event.actor, event.address, event.subject) == ("wang", "10.1.2.3", f"user:{wang.pk}")


@pytest.mark.parametrize("name", ["wang", "nobody"])
def test_the_fifth_failure_locks_whether_the_user_exists_or_not(
    client: Client, wang: User, name: str
) -> None:
    for _ in range(4):
        assert sign_in(client, "wrong", name).status_code == 200
    answer = sign_in(client, "wrong", name)
    assert answer.status_code == 429
    page = answer.content.decode()
    (lock,) = locks_of(name)
    assert f"{timezone.localtime(lock.until):%H:%M:%S}" in page
    assert name in page
    assert sign_in(client, name=name).status_code == 429, "the right password does not help"
    assert sign_in(Client(), name=name, HTTP_USER_AGENT="another browser").status_code == 429
    assert [event.actor for event in events("登录失败")] == [name] * 7
    assert [event.reason[:3] for event in events("登录失败")][4:] == ["用户名", "已锁定", "已锁定"]
    (locked,) = events("登录锁定")
    assert (locked.actor, locked.detail) == (name, {"minutes": 15})
    assert PASSWORD not in str(list(AuditEvent.objects.values()))
    assert PASSWORD not in str(list(AccessAttempt.objects.values()))


def test_other_addresses_and_names_go_on(client: Client, wang: User) -> None:
    for _ in range(5):
        sign_in(client, "wrong", REMOTE_ADDR="10.0.0.1")
    assert sign_in(client, REMOTE_ADDR="10.0.0.1").status_code == 429
    assert sign_in(client, REMOTE_ADDR="10.0.0.2").status_code == 302


def test_the_address_is_that_behind_trusted_proxies(
    client: Client, wang: User, settings: LazySettings
) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(5):  # what the client claims before the proxy's own entry does not count
        sign_in(client, "wrong", HTTP_X_FORWARDED_FOR=f"1.1.1.{number}, 10.0.0.7")
    assert [lock.address for lock in locks_of("wang")] == ["10.0.0.7"]
    assert sign_in(client, HTTP_X_FORWARDED_FOR="10.0.0.8").status_code == 302


def test_a_lock_ends_and_success_forgets(client: Client, wang: User, settings: LazySettings) -> None:
    for _ in range(5):
        sign_in(client, "wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME)
    assert sign_in(client).status_code == 302
    assert not AccessAttempt.objects.exists()


def test_trying_on_does_not_lengthen_a_lock(client: Client, wang: User) -> None:
    for _ in range(5):
        sign_in(client, "wrong")
    before = locks_of("wang")
    sign_in(client, "wrong")
    assert locks_of("wang") == before


def test_superusers_unlock_with_a_reason(root: Client, client: Client, wang: User) -> None:
    for _ in range(5):
        sign_in(client, "wrong")
    page = reverse("admin:auth_user_change", args=(wang.pk,))
    button = reverse("admin:auth_user_unlock", args=(wang.pk,))
    assert button in root.get(page).content.decode()
    assert "登录失败而被锁定" in root.get(button).content.decode()
    root.post(button, {"reason": ""})
    assert sign_in(client).status_code == 429
    assert [event.reason for event in events("未获准")] == ["解除登录锁定须写明理由。"]
    root.post(button, {"reason": "本人来电"})
    assert button not in root.get(page).content.decode()
    assert sign_in(client).status_code == 302
    assert events("解除登录锁定")[0].actor == "root"


def age(client: Client, **seconds: int) -> None:
    """Make the session ``began`` or ``used`` so many seconds older."""
    session = client.session
    for key, value in seconds.items():
        session[key] -= value
    session.save()


@pytest.mark.parametrize(
    ("older", "why"),
    [({"used": 30 * 60}, "超过 30 分钟没有操作"), ({"began": 12 * 3600}, "一次登录最长 12 小时")],
)
def test_sessions_end_and_the_sign_in_page_says_so(
    client: Client, wang: User, older: dict[str, int], why: str
) -> None:
    sign_in(client)
    age(client, **{key: value - 30 for key, value in older.items()})
    assert client.get("/admin/").status_code == 200
    age(client, **{key: 30 if key == "began" else value for key, value in older.items()})
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[0][0].startswith(LOGIN)
    assert f"登录已结束：{why}" in answer.content.decode()
    (event,) = events("登录到期")
    assert (event.actor, event.reason) == ("wang", why)
    assert sign_in(client).status_code == 302


def test_use_keeps_a_session_but_not_for_ever(client: Client, wang: User) -> None:
    sign_in(client)
    for _ in range(3):
        age(client, used=20 * 60)
        assert client.get("/admin/").status_code == 200
    assert client.session["used"] > timezone.now().timestamp() - 60


def test_the_cookie_ends_with_the_browser(client: Client, wang: User) -> None:
    cookie = sign_in(client).cookies["sessionid"]
    assert cookie["expires"] == cookie["max-age"] == ""
    assert cookie["httponly"]


def test_a_new_password_ends_other_sessions(client: Client, wang: User) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    new = {
        "old_password": PASSWORD,
        "new_password1": "Qw9-longer-pass",
        "new_password2": "Qw9-longer-pass",
    }
    assert client.post(reverse("admin:password_change"), new).status_code == 302
    assert client.get("/admin/").status_code == 200
    answer = other.get("/admin/", follow=True)
    assert "登录已结束" in answer.content.decode()
    assert "登录已结束" not in Client().get(LOGIN).content.decode()
    (event,) = events("修改密码")
    assert event.actor == "wang"


def test_an_inactive_user_is_out_at_once(client: Client, wang: User) -> None:
    sign_in(client)
    User.objects.update(is_active=False)
    assert "登录已结束" in client.get("/admin/", follow=True).content.decode()
