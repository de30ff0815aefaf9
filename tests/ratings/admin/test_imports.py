"""The import pages: upload, columns, dry run, accept or drop; for the own district only."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from ratings.admin import imports, uploads
from ratings.models import ImportBatch, Violation

from .conftest import Place, batch_of, client_of, staff

HEADER = "编码,文书编号,类型,情节,处理性质,作出机关,发生日期,决定日期,涉及金额（元）"


def line(shop: str, number: str, gravity: str = "一般") -> str:
    return f'{shop},{number},回流药,{gravity},行政处罚,市医保局,2025-01-05,2025-02-01,"1,000.50"'


def url(page: str, *args: object) -> str:
    return reverse(f"admin:ratings_importbatch_{page}", args=args)


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def upload(client: Client, *lines: str, kind: str = "violations", header: str = HEADER) -> HttpResponse:
    file = SimpleUploadedFile("违法.csv", "\n".join([header, *lines, ""]).encode())
    return client.post(url("upload"), {"kind": kind, "file": file})


def check(client: Client, *lines: str) -> ImportBatch:
    """Upload, map the first column by hand, and see the dry run."""
    columns = upload(client, *lines)["Location"]
    page = client.get(columns)
    assert [entry["header"].guess for entry in page.context["headers"]][1:4] == [
        "document_no",
        "kind",
        "gravity",
    ]
    form = {f"column{entry['place']}": entry["chosen"] for entry in page.context["headers"]}
    answer = client.post(columns, {**form, "column0": "pharmacy"})
    assert answer.status_code == 302, answer.context["stopped"]
    batch = ImportBatch.objects.latest("pk")
    assert answer["Location"] == url("change", batch.pk)
    return batch


def test_from_upload_to_facts(clerk: Client, here: Place) -> None:
    batch = check(clerk, line(here.pharmacy.code, "甲1号"), line(here.pharmacy.code, "甲2号"))
    assert (batch.added, batch.refused, batch.state) == (2, 0, "CHECKED")
    assert Violation.objects.count() == 1, "a dry run writes nothing"
    page = clerk.get(url("change", batch.pk)).content.decode()
    assert "确认入库" in page
    assert "尚未写入任何数据" in page
    clerk.post(url("accept", batch.pk))
    assert Violation.objects.filter(batch=batch).count() == 2
    assert Violation.objects.filter(document_no="甲1号").get().amount_fen == 100_050
    assert not list((uploads._folder()).iterdir()), "the upload is not kept twice"


def test_refused_rows_are_told_and_left_out_only_on_request(clerk: Client, here: Place, there: Place) -> None:
    good, bad = line(here.pharmacy.code, "甲1号"), line(here.pharmacy.code, "甲2号", "很重")
    foreign = line(there.pharmacy.code, "甲3号")
    batch = check(clerk, good, bad, foreign)
    assert (batch.added, batch.refused) == (1, 2)
    page = clerk.get(url("change", batch.pk)).content.decode()
    assert "很重" in page
    assert "不在您的管辖区县" in page
    for label in ("行号", "列", "值", "问题", "处理办法"):  # what a phone shows instead of heads
        assert page.count(f'data-label="{label}"') == batch.refused
    csv = b"".join(clerk.get(url("problems", batch.pk)).streaming_content).decode("utf-8-sig")
    assert "很重" in csv
    clerk.post(url("accept", batch.pk))
    batch.refresh_from_db()
    assert batch.state == "CHECKED", "rows are refused, so nothing is written"
    clerk.post(url("accept", batch.pk), {"skip_refused": "1"})
    batch.refresh_from_db()
    assert batch.state == "ACCEPTED"
    assert Violation.objects.filter(batch=batch).count() == 1


def test_a_dropped_batch_writes_nothing(clerk: Client, here: Place) -> None:
    batch = check(clerk, line(here.pharmacy.code, "甲1号"))
    clerk.post(url("drop", batch.pk))
    answer = clerk.post(url("accept", batch.pk), follow=True)
    assert "不能再次处理" in "".join(str(message) for message in answer.context["messages"])
    assert Violation.objects.count() == 1


def test_get_accepts_and_drops_nothing(clerk: Client, here: Place) -> None:
    batch = check(clerk, line(here.pharmacy.code, "甲1号"))
    assert clerk.get(url("accept", batch.pk)).status_code == 405
    assert clerk.get(url("drop", batch.pk)).status_code == 405


def test_a_missing_column_can_have_a_default(clerk: Client, here: Place) -> None:
    header = HEADER.replace(",作出机关", "")
    row = line(here.pharmacy.code, "甲1号").replace(",市医保局", "")
    columns = upload(clerk, row, header=header)["Location"]
    answer = clerk.post(columns, {"column0": "pharmacy"})
    assert answer.status_code == 200
    assert "作出机关" in answer.context["stopped"].message
    answer = clerk.post(columns, {"column0": "pharmacy", "default_body": "市医保局"})
    assert answer.status_code == 302
    assert ImportBatch.objects.get().added == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("空.csv", b"", "请选择文件|文件是空的"),
        ("a.pdf", b"%PDF-1.7 xxxxxxxx", "PDF"),
        ("a.xlsx", b"PK\x03\x04broken", "文件"),
        ("a.csv", b"\xff\xfe\x00\xd8\x00\x00", "文件"),
    ],
)
def test_files_that_are_no_tables(name: str, content: bytes, told: str, clerk: Client) -> None:
    file = SimpleUploadedFile(name, content)
    answer = clerk.post(url("upload"), {"kind": "violations", "file": file}, follow=True)
    page = answer.content.decode()
    assert any(part in page for part in told.split("|"))
    assert ImportBatch.objects.count() == 0


def test_too_large_files_are_refused(clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_UPLOAD", 10)
    assert "文件过大" in upload(clerk, "x").content.decode()


def test_an_upload_belongs_to_its_session(clerk: Client, city_clerk: Client, here: Place) -> None:
    columns = upload(clerk, line(here.pharmacy.code, "甲1号"))["Location"]
    assert city_clerk.get(columns)["Location"] == url("upload")


def test_kinds_are_those_that_one_may_record(clerk: Client, city_clerk: Client, powerless: Client) -> None:
    offered = lambda client: {kind.id for kind in client.get(url("upload")).context["kinds"]}  # noqa: E731
    assert "districts" in offered(city_clerk)
    assert not {"districts", "enterprises"} & offered(clerk)
    assert powerless.get(url("upload")).status_code == 403
    assert upload(clerk, "x", kind="districts").context["problem"] == "请选择数据种类。"


def test_deciding_needs_the_right_and_the_scope(here: Place, there: Place, powerless: Client) -> None:
    other = client_of(staff("keqiao", districts=(there.district.code,)))
    batch = batch_of("yuecheng")
    assert other.post(url("accept", batch.pk)).status_code == 404
    assert other.post(url("drop", batch.pk)).status_code == 404
    assert other.get(url("problems", batch.pk)).status_code == 404
    assert powerless.post(url("accept", batch.pk)).status_code == 403
    user = staff("reader", whole_city=True)
    user.user_permissions.set(user.user_permissions.filter(codename__startswith="view_"))
    reader = client_of(user)
    assert reader.get(url("change", batch.pk)).status_code == 200
    assert reader.post(url("accept", batch.pk)).status_code == 403


def test_templates(clerk: Client) -> None:
    answer = clerk.get(url("template", "violations"))
    assert "文书号" in answer.content.decode("utf-8-sig")
    assert clerk.get(url("template", "nothing")).status_code == 404
    assert clerk.get(url("template", "districts")).status_code == 403
