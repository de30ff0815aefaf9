"""All lists of the admin: their addresses ask for what the pages offer, and nothing in them is an error of ours."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from ratings.admin.base import GuardedAdmin

pytestmark = pytest.mark.django_db

ADMINS: dict[str, Any] = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
LISTS = pytest.mark.parametrize("page", ADMINS.values(), ids=ADMINS)


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def asked(root: User) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = root
    return request


def address(page: Any) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def offered(page: Any, request: HttpRequest) -> Iterator[str]:
    """The parameters that the filters of a list take."""
    for one in page.get_list_filter(request):
        if isinstance(one, type):
            yield one.parameter_name
        else:
            yield f"{one if isinstance(one, str) else one[0]}__exact"


@LISTS
def test_only_what_a_list_offers_is_asked_about(page: Any, root: User, client: Client) -> None:
    request = asked(root)
    names = {lookup.partition("__")[0] for lookup in offered(page, request)}
    fields = {field.name for field in page.opts.get_fields()}
    told = [
        name for name in ({*fields, "pk"} - names) if page.lookup_allowed(f"{name}__startswith", "9", request)
    ]
    assert told == []
    for name in names & fields:
        assert page.lookup_allowed(f"{name}__exact", "9", request)
        behind = page.opts.get_field(name).related_model
        for field in behind._meta.fields if behind else ():
            if not field.primary_key:
                assert not page.lookup_allowed(f"{name}__{field.name}__startswith", "9", request), field
    client.force_login(root)
    # the list of enterprises is a form for members of departments
    assert client.get(address(page), {"pk__gt": "0"}).status_code in {400, 403}


@LISTS
def test_links_of_other_pages_open(page: GuardedAdmin, root: User, client: Client) -> None:
    client.force_login(root)
    for lookup in page.linked_by:
        assert client.get(address(page), {lookup: "1"}).status_code == 200, lookup


@LISTS
def test_no_value_is_an_error_of_ours(page: GuardedAdmin, root: User, client: Client) -> None:
    client.force_login(root)
    assert client.get(address(page), {"q": "甲\0"}).status_code in {400, 403}
    names = list(offered(page, asked(root)))
    for value in ("²", "9" * 30):
        assert client.get(address(page), dict.fromkeys(names, value)).status_code in {200, 302, 403}
