"""A pharmacy's page: its grade, what was published of it, and where it says that there is nothing."""

from datetime import date, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from applications.pharmacy_lookup.pages import pharmacy as module
from applications.pharmacy_lookup.refresh import refresh_places
from creditsys import geo
from ratings.models import Pharmacy, Rating
from tests import desk, factories
from tests.pharmacy_lookup.shown import Page, ago, penalty, published, shop
from tests.ratings.services.lives import Result
from tests.ratings.test_published import change

pytestmark = pytest.mark.django_db


def seen(client: Client, one: Pharmacy, status: int = 200) -> str:
    response = client.get(f"/pharmacy/{one.code}/")
    assert response.status_code == status
    return response.content.decode()


def test_grade_in_plain_words(client: Client) -> None:
    one = shop(name="明白大药房")
    published(Result(one, 1, 85_500))
    text = seen(client, one)
    start = timezone.localdate(ago(30))
    for told in (
        "明白大药房",
        one.code,
        one.address,
        "良好",
        "有少量扣分",
        "85.5 分",
        "2025年上半年",
        "正常服务",
    ):
        assert told in text
    assert f"{start.year}年{start.month}月{start.day}日至" in text
    last = start.replace(year=start.year + 1) - timedelta(days=1)
    assert f"至{last.year}年{last.month}月{last.day}日" in text, "the last day of validity, not the one after"
    assert "异议处理中" not in text and "现在没有公开的行政处罚" in text


def test_history_tells_every_published_grade(client: Client) -> None:
    one = shop()
    published(Result(one, 2), period="2024H2", days=200)
    life = published(Result(one, 0), days=30)
    change(life, one, 3, ago(5), cause="INTERIM")
    desk.objection(life, Rating.objects.get(run=life.run, pharmacy=one), against="PUBLISHED")
    refresh_places()
    text = seen(client, one)
    history = text[text.index("公布过的等级") : text.index("公开的行政处罚")]
    assert [history.count(told) for told in ("<li", "期间变动 ·", "定期评价 ·", "现行")] == [3, 1, 2, 1]
    assert history.index("cs-grade-worst") < history.index("cs-grade-0") < history.index("cs-grade-2")
    assert history.index("现行") < history.index("期间变动 ·")
    assert "有人对这一等级提出了异议" in text


def test_says_where_there_is_no_grade(client: Client) -> None:
    never, refused, over = shop(), shop(), shop()
    published(Result(over, 1), period="2024H1", days=400)
    published(Result(refused, -1))
    assert "尚未评级" in seen(client, never) and "还没有公布过信用等级" in seen(client, never)
    assert "不予评级" in seen(client, refused) and "原因：" in seen(client, refused)
    assert "有效期已满" in seen(client, over) and "期满，新的等级尚未公布" in seen(client, over)
    assert "现行" not in seen(client, over)


def test_says_that_designation_ended_or_rests(client: Client) -> None:
    closed = shop(designated_until=date(2026, 1, 1))
    expelled, halted, back = shop(), shop(), shop()
    factories.service_status(expelled, status="TERMINATED", occurred_on=date(2025, 9, 1))
    factories.service_status(halted, occurred_on=date(2025, 9, 2))
    factories.service_status(back, occurred_on=date(2025, 3, 1))
    factories.service_status(back, status="IN_SERVICE", occurred_on=date(2025, 4, 1))
    coming = shop(designated_on=timezone.localdate() + timedelta(days=3))
    refresh_places()
    assert "自2026年1月1日起已不再定点" in seen(client, closed)
    assert "至2025年12月31日" in seen(client, closed)
    assert "自2025年9月1日起已不再定点" in seen(client, expelled)
    assert "自2025年9月2日起，在这里暂时不能刷医保" in seen(client, halted)
    assert "在此之前，在这里买药不能刷医保" in seen(client, coming)
    assert "不能刷医保" not in seen(client, back)


def test_penalties_that_may_be_shown(client: Client) -> None:
    one = shop(contact="13800001111")
    penalty(one, document_no="绍医保罚〔2026〕9号", measures="责令退回", gravity="SERIOUS")
    penalty(one, track="AGREEMENT", document_no="协议〔2026〕8号")
    penalty(one, document_no="旧〔2010〕1号", decided_on=date(2010, 1, 1), occurred_on=date(2010, 1, 1))
    factories.complaint(one, reference_no="TS777")
    refresh_places()
    text = seen(client, one)
    for told in ("绍医保罚〔2026〕9号", "责令退回", "某市医疗保障局", "公开至"):
        assert told in text
    for hidden in ("协议〔2026〕8号", "旧〔2010〕1号", "TS777", "13800001111", "1,234"):
        assert hidden not in text


def test_how_to_object_and_complain(client: Client, settings: Settings) -> None:
    settings.OBJECTION_CONTACT, settings.COMPLAINT_CONTACT = "府山路 1 号 3 号窗口", "热线 12393"
    one = shop()
    refresh_places()
    text = seen(client, one)
    assert "府山路 1 号 3 号窗口" in text and "热线 12393" in text and "一次性链接" in text


def test_ways_lead_to_the_place_in_each_apps_datum(client: Client) -> None:
    one = shop(500, name="路口,大药房(总店)&分号")
    refresh_places()
    text = seen(client, one)
    links = {urlsplit(link).netloc or urlsplit(link).scheme: link for link in Page(text).links}
    assert one.latitude is not None and one.longitude is not None
    true = (one.latitude, one.longitude)

    def asked(host: str, name: str) -> list[str]:
        return parse_qs(urlsplit(links[host]).query)[name][0].split(",")

    east, north, title = asked("uri.amap.com", "to")
    assert title == "路口 大药房（总店）&分号"
    assert geo.to_wgs84(float(north), float(east), geo.GCJ02) == pytest.approx(true, abs=1e-6)
    north, east = asked("api.map.baidu.com", "location")
    assert asked("api.map.baidu.com", "coord_type") == ["bd09ll"]
    assert geo.to_wgs84(float(north), float(east), geo.BD09) == pytest.approx(true, abs=1e-6)
    north, east = asked("apis.map.qq.com", "tocoord")
    assert geo.to_wgs84(float(north), float(east), geo.GCJ02) == pytest.approx(true, abs=1e-6)
    north, east = unquote(links["geo"]).removeprefix("geo:").partition("?")[0].split(",")
    assert (float(north), float(east)) == pytest.approx(true, abs=1e-6)
    assert text.count('rel="noopener noreferrer"') == 4


def test_without_a_known_place_there_is_no_way(client: Client) -> None:
    one = factories.pharmacy(address="某路 1 号")
    refresh_places()
    assert "怎么去" not in seen(client, one)


@pytest.mark.parametrize(
    "code", ["P33060299999", "x", "p33060200001", "%00", "P3306029999九", "P" * 500, "P%2F1"]
)
def test_unknown_codes_are_told_kindly(client: Client, code: str) -> None:
    refresh_places()
    response = client.get(f"/pharmacy/{code}/")
    assert response.status_code == 404
    if code != "P%2F1":  # no code at all: Django's own page
        assert (
            "没有找到这家药店" in response.content.decode() and 'role="search"' in response.content.decode()
        )


def test_the_qr_code_is_of_the_absolute_address(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(module, "qr_svg", lambda text, label: told.append(text) or "")
    one = shop()
    refresh_places()
    seen(client, one)
    settings.SITE_URL = "https://credit.example.org"
    seen(client, one)
    assert told == [
        f"http://testserver/pharmacy/{one.code}/",
        f"https://credit.example.org/pharmacy/{one.code}/",
    ]


def test_constant_number_of_queries(client: Client) -> None:
    one = shop()
    counts = []
    for number, period in enumerate(("2024H1", "2024H2", "2025H1")):
        published(Result(one), period=period, days=300 - 100 * number)
        penalty(one)
        seen(client, one)
        with CaptureQueriesContext(connection) as queries:
            assert seen(client, one).count("定期评价 ·") == 1 + number
        counts.append(len(queries))
    assert len(set(counts)) == 1 and counts[0] <= 4
