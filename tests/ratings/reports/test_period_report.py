"""The report on a period: its figures are those of the ledger and of the run; who may not have one; the paper."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from creditsys import pdf, pdf_charts
from ratings.models import (
    AuditEvent,
    District,
    IssuedDocument,
    Pharmacy,
    Publication,
    PublishedGrade,
    RatingPeriod,
    SchemeVersion,
)
from ratings.reports import period_figures, period_report
from ratings.reports.period_figures import PeriodFigures
from ratings.services import documents
from ratings.services.documents import Stamp
from ratings.services.errors import Refused
from tests import desk, factories
from tests.pdf_text import fonts, text
from tests.ratings.insight.building import Result, run_of, scheme_in_force
from tests.ratings.services.lives import APPROVER, CUTOFF, published

HERE, THERE = 330602, 330603
AT = timezone.localtime(desk.NOW + timedelta(days=10))
STAMP = Stamp("2026-0000012", "7KQ2-M4XN-9PTW-3FHC", "https://x.example/d/7KQ2M4XN9PTW3FHC/", AT, "某市")
#: Grades of shops 0 to 9 in two periods; -1 = not rated, None = not in it. Even ones are HERE.
FIRST = (0, 0, 1, 1, 2, 3, -1, None, 0, 1)
SECOND = (0, 1, 0, 1, 3, None, 2, 0, 2, 3)


@dataclass
class City:
    scheme: SchemeVersion
    shops: list[Pharmacy]
    first: RatingPeriod
    second: RatingPeriod


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    cache.clear()


def rated(scheme: SchemeVersion, period: str, grades: Sequence[tuple[Pharmacy, int | None]]) -> RatingPeriod:
    results = [
        Result(shop, grade, 95 - 10 * max(grade, 0), {"violations": -5 * max(grade, 0)})
        for shop, grade in grades
        if grade is not None
    ]
    return published(run_of(scheme, *results, period=period, cutoff=CUTOFF))


@pytest.fixture
def city(db: None) -> City:
    """Shop 7 is new in the second period, shop 5 gone from it; shops 8 and 9 lost two grades."""
    scheme = scheme_in_force()
    factories.district()
    factories.district(THERE, "柯桥区")
    shops = [
        factories.pharmacy(district_id=HERE + number % 2, name=f"第{number}大药房") for number in range(10)
    ]
    first = rated(scheme, "2024H2", list(zip(shops, FIRST, strict=True)))
    second = rated(scheme, "2025H1", list(zip(shops, SECOND, strict=True)))
    return City(scheme, shops, first, second)


def read(period: RatingPeriod, district: int | None = None, at: datetime = AT) -> PeriodFigures:
    found = RatingPeriod.objects.select_related("run__scheme", "district").get(pk=period.pk)
    return period_figures.read(found, District.objects.get(pk=district) if district else None, at)


def paper(said: PeriodFigures, stamp: Stamp = STAMP) -> str:
    # a piece of text ends where the next character stands in another part of the font
    return text(period_report.drawn(said, stamp)).replace("\n", "")


@pytest.mark.parametrize("district", [None, HERE, THERE])
def test_grades_and_moves_are_those_of_the_ledger(city: City, district: int | None) -> None:
    said = read(city.second, district)
    rows = PublishedGrade.objects.filter(period="2025H1", event="PERIODIC")
    if district:
        rows = rows.filter(district=district)
    direct: dict[int, Counter[int]] = {}
    for row in rows:
        direct.setdefault(row.district, Counter())[row.position] += 1
    assert said.counts == direct
    assert said.total == Counter(row.position for row in rows)
    both = [
        (left, right)
        for number, (left, right) in enumerate(zip(FIRST, SECOND, strict=True))
        if district in (None, HERE + number % 2)
    ]
    absent = period_figures.ABSENT
    assert said.moves == Counter(
        (absent if left is None else left, absent if right is None else right) for left, right in both
    )
    assert sum(said.moves.values()) == len(both)
    assert said.rated == sum(right is not None and right >= 0 for _, right in both)


def test_who_needs_a_look_is_named_worst_first(city: City) -> None:
    found = [(one.name, one.before, one.after, one.score) for one in read(city.second).low]
    # 4: C to D and 9: B to D have the worst grade; 8: A to C lost two; 1: A to B lost one
    assert found == [
        ("第4大药房", "C", "D", "65"), ("第9大药房", "B", "D", "65"), ("第8大药房", "A", "C", "75"),
    ]  # fmt: skip
    assert [one.name for one in read(city.second, THERE).low] == ["第9大药房"]
    assert [(one.name, one.before) for one in read(city.first).low] == [("第5大药房", "未公布")]


def test_without_a_period_before_there_is_nothing_to_compare(city: City) -> None:
    said = read(city.first)
    assert said.before is None and said.moves == {}
    assert "本期是首次公布，没有上期可比。" in paper(said)


def test_the_summary_says_the_key_figures(city: City) -> None:
    city.second.refresh_from_db()
    for shop, after, state in ((0, 1, "APPROVED"), (1, 0, "REJECTED")):
        rating = city.second.run.ratings.get(pharmacy=city.shops[shop])
        row = desk.adjustment(
            city.second, rating, to_grade=after, proposed_at=desk.NOW, reason_code="not_rectified"
        )
        desk.decided(row, state)
    desk.objection(city.second, city.second.run.ratings.get(pharmacy=city.shops[2]))
    desk.objection(city.first, city.first.run.ratings.get(pharmacy=city.shops[2]))
    desk.repair(factories.violation(city.shops[3], recorded_at=desk.NOW))
    lines = period_report.summary(read(city.second))
    assert lines[0].startswith("2025年上半年，全市公布定点零售药店 9 家，其中评定等级 9 家")
    assert "A 优秀 3 家（33.3%）" in lines[1] and "D 差 2 家（22.2%）" in lines[1]
    assert lines[2] == "各区县中，A 级占比最高的是越城区（40.0%），最低的是柯桥区（25.0%）。"
    assert "上升 2 家，下降 4 家，不变 2 家，新公布 1 家" in lines[3]
    assert "提出 2 件，批准 1 件，占已评级药店的 11.11%；其中调高 0 件，调低 1 件" in lines[6]
    # the objection against the other period is not of this one
    assert "收到异议 1 件，成立 0 件" in lines[7] and "收到信用修复申请 1 件" in lines[7]
    assert any("等级为 D 或比上期下降两级以上的药店共 3 家" in line for line in lines)
    here = period_report.summary(read(city.second, HERE))
    assert "越城区公布定点零售药店 5 家" in here[0]
    assert "提出 1 件，批准 1 件，占已评级药店的 20.00%" in here[5]
    there = period_report.summary(read(city.second, THERE))
    assert "收到异议 0 件" in there[6]


def test_charts_have_the_numbers_of_their_tables(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    for shop in city.shops[:4]:
        factories.complaint(shop, occurred_on=date(2024, 5, 1), recorded_at=desk.NOW)
    drawn: dict[str, list[tuple[str, list[int]]]] = {}
    tables: list[tuple[list[str], list[list[str]]]] = []
    stacked, table = pdf_charts.stacked, pdf.table

    def noting_chart(title: str, series: Any, rows: Any, **more: Any) -> Any:
        drawn[title] = [(label, list(values)) for label, values in rows]
        return stacked(title, series, rows, **more)

    def noting_table(heads: Any, rows: Any, *more: Any) -> Any:
        tables.append((list(heads), [list(row) for row in rows]))
        return table(heads, rows, *more)

    monkeypatch.setattr(pdf_charts, "stacked", noting_chart)
    monkeypatch.setattr(pdf, "table", noting_table)
    said = read(city.second)
    period_report.drawn(said, STAMP)
    heads, rows = tables[0]
    assert heads[:2] == ["区县", "药店"]
    chart = drawn["各区县等级分布（家）"]
    assert [(row[0], [int(cell) for cell in row[2:-1]]) for row in rows] == chart
    assert [int(row[1]) for row in rows] == [sum(values) for _, values in chart]
    assert chart[0] == ("合计", [3, 2, 2, 2, 0])
    assert [label for label, _ in chart] == ["合计", "越城区", "柯桥区"]
    heads, rows = tables[1]
    points = {row[0]: row[1] for row in rows}
    # the run's trace says 5 points a step lost: 3 + 3 + 2 + 2 + 1 + 1 steps
    assert points == {"违法违规": "60"}
    assert drawn["各指标扣分（分）"] == [("违法违规", [60])]
    assert rows[0][3] == "6"


def test_it_says_everything_on_paper(city: City) -> None:
    said = read(city.second)
    found = paper(said)
    publication = Publication.objects.get(period=city.second)
    for words in (
        "2025年上半年定点零售药店信用评价报告（全市）", "一、评价依据和办理过程", "十、怎样核验", "第1版",
        "2026年2月5日至2026年2月11日", publication.statement_sha256, city.second.run.outcomes_sha256,
        "2024年下半年（行）至2025年上半年（列）的等级变动（家）", "第4大药房", "编号 2026-0000012",
        "7KQ2-M4XN-9PTW-3FHC", "https://x.example/d/7KQ2M4XN9PTW3FHC/", f"manage.py replay {city.second.run_id}",
    ):  # fmt: skip
        assert words in found, words
    document = period_report.drawn(said, STAMP)
    embedded = fonts(document)
    assert embedded and all(embedded.values())


def test_the_same_content_gives_the_same_bytes(city: City) -> None:
    first = period_report.drawn(read(city.second), STAMP)
    cache.clear()
    assert period_report.drawn(read(city.second), STAMP) == first


def test_a_districts_report_has_nothing_of_the_others(city: City) -> None:
    found = paper(read(city.second, HERE))
    assert "越城区" in found and "柯桥区" not in found
    assert "第8大药房" in found and "第9大药房" not in found


def test_fifty_are_named_and_the_rest_counted(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "另有" not in paper(read(city.second))
    monkeypatch.setattr(period_report, "NAMED", 2)
    found = paper(read(city.second))
    assert "第9大药房" in found and "第8大药房" not in found
    assert "列前 2 家（等级差的、分数差的在前），另有 1 家。" in found


@pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL", "ABANDONED"])
def test_before_publication_there_is_none(city: City, state: str) -> None:
    period = desk.life(run_of(city.scheme, Result(city.shops[0]), period="2025H2", cutoff=CUTOFF), state)
    with pytest.raises(Refused, match="没有已发布的等级，不能签发评价周期报告；请在发布以后签发"):
        read(period)


@pytest.mark.parametrize("state", ["PUBLISHED", "CLOSED"])
def test_of_published_and_closed_ones_there_is(city: City, state: str) -> None:
    RatingPeriod.objects.filter(pk=city.second.pk).update(state=state)
    assert read(city.second).total.total() == 9


def test_a_district_that_was_not_rated_is_refused(city: City) -> None:
    factories.district(330604, "上虞区")
    with pytest.raises(Refused, match="上虞区"):
        read(city.second, 330604)


def test_a_period_of_one_district_is_reported_for_it(city: City) -> None:
    run = run_of(city.scheme, Result(city.shops[1], 2), period="2025H2", cutoff=CUTOFF)
    assert run.district_id is None
    own = period_figures.read(RatingPeriod.objects.get(pk=city.second.pk), District.objects.get(pk=THERE), AT)
    assert own.scope == "柯桥区" and set(own.counts) == {THERE}


def test_queries_do_not_depend_on_the_number_of_pharmacies(city: City) -> None:
    def queries(period: RatingPeriod) -> int:
        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as seen:
            read(period)
        return len(seen)

    rating = city.second.run.ratings.get(pharmacy=city.shops[0])
    desk.adjustment(city.second, rating, proposed_at=desk.NOW)
    desk.objection(city.second, rating)
    few = queries(city.second)
    more = [factories.pharmacy(district_id=HERE + number % 2, recorded_at=desk.NOW) for number in range(30)]
    grades = [(shop, number % 4) for number, shop in enumerate([*city.shops, *more])]
    third = rated(city.scheme, "2025H2", grades)
    for shop in more[:10]:
        factories.violation(shop, recorded_at=desk.NOW)
        desk.objection(third, third.run.ratings.get(pharmacy=shop))
        rating = third.run.ratings.get(pharmacy=shop)
        desk.adjustment(third, rating, to_grade=(rating.grade + 1) % 4, proposed_at=desk.NOW)
    assert queries(third) == few


def test_issuing_registers_the_document(city: City) -> None:
    row = period_report.issue_period_report(
        RatingPeriod.objects.get(pk=city.second.pk),
        District.objects.get(pk=HERE),
        by=APPROVER,
        site="https://x.example/",
    )
    assert (row.kind, row.district_id, row.period, row.pharmacy, row.seq) == (
        IssuedDocument.Kind.PERIOD_REPORT, HERE, "2025H1", None, None,
    )  # fmt: skip
    assert row.title == "2025年上半年定点零售药店信用评价报告（越城区）"
    assert row.shown_number in text(documents.content(row)).replace("\n", "")
    assert AuditEvent.objects.filter(action="签发文书").count() == 1
