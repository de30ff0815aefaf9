"""The open data page and its files: whole, signed, described, and nothing that was not published."""

import csv
import gzip
import io
import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError
from openpyxl import load_workbook

from applications.pharmacy_lookup import tasks
from applications.pharmacy_lookup.open_data import store
from applications.pharmacy_lookup.open_data.about import DEMO, edition
from applications.pharmacy_lookup.open_data.formats import FORMATS
from applications.pharmacy_lookup.pages import open_data
from ratings import published
from ratings.models import Adjustment, Rating
from tests import desk
from tests.pharmacy_lookup.open_data_city import (
    AT,
    AWKWARD,
    as_json,
    awkward_list,
    change,
    download,
    ledger_file,
    out,
    shop,
    statement,
)
from tests.ratings.services import lives
from tests.ratings.services.lives import Result
from tests.ratings.services.test_runs import scheme_in_force

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


class TestFiles:
    def test_the_original_is_the_signed_file(self, client: Client, tmp_path: Path) -> None:
        awkward_list()
        content = download(client, "txt")
        assert content == ledger_file()
        (tmp_path / "1.txt").write_bytes(content)
        for name, address in (("verifier.py", "verifier.py"), ("key.pem", "public-key.pem")):
            (tmp_path / name).write_bytes(client.get(f"/open-data/{address}").content)
        command = [sys.executable, "-I", "-X", "utf8", "verifier.py", "key.pem", "1.txt"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
        assert (done.returncode, "相符 OK" in done.stdout) == (0, True), done

    def test_json_says_what_it_is_and_bears_its_proof(self, client: Client, settings: Any) -> None:
        settings.SITE_URL = "https://credit.example.org"
        awkward_list()
        told, of = as_json(download(client, "json")), statement()
        assert (told["statement"], told["signature"], told["public_key"]) == (
            of.statement, of.signature, of.public_key,
        )  # fmt: skip
        assert told["columns"] == list(published.COLUMNS)
        assert len(told["rows"]) == of.rows == told["about"]["rows"]
        assert [row[2] for row in told["rows"][: len(AWKWARD)]] == list(AWKWARD)
        assert told["rows"][0][:2] == [1, told["rows"][0][1]]
        assert told["rows"][len(AWKWARD)][8:12] == ["", "", -1, None]
        assert (told["about"]["demo"], told["about"]["note"]) == (True, DEMO)
        assert told["about"]["source"] == "https://credit.example.org/open-data/1/"
        assert told["licence"] == settings.OPEN_DATA_LICENCE
        assert [field["field"] for field in told["fields"]] == list(published.COLUMNS)

    def test_csv_for_spreadsheet_programs(self, client: Client) -> None:
        awkward_list()
        content = download(client, "csv")
        assert content.startswith(b"\xef\xbb\xbfseq,code,")
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        assert len(rows) == statement().rows
        assert rows[1]["name"] == "'=1+1"
        assert (rows[0]["score"], rows[-2]["score"], rows[0]["demo"]) == ("95000", "", "演示数据")
        text = [value for row in rows for value in row.values()]
        assert not [
            value
            for value in text
            if value.startswith(tuple("=+@\t\r")) or (value[:1] == "-" and value != "-1")
        ]

    def test_a_workbook_with_its_notes(self, client: Client) -> None:
        awkward_list()
        book = load_workbook(io.BytesIO(download(client, "xlsx")))
        rows, notes = book.worksheets
        assert (rows.title, notes.title, rows.freeze_panes) == ("名单（演示数据）", "说明", "A2")
        assert (rows["A1"].value, rows["A2"].value, rows["L2"].value) == ("序号 seq", 1, 95000)
        assert rows["C3"].data_type == "s"
        told = {row[0]: row[1] for row in notes.iter_rows(values_only=True)}
        of = statement()
        assert told["声明 statement"] == of.statement
        assert told["签名（Ed25519） signature"] == of.signature
        assert told["公钥 public_key"] == of.public_key
        assert told["注意"] == DEMO
        assert told["reason"] == "说明"

    def test_in_production_nothing_speaks_of_a_demo(self, client: Client, settings: Any) -> None:
        settings.PRODUCTION = True
        awkward_list()
        for ending in FORMATS:
            answer = client.get(f"/open-data/1.{ending}", headers={"Accept-Encoding": "gzip"})
            content = gzip.decompress(b"".join(answer))
            if ending == "xlsx":
                book = load_workbook(io.BytesIO(content))
                content = "".join(
                    str(cell) for sheet in book for row in sheet.values for cell in row
                ).encode()
            assert "演示".encode() not in content
            assert "%E6%BC%94" not in answer["Content-Disposition"]
        assert b"demo" not in download(client, "csv")

    def test_field_descriptions_as_a_table(self, client: Client) -> None:
        rows = list(
            csv.DictReader(io.StringIO(client.get("/en/open-data/fields.csv").content.decode("utf-8-sig")))
        )
        assert [row["field"] for row in rows] == list(published.COLUMNS)
        assert rows[1]["title"] == "定点编码"

    def test_a_later_change_has_all_files_too(self, client: Client) -> None:
        one = shop()
        change(out(Result(one)), one, 2)
        for ending in FORMATS:
            assert download(client, ending, 2)
        assert as_json(download(client, "json", 2))["rows"][0][0] == 2


class TestServing:
    def test_packed_or_not_and_without_its_body(self, client: Client) -> None:
        awkward_list()
        plain = client.get("/open-data/1.csv")
        assert "Content-Encoding" not in plain
        packed = client.get("/open-data/1.csv", headers={"Accept-Encoding": "gzip, br"})
        assert packed["Content-Encoding"] == "gzip"
        assert b"".join(plain) == gzip.decompress(b"".join(packed))
        for answer in (plain, packed):
            assert answer["Vary"] == "Accept-Encoding"
            assert answer["Cache-Control"] == "public, max-age=86400"
            assert answer["Access-Control-Allow-Origin"] == "*"
            assert "%E6%BC%94%E7%A4%BA" in answer["Content-Disposition"]  # 演示
        head = client.head("/open-data/1.csv", headers={"Accept-Encoding": "gzip"})
        head.close()
        assert (head.status_code, head["ETag"]) == (200, plain["ETag"])

    def test_only_what_changed_is_sent_again(self, client: Client, settings: Any) -> None:
        awkward_list()
        etag = client.get("/open-data/1.json")["ETag"]
        assert statement().sha256 in etag
        again = client.get("/open-data/1.json", headers={"If-None-Match": etag})
        assert (again.status_code, again["ETag"], again["Cache-Control"]) == (
            304,
            etag,
            "public, max-age=86400",
        )
        assert client.get("/open-data/1.csv", headers={"If-None-Match": etag}).status_code == 200
        settings.OPEN_DATA_LICENCE = "另有规定"
        fresh = client.get("/open-data/1.json", headers={"If-None-Match": etag})
        assert (fresh.status_code, as_json(b"".join(fresh))["licence"]) == (200, "另有规定")

    @pytest.mark.parametrize(
        "address",
        ["2.csv", "0.csv", f"{10**30}.csv", "1.exe", "1.csv.gz", "2/", f"{10**30}/", "-1.csv", "1.5.csv"],
    )
    def test_what_there_is_not(self, client: Client, address: str) -> None:
        out(Result(shop()))
        assert client.get(f"/open-data/{address}").status_code == 404

    @pytest.mark.parametrize(
        "address", ["", "1/", "1.csv", "index.json", "verifier.py", "public-key.pem", "fields.csv"]
    )
    def test_only_for_reading(self, client: Client, address: str) -> None:
        out(Result(shop()))
        assert client.post(f"/open-data/{address}").status_code == 405
        answer = client.head(f"/open-data/{address}")
        assert (answer.status_code, answer.cookies) == (200, {})

    def test_a_large_list_is_written_by_a_task(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        out(Result(shop()), Result(shop()))
        asked: list[int] = []
        monkeypatch.setattr(tasks.write_open_data, "delay", asked.append)
        monkeypatch.setattr(store, "WHILE_WAITING", 1)
        wait = client.get("/open-data/1.csv")
        assert (wait.status_code, wait["Retry-After"], wait["Cache-Control"], asked) == (
            503,
            "60",
            "no-store",
            [1],
        )
        assert "ETag" not in wait
        monkeypatch.setattr(tasks.write_open_data, "delay", mock.Mock(side_effect=OperationalError))
        assert client.get("/open-data/1.csv").status_code == 503
        monkeypatch.setattr(store, "WHILE_WAITING", 2)
        assert client.get("/open-data/1.csv").status_code == 200


class TestStore:
    def test_written_once(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        out(Result(shop()))
        download(client, "csv")
        monkeypatch.setattr(store, "_write_all", None)
        download(client, "xlsx")
        assert store.build(statement())

    def test_a_crash_leaves_nothing_under_the_files_names(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, data_dir: Path
    ) -> None:
        out(Result(shop()))

        def fail(number: int, file: Any) -> None:
            file.write(b"half")
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as broken, pytest.raises(OSError, match="No space"):
            broken.setattr(store, "write_publication", fail)
            store.build(statement())
        assert store.packed_file(statement(), "txt") is None
        assert download(client, "txt") == ledger_file()
        assert not list((data_dir / "open_data").glob("*.part"))

    def test_one_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        out(Result(shop()))
        of, begun, go = statement(), threading.Event(), threading.Event()

        def slow(of: Any, part: Path) -> None:
            begun.set()
            go.wait(20)

        monkeypatch.setattr(store, "_write_all", slow)
        thread = threading.Thread(target=store.build, args=[of])
        thread.start()
        assert begun.wait(20)
        assert not store.build(of, wait=False)
        go.set()
        thread.join()
        assert store.build(of, wait=False)

    def test_blocks_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        out(Result(shop()))
        first = store.blocks(statement())
        monkeypatch.setattr(store, "tree_blocks", None)
        assert store.blocks(statement()) == first
        assert len(first) == 32

    def test_editions(self, settings: Any) -> None:
        before = edition()
        assert before == edition()
        settings.PRODUCTION = True
        assert before != edition()


@pytest.mark.django_db(transaction=True)
class TestAnnounced:
    def test_lists_are_written_before_anybody_asks(self) -> None:
        one = shop()
        change(out(Result(one)), one)
        assert store.packed_file(statement(1), "json")
        assert store.packed_file(statement(2), "json") is None
        assert store.blocks(statement(1))

    def test_a_disk_that_is_full_hurts_no_publication(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(tasks, "build", fail)
        out(Result(shop()))
        assert statement().number == 1
        assert "No space left" in caplog.text
        connections.close_all()

    def test_a_number_that_there_is_not(self) -> None:
        tasks.write_open_data(7)


class TestPages:
    def test_nothing_published_yet(self, client: Client) -> None:
        assert "还没有公布过名单" in client.get("/open-data/").content.decode()
        assert client.get("/open-data/index.json").json()["publications"] == []

    def test_lists_with_what_changed_since(self, client: Client) -> None:
        one, two = shop(), shop()
        life = out(Result(one), Result(two))
        change(life, one, 3, "INTERIM")
        change(life, two, 1)
        text = client.get("/open-data/").content.decode()
        assert text.count("od-list") == 1
        for told in (
            "2025年下半年",
            "2 家",
            "2 次",
            "期间变动 1",
            "更正 1",
            statement().sha256[:16],
            "/open-data/1.xlsx",
        ):
            assert told in text, told
        page = client.get("/open-data/1/").content.decode()
        assert page.index(two.code) < page.index(one.code)
        for told in (statement().signature, "更正", "/open-data/3/"):
            assert told in page, told
        assert "没有。" in client.get("/open-data/3/").content.decode()
        assert client.get("/en/open-data/1/").status_code == 200

    def test_older_lists_and_changes_behind_a_link(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(open_data, "LISTS", 1)
        monkeypatch.setattr(open_data, "CHANGES", 1)
        monkeypatch.setattr(open_data, "INDEXED", 2)
        one = shop()
        out(Result(one), period="2025H1")
        life = out(Result(one))
        change(life, one, 3)
        change(life, one, 2, days=6)
        assert "?before=2#lists" in client.get("/open-data/").content.decode()
        older = client.get("/open-data/?before=2").content.decode()
        assert ("2025年上半年" in older, "2025年下半年" in older, "?before=1#" in older) == (
            True,
            False,
            False,
        )
        assert "没有更早的名单" in client.get("/open-data/?before=1").content.decode()
        assert "?before=4#changes" in client.get("/open-data/2/").content.decode()
        assert '#changes"' not in client.get("/open-data/2/?before=4").content.decode()
        first = client.get("/open-data/index.json").json()
        assert [one["publication"] for one in first["publications"]] == [1, 2]
        rest = client.get(first["next"]).json()
        assert ([one["event"] for one in rest["publications"]], rest["next"]) == (["CORRECTION"] * 2, None)

    @pytest.mark.parametrize("typed", ["x", "-1", "9" * 40, "１", ""])
    def test_numbers_made_up(self, client: Client, typed: str) -> None:
        out(Result(shop()))
        for address in ("/open-data/", "/open-data/1/", "/open-data/index.json"):
            assert client.get(address, {"before": typed, "after": typed}).status_code == 200

    def test_a_signature_that_does_not_hold_is_told(self, client: Client, settings: Any) -> None:
        out(Result(shop()))
        settings.SIGNING_KEY = "1" * 64
        assert "签名核验不通过" in client.get("/open-data/1/").content.decode()

    def test_constant_number_of_queries(self, client: Client) -> None:
        counts, shops = [], [shop() for _ in range(3)]
        for number in (1, 2, 3):
            life = out(*map(Result, shops[:number]), period=f"202{number}H1", at=AT + timedelta(days=9))
            for rating in Rating.objects.filter(run=life.run):
                change(life, rating.pharmacy, days=9)
            with CaptureQueriesContext(connection) as queries:
                assert client.get("/open-data/").status_code == 200
                assert client.get("/open-data/1/").status_code == 200
            counts.append(len(queries))
        assert len(set(counts)) == 1


def test_nothing_but_published_rows(client: Client) -> None:
    """Drafts, a period under notice, settled but unpublished ones, proposals, and what people wrote."""
    shown, hidden = shop(name="公开大药房"), shop(name="未公开大药房")
    other = shop(name="另一大药房")
    life = out(Result(shown), Result(other))
    desk.life(lives.run_of(scheme_in_force(), Result(hidden, score=61_234), period="2026H1"), "PUBLIC_NOTICE")
    desk.life(lives.run_of(scheme_in_force(), Result(hidden, score=61_235), period="2026Q3"), "FINAL")
    lives.run_of(scheme_in_force(), Result(shown, grade=3, score=31_313), period="2026Q4")
    rating = Rating.objects.get(run=life.run, pharmacy=other)
    desk.adjustment(
        life,
        rating,
        cause="WITHDRAWAL",
        rerating=desk.rerating(rating),
        to_grade=-1,
        clause="草拟条款",
        text="草拟理由",
    )
    desk.objection(life, rating, against="PUBLISHED")
    assert Adjustment.objects.count() == 1
    change(life, shown, 1)
    secrets = [hidden.code, hidden.name, "61234", "61235", "31313", "2026H1", "2026Q", "草拟", "WITHDRAWAL"]
    secrets += [desk.APPROVER, desk.REVIEWER, desk.CLERK, *Adjustment.objects.values_list("text", flat=True)]
    texts = []
    for number in (1, 2):
        for ending in FORMATS:
            content = download(client, ending, number)
            if ending == "xlsx":
                book = load_workbook(io.BytesIO(content))
                content = json.dumps(
                    [list(sheet.values) for sheet in book], ensure_ascii=False, default=str
                ).encode()
            texts.append(content.decode())
        texts.append(client.get(f"/open-data/{number}/").content.decode())
    for address in ("/open-data/", "/open-data/index.json"):
        texts.append(client.get(address).content.decode())  # noqa: PERF401 -- plainer
    # What kinds of events there are stands in the description of the fields.
    for text in texts:
        found = [secret for secret in secrets if secret and secret in text.replace("WITHDRAWAL 撤回", "")]
        assert not found
    assert sum(shown.name in text for text in texts) >= 9
