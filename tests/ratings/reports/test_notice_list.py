"""The list of a period: what the public page shows, or the ledger; by district; nothing else of anybody."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from ratings.models import AuditEvent, District, IssuedDocument, Pharmacy, RatingPeriod, SchemeVersion
from ratings.reports.notice_list import NoticeList, drawn, issue_notice_list, notice_list, refusal
from ratings.rules import shipped_schemes
from ratings.rules.moves import PERIOD_STATES
from ratings.services import documents, notices
from ratings.services.documents import Stamp
from ratings.services.errors import Refused
from ratings.services.publication import publish_adjustment
from ratings.services.schemes import activate_scheme, store_scheme
from ratings.services.steps import shown_day
from tests import desk, factories
from tests.pdf_text import fonts, text
from tests.ratings.services.lives import APPROVER, CLERK, Result, published, run_of

pytestmark = pytest.mark.django_db
#: desk.life's notice lasts from 5 to 11 February 2026, in Shanghai.
FIRST = datetime(2026, 2, 4, 16, tzinfo=UTC)
LAST = datetime(2026, 2, 11, 15, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SITE = "https://credit.example.org"
HERE, THERE = 330602, 330603


@pytest.fixture
def scheme() -> SchemeVersion:
    stored = store_scheme(shipped_schemes()["shaoxing-style"].read_text(), by=APPROVER)
    return activate_scheme(stored, by=APPROVER)


@pytest.fixture
def shops() -> list[Pharmacy]:
    """Four in two districts."""
    there = factories.district(THERE, "柯桥区")
    named = [factories.pharmacy(name=f"越城{word}药店") for word in "甲乙丙"]
    return [*named, factories.pharmacy(name="柯桥丁药店", district=there)]


@pytest.fixture
def period(scheme: SchemeVersion, shops: list[Pharmacy]) -> RatingPeriod:
    """A, B and not rated in one district, D in the other; computed."""
    grades = zip(shops, (0, 1, -1, 3), (95_111, 85_432, 0, 41_222), strict=True)
    return desk.life(run_of(scheme, *(Result(*each) for each in grades)))


@pytest.fixture(autouse=True)
def _files(settings: LazySettings, tmp_path: object) -> None:
    settings.MEDIA_ROOT = tmp_path


def stamp(at: datetime = FIRST) -> Stamp:
    address = f"{SITE}/d/0123456789ABCDEF/"
    return Stamp("2026-0000001", "0123-4567-89AB-CDEF", address, timezone.localtime(at), "绍兴市")


def cells(said: NoticeList) -> dict[str, list[list[str]]]:
    return {section.place: [list(row[1:]) for row in section.rows] for section in said.sections}


def flat(document: bytes) -> str:
    """All text without line breaks and blanks."""
    return re.sub(r"\s", "", text(document))


def judged(period: RatingPeriod, shop: Pharmacy, to: int, **values: object) -> None:
    rating = period.run.ratings.get(pharmacy=shop)
    desk.decided(desk.adjustment(period, rating, to_grade=to, **values))


class TestPreliminary:
    def test_is_what_the_public_page_shows(
        self, client: Client, period: RatingPeriod, shops: list[Pharmacy], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        judged(period, shops[1], 2)
        monkeypatch.setattr(timezone, "now", lambda: FIRST)
        said = notice_list(period, at=FIRST)
        for code, place in ((HERE, "越城区"), (THERE, "柯桥区")):
            page = client.get(reverse("public:notice_csv", args=("2025H2", code))).content.decode()
            listed = list(csv.reader(io.StringIO(page.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))))[1:]
            wanted = [[row[0], row[1], " ".join(filter(None, row[2:4])), row[4]] for row in listed]
            assert cells(said)[place] == wanted
        assert [row[2] for row in cells(said)["越城区"]] == ["A 优秀", "C 较差", "不予评级"]
        assert cells(said)["越城区"][2][3]

    def test_counts_are_those_of_the_database(self, period: RatingPeriod) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT d.name, r.grade, count(*) FROM ratings_rating r JOIN ratings_district d ON d.code = r.district_id
                   WHERE r.run_id = %s GROUP BY 1, 2""",
                [period.run_id],
            )
            counted = {(name, grade): count for name, grade, count in cursor.fetchall()}
        said = notice_list(period, at=FIRST)
        assert said.grades[-1] == "不予评级"
        assert {
            (section.place, grade if grade < len(said.grades) - 1 else -1): count
            for section in said.sections
            for grade, count in enumerate(section.counts)
            if count
        } == counted

    def test_says_what_a_notice_must(self, period: RatingPeriod, settings: LazySettings) -> None:
        settings.OBJECTION_CONTACT = "胜利东路1号，0575-88880000"
        desk.walk(period, "PUBLIC_NOTICE")
        found = flat(drawn(notice_list(period, at=FIRST), stamp()))
        for words in (
            "绍兴市定点零售药店信用评价预评结果公示",
            "2025年下半年",
            "2026年2月5日至2026年2月11日",
            "可在2026年2月11日（含当日）前提出",
            "到柯桥区医疗保障经办机构书面提出",
            "5个工作日内答复，最长不超过20个工作日",
            "联系方式：胜利东路1号，0575-88880000",
            "尚未审定",
            "编号2026-0000001",
            "演示数据",
        ):
            assert words in found
        assert "推算" not in found
        RatingPeriod.objects.filter(pk=period.pk).update(calendar_known=False)
        period.refresh_from_db()
        assert "按周一至周五推算" in flat(drawn(notice_list(period, at=FIRST), stamp()))

    def test_no_scores_and_nobody_else(self, period: RatingPeriod, shops: list[Pharmacy]) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        judged(period, shops[1], 2, text="某负责人整改不到位")
        found = flat(drawn(notice_list(period, at=FIRST), stamp()))
        for secret in (
            "95.1",
            "85.4",
            "41.2",
            "信用分",
            "排名",
            desk.REVIEWER,
            desk.APPROVER,
            "负责人",
            "整改",
        ):
            assert secret not in found

    @pytest.mark.parametrize(
        ("at", "lasts"), [(FIRST - SECOND, False), (FIRST, True), (LAST, True), (LAST + SECOND, False)]
    )
    def test_only_while_the_notice_lasts(self, period: RatingPeriod, at: datetime, lasts: bool) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        assert (refusal(period, timezone.localdate(at)) == "") == lasts
        assert notices.running(timezone.localdate(at)).filter(pk=period.pk).exists() == lasts
        if lasts:
            assert notice_list(period, at=at).title.endswith("公示")
        else:
            with pytest.raises(Refused, match="2026-02-05 至 2026-02-11"):
                notice_list(period, at=at)

    @pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "FINAL", "ABANDONED"])
    def test_in_no_other_state(self, period: RatingPeriod, state: str) -> None:
        desk.walk(period, state)
        with pytest.raises(Refused, match=PERIOD_STATES[state].label):
            issue_notice_list(period, by=CLERK, site=SITE, at=FIRST)
        assert not IssuedDocument.objects.exists()


class TestPublished:
    def test_is_the_ledger(self, scheme: SchemeVersion, shops: list[Pharmacy]) -> None:
        grades = zip(shops, (0, 1, -1, 3), (95_111, 85_432, 0, 41_222), strict=True)
        period = published(run_of(scheme, *(Result(*each) for each in grades)))
        (publication,) = period.publications.all()
        said = notice_list(period, at=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT code, name, grade, grade_label, valid_from::text, reason, position FROM ratings_publishedgrade
                   WHERE publication_id = %s ORDER BY district, code""",
                [publication.number],
            )
            rows = cursor.fetchall()
        assert [row for found in cells(said).values() for row in found] == [
            [
                code,
                name,
                f"{grade} {label}" if grade else "不予评级",
                str(publication.number),
                shown_day(date.fromisoformat(first)),
                reason if place < 0 else "",
            ]
            for code, name, grade, label, first, reason, place in rows
        ]
        found = flat(drawn(said, stamp()))
        assert "绍兴市定点零售药店信用等级公布名单" in found
        assert "预评" not in found and "异议" not in found
        for secret in ("95.1", "85.4", "41.2", "信用分", desk.APPROVER):
            assert secret not in found

    def test_a_later_change_counts_and_says_which_kind(
        self, scheme: SchemeVersion, shops: list[Pharmacy]
    ) -> None:
        run = run_of(scheme, Result(shops[0], 3), Result(shops[1], 1))
        period = published(run)
        rating = run.ratings.get(pharmacy=shops[0])
        again = desk.rerating(rating, grade=2, grade_before_caps=2)
        change = desk.adjustment(
            period, rating, rerating=again, to_grade=2, cause="CORRECTION", reason_code="",
            text="某处罚被撤销",
        )  # fmt: skip
        desk.decided(change)
        change.refresh_from_db()
        publish_adjustment(change, by=APPROVER)
        first, second = cells(notice_list(period, at=timezone.now()))["越城区"]
        assert (first[2], first[3], first[5]) == ("C 较差", "2", "更正")
        assert (second[2], second[3], second[5]) == ("B 良好", "1", "")
        assert "某处罚" not in flat(drawn(notice_list(period, at=timezone.now()), stamp()))

    def test_says_when_a_later_period_is_published(
        self, scheme: SchemeVersion, shops: list[Pharmacy]
    ) -> None:
        earlier = published(run_of(scheme, Result(shops[0], 0), period="2025H1"))
        assert "其后已公布" not in "".join(notice_list(earlier, at=timezone.now()).words)
        published(run_of(scheme, Result(shops[0], 1), cutoff=desk.NOW))
        assert "其后已公布2025年下半年（全市）的等级" in "".join(
            notice_list(earlier, at=timezone.now()).words
        )

    def test_of_one_district_too(self, scheme: SchemeVersion, shops: list[Pharmacy]) -> None:
        def words() -> str:
            return "".join(notice_list(earlier, at=timezone.now()).words)

        earlier = published(run_of(scheme, Result(shops[0], 0), period="2025H1", district=HERE))
        published(run_of(scheme, Result(shops[3], 1), district=THERE))
        assert "其后已公布" not in words()
        published(run_of(scheme, Result(shops[0], 1), cutoff=desk.NOW))
        assert "其后已公布2025年下半年（全市）的等级" in words()


class TestPages:
    def test_each_district_has_pages_of_its_own(self, scheme: SchemeVersion) -> None:
        there = factories.district(THERE, "柯桥区")
        results = [
            Result(factories.pharmacy(district=place), number % 4)
            for place in (factories.district(HERE), there)
            for number in range(50)
        ]
        period = desk.life(run_of(scheme, *results), "PUBLIC_NOTICE")
        said = notice_list(period, at=FIRST)
        codes = {section.place: {row[1] for row in section.rows} for section in said.sections}
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(drawn(said, stamp()))).pages]
        places = [
            {place for place, listed in codes.items() if any(code in page for code in listed)}
            for page in pages
        ]
        assert places[0] == set()
        assert places == [set(), {"越城区"}, {"越城区"}, {"柯桥区"}, {"柯桥区"}]
        for number, place in ((1, "越城区"), (3, "柯桥区")):
            assert f"{place}定点零售药店信用评价预评结果公示" in pages[number]
            assert "50 家" in pages[number]
        assert "100" in pages[0]

    def test_one_district(self, period: RatingPeriod) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        document = issue_notice_list(period, District.objects.get(pk=THERE), by=CLERK, site=SITE, at=FIRST)
        found = flat(documents.content(document))
        assert "柯桥丁药店" in found and "越城" not in found
        assert "第1页/共1页" in found
        assert (document.district_id, document.period, document.kind) == (THERE, "2025H2", "NOTICE_LIST")
        assert document.title == "柯桥区定点零售药店信用评价预评结果公示（2025年下半年）"

    def test_a_district_without_results(self, period: RatingPeriod) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        with pytest.raises(Refused, match="没有上虞区的评价结果"):
            notice_list(period, factories.district(330604, "上虞区"), at=FIRST)

    def test_fonts_are_embedded_and_same_content_gives_the_same_bytes(self, period: RatingPeriod) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        once, again = (drawn(notice_list(period, at=FIRST), stamp()) for _ in range(2))
        assert once == again
        found = fonts(once)
        assert found and all(found.values())
        assert drawn(notice_list(period, at=FIRST), stamp(FIRST + SECOND)) != once

    def test_a_name_that_cannot_be_drawn_is_not_issued(
        self, period: RatingPeriod, shops: list[Pharmacy]
    ) -> None:
        shops[0].name = "某\N{CJK UNIFIED IDEOGRAPH-2A6D6}药店"
        shops[0].save()
        desk.walk(period, "PUBLIC_NOTICE")
        with pytest.raises(Refused, match=r"U\+2A6D6"):
            issue_notice_list(period, by=CLERK, site=SITE, at=FIRST)
        assert not IssuedDocument.objects.exists()

    def test_is_on_record(self, period: RatingPeriod) -> None:
        desk.walk(period, "PUBLIC_NOTICE")
        document = issue_notice_list(period, by=CLERK, site=SITE, at=FIRST)
        assert (document.district, document.issued_by) == (None, CLERK.name)
        event = AuditEvent.objects.get(action="签发文书")
        assert event.actor == CLERK.name


def test_queries_do_not_grow_with_districts_and_rows(scheme: SchemeVersion) -> None:
    counts = []
    shops = [
        factories.pharmacy(district=factories.district(HERE + number, f"第{number}区")) for number in range(3)
    ]
    for half, places in (("2025H1", 1), ("2025H2", 3)):
        results = [Result(shop) for shop in shops[:places]]
        period = desk.life(run_of(scheme, *results, period=half), "PUBLIC_NOTICE")
        period = RatingPeriod.objects.select_related("run__scheme", "district").get(pk=period.pk)
        with CaptureQueriesContext(connection) as queries:
            said = notice_list(period, at=FIRST)
        assert len(said.sections) == places
        counts.append(len(queries))
    assert counts == [2, 2]
