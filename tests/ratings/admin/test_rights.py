"""Every page of the admin by role: who has no right to it gets a 403 and changes nothing.

The pages come from the admin's own registry, so a page that nobody has thought of fails here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from ratings.admin.desk.acts import DeskAdmin
from ratings.models import AuditEvent, AuditLink, Pharmacy, Rating, RatingPeriod, RatingRun, StaffScope
from ratings.rules.periods import Period
from ratings.services.audit import SYSTEM, record
from ratings.services.evidence import add_evidence
from ratings.services.letters import start_batch
from ratings.services.review import list_items
from ratings.services.roles import INSPECTOR, ROLES
from ratings.services.runs import start_run
from tests import desk
from tests.ratings.services import lives
from tests.ratings.services.uploads import upload

from .conftest import CUTOFF, Place, batch_of, client_of

REGISTRY: Final = ("district", "enterprise", "pharmacy")
FACTS: Final = ("violation", "complaint", "fundpayment", "measurevalue", "servicestatus")

#: What Django's own pages need; adding and changing by form only where listed below.
USUAL: Final = {"changelist": "view", "change": "view", "export": "view"}
#: No role has these: history stands in the audit record, and nothing is deleted.
NOBODY: Final = {"add", "delete", "history"}
#: Pages of our own, and adding where there is a form, to the verbs of which any does.
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
    "ratingrun_open_period": "review_ratingperiod",
    "ratingrun_replay": "view",  # a check for inspectors too: writes nothing but that it was done
    "schemeversion_draft": "add",
    "schemeversion_activate": "change",
    "ratingperiod_open": "review",
    "ratingperiod_rest": "review",
    "ratingperiod_list": "add_issueddocument",
    "ratingperiod_list_district": "add_issueddocument",
    "adjustment_find": "add",
    "adjustment_propose": "add",
    "adjustment_correct": "add",
    "objection_receive": "add",
    "objection_statement": "add",
    "objection_contact": "change decide",
    "creditrepair_apply": "add",
    "creditrepair_contact": "change decide",
    "evidence_download": "view",
    "noticelink_issue": "add",
    "noticelink_district": "add",
    "publication_file": "view",
    "issueddocument_file": "view",
    "issueddocument_report": "add",
    "ratingperiod_report": "add_issueddocument",
    "issueddocument_certificate": "add",
    "letterbatch_start": "add",
    "letterbatch_start_district": "add",
    "letterbatch_single": "add_issueddocument",
    "letterbatch_write": "add",
    "letterbatch_retry": "add",
    "letterbatch_archive": "view",
    "letterbatch_volume": "view",
    "publication_verify": "view",
}
#: Pages whose right is told by the act: see the test of acts.
BY_ACT: Final = {"act"}
#: Something for every form.
FORM: Final = {"name": "改", "reason": "试", "text": "试", "post": "yes", "_save": "1", "format": "1"}


def needed(model: str, page: str) -> set[str]:
    """The codenames of which any opens a page; none where no role may."""
    verbs = OWN.get(f"{model}_{page}") or USUAL.get(page, "")
    if not verbs and page not in NOBODY:
        raise LookupError(f"Say in OWN who may open {model}_{page}.")
    return {verb if "_" in verb else f"{verb}_{model}" for verb in verbs.split()}


def pages(model_admin: Any) -> Iterator[tuple[str, str]]:
    """(page, address) of all pages of a model, for its first row (1 where there is none)."""
    opts = model_admin.opts
    row = first(opts.model)
    values = {
        "token": "none",
        "kind_id": "violations",
        "rating_id": first(Rating),
        "pharmacy_id": first(Pharmacy),
        "run_id": first(RatingRun),
        "period_id": first(RatingPeriod),
        "code": 330602,
    }
    for pattern in model_admin.get_urls():
        if pattern.name:
            known = {key: values.get(key, row) for key in pattern.pattern.converters}
            address = reverse(f"admin:{pattern.name}", kwargs=known)
            yield pattern.name.removeprefix(f"{opts.app_label}_{opts.model_name}_"), address


def first(model: type[Model]) -> Any:
    return model._default_manager.order_by("pk").values_list("pk", flat=True).first() or 1


MODELS: Final = {model._meta.model_name: found for model, found in admin.site._registry.items()}
STAFF: Final = ("user", "group", "staffscope")
OURS: Final = sorted(
    name for name in MODELS if MODELS[name].opts.app_label == "ratings" and name not in STAFF
)


@pytest.fixture
def filled(ratings: tuple[Rating, Rating], here: Place, settings: LazySettings, tmp_path: Path) -> None:
    """Two districts with every sort of fact, rated, on the desk; an earlier year is published."""
    settings.MEDIA_ROOT = tmp_path
    rating, other = ratings
    earlier = lives.published(start_run(Period.parse("2024"), rating.run.scheme, cutoff=CUTOFF, by=SYSTEM))
    start_batch(earlier, None, with_links=False, site="http://testserver", by=SYSTEM)
    period = desk.life(rating.run, "UNDER_REVIEW")
    list_items(period)
    add_evidence(desk.adjustment(period, rating), upload(), by=SYSTEM)
    desk.objection(period, other)
    desk.repair(here.violation)
    batch_of("somebody")
    record("登记", "某", by=SYSTEM)


def in_role(role: str) -> Client:
    """Staff of the whole city with one role."""
    user = User.objects.create_user(f"staff{list(ROLES).index(role)}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    StaffScope.objects.create(user=user, whole_city=True)
    return client_of(user)


def status(answer: Any) -> int:
    """The status; a file is read to its end, which closes it."""
    if answer.streaming:
        list(answer)
    return int(answer.status_code)


def stored() -> dict[type[Model], list[dict[str, Any]]]:
    """All that is stored, but sessions and the audit record."""
    passing = {AuditEvent, AuditLink, Session}
    return {
        model: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if model not in passing
    }


@pytest.mark.parametrize("role", ROLES)
def test_a_page_opens_for_those_with_the_right(role: str, filled: None) -> None:
    client, wrong = in_role(role), []
    before = stored()
    for name in OURS:
        for page, address in pages(MODELS[name]):
            if page in BY_ACT:
                continue
            looked = status(client.get(address))
            if needed(name, page) & ROLES[role]:
                if looked == 403:
                    wrong.append((name, page, "GET", looked))
            elif looked not in {403, 404, 405}:
                wrong.append((name, page, "GET", looked))
            elif (posted := client.post(address, FORM).status_code) not in {403, 404}:
                wrong.append((name, page, "POST", posted))
    assert wrong == []
    assert stored() == before


@pytest.mark.parametrize("role", ROLES)
def test_a_form_saves_for_those_with_the_right(role: str, filled: None) -> None:
    client = in_role(role)
    before = stored()
    for name in REGISTRY:
        answer = client.post(dict(pages(MODELS[name]))["change"], {"name": ""})
        assert (answer.status_code == 403) == (f"change_{name}" not in ROLES[role]), name
    assert stored() == before


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reaches_the_staff(role: str, filled: None) -> None:
    client = in_role(role)
    before = stored()
    for name in STAFF:
        for page, address in pages(MODELS[name]):
            for answer in (client.get(address), client.post(address, {**FORM, "is_superuser": "on"})):
                assert answer.status_code in {403, 404}, (name, page)
    assert stored() == before


def test_the_inspector_changes_nothing(filled: None) -> None:
    """POST to every address of every model: a refusal, or a page that only shows."""
    client = in_role(INSPECTOR)
    before, through = stored(), set()
    for name in OURS:
        for page, address in pages(MODELS[name]):
            if status(client.post(address, FORM)) not in {403, 404, 405}:
                through.add(page if page in {*USUAL, *BY_ACT} else f"{name}_{page}")
    assert stored() == before
    reading = {key for key, verb in OWN.items() if verb == "view"}
    assert through - USUAL.keys() - BY_ACT - reading == set()


@pytest.mark.parametrize("role", ROLES)
def test_an_act_is_for_its_role(role: str, filled: None, rf: RequestFactory) -> None:
    client, request = in_role(role), rf.get("/")
    request.user = User.objects.get(groups__name=role)
    before, seen = stored(), set()
    for name in OURS:
        model_admin = MODELS[name]
        if not isinstance(model_admin, DeskAdmin):
            continue
        for row in model_admin.get_queryset(request):
            for act in model_admin.acts_of(request, row):
                seen.add(name)
                address = model_admin.act_url(row, act.name)
                right = {act.permission, *act.also} & ROLES[role]
                assert client.get(address).status_code == (200 if right else 403), (name, act.name)
                if not right:
                    assert client.post(address, FORM).status_code == 403, (name, act.name)
    assert {"ratingperiod", "reviewitem", "adjustment", "objection", "creditrepair"} <= seen
    assert stored() == before


def test_the_inspector_sees_everything(filled: None) -> None:
    client = in_role(INSPECTOR)
    for name in OURS:
        found = dict(pages(MODELS[name]))
        shown = {"changelist", "change"} if MODELS[name].model._default_manager.exists() else {"changelist"}
        for page in shown & found.keys():
            assert client.get(found[page]).status_code == 200, (name, page)


def test_refused_tries_are_on_record(filled: None) -> None:
    client = in_role(INSPECTOR)
    address = dict(pages(MODELS["violation"]))["void"]
    client.post(address, {"reason": "试"})
    event = AuditEvent.objects.get(action="无权操作")
    assert (event.subject, event.actor) == (address, "staff3")
