"""Who may look around in the demo: users with one password, which lies in the data directory."""

import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from ratings.models import StaffScope


def demo_password() -> str:
    """The password of all demo users: made once, kept for its owner's eyes only."""
    return kept_secret("demo_password", secrets.token_urlsafe(12))


def kept_secret(name: str, value: str) -> str:
    """What a file of the data directory holds, which only its owner may read; ``value`` where there was none."""
    path: Path = settings.DATA_DIR / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(value)
    return path.read_text()


def ensure_user(username: str, name: str, group: str, *, whole_city: bool = True) -> None:
    """A demo user in a group of this name, "" = a superuser; for the whole city, or without any scope of ours."""
    password = demo_password()
    user, _ = get_user_model().objects.get_or_create(
        username=username,
        defaults={"is_staff": True, "is_superuser": not group, "first_name": name},
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    if group:
        user.groups.set([Group.objects.get(name=group)])
    if whole_city:
        StaffScope.objects.get_or_create(user=user, defaults={"whole_city": True})
