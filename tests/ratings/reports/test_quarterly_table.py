"""The quarterly table on paper: the figures of the quarter, what they mean, the lines to sign; page and command."""

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pypdf import PdfReader

from ratings.insight.quarterly import FIGURES, cutoff_of, quarter_of, quarterly
from ratings.insight.quarterly_book import shown, unit_of
from ratings.models import District, IssuedDocument
from ratings.reports.quarterly import drawn, issue_quarterly, quarterly_table
from ratings.services import documents
from ratings.services.audit import SYSTEM
from ratings.services.documents import Stamp
from ratings.services.errors import Refused
from tests import factories
from tests.pdf_text import fonts, text

pytestmark = pytest.mark.django_db
QUARTER = quarter_of("2025Q2")
SITE = "https://credit.example.org"
AT = datetime(2025, 7, 8, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.SITE_URL = ""


@pytest.fixture
def cutoff() -> datetime:
    """Of a city of two districts with decisions and complaints, at the cutoff of the table that is handed in."""
    known = {"recorded_at": datetime(2025, 7, 9, tzinfo=UTC)}
    for number, place in enumerate((factories.district(), factories.district(330603, "柯桥区")), 1):
        shops = [factories.pharmacy(district=place) for _ in range(number + 2)]
        for shop in shops[:number]:
            factories.violation(
                shop,
                amount_fen=123_456_789 * number,
                measures="约谈、追回",
                decided_on=date(2025, 6, 1),
                **known,
            )
        factories.complaint(shops[0], occurred_on=date(2025, 4, 1), decided_on=date(2025, 5, 1), **known)
    return cutoff_of(QUARTER, timezone.now())


def stamp(at: datetime = AT) -> Stamp:
    address = f"{SITE}/d/0123456789ABCDEF/"
    return Stamp("2025-0000001", "0123-4567-89AB-CDEF", address, timezone.localtime(at), "绍兴市")


def rows_of(document: bytes, place: str) -> list[str]:
    """The numbers that stand behind a district's name, of all its rows."""
    lines, found, inside = text(document).split("\n"), [], False
    for line in lines:
        number = line.replace(",", "").replace(".", "").isdigit()
        inside = line == place or (inside and number)
        if inside and number:
            found.append(line)
    return found


def test_every_figure_of_every_district(cutoff: datetime) -> None:
    table = quarterly(QUARTER, cutoff=cutoff)
    document = drawn(quarterly_table(QUARTER, cutoff=cutoff), stamp())
    for name, counts in (*((name, counts) for _, name, counts in table.rows), ("合计", table.total)):
        assert rows_of(document, name) == [f"{shown(figure, counts[figure.id]):,}" for figure in FIGURES]
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(amount_fen) FROM ratings_violation")
        fen = int(cursor.fetchone()[0])
    assert f"{fen // 100:,}.{fen % 100:02d}" in rows_of(document, "合计")


def test_says_what_the_form_must(cutoff: datetime) -> None:
    found = text(drawn(quarterly_table(QUARTER, cutoff=cutoff), stamp())).replace("\n", "")
    for words in (
        "定点零售药店医保信用监管季度统计表（全市）",
        "2025年第二季度（2025年4月1日至2025年6月30日）",
        "2025年7月11日 00:00",
        "2025年7月10日前（含当日）",
        "没有检查台账，须由填报单位另行填写",
        "检查家数（由填报单位填写）",
        "填报单位（盖章）：绍兴市",
        "单位负责人：",
        "审核人：",
        "填报人：",
        "填报日期：2025年7月8日",
        "编号 2025-0000001",
    ):
        assert words in found
    for figure in FIGURES:
        assert figure.meaning in found and f"（{unit_of(figure)}）" in found


def test_one_district_has_no_total_and_nobody_elses_figures(cutoff: datetime) -> None:
    place = District.objects.get(pk=330603)
    document = issue_quarterly(QUARTER, cutoff=cutoff, district=place, by=SYSTEM, site=SITE)
    found = text(documents.content(document))
    assert "越城区" not in found and "合计" not in found
    assert (document.kind, document.period, document.district) == ("QUARTERLY", "2025Q2", place)
    assert document.title == "定点零售药店医保信用监管季度统计表（柯桥区）2025年第二季度"


def test_pages_lie_across_and_long_tables_go_on(cutoff: datetime) -> None:
    for number in range(40):
        factories.district(340100 + number, f"第{number}县")
    document = drawn(quarterly_table(QUARTER, cutoff=cutoff), stamp())
    pages = PdfReader(io.BytesIO(document)).pages
    assert all(page.mediabox.width > page.mediabox.height for page in pages)
    assert "季末定点" in pages[0].extract_text() and "第0县" in pages[0].extract_text()
    assert len(rows_of(document, "第39县")) == len(FIGURES)


def test_fonts_are_embedded_and_same_content_gives_the_same_bytes(cutoff: datetime) -> None:
    once, again = (drawn(quarterly_table(QUARTER, cutoff=cutoff), stamp()) for _ in range(2))
    assert once == again
    found = fonts(once)
    assert found and all(found.values())


def test_queries_do_not_grow(cutoff: datetime) -> None:
    counts = []
    for more in (0, 2):
        for number in range(more):
            factories.pharmacy(district=factories.district(340100 + number, f"第{number}县"))
        with CaptureQueriesContext(connection) as queries:
            quarterly_table(QUARTER, cutoff=cutoff)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


def test_a_quarter_that_has_not_begun_is_refused() -> None:
    with pytest.raises(Refused, match="尚未开始"):
        issue_quarterly(QUARTER, cutoff=datetime(2025, 3, 31, 15, tzinfo=UTC), by=SYSTEM, site=SITE)
    assert not IssuedDocument.objects.exists()


class TestCommand:
    def test_issues_and_writes(self, cutoff: datetime, tmp_path: Path) -> None:
        out, file = io.StringIO(), tmp_path / "表.pdf"
        call_command("quarterly", "2025Q2", pdf=file, site=SITE, stdout=out, no_color=True)
        document = IssuedDocument.objects.get()
        assert f"已签发 {document.shown_number}" in out.getvalue()
        assert file.read_bytes() == documents.content(document)
        assert document.issued_by.endswith("（manage.py quarterly）")
        assert SITE in text(file.read_bytes())

    def test_says_where_it_would_be_verified(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="SITE_URL"):
            call_command("quarterly", "2025Q2", pdf=tmp_path / "表.pdf", stdout=io.StringIO())
        assert not IssuedDocument.objects.exists()

    def test_says_when_it_cannot_write(self, cutoff: datetime, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="已经签发"):
            call_command(
                "quarterly", "2025Q2", pdf=tmp_path / "none" / "表.pdf", site=SITE, stdout=io.StringIO()
            )
        assert IssuedDocument.objects.count() == 1
