"""Pages of figures: who sees what of where, in every form, and what goes on record."""

import csv
import io
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from ratings.admin.insight.menu import PAGES
from ratings.admin.insight.pages import LOOKED
from ratings.admin.insight.sheets import Sheet, file_of, workbook_of
from ratings.insight.shares import percent
from ratings.models import Adjustment, AuditEvent, Objection, Pharmacy, Rating, StaffScope
from ratings.rules.periods import Period
from ratings.services import roles
from ratings.services.audit import SYSTEM
from ratings.services.runs import start_run
from ratings.services.schemes import activate_scheme, store_scheme
from tests import desk as rows
from tests import factories
from tests.ratings.admin.desk.conftest import HERE, REVIEWER, THERE, Desk, text_of
from tests.ratings.insight.test_trials import row_counts, touched
from tests.ratings.services.lives import Result, published, run_of

NAMES = [*(page.name for page in PAGES), "movers"]
SHEETS = {
    "grades": {"districts", "periods"},
    "map": {"map"},
    "reasons": {"indicators", "kinds"},
    "work": {"objections", "terms", "waiting", "overdue"},
    "growth": {"before-after", "payments", "complaints"},
    "discretion": {"discretion-districts", "discretion-proposers", "discretion-approvers", "causes", "changes"},
    "supervision": {
        "terms", "offices", "waiting", "overdue", "objections", "discretion-districts", "discretion-proposers",
        "discretion-approvers", "causes", "changes",
    },
}  # fmt: skip


def at(name: str) -> str:
    return reverse(f"insight:{name}")


def sheet_of(client: Client, name: str, sheet: str, **asked: str) -> list[list[str]]:
    """The rows of a table's CSV file, with its heads."""
    answer = client.get(at(name), {**asked, "file": f"{sheet}.csv"})
    assert answer.status_code == 200
    return list(
        csv.reader(io.StringIO(answer.content.decode().removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")))
    )


# Rights


@pytest.mark.parametrize("name", NAMES)
def test_every_role_sees_what_it_may(worked: Desk, name: str) -> None:
    for who in ("clerk", "reviewer", "approver", "inspector"):
        expected = 403 if name == "supervision" and who in ("clerk", "reviewer") else 200
        assert worked[who].get(at(name)).status_code == expected, who
    assert Client().get(at(name)).status_code == 302


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_each_permission_is_needed(worked: Desk, page: Any) -> None:
    user = User.objects.create_user("some", is_staff=True)
    StaffScope.objects.create(user=user, whole_city=True)
    client = Client()
    client.force_login(user)
    needed = Permission.objects.filter(content_type__app_label="ratings", codename__in=page.needs)
    assert needed.count() == len(page.needs)
    for missing in page.needs:
        user.user_permissions.set(needed.exclude(codename=missing))
        assert client.get(at(page.name)).status_code == 403, missing
        assert at(page.name) not in client.get(reverse("admin:index")).content.decode()
    user.user_permissions.set(needed)
    assert client.get(at(page.name)).status_code == 200
    assert at(page.name) in client.get(reverse("admin:index")).content.decode()


def test_nothing_is_changed_and_nothing_can_be_posted(worked: Desk) -> None:
    for name in NAMES:
        assert worked["inspector"].post(at(name)).status_code in (200, 405)
    before, written, looks = row_counts(), touched(), AuditEvent.objects.count()
    for name in NAMES:
        worked["inspector"].get(at(name))
    after = row_counts()
    looks = AuditEvent.objects.count() - looks
    assert {table for table in after if after[table] != before[table]} == {"ratings_auditevent"}
    # and no row was changed: a look in the record is all that was written
    assert (looks, touched() - written) == (len(NAMES), looks)
    for name in NAMES:
        if name != "supervision":
            worked["reviewer"].get(at(name))
    assert touched() - written == looks


# Scope


@pytest.mark.parametrize("name", NAMES)
def test_staff_of_a_district_see_their_own(worked: Desk, name: str) -> None:
    local = worked.local(THERE, roles.APPROVER)
    page = text_of(local, at(name))
    assert "越城区" not in page
    for shop in worked.shops[::2]:
        assert shop.code not in page
    if name in SHEETS:
        book = load_workbook(io.BytesIO(local.get(at(name), {"file": "all.xlsx"}).content))
        cells = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
        assert not cells & {"越城区", *(shop.code for shop in worked.shops[::2])}
    # a district of others is no choice
    assert "越城区" not in text_of(local, at(name), district=str(HERE))
    assert local.get(at(name), {"district": str(HERE), "file": "all.xlsx"}).status_code == 400


def test_numbers_are_those_of_the_district(worked: Desk) -> None:
    here = worked.local(HERE, roles.APPROVER)
    assert [row[:2] for row in sheet_of(here, "grades", "districts")[1:]] == [["越城区", "4"]]
    whole = sheet_of(worked["approver"], "grades", "districts")
    assert [row[:2] for row in whole[1:]] == [["越城区", "4"], ["柯桥区", "3"], ["合计", "7"]]
    assert [
        row[:2] for row in sheet_of(worked["approver"], "grades", "districts", district=str(THERE))[1:]
    ] == [["柯桥区", "3"]]
    assert sheet_of(worked.local(THERE, roles.APPROVER), "work", "objections")[1:] == []


def test_staff_without_a_scope_see_nothing(worked: Desk) -> None:
    user = User.objects.create_user("stray", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="ratings"))
    client = Client()
    client.force_login(user)
    for name in NAMES:
        page = text_of(client, at(name))
        assert "越城区" not in page
        assert "柯桥区" not in page


# Numbers


def test_grades_by_district_equal_direct_sql(worked: Desk) -> None:
    found = sheet_of(worked["approver"], "grades", "districts")
    heads = found[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.name, g.grade, count(*) FROM ratings_publishedgrade g"
            " JOIN ratings_district d ON d.code = g.district WHERE g.event = 'PERIODIC' GROUP BY 1, 2"
        )
        direct = {(name, grade): count for name, grade, count in cursor.fetchall()}
    for row in found[1:3]:
        for head, value in zip(heads[2:7], row[2:7], strict=True):
            grade = "" if head == "无等级" else head.split(" ")[0]
            assert int(value) == direct.get((row[0], grade), 0)
        assert sum(map(int, row[2:7])) == int(row[1])
    assert sum(direct.values()) == int(found[3][1])


def test_the_page_shows_the_numbers_of_the_file(worked: Desk) -> None:
    for name, sheets in SHEETS.items():
        page = worked["approver"].get(at(name))
        shown = {sheet.key: sheet for sheet in page.context["sheets"]}
        assert set(shown) == sheets, name
        for key, sheet in shown.items():
            rows_ = sheet_of(worked["approver"], name, key)
            assert rows_[0] == list(sheet.headers)
            assert len(rows_) == len(sheet.rows) + 1


class Figures(HTMLParser):
    """Sections with a table or drawing, and what each has."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: list[set[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "section" and "cs-sheet" in (given.get("class") or ""):
            self.sections.append(set())
        if self.sections and tag in ("figure", "table", "h2"):
            self.sections[-1].add(tag)
        if self.sections and tag == "svg" and given.get("role") == "img":
            assert given["aria-label"]
            self.sections[-1].add("drawing")


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_every_chart_has_a_title_and_a_table_beside_it(worked: Desk, name: str) -> None:
    page = text_of(worked["approver"], at(name))
    found = Figures()
    found.feed(page)
    assert found.sections
    assert any("drawing" in section for section in found.sections), name
    for section in found.sections:
        assert "h2" in section
        assert "figure" not in section or "table" in section
    ids = re.findall(r' id="([^"]+)"', page)
    assert not [each for each in set(ids) if ids.count(each) > 1 and each.startswith("cs-")]
    assert "file=all.xlsx" in page


def test_discretion_names_who_adjusted(worked: Desk) -> None:
    change = Adjustment.objects.get()
    asked = {"start": "2026-01-01"}
    people = sheet_of(worked["inspector"], "discretion", "discretion-proposers", **asked)
    mine = next(row for row in people if row[0] == change.proposed_by)
    assert mine[3:8] == ["1", "1", "0", "0", "1"]
    listed = sheet_of(worked["inspector"], "supervision", "changes", **asked)
    assert [listed[1][0], listed[1][10], listed[1][12]] == [
        f"#{change.pk}",
        change.proposed_by,
        change.decided_by,
    ]
    assert f'href="/admin/ratings/adjustment/{change.pk}/change/"' in text_of(
        worked["inspector"], at("supervision"), **asked
    )


def test_who_moved_is_behind_the_cells(worked: Desk) -> None:
    results = [Result(shop, 1) for shop in worked.shops[:6]]
    published(run_of(worked.run.scheme, *results, period="2026H1", cutoff=worked.run.cutoff))
    cache.clear()
    page = worked["approver"].get(at("grades"))
    sheet = next(one for one in page.context["sheets"] if one.key == "migration")
    label = Period.parse(worked.run.period).label
    assert sheet.headers[0] == label
    links = re.findall(r'href="([^"]*movers[^"]*)">(\d+)</a>', str(sheet.drawing))
    assert sum(int(count) for _, count in links) == 7
    for link, count in links:
        listed = worked["approver"].get(link.replace("&amp;", "&"))
        assert len(listed.context["sheets"][0].rows) == int(count)
    assert "两期规则不同" not in sheet.note
    default = worked["approver"].get(at("movers")).context["sheets"][0]
    assert all(row[1] != row[2] for row in default.rows)
    # each score leads to its explanation
    for number, row in enumerate(default.rows):
        address = re.search(r'href="([^"]+)"', str(default.looks[number, 4]))
        assert address
        rating = Rating.objects.get(run__period="2026H1", pharmacy__code=row[6])
        assert address[1] == reverse("admin:ratings_rating_change", args=(rating.pk,))

    # by district, and the sentence that names the one that got worse
    moved = next(one for one in page.context["sheets"] if one.key == "shifts")
    assert [row[0] for row in moved.rows] == ["越城区", "柯桥区", "合计"]
    for (place, column), link in moved.looks.items():
        address = re.search(r'href="([^"]+)"', str(link))
        assert address
        listed = worked["approver"].get(address[1].replace("&amp;", "&"))
        assert len(listed.context["sheets"][0].rows) == moved.rows[place][column] > 0
    worst = max(moved.rows[:-1], key=lambda row: row[6])
    told = str(page.context["intro"])
    assert f"下降占比最高的是{worst[0]}（{worst[6]}%，{worst[4]} 家）" in told
    assert "扣分原因" in told


def test_reasons_are_held_against_the_period_before(worked: Desk) -> None:
    cutoff = timezone.now()
    published(start_run(Period.parse("2025H1"), worked.run.scheme, cutoff=cutoff, by=REVIEWER))
    cache.clear()
    for sheet, column in (("indicators", 1), ("kinds", 2)):
        before = sheet_of(worked["approver"], "reasons", sheet, period="2025H1")
        assert {tuple(row[column + 1 : column + 3]) for row in before[1:]} == {("", "")}
        was = {row[0]: Decimal(row[column]) for row in before[1:]}
        found = sheet_of(worked["approver"], "reasons", sheet, period="2025H2")[1:]
        assert was.keys() <= {row[0] for row in found}
        for row in found:
            now, then, more = map(Decimal, row[column : column + 3])
            assert (then, more) == (was.get(row[0], 0), now - then)
        assert any(Decimal(row[column + 2]) for row in found)


@pytest.mark.parametrize("page", ["0", "2", "x", "99999", "100000", "9" * 5_000])
def test_any_page_of_the_list_can_be_asked_for(worked: Desk, page: str) -> None:
    from tests.ratings.services.lives import Result, published, run_of

    results = [Result(shop, 1) for shop in worked.shops[:6]]
    published(run_of(worked.run.scheme, *results, period="2026H1", cutoff=worked.run.cutoff))
    answer = worked["approver"].get(at("movers"), {"p": page})
    assert answer.status_code == 200
    assert bool(answer.context["sheets"][0].rows) == (page not in ("2", "99999"))


def test_what_stays_is_framed_by_its_name(worked: Desk) -> None:
    """Not by its place: a scheme with an A+ has A in the second."""
    from tests.ratings.services.lives import Result, published, run_of

    text = worked.run.scheme.document.replace("version = 1", "version = 2", 1)
    text = re.sub(r"effective_on = .*", "effective_on = 2026-01-01", text)
    text = text.replace('name = "A"', 'name = "A+"').replace('grade = "A"', 'grade = "A+"')
    text = text.replace('name = "B"', 'name = "A"').replace('grade = "B"', 'grade = "A"')
    text = text.replace('limit = "B"', 'limit = "A"').replace('limit = "A+"', 'limit = "A"')
    scheme = activate_scheme(store_scheme(text, by=SYSTEM), by=SYSTEM)
    results = [Result(shop, number % 2) for number, shop in enumerate(worked.shops[:6])]
    published(run_of(scheme, *results, period="2026H1", cutoff=worked.run.cutoff))
    page = worked["approver"].get(at("grades"))
    sheets = {one.key: one for one in page.context["sheets"]}
    heads = re.findall(r'<th scope="col">(.*?)</th>', str(sheets["migration"].drawing))[1:]
    first = re.findall(r'<td class="cs-heat-\d( cs-kept)?">', str(sheets["migration"].drawing))
    assert [bool(kept) for kept in first[: len(heads)]] == [False, True, False, False, False, False]
    # and over time both have their own column, best first, in another colour each
    assert [head.split(" ")[0] for head in sheets["periods"].headers[2:7]] == ["A+", "A", "B", "C", "D"]
    fills = re.findall(r'fill="url\(#cs-\w+-(\w+)\)"', str(sheets["periods"].legend))
    assert len(set(fills)) == len(fills) == 6


# Files


def test_tables_come_as_csv_and_xlsx(worked: Desk) -> None:
    answer = worked["approver"].get(at("grades"), {"file": "districts.xlsx"})
    book = load_workbook(io.BytesIO(answer.content))
    rows_ = list(book.active.iter_rows(values_only=True))
    assert rows_[1][:2] == ("越城区", 4)
    assert "2025年下半年各区县等级分布-20" in unquote(answer["Content-Disposition"])
    event = AuditEvent.objects.filter(action="导出").latest("pk")
    assert (event.actor, event.detail["format"], event.detail["rows"]) == ("approver", "XLSX", 3)
    for wrong in ("districts.doc", "nothing.csv", "csv", "all.csv"):
        assert worked["approver"].get(at("grades"), {"file": wrong}).status_code == 404


def test_the_whole_of_supervision_is_one_workbook(worked: Desk) -> None:
    answer = worked["inspector"].get(at("supervision"), {"start": "2026-01-01", "file": "all.xlsx"})
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames[0] == "说明"
    assert len(book.sheetnames) == 1 + len(SHEETS["supervision"])
    told = [row[:2] for row in book["说明"].iter_rows(values_only=True)]
    assert ("内容", "纪检监督") in told
    assert ("制表", "inspector") in told
    event = AuditEvent.objects.filter(action="导出").latest("pk")
    assert (event.actor, event.subject) == ("inspector", "纪检监督")
    assert event.detail["filters"]["start"] == "2026-01-01"


@pytest.mark.parametrize("nasty", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1", "\x07bell"])
def test_cells_are_harmless(worked: Desk, nasty: str) -> None:
    sheet = Sheet(
        "x", "[标题]:*?/\\很长" + "长" * 40, ("名称", nasty), [[nasty, 5], [None, True]], note=nasty
    )
    csv_rows = list(csv.reader(io.StringIO(str(file_of(sheet, "csv")))))
    assert csv_rows[1][0][0] in "'\N{REPLACEMENT CHARACTER}"
    data = file_of(sheet, "xlsx")
    assert isinstance(data, bytes)
    for made in (data, workbook_of([sheet], [(nasty, nasty)])):
        for page in load_workbook(io.BytesIO(made)):
            for row in page.iter_rows():
                for cell in row:
                    assert cell.data_type != "f"
                    assert not str(cell.value or "").startswith(("=", "+", "-", "@", "\t", "＝"))


def test_a_pharmacys_name_is_harmless_in_the_file(worked: Desk) -> None:
    Pharmacy.objects.filter(pk=worked.shops[0].pk).update(name="=HYPERLINK(1)")
    Objection.objects.update(due_on=date(2026, 2, 12))
    listed = sheet_of(worked["approver"], "work", "overdue")
    assert "'=HYPERLINK(1)" in {row[2] for row in listed}


# On record


@pytest.mark.parametrize("name", NAMES)
def test_an_inspectors_looks_are_on_record(worked: Desk, name: str) -> None:
    text_of(worked["inspector"], at(name), district=str(HERE))
    event = AuditEvent.objects.filter(action=LOOKED).get()
    assert event.actor == "inspector"
    assert event.subject
    assert event.detail["filters"]["district"] == str(HERE)
    if name == "movers":  # nothing has moved yet
        assert worked["inspector"].get(at(name), {"file": "all.xlsx"}).status_code == 404
        return
    worked["inspector"].get(at(name), {"file": "all.xlsx"})
    assert AuditEvent.objects.filter(action=LOOKED).count() == 1
    assert AuditEvent.objects.filter(action="导出", actor="inspector").count() == 1


def test_looks_of_others_are_on_record_in_supervision_only(worked: Desk) -> None:
    for name in NAMES:
        text_of(worked["approver"], at(name))
    assert [event.subject for event in AuditEvent.objects.filter(action=LOOKED)] == ["纪检监督"]


# Forms


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("grades", {"period": "1999"}),
        ("grades", {"district": "x"}),
        ("movers", {"left": "99"}),
        ("work", {"start": "2026-02-02", "until": "2026-02-01"}),
        ("work", {"start": "never"}),
        ("growth", {"start": "1999-01-01"}),
        ("growth", {"start": "2999-01-01"}),
        ("supervision", {"start": "0001-01-01"}),
    ],
)
def test_what_makes_no_sense_is_said_and_gives_no_figures(
    worked: Desk, name: str, asked: dict[str, str]
) -> None:
    page = worked["approver"].get(at(name), asked)
    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    assert not page.context.get("sheets")
    assert worked["approver"].get(at(name), {**asked, "file": "all.xlsx"}).status_code == 400


def test_before_anything_is_published_pages_say_so(desk: Desk) -> None:
    for name in ("grades", "movers", "reasons"):
        assert "发布过" in text_of(desk["approver"], at(name))
    assert "请选择起始月" in text_of(desk["approver"], at("growth"))
    assert "起始后" in text_of(desk["approver"], at("growth"), start="2025-01-01")


def test_growth_before_and_after(worked: Desk) -> None:
    found = {
        row[0]: row[1:] for row in sheet_of(worked["approver"], "growth", "before-after", start="2025-07-15")
    }
    # small_city pays in the second halves of 2024 and 2025; nothing is known of 2023
    assert found["支付同期增幅：全部药店合计（%）"][0] == ""
    now = sum(row.amount_fen for row in factories.FundPayment.objects.filter(month__gte="2025-07-01"))
    base = sum(row.amount_fen for row in factories.FundPayment.objects.filter(month__lt="2025-07-01"))
    assert float(found["支付同期增幅：全部药店合计（%）"][1]) == round(100 * (now / base - 1), 1)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 3, "33.3"), (2, 3, "66.7"), (1, 2000, "0.1"), (0, 5, "0.0"), (5, 5, "100.0")],
)
def test_shares_have_one_decimal(part: int, whole: int, expected: str) -> None:
    assert str(percent(part, whole)) == expected
    assert percent(part, 0) is None


# Queries


@pytest.mark.parametrize("name", NAMES)
def test_queries_do_not_grow_with_the_rows(worked: Desk, name: str) -> None:
    asked = {"start": "2025-07-01"}

    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as seen:
            text_of(worked["inspector"], at(name), **(asked if name not in ("grades", "movers") else {}))
        return len(seen)

    queries()
    few = queries()
    for number in (2, 4):
        factories.complaint(worked.shops[number], recorded_at=timezone.now())
        factories.payment(worked.shops[number], date(2026, 1, 1), recorded_at=timezone.now())
        rows.objection(worked.period, worked.rating(number))
        rows.repair(factories.violation(worked.shops[number + 1], recorded_at=timezone.now()))
    rows.decided(rows.adjustment(worked.period, worked.rating(4)), "REJECTED")
    assert queries() == few
    assert few <= 40


def test_pages_in_chinese_ask_for_nothing_outside(worked: Desk) -> None:
    for name in NAMES:
        page = text_of(worked["approver"], at(name))
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


def test_pages_link_from_the_start_page(worked: Desk, of: Callable[..., Client]) -> None:
    page = text_of(of(roles.CLERK, HERE), reverse("admin:index"))
    for one in PAGES:
        assert (at(one.name) in page) == (one.name != "supervision")
