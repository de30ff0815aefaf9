"""Staff see their own district, in every list, page, choice and export; model by model."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from ratings.models import AuditEvent, Rating
from ratings.services.audit import Actor, record

from .conftest import SECRET, Place, batch_of

PLACED = ("pharmacy", "enterprise", "violation", "complaint", "fundpayment", "measurevalue", "servicestatus")
ROWS: dict[str, Callable[[Place], object]] = {
    "district": lambda place: place.district,
    "pharmacy": lambda place: place.pharmacy,
    "enterprise": lambda place: place.enterprise,
    "violation": lambda place: place.violation,
    "complaint": lambda place: place.complaint,
    "fundpayment": lambda place: place.payment,
    "measurevalue": lambda place: place.measure,
    "servicestatus": lambda place: place.status,
}


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:ratings_{model}_{page}", args=args)


@pytest.mark.parametrize("model", PLACED)
def test_lists_show_the_own_district(
    model: str, clerk: Client, city_clerk: Client, here: Place, there: Place
) -> None:
    own = clerk.get(url(model, "changelist"))
    assert own.status_code == 200
    assert own.context["cl"].result_count == 1
    assert SECRET not in own.content.decode()
    assert "柯桥区" not in own.content.decode()
    assert city_clerk.get(url(model, "changelist")).context["cl"].result_count == 2


@pytest.mark.parametrize("model", ROWS)
def test_a_guessed_address_is_not_found(
    model: str, clerk: Client, city_clerk: Client, here: Place, there: Place
) -> None:
    assert clerk.get(url(model, "change", ROWS[model](here).pk)).status_code == 200
    assert clerk.get(url(model, "change", ROWS[model](there).pk)).status_code == 404
    assert clerk.post(url(model, "change", ROWS[model](there).pk), {"name": "x"}).status_code in (403, 404)
    assert city_clerk.get(url(model, "change", ROWS[model](there).pk)).status_code == 200


@pytest.mark.parametrize("model", ROWS)
def test_without_scope_nothing(model: str, stray: Client, here: Place) -> None:
    assert stray.get(url(model, "changelist")).context["cl"].result_count == 0
    assert stray.get(url(model, "change", ROWS[model](here).pk)).status_code == 404


@pytest.mark.parametrize(
    "model", [*ROWS, "rating", "ratingrun", "schemeversion", "importbatch", "auditevent"]
)
def test_without_permission_forbidden(model: str, powerless: Client) -> None:
    assert powerless.get(url(model, "changelist")).status_code == 403
    assert powerless.get(url(model, "change", 1)).status_code == 403


@pytest.mark.parametrize(
    "model", [*ROWS, "rating", "ratingrun", "schemeversion", "importbatch", "auditevent"]
)
def test_strangers_are_sent_to_sign_in(model: str, client: Client, db: None) -> None:
    answer = client.get(url(model, "changelist"))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", ["pharmacy", "enterprise"])
def test_autocomplete_offers_the_own_district(
    model: str, clerk: Client, city_clerk: Client, here: Place, there: Place
) -> None:
    source = {"pharmacy": ("violation", "pharmacy"), "enterprise": ("pharmacy", "enterprise")}[model]
    query = {"app_label": "ratings", "model_name": source[0], "field_name": source[1], "term": ""}
    address = reverse("admin:autocomplete")
    assert SECRET not in clerk.get(address, query).content.decode("unicode_escape")
    assert len(clerk.get(address, query).json()["results"]) == 1
    assert len(city_clerk.get(address, query).json()["results"]) == 2


@pytest.mark.parametrize("model", PLACED)
def test_exports_hold_the_own_district(
    model: str, clerk: Client, city_clerk: Client, here: Place, there: Place
) -> None:
    text = clerk.post(url(model, "export"), {"format": "1", "resource": "0"}).content.decode()
    assert len(text.splitlines()) == 2
    assert SECRET not in text
    assert (
        len(
            city_clerk.post(url(model, "export"), {"format": "1", "resource": "0"})
            .content.decode()
            .splitlines()
        )
        == 3
    )


@pytest.mark.parametrize("model", [*PLACED, "rating"])
def test_filters_offer_the_own_district(
    model: str, clerk: Client, here: Place, there: Place, run: object
) -> None:
    page = clerk.get(url(model, "changelist"), {"district": there.district.code})
    assert page.context["cl"].result_count == 0
    assert "柯桥区" not in page.content.decode()


def test_ratings(clerk: Client, city_clerk: Client, ratings: tuple[Rating, Rating]) -> None:
    mine, other = ratings
    page = clerk.get(url("rating", "changelist"))
    assert page.context["cl"].result_count == 1
    assert SECRET not in page.content.decode()
    assert city_clerk.get(url("rating", "changelist")).context["cl"].result_count == 2
    assert clerk.get(url("rating", "change", mine.pk)).status_code == 200
    assert clerk.get(url("rating", "change", other.pk)).status_code == 404
    text = clerk.post(url("rating", "export"), {"format": "1", "resource": "0"}).content.decode()
    assert len(text.splitlines()) == 2


def test_runs_show_only_the_own_figures(
    clerk: Client, city_clerk: Client, ratings: tuple[Rating, Rating]
) -> None:
    run = ratings[0].run
    page = clerk.get(url("ratingrun", "change", run.pk))
    assert page.status_code == 200
    assert "柯桥区" not in page.content.decode()
    assert [row["code"] for row in page.context["distribution"]["rows"]] == [330602]
    whole = city_clerk.get(url("ratingrun", "change", run.pk))
    assert [row["code"] for row in whole.context["distribution"]["rows"]] == [330602, 330603, None]
    assert clerk.post(url("ratingrun", "replay", run.pk)).status_code == 403
    assert clerk.get(url("ratingrun", "repeat", run.pk)).status_code == 403


def test_batches_are_seen_by_their_uploader_and_the_city(clerk: Client, city_clerk: Client) -> None:
    mine, other = batch_of("yuecheng", file_name="我的.csv"), batch_of("keqiao")
    assert clerk.get(url("importbatch", "changelist")).context["cl"].result_count == 1
    assert city_clerk.get(url("importbatch", "changelist")).context["cl"].result_count == 2
    assert clerk.get(url("importbatch", "change", mine.pk)).status_code == 200
    assert clerk.get(url("importbatch", "change", other.pk)).status_code == 404


def test_events_are_seen_by_their_actor_and_the_city(clerk: Client, city_clerk: Client) -> None:
    mine = record("登记", "甲", by=Actor("yuecheng"))
    other = record("登记", "乙", by=Actor("keqiao"))
    by_action = {"action": "登记"}
    assert clerk.get(url("auditevent", "changelist"), by_action).context["cl"].result_count == 1
    assert city_clerk.get(url("auditevent", "changelist"), by_action).context["cl"].result_count == 2
    assert clerk.get(url("auditevent", "change", mine.pk)).status_code == 200
    assert clerk.get(url("auditevent", "change", other.pk)).status_code == 404


def test_a_fact_of_another_district_cannot_be_recorded_or_voided(
    clerk: Client, here: Place, there: Place
) -> None:
    answer = clerk.post(
        url("servicestatus", "add"),
        {
            "pharmacy": there.pharmacy.pk,
            "status": "SUSPENDED",
            "occurred_on": "2025-01-01",
            "decided_on": "2025-01-01",
            "document_no": "x",
        },
    )
    assert answer.status_code == 200
    assert "pharmacy" in answer.context["adminform"].form.errors
    assert clerk.post(url("violation", "void", there.violation.pk), {"reason": "误录"}).status_code == 404
    there.violation.refresh_from_db()
    assert there.violation.is_live


def test_a_pharmacy_cannot_be_moved_out_of_sight(clerk: Client, here: Place, there: Place) -> None:
    form = {
        "name": "x",
        "district": there.district.pk,
        "designated_on": "2015-03-01",
        "reason": "试",
    }
    answer = clerk.post(url("pharmacy", "change", here.pharmacy.pk), form)
    assert "district" in answer.context["adminform"].form.errors


def test_an_enterprise_with_shops_elsewhere_is_read_only(clerk: Client, here: Place, there: Place) -> None:
    there.pharmacy.enterprise = here.enterprise
    there.pharmacy.save()
    page = clerk.get(url("enterprise", "change", here.enterprise.pk))
    assert page.status_code == 200
    assert SECRET not in page.content.decode()
    form = {"uscc": here.enterprise.uscc, "name": "改", "reason": "试"}
    assert clerk.post(url("enterprise", "change", here.enterprise.pk), form).status_code == 403


def test_users_and_scopes_are_for_superusers(root: Client, city_clerk: Client) -> None:
    for name in ("auth_user", "auth_group", "ratings_staffscope"):
        assert root.get(reverse(f"admin:{name}_changelist")).status_code == 200
        assert city_clerk.get(reverse(f"admin:{name}_changelist")).status_code == 403


def test_exports_are_on_record(clerk: Client, here: Place) -> None:
    clerk.post(
        url("violation", "export") + "?kind__exact=ITEM_SUBSTITUTION", {"format": "0", "resource": "0"}
    )
    event = AuditEvent.objects.get(action="导出")
    assert (event.actor, event.subject, event.detail["rows"]) == ("yuecheng", "ratings.violation", 1)
    assert event.detail["filters"] == {"kind__exact": "ITEM_SUBSTITUTION"}
