"""Browsers of departments' staff and of those who keep the whole, and what they read, for tests of pages."""

import re
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from ratings.models import StaffScope

#: About a natural person: for the department alone.
SECRET = "张三丰"


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def keeper(group: str) -> Client:
    user = User.objects.create_user(f"keeper-{group}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    StaffScope.objects.create(user=user, whole_city=True)
    return signed_in(user)


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:enterprise_credit_{name}", args=args)


LIST, WAITING, BATCHES = "creditrecord_changelist", "creditrecord_waiting", "recordbatch_changelist"


def text(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
