"""The feed: lists, changes and checks as banks' programs get them."""

import base64
import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from applications.bank_loans.api import views
from applications.bank_loans.api.asking import MOST_BYTES
from applications.bank_loans.eligibility import Busy
from applications.bank_loans.models import LoanProduct
from applications.clients.models import Call
from ratings.models import Pharmacy
from tests import factories
from tests.bank_loans.building import NONE, START, TODAY, A, B, C, authorise, city, product, regrade
from tests.bank_loans.calling import PRODUCTS, Program, faults, on

pytestmark = pytest.mark.django_db
UNKNOWN = "P33060299999"


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    on(TODAY, monkeypatch)


def codes(rows: list[dict[str, Any]]) -> list[str]:
    return [row["code"] for row in rows]


class TestProducts:
    def test_terms_position_and_count(self) -> None:
        city(A, B, C)
        product(districts=[330602])
        bank = Program()
        found = bank.ask()
        assert bank.ask(PRODUCTS) == {"results": [found]}
        assert found == {
            "key": "edai", "name": "药店e贷", "minimum_grade": "B", "credit_line_fen": 1_000_000_000,
            "loan_limit_fen": 300_000_000, "districts": [330602], "minimum_months": 0, "minimum_periods": 1,
            "authorisation_required": False, "valid_from": "2026-01-01", "valid_until": None, "sandbox": False,
            "count": 2, "position": 2, "ledger_seq": 3, "as_of": str(TODAY),
        }  # fmt: skip

    def test_an_empty_list_counts_none(self) -> None:
        product()
        assert (Program().ask()["count"], Program().ask()["position"]) == (0, 0)


class TestPharmacies:
    def test_pages_give_each_once(self) -> None:
        shops, _ = city(A, B, C, B, NONE, A, B)
        product()
        expected = sorted(shops[place].code for place in (0, 1, 3, 5, 6))
        bank = Program()
        for limit, pages in ((1, 5), (2, 3), (5, 1), (1_000, 1)):
            found = bank.pages("pharmacies/", limit=limit)
            assert [code for page in found for code in codes(page["results"])] == expected
            assert len(found) == pages
            assert {(page["product"], page["position"], page["ledger_seq"]) for page in found} == {
                ("edai", 5, 7)
            }

    def test_a_row(self) -> None:
        owner = factories.enterprise()
        (shop, *_), _ = city(B)
        Pharmacy.objects.filter(pk=shop.pk).update(enterprise=owner)
        product()
        (row,) = Program().ask("pharmacies/")["results"]
        assert row == {
            "code": shop.code, "social_credit_code": owner.uscc, "number": 1, "name": "某某大药房",
            "district": 330602, "district_name": "越城区", "designated_on": "2015-03-01", "seq": 1,
            "period": "2025H2", "scheme": "shaoxing-style@1", "grade": "B", "label": "良好",
            "valid_from": "2026-02-10", "valid_until": "2027-02-10", "under_objection": False,
        }  # fmt: skip

    def test_the_next_page_is_linked(self, settings: Any) -> None:
        city(A, A)
        product()
        bank = Program()
        settings.SITE_URL = "https://credit.example.org"
        response = bank.get("pharmacies/", limit=1)
        following = json.loads(response.content)["next"]
        assert following.startswith(f"https://credit.example.org{bank.address}pharmacies/?limit=1&cursor=")
        assert response["Link"] == f'<{following}>; rel="next"'
        assert "Link" not in bank.get("pharmacies/")

    def test_a_walk_while_the_list_changes(self) -> None:
        """Pages as they were read, then the changes since the first: the list as it is now."""
        shops, life = city(A, B, B, A, C)
        product()
        bank = Program()
        page = bank.ask("pharmacies/", limit=2)
        found = {row["code"]: row for row in page["results"]}
        regrade(life, shops[0], C, START + timedelta(hours=1))
        regrade(life, shops[4], A, START + timedelta(hours=1))
        regrade(life, shops[1], A, START + timedelta(hours=1))
        while page["next"]:
            page = bank.ask(page["next"])
            found |= {row["code"]: row for row in page["results"]}
        assert (page["changes_since"], page["position"]) == (4, 7)
        for change in bank.ask("changes/", since=page["changes_since"])["results"]:
            found.pop(change["code"], None)
            if change["pharmacy"]:
                found[change["code"]] = change["pharmacy"]
        assert found == {row["code"]: row for row in bank.ask("pharmacies/")["results"]}
        assert set(found) == {shops[place].code for place in (1, 2, 3, 4)}

    @pytest.mark.parametrize(
        "cursor", ["x", "", "W10", "é", "x" * 500, ["edai", "x", 0], ["other", "P33060200001", 0],
                   ["edai", "P33060200001", -1], ["edai", "P33060200001", "0"], ["edai", "P33060200001"]],
    )  # fmt: skip
    def test_cursors_that_were_not_given_out(self, cursor: Any) -> None:
        product()
        if isinstance(cursor, list):
            cursor = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")
        told = Program().faults("pharmacies/", cursor=cursor)
        assert told == {"cursor": "This cursor was not given out here; use `next` of the page before."}


class TestChanges:
    def test_from_zero_they_give_the_list(self) -> None:
        shops, life = city(A, B, C)
        product()
        bank = Program()
        assert bank.ask()["position"] == 2
        regrade(life, shops[1], C, START + timedelta(hours=1))
        regrade(life, shops[2], B, START + timedelta(hours=2))
        for limit in (1, 3, 10_000):
            pages = bank.pages("changes/", limit=limit)
            rows = [row for page in pages for row in page["results"]]
            assert [row["number"] for row in rows] == [1, 2, 3, 4]
            last = {row["code"]: row["pharmacy"] for row in rows}
            listed = {row["code"]: row for row in bank.ask("pharmacies/")["results"]}
            assert {code: row for code, row in last.items() if row} == listed
            assert pages[-1]["last"] == pages[-1]["position"] == 4
        lost = next(row for row in rows if row["kind"] == "removed")
        assert (lost["code"], lost["old"], lost["new"], lost["cause"], lost["reasons"], lost["pharmacy"]) == (
            shops[1].code, "eligible", "not_eligible", "grade", ["below_minimum"], None,
        )  # fmt: skip

    def test_nothing_new(self) -> None:
        city(A, B)
        product()
        bank = Program()
        found = bank.ask("changes/", since=2)
        assert (found["results"], found["next"], found["since"], found["last"]) == ([], None, 2, 2)
        assert bank.ask("changes/", since=1, limit=1)["next"] is None
        assert bank.ask("changes/", since=0, limit=1)["next"].endswith("?limit=1&since=1")

    def test_beyond_the_position(self) -> None:
        city(A)
        product()
        bank = Program()
        assert bank.ask("changes/", since=1)["position"] == 1
        told = bank.faults("changes/", since=2)
        assert told == {"since": '"2" is beyond the list\'s position 1; start again from 0.'}


class TestStreams:
    def test_ndjson_is_the_pages(self) -> None:
        city(A, B, C, A)
        product()
        bank = Program()
        *rows, end = map(json.loads, bank.stream().splitlines())
        assert rows == bank.ask("pharmacies/")["results"]
        assert (end["end"]["rows"], end["end"]["position"], end["end"]["product"]) == (3, 3, "edai")

    def test_csv(self) -> None:
        city(A, C)
        product()
        bank = Program()
        head, row, end = bank.stream("csv").decode().splitlines()
        (listed,) = bank.ask("pharmacies/")["results"]
        assert head.split(",") == list(listed)
        assert row.split(",")[0] == listed["code"]
        assert end.startswith("#end,edai,1,2,1,")

    def test_headers(self) -> None:
        city(A)
        product()
        bank = Program()
        for headers, parameters, kind, name in (
            ({}, {}, "application/x-ndjson", "edai.ndjson"),
            ({"accept": "text/csv"}, {}, "text/csv; charset=utf-8", "edai.csv"),
            ({}, {"format": "csv"}, "text/csv; charset=utf-8", "edai.csv"),
        ):
            response = bank.get("pharmacies/stream/", headers, **parameters)
            assert response["Content-Type"] == kind
            assert response["Content-Disposition"] == f'attachment; filename="{name}"'
            assert "ETag" not in response and "Signature" in response

    def test_gzip(self) -> None:
        city(A, B)
        product()
        bank = Program()
        rows = bank.stream().splitlines()[:-1]
        packed = gzip.decompress(bank.stream(**{"accept-encoding": "gzip"}))
        assert packed.splitlines()[:-1] == rows
        assert json.loads(packed.splitlines()[-1])["end"]["rows"] == 2


class TestCheck:
    def test_single(self) -> None:
        owner = factories.enterprise()
        shops, _ = city(A, C)
        Pharmacy.objects.filter(pk__in=[one.pk for one in shops]).update(enterprise=owner)
        product()
        bank = Program()
        found = bank.ask("check/", code=shops[0].code, purpose="pre_loan")
        (listed,) = bank.ask("pharmacies/")["results"]
        good = {
            "code": shops[0].code, "social_credit_code": owner.uscc, "eligible": True, "reasons": [],
            "pharmacy": listed,
        }  # fmt: skip
        bad = {
            "code": shops[1].code, "social_credit_code": owner.uscc, "eligible": False,
            "reasons": ["below_minimum"], "pharmacy": None,
        }  # fmt: skip
        assert found == {
            "product": "edai", "position": 1, "ledger_seq": 2, "purpose": "pre_loan",
            "results": [{"code": shops[0].code, "outcome": "eligible", "pharmacies": [good]}],
        }  # fmt: skip
        (below,) = bank.ask("check/", code=shops[1].code, purpose="post_loan")["results"]
        assert below == {"code": shops[1].code, "outcome": "not_eligible", "pharmacies": [bad]}
        (both,) = bank.ask("check/", social_credit_code=owner.uscc, purpose="pre_loan")["results"]
        assert both == {"code": owner.uscc, "outcome": "eligible", "pharmacies": [good, bad]}
        (unknown,) = bank.ask("check/", code=UNKNOWN, purpose="pre_loan")["results"]
        assert unknown == {"code": UNKNOWN, "outcome": "unknown", "pharmacies": []}

    def test_batch_in_the_order_asked(self) -> None:
        shops, _ = city(A, C)
        product()
        asked = [shops[1].code, "P3306", UNKNOWN, shops[0].code, "P3306", "", shops[1].code, factories.uscc()]
        results = Program().send({"purpose": "pre_loan", "codes": asked})["results"]
        assert codes(results) == list(dict.fromkeys(asked))
        outcomes = ["not_eligible", "malformed", "unknown", "eligible", "malformed", "unknown"]
        assert [one["outcome"] for one in results] == outcomes
        assert results[1]["detail_en"].startswith("This is neither a designated code")
        assert not results[1]["detail"].isascii()
        mistyped = factories.uscc()
        mistyped = mistyped[:-1] + ("0" if mistyped[-1] != "0" else "1")
        (told,) = Program().send({"purpose": "pre_loan", "codes": [mistyped]})["results"]
        assert told["detail_en"].startswith("The check digit")

    @pytest.mark.parametrize(
        ("parameters", "wrong"),
        [
            ({"purpose": "pre_loan"}, {"code": "Give code or social_credit_code, one of them."}),
            ({"code": "", "purpose": "pre_loan"}, {"code": "A designated code is P and eleven digits."}),
            ({"code": "p33060200001", "purpose": "pre_loan"}, {"code": "A designated code is P and eleven digits."}),
            ({"code": UNKNOWN}, {"purpose": "Say what it is for: pre_loan post_loan."}),
            ({"code": UNKNOWN, "purpose": ""}, {"purpose": "Say what it is for: pre_loan post_loan."}),
            ({"code": UNKNOWN, "purpose": "list_sync"}, {"purpose": 'There is no "list_sync"; use pre_loan post_loan.'}),
            ({"code": [UNKNOWN, "x"], "purpose": "pre_loan"}, {"code": None}),
            (
                {"code": UNKNOWN, "social_credit_code": "x", "purpose": "pre_loan"},
                {"code": "Give code or social_credit_code, one of them."},
            ),
            ({"social_credit_code": UNKNOWN, "purpose": "pre_loan"}, {"social_credit_code": None}),
            ({"social_credit_code": "91330602MA288UYN0Z", "purpose": "pre_loan"}, {"social_credit_code": None}),
        ],
    )  # fmt: skip
    def test_bad_parameters(self, parameters: dict[str, Any], wrong: dict[str, str | None]) -> None:
        product()
        told = Program().faults("check/", **parameters)
        assert told.keys() == wrong.keys()
        assert all(why in (None, told[name]) for name, why in wrong.items())

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({}, {"purpose": "Say what it is for: pre_loan post_loan.", "codes": "It must be an array of 1 to 10000 codes."}),
            ({"purpose": 1, "codes": "x"}, {"purpose": "It must be a string.", "codes": None}),
            ({"purpose": "pre_loan", "codes": []}, {"codes": None}),
            ({"purpose": "pre_loan", "codes": {"0": UNKNOWN}}, {"codes": None}),
            ({"purpose": "pre_loan", "codes": [UNKNOWN] * 10_001}, {"codes": None}),
            ({"purpose": "x", "codes": ["x"]}, {"purpose": None}),
            (
                {"purpose": "pre_loan", "codes": ["x", None, "y", 3, ["z"]]},
                {"codes.1": "It must be a string.", "codes.3": "It must be a string.", "codes.4": None},
            ),
            ({"purpose": "pre_loan", "codes": ["x"], "cods": 1}, {"cods": "There is no such parameter; did you mean codes?"}),
            ([], {"body": "It must be a JSON object (in braces)."}),
            (b" ", {"body": None}),
            (b'{"purpose":\n  oops}', {"body": "This is not JSON: there is a fault in line 2 at character 3."}),
            (b"\xff", {"body": None}),
            (b'{"codes":["\\ud800"]}', {"body": None}),
            (b'{"codes":' + b"[" * 100_000, {"body": None}),
            (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, {"body": None}),
        ],
        ids=lambda value: str(value)[:40],
    )  # fmt: skip
    def test_bad_bodies(self, body: Any, wrong: dict[str, str | None]) -> None:
        product()
        told = faults(Program().send(body, status=400))
        assert told.keys() == wrong.keys()
        assert all(why in (None, told[name]) for name, why in wrong.items())

    def test_faults_are_told_up_to_a_number(self) -> None:
        product()
        assert len(faults(Program().send({"purpose": "pre_loan", "codes": [1] * 50}, status=400))) == 20

    def test_ten_thousand_codes(self) -> None:
        shops, _ = city(A)
        product()
        asked = [f"P3306{number:08d}" for number in range(9_999)] + [shops[0].code]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            results = Program().send({"purpose": "pre_loan", "codes": asked})["results"]
        assert (len(results), results[-1]["outcome"]) == (10_000, "eligible")
        assert len(queries) < 60

    def test_size_and_kind(self) -> None:
        product()
        bank = Program()
        body = json.dumps({"purpose": "pre_loan", "codes": [UNKNOWN]}).encode()
        padded = body + b" " * (MOST_BYTES - len(body))
        assert bank.send(padded)["results"][0]["outcome"] == "unknown"
        assert "1048576 bytes" in bank.send(padded + b" ", status=413)["detail_en"]
        assert bank.send(body, content_type="application/json; charset=utf-8")
        assert "did not arrive whole" in bank.send(body, status=400, CONTENT_LENGTH="x")["detail_en"]
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            bank.send(body, status=415, content_type=kind)
        bank.send(gzip.compress(body), status=415, headers={"content-encoding": "gzip"})


class TestRefused:
    PATHS = ("", "pharmacies/", "pharmacies/stream/", "changes/", "check/")

    @pytest.mark.parametrize("path", PATHS)
    def test_unknown_parameters_by_name(self, path: str) -> None:
        product()
        told = Program().faults(path, limt="1")
        assert "limt" in told and told["limt"].startswith("There is no such parameter")

    def test_unknown_parameters_elsewhere(self) -> None:
        product()
        assert set(Program().faults(PRODUCTS, x="1")) == {"x"}
        told = Program().send({"purpose": "pre_loan", "codes": ["x"]}, "check/?purpose=pre_loan", status=400)
        assert set(faults(told)) == {"purpose"}

    @pytest.mark.parametrize(
        ("path", "most"), [("pharmacies/", 1_000), ("changes/", 10_000)], ids=["pharmacies", "changes"]
    )
    def test_limits_on_both_sides(self, path: str, most: int) -> None:
        product()
        bank = Program()
        for good in (1, most):
            bank.ask(path, limit=good)
        for bad in (0, most + 1, -1, "", "x", "1.0", "１", "9" * 30, ["1", "2"]):
            assert set(bank.faults(path, limit=bad)) == {"limit"}, bad
        for bad in (-1, "", "x", 10**18, "9" * 5_000) if path == "changes/" else ():
            assert set(bank.faults(path, since=bad)) == {"since"}, bad

    def test_formats(self) -> None:
        product()
        bank = Program()
        assert "ndjson csv" in bank.faults("pharmacies/stream/", format="json")["format"]
        assert "json" in bank.faults("changes/", format="csv")["format"]
        assert bank.get("changes/", {"accept": "text/html"}).status_code == 406
        assert bank.get("pharmacies/stream/", {"accept": "application/json"}).status_code == 406

    def test_a_busy_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def busy(*_: Any, **__: Any) -> LoanProduct:
            raise Busy

        product()
        bank = Program()
        monkeypatch.setattr(views, "bring_up_to_date", busy)
        for path in (*self.PATHS[:-1], PRODUCTS):
            response = bank.get(path)
            assert (response.status_code, response["Retry-After"]) == (503, "5")
            assert "Signature" in response
        bank.ask("check/", 503, code=UNKNOWN, purpose="pre_loan")


class TestRecord:
    def test_what_each_operation_leaves(self) -> None:
        shops, _ = city(A, B, C)
        product()
        bank = Program()
        bank.ask(PRODUCTS)
        bank.ask()
        bank.ask("pharmacies/", limit=1)
        bank.stream()
        bank.stream("csv")
        bank.ask("changes/")
        bank.ask("check/", code=shops[2].code, purpose="pre_loan")
        bank.ask("check/", code=UNKNOWN, purpose="post_loan")
        bank.send({"purpose": "post_loan", "codes": [shops[0].code, UNKNOWN, "x", shops[2].code]})
        bank.ask("changes/", 400, since=7)
        found = Call.objects.exclude(operation="token").order_by("id")
        assert list(found.values_list("operation", "subject", "purpose", "rows", "status")) == [
            ("bank_products", "", "", 0, 200),
            ("bank_product", "edai", "", 0, 200),
            ("bank_pharmacies", "edai", "list_sync", 1, 200),
            ("bank_stream_begun", "edai", "list_sync", 0, 200),
            ("bank_stream", "edai", "list_sync", 2, 200),
            ("bank_stream_begun", "edai", "list_sync", 0, 200),
            ("bank_stream", "edai", "list_sync", 2, 200),
            ("bank_changes", "edai", "list_sync", 2, 200),
            ("bank_check", "edai", "pre_loan", 1, 200),
            ("bank_check", "edai", "post_loan", 0, 200),
            ("bank_check_batch", "edai", "post_loan", 2, 200),
            ("bank_changes", "edai", "", 0, 400),
        ]
        assert set(found.values_list("client", "complete")) == {(bank.client.pk, True)}

    def test_unchanged_leaves_no_rows(self) -> None:
        city(A)
        product()
        bank = Program()
        first = bank.get("pharmacies/")
        again = bank.get("pharmacies/", {"if-none-match": first["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert "Signature" in again and "Content-Digest" not in again
        assert list(Call.objects.filter(operation="bank_pharmacies").values_list("rows", flat=True)) == [0, 1]


class TestCost:
    def test_queries_do_not_grow_with_rows(self) -> None:
        counts = []
        shops, life = city(A, C, C)
        product()
        bank = Program()
        bank.ask()
        batch = {"purpose": "pre_loan", "codes": [shop.code for shop in shops]}
        for _rows in (1, 3):
            counted = []
            for path, more in (
                (PRODUCTS, {}), ("", {}), ("pharmacies/", {}), ("changes/", {}),
                ("check/", {"code": shops[0].code, "purpose": "pre_loan"}),
            ):  # fmt: skip
                with CaptureQueriesContext(connection) as queries:
                    bank.ask(path, **more)
                counted.append(len(queries))
            with CaptureQueriesContext(connection) as queries:
                bank.send(batch)
            counts.append([*counted, len(queries)])
            for shop in shops[1:]:
                regrade(life, shop, B, START + timedelta(hours=1))
            bank.ask()
        assert counts[0] == counts[1]
        # Token, product, whether anything has happened, the rows; the record of the call.
        assert max(counts[0]) <= 6, counts


class TestNothingElse:
    """Of a pharmacy that is not eligible, or has not authorised it, nothing leaves in any form."""

    def test_bytes_of_all_answers(self) -> None:
        shops, life = city(A, C, A, B)
        names = ["甲甲药房", "乙乙药房", "丙丙药房", "丁丁药房"]
        for shop, name in zip(shops, names, strict=True):
            Pharmacy.objects.filter(pk=shop.pk).update(name=name, enterprise=factories.enterprise())
        one = product(authorisation_required=True)
        # The third has not authorised; the fourth loses its grade.
        for place in (0, 1, 3):
            authorise(one, shops[place].code)
        bank = Program()
        bank.ask()
        regrade(life, shops[3], C, START + timedelta(hours=1))
        owners = list(Pharmacy.objects.order_by("pk").values_list("enterprise__uscc", flat=True))
        batch = {"purpose": "pre_loan", "codes": [*(shop.code for shop in shops), *owners]}
        answers = [
            *(bank.get(path).content for path in (PRODUCTS, "", "pharmacies/", "changes/")),
            bank.stream(), bank.stream("csv"),
            json.dumps(bank.send(batch), ensure_ascii=False).encode(),
            *(bank.get("check/", code=shop.code, purpose="pre_loan").content for shop in shops),
            *(bank.get("check/", social_credit_code=code, purpose="pre_loan").content for code in owners),
        ]  # fmt: skip
        everything = b"\n".join(answers).decode()
        assert names[0] in everything and '"grade":"A"' in everything
        for name in names[1:]:
            assert name not in everything
        for grade in ('"C"', '"grade":"B"', ",C,", "一般"):
            assert grade not in everything
        lists = b"\n".join(answers[:6]).decode()
        # Of the fourth, that it left the list; of the others not even that they exist.
        assert shops[3].code in lists and shops[1].code not in lists and shops[2].code not in lists
        assert owners[1] not in lists and owners[2] not in lists
        # Which pharmacy is whose is not told of one that has not authorised it.
        (told,) = bank.ask("check/", code=shops[2].code, purpose="pre_loan")["results"]
        assert told["pharmacies"] == [
            {"code": shops[2].code, "social_credit_code": "", "eligible": False,
             "reasons": ["not_authorised"], "pharmacy": None}
        ]  # fmt: skip
