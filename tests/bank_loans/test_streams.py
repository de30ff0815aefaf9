"""The whole list as one stream: the same rows as the pages, nothing run by spreadsheets, and a signed end."""

import base64
import csv
import io
import json
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from applications.api.signatures import jwks
from applications.bank_loans import reading, streams
from applications.bank_loans.eligibility import bring_up_to_date
from applications.bank_loans.models import LoanProduct
from applications.bank_loans.streams import FORMATS, closing, stream
from ratings.models import District
from tests import factories
from tests.bank_loans.building import TODAY, A, B, C, city, product, publish, shop
from tests.bank_loans.consumer import whole

END = ("product", "position", "ledger_seq", "rows", "sha256", "created", "keyid", "signature")


def split(body: bytes) -> tuple[bytes, bytes]:
    """What stands before the last record, and the last record."""
    at = body.rfind(b"\n", 0, -1) + 1
    return body[:at], body[at:]


def end_of(format: str, record: bytes) -> dict[str, str]:
    if format == "ndjson":
        found = json.loads(record)["end"]
        assert tuple(found) == END
        return {name: str(value) for name, value in found.items()}
    mark, *values = record.decode().rstrip("\n").split(",")
    assert mark == "#end"
    return dict(zip(END, values, strict=True))


def check(format: str, body: bytes) -> dict[str, str]:
    """Verify a download as a bank does. Raises InvalidSignature, AssertionError, ValueError or KeyError."""
    rows, record = split(body)
    end = end_of(format, record)
    key = next(one["x"] for one in jwks()["keys"] if one["kid"] == end["keyid"])
    signed = closing(
        end["product"], format, int(end["position"]), int(end["ledger_seq"]), int(end["rows"]), end["sha256"],
        int(end["created"]),
    )  # fmt: skip
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key + "="))
    public.verify(base64.b64decode(end["signature"]), signed)
    assert sha256(rows).hexdigest() == end["sha256"]
    assert rows.count(b"\n") - (format == "csv") == int(end["rows"])
    return end


def read(one: LoanProduct, format: str) -> bytes:
    return b"".join(stream(one, format))


@pytest.mark.django_db
class TestRows:
    NAMES = (
        '引号"大药房',
        "逗号,大药房",
        "反斜杠\\大药房\\n",
        "制表\t大药房",
        "换行\n大药房",
        "𠮷大药房",
        "\u2028'大药房'",
    )

    def test_json_is_that_of_the_pages(self) -> None:
        shops = [shop(name=name, enterprise=factories.enterprise()) for name in self.NAMES]
        publish({one: number % 2 for number, one in enumerate(shops)})
        one = bring_up_to_date(product(), TODAY)
        rows, _ = split(read(one, "ndjson"))
        listed = [orjson.loads(orjson.dumps(row)) for row in reading.eligible_page(one, "", 99).rows]
        found = [json.loads(line) for line in rows.decode().split("\n")[:-1]]
        assert found == listed
        assert [list(row) for row in found] == [list(row) for row in listed]
        assert {row["name"] for row in found} == set(self.NAMES)

    def test_csv_has_the_same_values(self) -> None:
        publish({shop(name=name): A for name in self.NAMES})
        one = bring_up_to_date(product(), TODAY)
        rows, _ = split(read(one, "csv"))
        found = list(csv.DictReader(io.StringIO(rows.decode(), newline="")))
        listed = orjson.loads(orjson.dumps(reading.eligible_page(one, "", 99).rows))
        words = {"None": "", "False": "false", "True": "true"}
        assert found == [
            {name: words.get(str(value), str(value)) for name, value in row.items()} for row in listed
        ]

    @pytest.mark.parametrize("first", "=+-@\t\r＝＋－＠")
    def test_no_name_becomes_a_formula(self, first: str) -> None:
        one = shop(name=f"{first}1+1大药房")
        publish({one: A})
        District.objects.filter(pk=one.district_id).update(name=f"{first}区")
        loan = bring_up_to_date(product(), TODAY)
        (row,) = csv.DictReader(io.StringIO(split(read(loan, "csv"))[0].decode(), newline=""))
        assert (row["name"], row["district_name"]) == (f"'{one.name}", f"'{first}区")
        assert json.loads(read(loan, "ndjson").splitlines()[0])["name"] == one.name

    def test_an_empty_list_has_its_end_too(self) -> None:
        one = bring_up_to_date(product(), TODAY)
        for format in FORMATS:
            assert check(format, read(one, format))["rows"] == "0"

    def test_no_other_format(self) -> None:
        with pytest.raises(KeyError):
            read(product(), "xlsx")


@pytest.mark.django_db
@pytest.mark.parametrize("format", FORMATS)
class TestEnd:
    @pytest.fixture
    def body(self, format: str) -> bytes:
        city(A, B, C, A)
        return read(bring_up_to_date(product(), TODAY), format)

    def test_tells_what_came_before_it_signed(self, format: str, body: bytes) -> None:
        end = check(format, body)
        assert {name: end[name] for name in ("product", "position", "ledger_seq", "rows")} == {
            "product": "edai", "position": "3", "ledger_seq": "4", "rows": "3",
        }  # fmt: skip

    def test_a_download_that_was_cut_off_has_none(self, format: str, body: bytes) -> None:
        for at in range(1, len(body) - 1, 97):
            with pytest.raises((InvalidSignature, AssertionError, ValueError, KeyError, StopIteration)):
                check(format, body[:at])

    def test_one_that_was_altered_does_not_verify(self, format: str, body: bytes) -> None:
        rows, record = split(body)
        lines = rows.splitlines(keepends=True)
        without = b"".join(lines[:-1])
        for altered in (
            body.replace("某某".encode(), "某甲".encode()),
            without + record,
            without + record.replace(sha256(rows).hexdigest().encode(), sha256(without).hexdigest().encode()),
            body.replace(b"edai", b"best"),
        ):
            assert altered != body
            with pytest.raises((InvalidSignature, AssertionError)):
                check(format, altered)


@pytest.mark.django_db
class TestBlocks:
    def test_of_about_64_kib(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "BLOCK", 500)
        city(*[A] * 20)
        one = bring_up_to_date(product(), TODAY)
        blocks = list(stream(one, "ndjson"))
        assert len(blocks) > 5
        assert all(500 <= len(block) < 1_000 for block in blocks[:-1])
        assert check("ndjson", b"".join(blocks))["rows"] == "20"
        assert len(whole(one)) == 20

    def test_constant_number_of_queries(self) -> None:
        counts = []
        for number, period in enumerate(("2025H1", "2025H2")):
            publish({shop(): A for _ in range(1 + 2 * number)}, period=period)
            one = bring_up_to_date(LoanProduct.objects.first() or product(), TODAY)
            with CaptureQueriesContext(connection) as queries:
                read(one, "csv")
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
class TestConnection:
    @pytest.fixture
    def one(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(streams, "BLOCK", 1)
        city(A, B, A)
        return bring_up_to_date(product(), TODAY)

    def test_reads_only_and_leaves_it_as_it_was(self, one: LoanProduct) -> None:
        blocks = stream(one, "csv")
        next(blocks)
        assert connection.in_atomic_block
        for _ in blocks:
            pass
        assert not connection.in_atomic_block
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("off",)
        LoanProduct.objects.filter(pk=one.pk).update(name="照常可写")

    def test_a_client_that_leaves_half_way(self, one: LoanProduct) -> None:
        blocks = stream(one, "ndjson")
        next(blocks)
        blocks.close()  # type: ignore[attr-defined]
        assert not connection.in_atomic_block
        assert LoanProduct.objects.count() == 1
        assert check("ndjson", read(one, "ndjson"))["rows"] == "3"

    def test_inside_a_transaction_of_the_caller(self, one: LoanProduct) -> None:
        with transaction.atomic():
            LoanProduct.objects.filter(pk=one.pk).update(name="改")
            assert check("csv", read(one, "csv"))["rows"] == "3"
            LoanProduct.objects.filter(pk=one.pk).update(name="再改")


def test_what_is_signed() -> None:
    assert closing("edai", "csv", 7, 9, 3, "ab", 1_700_000_000) == (
        b"bank-loans-end\nedai\ncsv\n7\n9\n3\nab\n1700000000"
    )
