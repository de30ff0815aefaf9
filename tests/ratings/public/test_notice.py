"""Public notice: seen by anybody while it lasts, and a preliminary grade nowhere else."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from ratings.models import PeriodMove, Pharmacy, RatingPeriod, SchemeVersion
from ratings.rules import shipped_schemes
from ratings.rules.moves import PERIOD_STATES
from ratings.services.periods import move
from ratings.services.schemes import activate_scheme, store_scheme
from tests import desk, factories
from tests.ratings.services.lives import APPROVER, Result, run_of

pytestmark = pytest.mark.django_db
#: desk.life's notice lasts from 5 to 11 February 2026, in Shanghai.
FIRST = datetime(2026, 2, 4, 16, tzinfo=UTC)
LAST = datetime(2026, 2, 11, 15, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NAME = "绍兴东街大药房"


@pytest.fixture
def scheme() -> SchemeVersion:
    stored = store_scheme(shipped_schemes()["shaoxing-style"].read_text(), by=APPROVER)
    return activate_scheme(stored, by=APPROVER)


@pytest.fixture
def shop() -> Pharmacy:
    return factories.pharmacy(name=NAME)


@pytest.fixture
def period(scheme: SchemeVersion, shop: Pharmacy) -> RatingPeriod:
    """One pharmacy, preliminary B, computed."""
    return desk.life(run_of(scheme, Result(shop, 1, 85_432)))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    found = Clock()
    monkeypatch.setattr(timezone, "now", lambda: found.now)
    return found


class Clock:
    """What time it is."""

    now = FIRST


def addresses(code: str = "2025H2", district: int = 330602) -> list[str]:
    return [reverse(f"public:{name}", args=(code, district)) for name in ("notice_list", "notice_csv")]


def noticed(period: RatingPeriod) -> RatingPeriod:
    """Under notice, with the move on record."""
    desk.walk(period, "PUBLIC_NOTICE")
    PeriodMove.objects.create(
        period=period, name="give_notice", source="UNDER_REVIEW", target="PUBLIC_NOTICE", by=desk.APPROVER
    )
    return period


def seen(client: Client, address: str) -> tuple[int, str]:
    response = client.get(address)
    return response.status_code, response.content.decode()


class TestWhile:
    @pytest.mark.parametrize(
        ("now", "status"), [(FIRST - SECOND, 410), (FIRST, 200), (LAST, 200), (LAST + SECOND, 410)]
    )
    def test_it_lasts(
        self, client: Client, period: RatingPeriod, clock: Clock, now: datetime, status: int
    ) -> None:
        noticed(period)
        clock.now = now
        for address in addresses():
            answer, text = seen(client, address)
            assert answer == status
            assert (NAME in text, "良好" in text) == (status == 200, status == 200)
        assert (addresses()[0] in seen(client, reverse("public:notice"))[1]) == (status == 200)

    @pytest.mark.parametrize("state", [state for state in PERIOD_STATES.ids if state != "PUBLIC_NOTICE"])
    @pytest.mark.parametrize("told_before", [False, True])
    def test_in_no_other_state(
        self, client: Client, period: RatingPeriod, state: str, told_before: bool
    ) -> None:
        desk.walk(period, state)
        if told_before:
            PeriodMove.objects.create(period=period, name="give_notice", source="x", target="y", by="z")
        for address in (*addresses(), reverse("public:notice"), addresses()[0] + "?q=东街"):
            status, text = seen(client, address)
            assert status == (200 if address == reverse("public:notice") else 410 if told_before else 404)
            assert NAME not in text
            assert not [word for word in ("优秀", "良好", "较差") if word in text]

    def test_it_was_called_back(self, client: Client, period: RatingPeriod) -> None:
        noticed(period)
        move(period, "recall", by=APPROVER, reason="名称有误")
        status, text = seen(client, addresses()[0])
        assert (status, "公示已停止" in text, "名称有误" in text) == (410, True, False)

    def test_it_is_over_and_what_counts_now(self, client: Client, period: RatingPeriod, clock: Clock) -> None:
        noticed(period)
        clock.now = LAST + SECOND
        assert "公示已于 2026年2月11日 结束" in seen(client, addresses()[0])[1]

    @pytest.mark.parametrize(("code", "district"), [("2025H1", 330602), ("2025H2", 330603), ("x", 0)])
    def test_what_there_is_not(self, client: Client, period: RatingPeriod, code: str, district: int) -> None:
        factories.district(330603, "柯桥区")
        noticed(period)
        assert [seen(client, address)[0] for address in addresses(code, district)] == [404, 404]

    def test_a_district_of_its_own_shows_only_itself(
        self, client: Client, scheme: SchemeVersion, shop: Pharmacy
    ) -> None:
        factories.district(330603, "柯桥区")
        noticed(desk.life(run_of(scheme, Result(shop, 1), district=330602)))
        assert [seen(client, addresses(district=code)[0])[0] for code in (330602, 330603)] == [200, 404]


class TestPage:
    def test_says_what_a_notice_must(self, client: Client, period: RatingPeriod, settings: Settings) -> None:
        settings.OBJECTION_CONTACT = "胜利东路1号，0575-88880000"
        noticed(period)
        response = client.get(addresses()[0])
        text = response.content.decode()
        for part in (
            "2025年下半年",
            "2026年2月5日 至 2026年2月11日",
            "5 个工作日内答复，最长不超过 20 个工作日",
            settings.OBJECTION_CONTACT,
            period.run.scheme.title,
            "预评等级",
            "演示环境",
        ):
            assert part in text
        assert "推算" not in text
        assert "85.4" not in text
        assert response["X-Robots-Tag"] == "noindex, noarchive"
        assert "no-store" in response["Cache-Control"]
        assert not response.cookies

    def test_remarks_on_holidays_that_are_not_known(self, client: Client, period: RatingPeriod) -> None:
        RatingPeriod.objects.filter(pk=noticed(period).pk).update(calendar_known=False)
        assert "截止日按周一至周五推算" in seen(client, addresses()[0])[1]

    def test_shows_the_grade_as_it_stands(self, client: Client, period: RatingPeriod) -> None:
        noticed(period)
        desk.decided(desk.adjustment(period, period.run.ratings.get()))
        waiting, decided = (list(csv.reader(io.StringIO(seen(client, a)[1]))) for a in (addresses()[1],) * 2)
        assert waiting == decided
        assert decided[1][2:4] == ["C", "较差"]

    def test_not_rated_says_why(self, client: Client, scheme: SchemeVersion, shop: Pharmacy) -> None:
        noticed(desk.life(run_of(scheme, Result(shop, -1))))
        assert all("不予评级" in seen(client, address)[1] for address in addresses())
        assert "服务协议已解除" in list(csv.reader(io.StringIO(seen(client, addresses()[1])[1])))[1][4]

    def test_withdrawn_since_says_so(self, client: Client, period: RatingPeriod) -> None:
        noticed(period)
        desk.decided(desk.adjustment(period, period.run.ratings.get(), to_grade=-1))
        assert list(csv.reader(io.StringIO(seen(client, addresses()[1])[1])))[1][4] == "撤回等级"

    def test_names_are_text(self, client: Client, scheme: SchemeVersion) -> None:
        wild = factories.pharmacy(name='=HYPERLINK("x")<b>药房</b>')
        noticed(desk.life(run_of(scheme, Result(wild, 1))))
        page, table = (seen(client, address)[1] for address in addresses())
        assert "<b>药房" not in page
        assert list(csv.reader(io.StringIO(table)))[1][1] == '\'=HYPERLINK("x")<b>药房</b>'

    def test_is_only_read(self, client: Client, period: RatingPeriod) -> None:
        noticed(period)
        assert {client.post(address).status_code for address in addresses()} == {405}


class TestList:
    @pytest.fixture
    def shops(self, scheme: SchemeVersion) -> list[Pharmacy]:
        """51 pharmacies under notice; the last has another name."""
        made = [
            factories.pharmacy(name=f"绍兴市震元堂连锁有限公司第{number:02d}大药房") for number in range(50)
        ]
        made.append(factories.pharmacy(name="100%康 药店_A"))
        noticed(desk.life(run_of(scheme, *(Result(shop, number % 4) for number, shop in enumerate(made)))))
        return made

    def test_pages_of_fifty_within_thirty_kilobytes(self, client: Client, shops: list[Pharmacy]) -> None:
        first, second = (seen(client, f"{addresses()[0]}?page={page}")[1] for page in (1, 2))
        assert (first.count("<tr>"), second.count("<tr>")) == (51, 2)
        assert shops[0].code in first
        assert shops[-1].code in second
        assert "page=2" in first
        assert "page=1" in second
        assert len(first.encode()) < 30_000

    @pytest.mark.parametrize("page", ["0", "-1", "x", "²", "9" * 30, ""])
    def test_a_page_that_is_none(self, client: Client, shops: list[Pharmacy], page: str) -> None:
        assert seen(client, f"{addresses()[0]}?page={page}")[0] == 200

    @pytest.mark.parametrize(
        ("typed", "count"),
        [
            ("第07", 1),
            ("震元堂  第0", 10),
            ("大药房", 50),
            ("%", 1),
            ("_", 1),
            ("\\", 0),
            ("１００％", 1),  # full width; and codes have no "%"
            ("a", 1),
            ("没有这家", 0),
            (" ", 51),
        ],
    )
    def test_search(self, client: Client, shops: list[Pharmacy], typed: str, count: int) -> None:
        response = client.get(addresses()[0], {"q": typed})
        assert (response.context["count"] if typed.strip() else response.context["total"]) == count
        assert len(response.context["rows"]) == min(count, 50)

    def test_search_by_code_keeps_its_words_over_pages(self, client: Client, shops: list[Pharmacy]) -> None:
        text = seen(client, f"{addresses()[0]}?q={shops[3].code}")[1]
        assert "找到 1 家" in text
        assert shops[3].name in text
        everything = seen(client, f"{addresses()[0]}?q=P330602%20&page=2")[1]
        assert "q=P330602&amp;page=1" in everything

    def test_the_table_has_all(self, client: Client, shops: list[Pharmacy]) -> None:
        response = client.get(addresses()[1])
        rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
        assert rows[0] == ["定点编码", "药店名称", "预评等级", "等级名称", "说明", "公示止日"]
        assert [row[0] for row in rows[1:]] == sorted(shop.code for shop in shops)
        assert rows[1][2:] == ["A", "优秀", "", "2026-02-11"]
        assert response.content.startswith(b"\xef\xbb\xbf")
        assert "attachment" in response["Content-Disposition"]


def test_constant_number_of_queries(client: Client, scheme: SchemeVersion) -> None:
    counts = []
    shops = [factories.pharmacy() for _ in range(3)]
    for code, size in (("2025Q1", 1), ("2025Q2", 3)):
        noticed(desk.life(run_of(scheme, *(Result(shop, 1) for shop in shops[:size]), period=code)))
        found = []
        for address in (*addresses(code), addresses(code)[0] + "?q=大"):
            with CaptureQueriesContext(connection) as queries:
                assert seen(client, address)[0] == 200
            found.append(len(queries))
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("public:notice"))
        counts.append([*found, len(queries)])
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 6
