"""The certificate: only of a grade that holds, saying what the ledger says, on one page, for any name."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.models import AuditEvent, Pharmacy, PublishedGrade
from ratings.reports.certificate import CAUTION, Certificate, certificate, drawn, issue_certificate
from ratings.rules.periods import Period
from ratings.services import documents
from ratings.services.documents import Stamp
from ratings.services.errors import Refused
from ratings.services.steps import shown_day
from tests import desk
from tests.pdf_text import fonts, text
from tests.ratings.services import regrading
from tests.ratings.services.regrading import AT, CLERK, GOOD, GROWN, PENALISED

from .conftest import City, renamed

TODAY = AT.date()
SITE = "https://credit.example"


def words(said: Certificate, stamp: Stamp) -> str:
    """All that the document says, without the breaks of lines."""
    return text(drawn(said, stamp)).replace("\n", "")


def row_of(shop: Pharmacy) -> PublishedGrade:
    return PublishedGrade.objects.get(pharmacy=shop)


@pytest.mark.parametrize(("place", "grade"), [(GOOD, "A"), (GROWN, "B"), (PENALISED, "C")])
def test_it_says_what_the_ledger_says(city: City, stamp: Stamp, place: int, grade: str) -> None:
    shop = city.shops[place]
    said, row = certificate(shop, TODAY), row_of(shop)
    assert (said.grade, said.seq, said.publication) == (grade, row.seq, row.publication_id)
    found = words(said, stamp)
    told = (
        *(shop.name, shop.code, Period.parse(row.period).label, f"{row.grade} 级 {row.grade_label}"),
        *(shown_day(row.valid_from), f"{row.seq}（发布 {row.publication_id}）", CAUTION),
        *(stamp.number, stamp.code, stamp.address, shown_day(TODAY), "演示数据"),
    )
    assert [part for part in told if part not in found] == []
    # the letter in the shape, beside the words
    assert grade in text(drawn(said, stamp)).split("\n")


def test_the_last_day_is_included(city: City) -> None:
    said = certificate(city.shops[GOOD], TODAY)
    assert replace(said, valid_until=date(2026, 8, 1)).validity.endswith("至2026年7月31日止")
    assert replace(said, valid_until=None).validity.endswith("至下一次公布为止")


def test_one_page_with_its_font_and_the_same_bytes(city: City, stamp: Stamp) -> None:
    said = certificate(city.shops[GOOD], TODAY)
    found = drawn(said, stamp)
    assert found == drawn(said, stamp)
    assert found != drawn(replace(said, seq=said.seq + 1), stamp)
    assert fonts(found)
    assert all(fonts(found).values())
    assert b"/Count 1 " in found


@pytest.mark.parametrize("length", [1, 20, 21, 63, 200])
def test_a_name_of_any_length_fits_on_the_page(city: City, stamp: Stamp, length: int) -> None:
    name = ("国药控股大药房连锁有限公司绍兴第一人民医院店（夜间窗口）" * 9)[:length]
    said = replace(certificate(city.shops[GOOD], TODAY), name=name, address="市民大道" * 70)
    found = drawn(said, stamp)
    assert name in text(found).replace("\n", "")
    assert b"/Count 1 " in found
    assert CAUTION in text(found)


def test_no_line_of_a_name_ends_with_an_open_bracket(city: City, stamp: Stamp) -> None:
    name = "绍兴市上虞区国药控股国大复美药业（浙江）连锁有限公司上虞人民医院店（夜间窗口）"
    lines = text(drawn(replace(certificate(city.shops[GOOD], TODAY), name=name), stamp)).split("\n")
    assert [line for line in lines if line.endswith("（")] == []


def test_rare_characters_print(city: City, stamp: Stamp) -> None:
    shop = renamed(city.shops[GOOD], "𬭎㙘大药房")
    assert "𬭎㙘大药房" in words(certificate(shop, TODAY), stamp)


def test_a_name_beyond_the_font_is_not_issued(city: City) -> None:
    shop = renamed(city.shops[GOOD], "某\U0002a6d6大药房")
    with pytest.raises(Refused, match=r"U\+2A6D6"):
        issue_certificate(shop, by=CLERK, site=SITE, at=AT)
    assert not shop.documents.exists()


def test_a_new_name_stands_beside_that_of_the_ledger(city: City, stamp: Stamp) -> None:
    shop, before = city.shops[GOOD], city.shops[GOOD].name
    found = words(certificate(renamed(shop, "新名字药房"), TODAY), stamp)
    assert "新名字药房" in found
    assert f"公布时名称{before}" in found


def test_an_objection_leaves_its_mark(city: City, stamp: Stamp) -> None:
    shop = city.shops[GOOD]
    assert "异议" not in words(certificate(shop, TODAY), stamp)
    desk.objection(city.period, city.rating(shop), against="PUBLISHED")
    assert "对本等级的异议正在处理" in words(certificate(shop, TODAY), stamp)


# Who has none


def test_without_a_published_grade(city: City) -> None:
    never = Pharmacy.objects.create(
        code="P33060299999", name="未评药房", district=city.new.district, designated_on=date(2026, 1, 20)
    )
    with pytest.raises(Refused, match="没有公布过信用等级"):
        certificate(never, TODAY)
    with pytest.raises(Refused, match=re.escape(row_of(city.new).reason)):
        certificate(city.new, TODAY)
    assert row_of(city.new).reason


def test_before_and_after_the_grade_holds(city: City) -> None:
    shop, row = city.shops[GOOD], row_of(city.shops[GOOD])
    assert row.valid_until
    day = timedelta(days=1)
    for on in (row.valid_from, row.valid_until - day):
        assert certificate(shop, on).seq == row.seq
    with pytest.raises(Refused, match="没有公布过"):
        certificate(shop, row.valid_from - day)
    with pytest.raises(Refused, match=f"自{shown_day(row.valid_until)}起已失效"):
        certificate(shop, row.valid_until)


def test_a_pharmacy_that_is_designated_no_more(city: City) -> None:
    shop = city.shops[GOOD]
    Pharmacy.objects.filter(pk=shop.pk).update(designated_until=TODAY + timedelta(days=1))
    assert certificate(shop, TODAY)
    with pytest.raises(Refused, match="不再是定点药店"):
        certificate(shop, TODAY + timedelta(days=1))


@pytest.mark.parametrize("status", ["SUSPENDED", "TERMINATED"])
def test_an_agreement_that_is_not_in_force(city: City, status: str) -> None:
    shop = city.shops[GOOD]
    regrading.end_agreement(shop, TODAY, status)
    assert certificate(shop, TODAY - timedelta(days=1))
    with pytest.raises(Refused, match="协议"):
        certificate(shop, TODAY)
    regrading.end_agreement(shop, TODAY + timedelta(days=2), "IN_SERVICE")
    with pytest.raises(Refused, match="协议"):
        certificate(shop, TODAY + timedelta(days=1))
    assert certificate(shop, TODAY + timedelta(days=2))


# Issuing


def test_it_is_kept_and_on_record(city: City) -> None:
    shop = city.shops[GROWN]
    row = issue_certificate(shop, by=CLERK, site=SITE, at=AT)
    assert (row.kind, row.pharmacy, row.district_id) == ("CERTIFICATE", shop, shop.district_id)
    assert (row.seq, row.period) == (row_of(shop).seq, city.period.period)
    event = AuditEvent.objects.get(action="签发文书")
    assert (event.actor, event.detail["sha256"]) == (desk.CLERK, row.sha256)
    said = text(documents.content(row))
    assert row.shown_number in said
    assert f"{SITE}/d/{row.code}/" in said.replace("\n", "")


def test_reading_takes_few_queries(city: City) -> None:
    with CaptureQueriesContext(connection) as seen:
        certificate(city.shops[GOOD], TODAY)
    assert len([query for query in seen if "SAVEPOINT" not in query["sql"]]) <= 6
