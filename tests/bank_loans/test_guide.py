"""The integrator's guide is true: its tables, and its client, which runs and refuses what is not whole or not ours."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from applications.api import signatures
from applications.bank_loans import sandbox
from applications.bank_loans.api import views
from applications.bank_loans.models import LoanProduct, Reason
from applications.clients.oauth import scopes_of
from tests.bank_loans.building import TODAY, A, B, C, city, product
from tests.bank_loans.calling import Program, on
from tests.clients import building as clients

GUIDE = (Path(__file__).parents[2] / "applications" / "bank_loans" / "README.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The rows of the first table after a text, without their code marks."""
    _before, text = GUIDE.split(heading, 1)
    (found,) = re.findall(r"(?:^\|.+\|\n)+", text, re.MULTILINE)[:1]
    rows = [line.strip("|").split("|") for line in found.splitlines()[2:]]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


class TestTables:
    @pytest.mark.django_db
    def test_sandbox(self, monkeypatch: pytest.MonkeyPatch) -> None:
        on(TODAY, monkeypatch)
        product("sandbox", authorisation_required=True, is_sandbox=True)
        program = Program(product="sandbox")
        rows = table("<!-- sandbox:begin -->")
        assert [row[0] for row in rows[:-1]] == [one["code"] for one in sandbox.PHARMACIES]
        assert [row[1] for row in rows[:-1]] == [one["social_credit_code"] for one in sandbox.PHARMACIES]
        for code, social_credit_code, outcome, told in rows:
            for asked in ({"code": code}, {"social_credit_code": social_credit_code}):
                (found,) = program.ask("check/", purpose="pre_loan", **asked)["results"]
                assert found["outcome"] == outcome, asked
                if outcome == "unknown":
                    assert found["pharmacies"] == []
                    continue
                (one,) = found["pharmacies"]
                assert told == (one["pharmacy"]["grade"] if one["eligible"] else one["reasons"][0])
        objected = [row["under_objection"] for row in program.ask("pharmacies/")["results"]]
        assert objected == [False, True]

    def test_reasons(self) -> None:
        rows = table("Its removal says why")
        assert [row[0] for row in rows] == [str(one) for one in Reason]
        assert all(row[1].startswith(one.label) for row, one in zip(rows, Reason, strict=True))

    def test_scopes(self) -> None:
        assert set(scopes_of("BANK")) == set(re.findall(r"`(bank:\w+)`", GUIDE))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (found,) = re.findall(r"^```python\n(.+?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    path = tmp_path / "follow.py"
    path.write_text(found)
    return path


Alter = Callable[[list[bytes]], list[bytes]]


def end(old: bytes, new: bytes) -> Alter:
    return lambda lines: [*lines[:-1], lines[-1].replace(old, new)]


#: What may happen to a download on its way, and what is told of it.
ALTERED: list[tuple[Alter, str]] = [
    (lambda lines: lines[:-1], "the download was cut off"),
    (lambda lines: [*lines[:-1], lines[-1][:40]], "the download was cut off"),
    (lambda lines: [*lines[:-1], lines[-1][:-1]], "the download was cut off"),
    (lambda lines: [], "the download was cut off"),
    (lambda lines: lines[1:], "the download was altered"),
    (lambda lines: [lines[0].replace(b'"A"', b'"B"'), *lines[1:]], "the download was altered"),
    (lambda lines: [lines[0], lines[0], *lines[2:]], "the download was altered"),
    (end(b'"position":3', b'"position":2'), "not signed"),
    (end(b'"ledger_seq":4', b'"ledger_seq":5'), "not signed"),
]


class Bank:
    """A bank's machine with the script, a client of ours, and our site."""

    def __init__(self, script: Path, site: str) -> None:
        client = clients.client(["bank:read"], LoanProduct.objects.get().bank)
        self.script, self.site = script, site
        self.environment = {
            **os.environ, "CLIENT_ID": client.client_id, "CLIENT_SECRET": clients.secret(client)
        }  # fmt: skip
        self.program = Program()

    def run(self) -> tuple[int, str]:
        """Status, and what it said."""
        done = subprocess.run(
            [sys.executable, "-I", str(self.script), self.site, "edai"],
            env=self.environment, cwd=self.script.parent, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    @property
    def kept(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.script.parent / "edai.json").read_text())
        return found


@pytest.fixture
def bank(script: Path, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Bank:
    on(TODAY, monkeypatch)
    city(A, B, C, A)
    product()
    return Bank(script, live_server.url)


@pytest.mark.django_db(transaction=True)
class TestClient:
    def test_it_is_short(self, script: Path) -> None:
        assert len([line for line in script.read_text().splitlines() if line]) <= 95

    def test_downloads_and_follows(self, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
        real = views.stream

        def then_changed(*given: Any) -> Iterator[bytes]:
            yield from real(*given)
            LoanProduct.objects.update(minimum_grade="A", reckoned_on=None)

        monkeypatch.setattr(views, "stream", then_changed)
        assert bank.run() == (0, "2 pharmacies at 4, 1 changes after the download at 3\n")
        listed = bank.program.ask("pharmacies/")
        assert bank.kept == {
            "position": listed["position"], "rows": {row["code"]: row for row in listed["results"]}
        }  # fmt: skip

    def test_refuses_what_is_not_whole(self, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
        real = views.stream

        def altered(alter: Alter) -> Callable[..., Iterator[bytes]]:
            return lambda *given: iter(alter(b"".join(real(*given)).splitlines(keepends=True)))

        for alter, why in ALTERED:
            monkeypatch.setattr(views, "stream", altered(alter))
            status, told = bank.run()
            assert status == 1 and told.startswith(f"Refused: {why}"), told
        assert not (bank.script.parent / "edai.json").exists()

    def test_refuses_altered_answers(self, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
        real = signatures.finish

        def altered(header: str, old: str, new: str) -> Callable[..., Any]:
            def finish(*given: Any) -> Any:
                response = real(*given)
                if header in response.headers:
                    response[header] = response[header].replace(old, new, 1)
                return response

            return finish

        for change in (
            ("Content-Digest", "sha-256=:", "sha-256=:A"),
            ("Signature-Input", '"content-digest" ', ""),
            ("Signature-Input", ";created=1", ";created=2"),
            ("Content-Type", "json", "yaml"),
            ("ETag", 'W/"', 'W/"0'),
        ):
            monkeypatch.setattr(signatures, "finish", altered(*change))
            status, told = bank.run()
            assert status == 1 and told.startswith("Refused: "), told

    def test_refuses_another_key(self, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
        real = signatures.sign_bytes
        other = signatures._private_key("2e" * 32)

        def forged(content: bytes) -> tuple[str, str]:
            return real(content)[0], base64.b64encode(other.sign(content)).decode()

        monkeypatch.setattr(signatures, "sign_bytes", forged)
        assert bank.run() == (1, "Refused: not signed by one of the keys\n")

    def test_tells_a_refusal_of_ours(self, bank: Bank) -> None:
        bank.environment["CLIENT_SECRET"] = "x"
        assert "401" in bank.run()[1]
