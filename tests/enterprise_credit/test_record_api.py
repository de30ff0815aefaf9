"""The addresses at which programs supply: rights, bodies, answers, and what may be wrong with each."""

import json
from typing import Any

import jsonschema
import orjson
import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from applications.api.bodies import canonical
from applications.api.problems import Problem
from applications.api.schema import document
from applications.clients.models import Call
from applications.enterprise_credit.api import record_rows
from applications.enterprise_credit.models import CreditRecord, RecordBatch
from tests.clients import building as clients
from tests.enterprise_credit.building import batch, subject
from tests.enterprise_credit.supplying import (
    RECORDS,
    ask,
    bearer,
    faults,
    program,
    row,
    send,
    told,
    withdrawal,
)

pytestmark = pytest.mark.django_db
TYPES = "/api/v1/department/record-types/"


class TestRecordTypes:
    def test_the_own_ones(self) -> None:
        found = ask(program(), TYPES)
        assert found["catalogue"].endswith("@1")
        by_key = {one["key"]: one for one in found["results"]}
        assert all(key.startswith("scjgj-") for key in by_key)
        penalty = by_key["scjgj-penalty"]
        assert (penalty["publicity"], penalty["viewers"], penalty["personal"]) == (
            "OPEN",
            ["*"],
            ["responsible"],
        )
        jsonschema.Draft202012Validator.check_schema(penalty["schema"])
        jsonschema.validate(row(subject()), penalty["schema"])

    def test_who_may_see_them(self) -> None:
        found = {one["key"]: one["viewers"] for one in ask(program("ybj"), TYPES)["results"]}
        assert found["ybj-fund-payment"] == ["ybj"]
        assert found["ybj-black-list"] == ["*"]
        assert "ybj" in found["ybj-agreement-measure"] and len(found["ybj-agreement-measure"]) > 1

    def test_nothing_but_the_format_is_asked(self) -> None:
        assert faults(ask(program(), f"{TYPES}?page=2", 400)).keys() == {"page"}


class TestSupply:
    def test_a_result_for_each_row(self) -> None:
        one, client = subject(), program()
        rows = [
            row(one),
            row(one, "A2", name="别的"),
            row(one, "A3", data={"fine_fen": 1.5}),
            withdrawal("A9"),
        ]
        answer = send(client, {"records": rows})
        assert [(each["line"], each["record_no"], each["outcome"]) for each in answer["results"]] == [
            (1, "A1", "accepted"),
            (2, "A2", "unmatched"),
            (3, "A3", "refused"),
            (4, "A9", "refused"),
        ]
        assert answer["results"][1]["match"] == "NAME_DIFFERS"
        assert {name: answer[name] for name in ("rows", "accepted", "unmatched", "refused", "unchanged")} == {
            "rows": 4,
            "accepted": 1,
            "unmatched": 1,
            "refused": 2,
            "unchanged": 0,
        }
        missing, odd = answer["results"][2]["errors"]
        assert (missing["parameter"], odd["parameter"]) == ("data.content", "data.fine_fen")
        assert "请写不带小数点和引号的整数" in odd["detail"] and "no whole number of fen" in odd["detail_en"]
        assert "no record of this number" in answer["results"][3]["errors"][0]["detail_en"]
        call = Call.objects.exclude(operation="token").get()
        assert (call.operation, call.subject, call.status) == ("department_records", "scjgj-penalty", 200)

    def test_sent_again(self) -> None:
        one, client = subject(), program()
        first = send(client, {"records": [row(one)]}, key="k")
        again = json.dumps({"records": [dict(reversed(row(one).items()))]}, indent=1).encode()
        assert send(client, again, key='"k"') == first
        assert send(client, {"records": [row(one, "A2")]}, 409, key="k")["status"] == 409
        assert CreditRecord.objects.count() == 1

    def test_the_batch_again(self) -> None:
        one, client = subject(), program()
        answer = send(client, {"records": [row(one)]})
        address = f"{RECORDS}batches/{answer['batch']}/"
        assert ask(client, address) == answer
        assert ask(program("ybj"), address, 404)["status"] == 404
        assert ask(client, f"{RECORDS}batches/{answer['batch'] + 1}/", 404)["status"] == 404
        other = address.replace("scjgj-penalty", "scjgj-licence")
        assert ask(client, other, 404)["status"] == 404

    def test_batches_of_files_are_not_given(self) -> None:
        made = batch("scjgj-penalty", "scjgj", source="FILE")
        assert ask(program(), f"{RECORDS}batches/{made.pk}/", 404)["status"] == 404

    def test_queries_do_not_grow_with_rows(self) -> None:
        client, counts = program(), []
        send(client, {"records": [row(subject("公司零"), "A0")]})
        for size in (1, 3):
            rows = [row(subject(f"公司{size}{n}"), f"B{size}{n}") for n in range(size)]
            with CaptureQueriesContext(connection) as captured:
                send(client, {"records": rows})
            counts.append(len(captured))
        assert counts[0] == counts[1]


class TestRights:
    def test_without_a_token(self) -> None:
        assert Browser().get(TYPES).status_code == 401
        assert Browser().post(RECORDS, "{}", content_type="application/json").status_code == 401

    @pytest.mark.parametrize("scope", ["department:read", "department:check"])
    def test_without_the_scope(self, scope: str) -> None:
        client = program("scjgj", scope)
        assert ask(client, TYPES, 403)["status"] == 403
        assert send(client, {"records": [row(subject())]}, 403)["status"] == 403
        assert ask(client, f"{RECORDS}batches/1/", 403)["status"] == 403

    def test_another_departments_type_is_as_none(self) -> None:
        one = subject()
        other = send(program("ybj"), {"records": [row(one)]}, 404)
        none = send(
            program("ybj"), {"records": [row(one)]}, 404, address=RECORDS.replace("penalty", "nothing")
        )
        assert other == none
        assert not CreditRecord.objects.exists() and not RecordBatch.objects.exists()

    def test_a_bank(self) -> None:
        client = clients.client(("bank:read",))
        # the scopes of departments are no bank's; one that has it all the same finds nothing
        client.scopes = ["department:supply"]
        client.save()
        assert ask(client, TYPES, 404)["status"] == 404
        assert send(client, {"records": [row(subject())]}, 404)["status"] == 404

    @pytest.mark.parametrize("method", ["put", "patch", "delete", "get"])
    def test_other_methods(self, method: str) -> None:
        headers = bearer(program())
        assert getattr(Browser(), method)(RECORDS, headers=headers).status_code == 405


class TestBadBodies:
    @pytest.mark.parametrize("key", ["-", "", "x" * 81, "a b", '"', "“k”"])
    def test_the_key(self, key: str) -> None:
        headers = bearer(program()) | ({} if key == "-" else {"idempotency-key": key})
        answer = Browser().post(RECORDS, '{"records": []}', content_type="application/json", headers=headers)
        assert faults(told(answer, 400)).keys() == {"Idempotency-Key"}

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            (b"{", "body"),
            (b"[]", "body"),
            (b"\xff\xfe", "body"),
            (b'{"records": NaN}', "body"),
            (b'{"records": [{"record_no": "\\ud800"}]}', "body"),
            (b"[" * 100_000, "body"),
            (b'{"records": ' + b"[" * 400 + b"]" * 400 + b"}", "body"),
            (b'{"records": [], "records": [{"record_no": "1"}]}', "records"),
            (b'{"records": [{"record_no": "1", "data": {"a": 1, "b:": 2, "a": 3}}]}', "records.0.data.a"),
            (b'{"records": [{"record_no": "1", "name": "x", "name": "\\u003a"}]}', "records.0.name"),
            (b'{"rows": [{"record_no": "1"}]}', "rows"),
            (b'{"records": {}}', "records"),
            (b'{"records": []}', "records"),
            (b'{"records": [3]}', "records.0"),
            (b'{"records": [{}]}', "records.0.record_no"),
            (b'{"records": [{"record_no": ""}]}', "records.0.record_no"),
            (b'{"records": [{"record_no": 1}]}', "records.0.record_no"),
            (b'{"records": [{"record_no": "1", "data": "x"}]}', "records.0.data"),
            (b'{"records": [{"record_no": "1", "name": 99999999999999999999999}]}', "records.0.name"),
            (b'{"records": [{"record_no": "1", "withdraw": 1}]}', "records.0.withdraw"),
            (b'{"records": [{"record_no": "1"}, {"record_no": "2", "subject": "x"}]}', "records.1.subject"),
        ],
    )
    def test_the_shape(self, body: bytes, where: str) -> None:
        problem = send(program(), body, 400)
        assert where in faults(problem)
        assert not RecordBatch.objects.exists()

    def test_huge_numbers_are_refused_in_their_row(self) -> None:
        one, client = subject(), program()
        rows = [
            row(one, data={"content": "x", "fine_fen": 10**30}),
            row(one, "A2", data={"content": "x", "fine_fen": 10**16}),
        ]
        answer = send(client, {"records": rows})
        assert [each["outcome"] for each in answer["results"]] == ["refused", "refused"]

    def test_too_many_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(record_rows, "MOST_ROWS", 2)
        one = subject()
        send(program(), {"records": [row(one, f"A{n}") for n in range(2)]})
        assert "records" in faults(send(program(), {"records": [row(one, f"A{n}") for n in range(3)]}, 400))

    def test_more_than_djangos_limit_is_taken(self) -> None:
        one, client = subject(), program()
        body = json.dumps({"records": [row(one)]}).encode() + b" " * (6 * 1024 * 1024)
        assert send(client, body)["accepted"] == 1

    def test_fifty_megabytes(self) -> None:
        problem = send(program(), b"{}", 413, CONTENT_LENGTH=str(50 * 1024 * 1024))
        assert "20971520" in problem["detail"]

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml"]
    )
    def test_another_content_type(self, content_type: str) -> None:
        assert send(program(), b"{}", 415, content_type=content_type)["status"] == 415

    def test_compressed(self) -> None:
        assert send(program(), b"{}", 415, HTTP_CONTENT_ENCODING="gzip")["status"] == 415


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet=':"\\a,\u003a{}', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b:", "\\u003a"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["x", ":", "y"]), JSON), st.booleans(), st.booleans())
def test_repeated_members_are_found_and_nothing_else(
    found: dict[str, Any], escaped: bool, spaced: bool
) -> None:
    body = json.dumps(found, ensure_ascii=escaped, indent=1 if spaced else None).encode()
    assert canonical(body, found) == orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    twice = b'{"z": 1, "z": ' + body + b"}"
    with pytest.raises(Problem) as told_:
        canonical(twice, orjson.loads(twice))
    assert told_.value.faults[0][0] == "z"


class TestDescription:
    def test_answers_are_as_described(self) -> None:
        found = document()
        one, client = subject(), program()
        answer = send(
            client, {"records": [row(one), row(one, "A2", name="x"), row(one, "A3", data={}), withdrawal()]}
        )
        for path, name, value in (
            (TYPES, "RecordTypes", ask(client, TYPES)),
            (RECORDS.replace("scjgj-penalty", "{record_type}"), "Batch", answer),
        ):
            assert path in found["paths"]
            schema = {"$ref": f"#/components/schemas/{name}", "components": found["components"]}
            jsonschema.validate(value, schema)

    def test_the_example_is_taken(self) -> None:
        operation = document()["paths"][RECORDS.replace("scjgj-penalty", "{record_type}")]["post"]
        example = operation["requestBody"]["content"]["application/json"]["examples"]["Records"]["value"]
        assert send(program(), example)["results"][0]["outcome"] == "unmatched"
        assert "\n\n" in operation["description"]


@pytest.mark.parametrize("name", ["department_record_types", "department_records", "department_batch"])
def test_fuzzed(name: str, settings: Any) -> None:
    from schemathesis import GenerationMode

    from tests.bank_loans.test_api_fuzzed import described, fuzz

    settings.CLIENT_REQUESTS_A_MINUTE = 100_000
    client = program()
    made = send(client, {"records": [row(subject())]})
    operation = described(document()).find_operation_by_id(name)
    path: dict[str, Any] = {"record_type": "scjgj-penalty"} if name != "department_record_types" else {}
    path |= {"batch": made["batch"]} if name == "department_batch" else {}
    fixed = {"path_parameters": path} if path else {}
    for mode in GenerationMode:
        seen = fuzz(operation, mode, bearer(client), **fixed)
        assert seen <= ({200, 409, 415} if mode.is_positive else {200, 400, 404, 415}), seen
