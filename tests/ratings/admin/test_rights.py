"""Every page of the admin by role: who has no right to it gets a 403 and changes nothing.

The pages come from the admin's own registry, so a page that nobody has thought of fails here.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ratings.models import AuditEvent, AuditLink, Rating, StaffScope
from ratings.services.audit import SYSTEM, record
from ratings.services.roles import INSPECTOR, ROLES

from .conftest import batch_of, client_of

REGISTRY: Final = ("district", "enterprise", "pharmacy")
FACTS: Final = ("violation", "complaint", "fundpayment", "measurevalue", "servicestatus")

#: What Django's own pages need; adding and changing by form only where listed below.
USUAL: Final = {"changelist": "view", "change": "view", "export": "view"}
#: No role has these: history stands in the audit record, and nothing is deleted.
NOBODY: Final = {"add", "delete", "history"}
#: Pages of our own, and adding where there is a form, to the verb that they need.
OWN: Final = {
    **{f"{model}_add": "add" for model in (*REGISTRY, *FACTS)},
    **{f"{model}_void": "change" for model in FACTS},
    "importbatch_upload": "add",
    "importbatch_columns": "add",
    "importbatch_template": "add",
    "importbatch_accept": "change",
    "importbatch_drop": "change",
    "importbatch_problems": "view",
    "ratingrun_start": "add",
    "ratingrun_progress": "view",
    "ratingrun_see_ratings": "view",
    "ratingrun_repeat": "view",
    "ratingrun_replay": "view",  # a check for inspectors too: writes nothing but that it was done
    "schemeversion_draft": "add",
    "schemeversion_activate": "change",
    "ratingperiod_open": "review",
    "ratingperiod_rest": "view",
    "adjustment_propose": "add",
    "adjustment_correct": "add",
    "objection_receive": "add",
    "objection_statement": "add",
    "evidence_download": "view",
}
#: Pages whose right depends on the row and the act: tested with the desk, each by role.
BY_ACT: Final = {"act", "contact"}
#: Where "change" is a form that saves.
FORMS: Final = {*REGISTRY}


def needed(model: str, page: str) -> str | None:
    """The codename that a page needs; None where no role may."""
    verb = OWN.get(f"{model}_{page}") or USUAL.get(page)
    if verb is None and page not in NOBODY:
        raise LookupError(f"Say in OWN who may open {model}_{page}.")
    return f"{verb}_{model}" if verb else None


def pages(model_admin: Any) -> Iterator[tuple[str, str]]:
    """(page, address) of all pages of a model, for its first row (1 where there is none)."""
    opts = model_admin.opts
    row = opts.model._default_manager.order_by("pk").first()
    values = {"token": "none", "kind_id": "violations", "object_id": row.pk if row else 1}
    for pattern in model_admin.get_urls():
        if pattern.name:
            keys = pattern.pattern.converters
            known = {key: values.get(key, row.pk if row else 1) for key in keys}
            address = reverse(f"admin:{pattern.name}", kwargs=known)
            yield pattern.name.removeprefix(f"{opts.app_label}_{opts.model_name}_"), address


MODELS: Final = {model._meta.model_name: found for model, found in admin.site._registry.items()}
OURS: Final = sorted(name for name in MODELS if MODELS[name].opts.app_label == "ratings")
STAFF: Final = ("user", "group", "staffscope")


@pytest.fixture
def filled(ratings: tuple[Rating, Rating]) -> None:
    """Two districts with every sort of fact, rated; a batch and an event."""
    batch_of("somebody")
    record("登记", "某", by=SYSTEM)


def in_role(role: str) -> Client:
    """Staff of the whole city with one role."""
    user = User.objects.create_user(f"staff{list(ROLES).index(role)}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    StaffScope.objects.create(user=user, whole_city=True)
    return client_of(user)


def stored() -> dict[type[Model], list[dict[str, Any]]]:
    """All that is stored, but sessions and the audit record."""
    passing = {AuditEvent, AuditLink, Session}
    return {
        model: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if model not in passing
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(set(OURS) - set(STAFF)))
def test_a_page_opens_for_those_with_the_right(role: str, name: str, filled: None) -> None:
    client, wrong = in_role(role), []
    before = stored()
    for page, address in pages(MODELS[name]):
        if page in BY_ACT:
            continue
        right = needed(name, page)
        looked = client.get(address).status_code
        if right in ROLES[role]:
            if looked == 403:
                wrong.append((page, "GET", looked))
        elif looked not in {403, 404, 405}:
            wrong.append((page, "GET", looked))
        elif (posted := client.post(address, {"reason": "试", "post": "yes"}).status_code) not in {403, 404}:
            wrong.append((page, "POST", posted))
    assert wrong == []
    assert stored() == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_form_saves_for_those_with_the_right(role: str, name: str, filled: None) -> None:
    client, address = in_role(role), dict(pages(MODELS[name]))["change"]
    before = stored()
    answer = client.post(address, {"name": ""})
    assert (answer.status_code == 403) == (f"change_{name}" not in ROLES[role])
    assert stored() == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", STAFF)
def test_no_role_reaches_the_staff(role: str, name: str, filled: None) -> None:
    client = in_role(role)
    before = stored()
    for page, address in pages(MODELS[name]):
        for answer in (client.get(address), client.post(address, {"is_superuser": "on", "reason": "试"})):
            assert answer.status_code in {403, 404}, page
    assert stored() == before


def test_the_inspector_changes_nothing(filled: None) -> None:
    """POST to every address of every model: a refusal, or a page that only shows."""
    client = in_role(INSPECTOR)
    before, through = stored(), set()
    form = {"name": "改", "reason": "试", "post": "yes", "_save": "1", "format": "1", "resource": "0"}
    for name in OURS:
        for page, address in pages(MODELS[name]):
            if client.post(address, form).status_code not in {403, 404, 405}:
                through.add(page if page in USUAL else f"{name}_{page}")
    assert stored() == before
    reading = {key for key, verb in OWN.items() if verb == "view"}
    assert through - USUAL.keys() - reading == set()


def test_the_inspector_sees_everything(filled: None) -> None:
    client = in_role(INSPECTOR)
    for name in sorted(set(OURS) - set(STAFF)):
        found = dict(pages(MODELS[name]))
        assert client.get(found["changelist"]).status_code == 200, name
        if MODELS[name].model._default_manager.exists():
            assert client.get(found["change"]).status_code == 200, name


def test_refused_tries_are_on_record(filled: None) -> None:
    client = in_role(INSPECTOR)
    address = dict(pages(MODELS["violation"]))["void"]
    client.post(address, {"reason": "试"})
    event = AuditEvent.objects.get(action="无权操作")
    assert (event.subject, event.actor) == (address, "staff3")
