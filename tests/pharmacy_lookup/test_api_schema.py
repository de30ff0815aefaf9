"""The description of the API: valid, with examples that fit it, and held against real answers."""

from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from applications.api.schema import document
from applications.pharmacy_lookup.api.shapes import PENALTY
from applications.pharmacy_lookup.application import APPLICATION
from applications.pharmacy_lookup.query import PARAMETERS
from tests import factories
from tests.applications.description import contents, operations, validator
from tests.pharmacy_lookup.api_places import LIST, NEAR, ask, graded, place
from tests.ratings.services.test_runs import scheme_in_force

PATHS = {"": LIST, "{code}/": f"{LIST}{{code}}/", "{code}/history/": f"{LIST}{{code}}/history/"}


@pytest.fixture(autouse=True)
def fresh() -> None:
    cache.clear()


def test_the_command_has_nothing_to_say() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=StringIO())


def test_nothing_else_is_described() -> None:
    assert [path for path, _method, _operation in operations(LIST)] == list(PATHS.values())
    assert document()["openapi"].startswith("3.1")


def test_every_answer_has_an_example_that_fits() -> None:
    found = list(contents(LIST))
    assert len(found) == 5 + 5 + 6 + 6
    for path, status, media_type, content in found:
        examples = content["examples"]
        assert examples, (path, status, media_type)
        for example in examples.values():
            validator(content["schema"]).validate(example["value"])


def test_every_operation_is_described_with_its_headers_and_parameters() -> None:
    for path, _method, operation in operations(LIST):
        assert operation["summary"] and operation["description"], path
        assert {"ETag", "Cache-Control", "RateLimit", "RateLimit-Policy"} <= set(
            operation["responses"]["200"]["headers"]
        )
        assert set(operation["responses"]["429"]["headers"]) == {
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
        }
    named = {one["name"] for one in document()["paths"][LIST]["get"]["parameters"]}
    assert named == {*PARAMETERS, "format"}


def test_what_may_be_shown_of_a_grade_is_what_is_described() -> None:
    fields = set(document()["components"]["schemas"]["Grade"]["properties"])
    renamed = {"name": "grade", "score_thousandths": "score"}
    assert {renamed.get(name, name) for name in fields} == APPLICATION.fields
    assert set(document()["components"]["schemas"]["Penalty"]["properties"]) == set(PENALTY)


@pytest.mark.django_db
def test_real_answers_fit() -> None:
    scheme_in_force()
    bare = place(latitude=None, longitude=None, street="", address="")
    for position in (-1, 0, 3):
        place(**graded(position))
    shop = factories.pharmacy(code=place(**graded(1)).code)
    factories.violation(shop, decided_on=timezone.localdate(), recorded_at=timezone.now())
    checked = set()
    for path, address in (
        ("", LIST),
        *(("{code}/", f"{LIST}{code}/") for code in (bare.code, shop.code)),
        *(("{code}/history/", f"{LIST}{code}/history/") for code in (bare.code, shop.code)),
    ):
        responses = document()["paths"][PATHS[path]]["get"]["responses"]
        for form, media_type in (("json", "application/json"), ("geojson", "application/geo+json")):
            if media_type not in responses["200"]["content"]:
                continue
            described = validator(responses["200"]["content"][media_type]["schema"])
            described.validate(ask(address, format=form))
            if not path:
                described.validate(ask(address, format=form, near=NEAR, limit="1"))
            checked.add((path, form))
            if not path:
                validator(responses["200"]["content"][media_type]["schema"]).validate(
                    ask(address, format=form)
                )
        problem = validator(responses["400"]["content"]["application/problem+json"]["schema"])
        problem.validate(ask(address, status=400, wrong="1"))
    assert len(checked) == 5


class TestAddress:
    def test_json_and_yaml(self) -> None:
        response = Client().get("/api/v1/schema/")
        assert (response["Content-Type"], response.json()["openapi"]) == ("application/json", "3.1.0")
        other = Client().get("/api/v1/schema/", headers={"accept": "application/yaml"})
        assert (other["Content-Type"], other.content[:14]) == ("application/yaml", b"openapi: 3.1.0")
        assert Client().get("/api/v1/schema/?format=yaml").content == other.content
        again = Client().get("/api/v1/schema/", headers={"if-none-match": response["ETag"]})
        assert again.status_code == 304

    def test_no_address_of_another_host_but_the_example(self) -> None:
        text = Client().get("/api/v1/schema/").content.decode()
        known = ("https://credit.example.org", "https://json-schema.org/draft/2020-12/schema")
        assert text.count("https://") == sum(map(text.count, known))
