"""Files on the verification page: ours, saved anew, altered, somebody else's, and hostile ones."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook, load_workbook

from applications.pharmacy_lookup.open_data import texts, workbooks
from applications.pharmacy_lookup.open_data.formats import FORMATS
from applications.pharmacy_lookup.pages.verify import UPLOADS_A_MINUTE
from ratings import published
from ratings.services import signing
from ratings.verifier import write_file
from tests.pharmacy_lookup.open_data_city import (
    AT,
    as_json,
    awkward_list,
    change,
    download,
    ledger_file,
    out,
    shop,
    statement,
    upload,
)
from tests.ratings.services.lives import Result

pytestmark = pytest.mark.django_db
Table = list[list[Any]]
GENUINE, ALTERED, FOREIGN = "真实：与公布的完全一致", '<h2 class="od-verdict">被改动', "不是我们的"


@pytest.fixture(autouse=True)
def data_dir(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def told(client: Client, content: bytes, status: int = 200) -> str:
    answer = upload(client, content)
    text: str = answer.content.decode()
    assert answer.status_code == status, text
    return text


def table_of(content: bytes, ending: str) -> Table:
    """The header and rows of a file."""
    if ending == "csv":
        return [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]
    if ending == "xlsx":
        return [list(row) for row in load_workbook(io.BytesIO(content)).worksheets[0].values]
    if ending == "json":
        read = json.loads(content)
        return [read["columns"], *read["rows"]]
    return [line.split("\t") for line in content.decode().split("\n")[3:-1]]


def with_table(content: bytes, ending: str, table: Table) -> bytes:
    """The same file with another table in it."""
    if ending == "csv":
        out = io.StringIO(newline="")
        csv.writer(out).writerows(table)
        return out.getvalue().encode("utf-8-sig")
    if ending == "xlsx":
        book = load_workbook(io.BytesIO(content))
        sheet = book.worksheets[0]
        sheet.delete_rows(1, sheet.max_row)
        for row in table:
            sheet.append(row)
        saved = io.BytesIO()
        book.save(saved)
        return saved.getvalue()
    if ending == "json":
        read = json.loads(content)
        return json.dumps({**read, "columns": table[0], "rows": table[1:]}).encode()
    head = content.decode().split("\n")[:3]
    return "\n".join([*head, *("\t".join(map(str, row)) for row in table), ""]).encode()


@pytest.fixture(params=list(FORMATS))
def ending(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def plain_list(count: int = 6) -> None:
    out(*(Result(shop(name=f"第{number}药房")) for number in range(1, count + 1)))


class TestRoundTrip:
    def test_as_downloaded(self, client: Client, ending: str) -> None:
        awkward_list()
        text = told(client, download(client, ending))
        assert GENUINE in text
        assert "没有更新的名单" in text

    def test_as_a_program_lays_it_out_anew(self, client: Client, ending: str) -> None:
        plain_list()
        content = download(client, ending)
        assert GENUINE in told(client, with_table(content, ending, table_of(content, ending)))

    def test_json_sorted_and_indented(self, client: Client) -> None:
        awkward_list()
        read = as_json(download(client, "json"))
        anew = json.dumps(read, sort_keys=True, indent=2, ensure_ascii=True)
        assert GENUINE in told(client, anew.encode("utf-8-sig"))
        rows = [dict(zip(read["columns"], row, strict=True)) for row in read["rows"]]
        assert GENUINE in told(client, json.dumps({**read, "rows": rows}).encode())

    @pytest.mark.parametrize(
        ("encoding", "delimiter"), [("gb18030", ","), ("utf-8", ";"), ("utf-16", "\t"), ("utf-8-sig", ",")]
    )
    def test_csv_as_spreadsheet_programs_save_it(self, client: Client, encoding: str, delimiter: str) -> None:
        plain_list()
        header, *rows = table_of(download(client, "csv"), "csv")
        for row in rows:
            row[14:16] = [day.replace("-", "/").replace("/0", "/") for day in row[14:16]]
        saved = io.StringIO(newline="")
        writer = csv.writer(saved, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([[*header, "", ""], *rows, [""] * len(header), []])
        assert GENUINE in told(client, saved.getvalue().encode(encoding))

    def test_a_workbook_of_the_csv_with_real_dates(self, client: Client) -> None:
        plain_list()
        header, *rows = table_of(download(client, "csv"), "csv")
        book = Workbook()
        book.active.append(header)
        for row in rows:
            cells: list[Any] = [int(cell) if cell.lstrip("-").isdigit() else cell or None for cell in row]
            cells[14:16] = [AT.replace(tzinfo=None).date(), (AT + timedelta(days=365)).date()]
            book.active.append(cells)
        for _ in range(3):
            book.active.append([])
        book.active.append([None, None, "  ".strip()])
        saved = io.BytesIO()
        book.save(saved)
        assert GENUINE in told(client, saved.getvalue())

    def test_an_original_with_other_ends_of_lines(self, client: Client) -> None:
        awkward_list()
        assert GENUINE in told(client, b"\xef\xbb\xbf" + ledger_file().replace(b"\n", b"\r\n"))
        assert GENUINE in told(client, ledger_file()[:-1])

    def test_of_one_change(self, client: Client, ending: str) -> None:
        one = shop()
        change(out(Result(one)), one)
        assert GENUINE in told(client, download(client, ending, 2))


def changed(table: Table) -> Table:
    table[3][8] = "Z"
    return table


def swapped(table: Table) -> Table:
    table[2], table[5] = table[5], table[2]
    return table


class TestAltered:
    @pytest.mark.parametrize(
        ("alter", "named"),
        [
            (changed, ["1 行被改动", "序号 3", "第3药房", "公布的是 <b>A</b>，文件中是 <b>Z</b>"]),
            (lambda table: [*table[:3], *table[4:]], ["1 行缺失", "序号 3", "第3药房"]),
            (
                lambda table: [*table, [99, "P33060299999", "假药房", *table[1][3:]]],
                ["1 行是添加的", "P33060299999"],
            ),
            (swapped, ["2 行不在原位", "序号 2", "序号 5", "内容没有改动，但次序变了"]),
            (lambda table: table[:1], ["6 行缺失"]),
        ],
    )
    def test_rows_are_named(
        self, client: Client, ending: str, alter: Callable[[Table], Table], named: list[str]
    ) -> None:
        plain_list()
        content = download(client, ending)
        text = told(client, with_table(content, ending, alter(table_of(content, ending))))
        assert GENUINE not in text
        if ending == "csv" and named == ["6 行缺失"]:  # nothing left to know it by
            assert FOREIGN in text
            return
        for one in named:
            assert one in text, one

    def test_where_it_stands_in_the_file(self, client: Client) -> None:
        plain_list()
        for ending, place in (("csv", 4), ("xlsx", 4), ("json", 3), ("txt", 7)):
            content = download(client, ending)
            text = told(client, with_table(content, ending, changed(table_of(content, ending))))
            assert f"文件第 {place} 行，序号 3（" in text, ending

    def test_only_the_first_are_named(self, client: Client) -> None:
        plain_list(45)
        content = download(client, "csv")
        header, *rows = table_of(content, "csv")
        for row in rows[2:]:
            row[2] = "x" * 200
        text = told(client, with_table(content, "csv", [header, *rows]))
        assert ("43 行被改动" in text, text.count("：<b>被改动</b>")) == (True, 20)
        assert "x" * 60 + "…" in text
        assert "x" * 61 not in text

    def test_columns_taken_out_put_in_or_twice(self, client: Client) -> None:
        plain_list()
        content = download(client, "csv")
        table = table_of(content, "csv")
        assert "缺少列：grade" in told(
            client, with_table(content, "csv", [[*row[:8], *row[9:]] for row in table])
        )
        more = [[*row[:17], mark] for row, mark in zip(table, ["note", *"abcdef"], strict=True)]
        text = told(client, with_table(content, "csv", more))
        assert ALTERED in text
        assert "多出的列不是我们公布的：note" in text
        twice = [["grade", *table[0]], *(["A", *row] for row in table[1:])]
        assert "多出的列不是我们公布的：grade" in told(client, with_table(content, "csv", twice))
        other_order = [[row[1], row[0], *row[2:]] for row in table]
        assert GENUINE in told(client, with_table(content, "csv", other_order))

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("statement", "签名不符：发布声明或签名被改动"),
            ("signature", "签名不符：发布声明或签名被改动"),
            ("public_key", "公钥不是我们的"),
        ],
    )
    @pytest.mark.parametrize("ending", ["json", "xlsx", "txt"])
    def test_the_proof(self, client: Client, ending: str, name: str, text: str) -> None:
        plain_list()
        of = statement()
        old = {"statement": '"rows":6', "signature": of.signature, "public_key": of.public_key}[name]
        new = '"rows":7' if name == "statement" else old[:-1] + ("0" if old[-1] != "0" else "1")
        content = download(client, ending)
        if ending == "xlsx":
            book = load_workbook(io.BytesIO(content))
            for row in book.worksheets[1].iter_rows():
                if str(row[0].value).endswith(f" {name}"):
                    row[1].value = str(row[1].value).replace(old, new)
            saved = io.BytesIO()
            book.save(saved)
            content = saved.getvalue()
        elif ending == "json":
            read = as_json(content)
            content = json.dumps({**read, name: read[name].replace(old, new)}).encode()
        elif name == "public_key":
            head, keys, rest = content.split(b"\n", 2)
            content = b"\n".join([head, keys.replace(old.encode(), new.encode()), rest])
        else:
            content = content.replace(old.encode(), new.encode(), 1)
        shown = told(client, content)
        assert ALTERED in shown
        assert text in shown
        assert "行被改动" not in shown  # the rows are as published all the same

    def test_fingerprints_and_columns_of_an_original(self, client: Client) -> None:
        plain_list()
        lines = ledger_file().split(b"\n")
        marks = [*lines[:2], lines[2][:-1] + (b"0" if lines[2][-1:] != b"0" else b"1"), *lines[3:]]
        assert "各行指纹被改动" in told(client, b"\n".join(marks))
        names = [*lines[:3], lines[3].replace(b"grade", b"credit", 1), *lines[4:]]
        assert "列名一行被改动" in told(client, b"\n".join(names))
        assert "文件不完整" in told(client, b"\n".join([*lines[:2], b""]))
        assert "6 行缺失" in told(client, b"\n".join(lines[:4]))

    def test_what_a_file_says_is_shown_harmless(self, client: Client) -> None:
        plain_list()
        content = download(client, "csv")
        table = table_of(content, "csv")
        table[1][2] = "<script>alert(1)</script>"
        text = told(client, with_table(content, "csv", table))
        assert "<script>" not in text
        assert "&lt;script&gt;" in text


class TestForeign:
    def signed_by(self, seed: str, settings: Any, number: int = 1) -> bytes:
        """Our list as another installation would have signed it."""
        of, ours = statement(), settings.SIGNING_KEY
        settings.SIGNING_KEY = seed
        told = {**of.told, "public_key": signing.public_key().hex(), "number": number, "city": "别处"}
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        file = io.BytesIO()
        lines = published.ledger_lines(published.COLUMNS, 1, of.rows)
        write_file(file, text, signing.sign(text), published.fingerprints(1), published.COLUMNS, lines)
        settings.SIGNING_KEY = ours
        return file.getvalue()

    def test_a_foreign_key_over_our_rows(self, client: Client, settings: Any) -> None:
        plain_list()
        text = told(client, self.signed_by(signing.new_seed(), settings))
        assert ALTERED in text
        assert "公钥不是我们的" in text

    def test_signed_by_us_but_not_on_record(self, client: Client, settings: Any) -> None:
        plain_list()
        text = told(client, self.signed_by(settings.SIGNING_KEY, settings))
        assert ALTERED in text
        assert "公布记录中没有这份声明" in text
        gone = self.signed_by(settings.SIGNING_KEY, settings).replace(b"P330602", b"P330699")
        text = told(client, gone)
        assert FOREIGN in text
        assert "公布记录中没有这份声明" in text

    def test_somebody_elses_list(self, client: Client) -> None:
        plain_list()
        content = download(client, "csv")
        table = [[*row[:1], row[1].replace("P3306", "P1101"), *row[2:]] for row in table_of(content, "csv")]
        assert FOREIGN in told(client, with_table(content, "csv", table))
        table = [[row[0] + "000", *row[1:]] if row[0].isdigit() else row for row in table_of(content, "csv")]
        assert FOREIGN in told(client, with_table(content, "csv", table))

    def test_before_anything_was_published(self, client: Client) -> None:
        assert FOREIGN in told(client, b"seq,code\n1,P33060200001\n")


class TestCurrent:
    def test_changed_since(self, client: Client) -> None:
        one, two = shop(name="变动大药房"), shop(name="不变大药房")
        life = out(Result(one), Result(two))
        change(life, one, 3, "INTERIM")
        text = told(client, download(client, "csv"))
        for shown in (GENUINE, "不是最新的", "1 次变动", "期间变动 1", "变动大药房", "D 差"):
            assert shown in text, shown
        assert "不变大药房" not in text
        assert "没有更新的名单" in told(client, download(client, "csv", 2))

    def test_a_newer_period(self, client: Client) -> None:
        one = shop()
        out(Result(one), period="2025H1")
        out(Result(one), period="2025H2")
        text = told(client, download(client, "json", 1))
        assert GENUINE in text
        assert "已公布 2025年下半年 的名单" in text

    def test_constant_number_of_queries(self, client: Client) -> None:
        counts = []
        shops = [shop() for _ in range(3)]
        for number, rows in enumerate((1, 3), start=1):
            out(*map(Result, shops[:rows]), period=f"202{number}H1")
            content = download(client, "csv", number)
            with CaptureQueriesContext(connection) as queries:
                assert GENUINE in told(client, content)
            counts.append(len(queries))
        assert counts[0] == counts[1]


def archive(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file.getvalue()


HOSTILE = {
    "empty": (b"", "文件是空的"),
    "blank": (b" \r\n\t\n", "文件是空的"),
    "nul": (b"\0" * 5000, "文件是空的"),
    "image": (b"\x89PNG\r\n\x1a\n" + b"x" * 99, "这是图片"),
    "old workbook": (b"\xd0\xcf\x11\xe0" + b"x" * 99, "旧版 Excel"),
    "gzip": (b"\x1f\x8b\x08", "gzip"),
    "page": (b"<html>", "这是网页"),
    "archive": (archive(a=b"x"), "这是压缩文件"),
    "not quite an archive": (b"PK\x03\x04" + b"x" * 200, "已损坏"),
    "binary": (bytes(range(128, 256)) * 50, "编码无法识别"),
    "other table": ("姓名,年龄\n张三,5\n".encode(), "这不是我们发布的名单"),
    "other JSON": (b'{"a": [1, 2, 3]}', "这不是我们发布的名单"),
    "JSON cut off": (b'{"columns": ["seq", "code"', "已损坏"),
    "JSON of brackets": (b'{"rows": ' + b"[" * 100_000, "已损坏"),
    "JSON of one text": (b'{"columns": "' + b"x" * 3_000_000, "已损坏"),
    "JSON number": (b'{"columns": ["seq"], "statement": 1' + b"0" * 9000 + b', "rows": []}', "不是我们的"),
    "JSON of Latin": (b'{"columns": "\xff"}', "编码不是 UTF-8"),
    "one long line": (b"seq,code," + b"x" * 2_000_000, "已损坏"),
    "an open quote": (b'seq,code\n"' + b"x,\n" * 100_000, "引号没有配对"),
    "wide": (b"seq,code" + b",x" * 400, "这不是我们发布的名单"),
    "wide row": (b"seq,code\n" + b"1," * 400, "已损坏"),
    "cut within a letter": (b"seq,code\n1,\xe8", "编码无法识别"),
    "statement alone": (b'{"a":1,"merkle_root":"x"}\n', "不是我们的"),
    "statement of numbers": (b'{"number":1e400,"merkle_root":"x"}\n[]\n\n\n', "不是我们的"),
    "number beyond reckoning": (
        b'{"a":1,"merkle_root":"x","number":99999999999999999999}\n1\n',
        "不是我们的",
    ),
}


class TestHostile:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_clear_word(self, client: Client, name: str) -> None:
        plain_list()
        content, text = HOSTILE[name]
        answer = upload(client, content)
        assert answer.status_code in (200, 422)
        assert text in answer.content.decode()

    def test_truncated_anywhere(self, client: Client, ending: str, settings: Any) -> None:
        settings.PRODUCTION = True  # no mark of demo data at the end
        plain_list()
        content = download(client, ending)
        for share in (0.02, 0.3, 0.6, 0.9):
            answer = upload(client, content[: int(len(content) * share)])
            assert answer.status_code in (200, 422)
            assert GENUINE not in answer.content.decode()

    def test_workbooks_that_unpack_to_too_much(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        plain_list()
        content = download(client, "xlsx")
        with monkeypatch.context() as small:
            small.setattr(workbooks, "_MAX_SHEET", 1000)
            assert "工作簿太大" in told(client, content, 422)
        with monkeypatch.context() as small:
            small.setattr(workbooks, "_MAX_ROWS", 6)
            assert "工作簿太大" in told(client, content, 422)
        bomb = archive(**{
            "[Content_Types].xml": b"x", "xl/workbook.xml": b"x", "xl/sharedStrings.xml": b" " * (33 << 20),
        })  # fmt: skip
        assert "工作簿太大" in told(client, bomb, 422)
        laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">]><sst>&a;</sst>'
        assert "压缩文件" in told(
            client, archive(**{"[Content_Types].xml": b"x", "xl/sharedStrings.xml": laughs}), 422
        )

    def test_workbooks_with_odd_cells(self, client: Client) -> None:
        plain_list()
        book = Workbook()
        book.active.append(["seq", "code"])
        book.active["ZZ2"] = 1
        saved = io.BytesIO()
        book.save(saved)
        assert "已损坏" in told(client, saved.getvalue(), 422)

    def test_lines_are_bounded(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        plain_list()
        monkeypatch.setattr(texts, "_MAX_LINE", 200)
        assert "已损坏" in told(client, ledger_file(), 422)

    def test_too_large_is_refused_before_it_is_read(self, client: Client, settings: Any) -> None:
        settings.VERIFY_MAX_MB = 1
        below, above = (upload(client, b"x" * size) for size in (1024 * 1024 - 1000, 1024 * 1024))
        assert (below.status_code, above.status_code) == (422, 413)
        assert "超过 1 MB" in above.content.decode()

    @pytest.mark.parametrize("length", ["x", "-1"])
    def test_a_length_made_up(self, client: Client, length: str) -> None:
        answer = client.generic("POST", "/verify/", b"", CONTENT_LENGTH=length)
        assert answer.status_code in (400, 413, 422)

    def test_nothing_chosen(self, client: Client) -> None:
        for data in ({}, {"file": "text"}):
            answer = client.post("/verify/", data)
            assert (answer.status_code, "请先选择文件" in answer.content.decode()) == (422, True)

    def test_nothing_is_kept(self, client: Client, tmp_path: Path, settings: Any) -> None:
        settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "uploads"
        settings.FILE_UPLOAD_TEMP_DIR.mkdir()
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
        plain_list()
        assert GENUINE in told(client, ledger_file())
        assert not list(settings.FILE_UPLOAD_TEMP_DIR.iterdir())


def test_so_many_in_a_minute(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("applications.api.throttle.time.time", lambda: 1_800_000_030.0)
    statuses = [client.post("/verify/").status_code for _ in range(UPLOADS_A_MINUTE + 1)]
    assert statuses == [422] * UPLOADS_A_MINUTE + [429]
    refused = client.post("/verify/")
    assert (refused["Retry-After"], b"cs-bad" in refused.content) == ("30", True)
    assert client.get("/verify/").status_code == 200
    assert client.post("/verify/", REMOTE_ADDR="192.0.2.7").status_code == 422


def test_only_from_our_own_form() -> None:
    client = Client(enforce_csrf_checks=True)
    assert upload(client, b"x").status_code == 403
    page = client.get("/verify/")
    assert list(page.cookies) == ["csrftoken"]
    token = page.context["csrf_token"]
    answer = client.post("/verify/", {"csrfmiddlewaretoken": str(token)})
    assert answer.status_code == 422
