"""Codes and fingerprints on the verification page."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications.pharmacy_lookup.refresh import refresh_places
from ratings.models import PublishedGrade
from ratings.services.documents import grouped
from tests.issued import KIND, issued
from tests.pharmacy_lookup.open_data_city import AT, change, out, shop, statement
from tests.ratings.services.lives import Result
from tests.ratings.services.test_runs import laid_aside_guards

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def data_dir(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def asked(client: Client, code: str, status: int = 200) -> str:
    answer = client.get("/verify/", {"code": code})
    assert answer.status_code == status
    text: str = answer.content.decode()
    return text


class TestCode:
    def test_in_force_with_its_place_in_the_tree(self, client: Client) -> None:
        shops = [shop(name=f"第{number}药房") for number in range(1, 6)]
        out(*map(Result, shops), at=NOW - timedelta(days=1))
        text = asked(client, shops[2].code)
        for told in (
            "真实、有效",
            "第3药房",
            "2025年下半年",
            "5 行中的第 3 行",
            "优秀",
            "发布 1 号",
            statement().told["merkle_root"],
        ):
            assert told in text, told
        assert text.count('<li class="od-hash">') == 3
        assert "真实、有效" in asked(client, f" {shops[2].code.lower()[:5]} {shops[2].code[5:]} ")

    def test_the_days_at_which_it_ends(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        one = shop()
        out(Result(one), at=AT)
        until = PublishedGrade.objects.get().valid_until
        assert until is not None
        for day, told in ((until - timedelta(days=1), "真实、有效"), (until, "真实，但已过有效期")):
            monkeypatch.setattr(timezone, "localdate", lambda *_, day=day: day)
            assert told in asked(client, one.code)

    def test_the_newest_row_counts(self, client: Client) -> None:
        one = shop()
        life = out(Result(one), at=AT)
        change(life, one, -1, "WITHDRAWAL")
        text = asked(client, one.code)
        assert "真实：目前没有等级" in text
        assert "撤回等级" in text
        assert "发布 2 号" in text

    def test_never_published(self, client: Client) -> None:
        one = shop(name="新药房")
        refresh_places()
        assert "新药房（" in asked(client, one.code)
        assert "没有定点编码为 P33060299999" in asked(client, "P33060299999")

    def test_a_row_that_was_changed_behind_our_back(self, client: Client) -> None:
        one, two = shop(), shop()
        out(Result(one), Result(two), at=NOW - timedelta(days=1))
        asked(client, one.code)
        with laid_aside_guards():
            PublishedGrade.objects.filter(seq=1).update(score=99_000)
        assert "核验不通过" in asked(client, one.code)

    def test_constant_number_of_queries(self, client: Client) -> None:
        counts, shops = [], [shop() for _ in range(3)]
        for number, rows in enumerate((1, 3), start=1):
            out(*map(Result, shops[:rows]), period=f"202{number}H1", at=NOW - timedelta(days=1))
            asked(client, shops[0].code)
            with CaptureQueriesContext(connection) as queries:
                asked(client, shops[0].code)
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestFingerprint:
    def test_whole_or_its_beginning(self, client: Client) -> None:
        one = shop()
        change(out(Result(one)), one)
        first = statement(1)
        grouped = " ".join(first.sha256[at : at + 8] for at in range(0, 64, 8)).upper()
        for typed in (first.sha256, first.sha256[:12], grouped):
            text = asked(client, typed)
            for told in ("真实：是我们发布的", "发布 1 号", "不是最新的", "更正 1"):
                assert told in text, told
        assert "是最新的：" in asked(client, statement(2).sha256)

    def test_of_nobody(self, client: Client) -> None:
        out(Result(shop()))
        assert "没有这个指纹" in asked(client, "0" * 64)

    def test_several_that_begin_alike(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        one = shop()
        change(out(Result(one)), one)
        monkeypatch.setattr(
            "applications.pharmacy_lookup.pages.verify.publications_signed",
            lambda _: [statement(1), statement(2)],
        )
        text = asked(client, "0" * 12)
        assert statement(1).sha256 in text
        assert "请多输几位" in text

    def test_signed_by_nobody_we_trust(self, client: Client, settings: Any) -> None:
        out(Result(shop()))
        settings.SIGNING_KEY = "1" * 64
        assert "签名核验不通过" in asked(client, statement().sha256)


class TestDocument:
    @pytest.fixture(autouse=True)
    def files(self, settings: Any, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path

    def led(self, client: Client, typed: str) -> str:
        answer = client.get("/en/verify/", {"code": typed})
        assert answer.status_code == 302
        return str(answer["Location"])

    def test_its_code_leads_to_its_page(self, client: Client) -> None:
        code = issued(KIND.QUARTERLY).code
        for typed in (code, code.lower(), grouped(code).replace("0", "o").replace("1", "l"), f" {code}"):
            assert self.led(client, typed) == f"/d/{code}/"

    def test_so_does_a_code_that_nothing_bears(self, client: Client) -> None:
        """That page says so, and what to do."""
        assert self.led(client, "7777-7777-7777-7778") == "/d/7777777777777778/"

    def test_its_fingerprint(self, client: Client) -> None:
        row = issued(KIND.QUARTERLY)
        assert self.led(client, row.sha256.upper()) == f"/d/{row.code}/"

    def test_sixteen_digits_of_a_published_fingerprint_are_no_code(self, client: Client) -> None:
        out(Result(shop()))
        assert "真实：是我们发布的" in asked(client, statement().sha256[:16])


@pytest.mark.parametrize(
    "typed",
    [
        "P3306020000",
        "P330602000011",
        "H33060200001",
        "P93060200001",
        "0" * 11,
        "0" * 65,
        "g" * 12,
        "x" * 10_000,
        "\0",
        "'--",
        "１２",
    ],
)
def test_neither_code_nor_fingerprint(client: Client, typed: str) -> None:
    text = asked(client, typed, 400)
    assert "请输入 12 位定点编码" in text
    assert 'aria-invalid="true"' in text


@pytest.mark.parametrize("typed", ["", "  "])
def test_nothing_typed(client: Client, typed: str) -> None:
    assert "核验真伪" in asked(client, typed)


def test_methods(client: Client) -> None:
    assert client.head("/verify/").status_code == 200
    assert client.put("/verify/").status_code == 405
    assert "max-age=0" in client.get("/en/verify/")["Cache-Control"]
