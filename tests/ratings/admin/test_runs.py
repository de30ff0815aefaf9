"""Runs and ratings in the admin: starting, watching, repeating, explaining."""

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ratings.admin.run_form import ended_periods
from ratings.models import AuditEvent, Rating, RatingRun, SchemeVersion
from ratings.rules.periods import Period, add_months
from ratings.services.audit import SYSTEM
from ratings.services.runs import start_run
from tests import factories

from .conftest import CUTOFF, Place, batch_of, client_of, staff


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:ratings_{model}_{page}", args=args)


def form(scheme: SchemeVersion, **values: object) -> dict[str, object]:
    return {
        "period": "2025",
        "scheme": scheme.pk,
        "cutoff_kind": "rule",
        "cutoff": "",
        "district": "",
        **values,
    }


def codes(since: date, today: date) -> dict[str, list[str]]:
    return {length: [period.code for period in periods] for length, periods in ended_periods(since, today)}


def test_periods_offered_have_ended() -> None:
    offered = codes(date(2018, 3, 1), date(2026, 11, 22))
    assert list(offered) == ["年", "半年", "季度", "月"]
    assert offered["年"] == [str(year) for year in range(2025, 2017, -1)]
    assert offered["半年"][:2] == ["2026H1", "2025H2"]
    assert offered["半年"][-1] == "2018H1"
    assert (offered["季度"][0], offered["季度"][-1]) == ("2026Q3", "2018Q1")
    assert (offered["月"][0], offered["月"][-1]) == ("2026-10", "2018-03")
    assert codes(date(2025, 1, 1), date(2026, 1, 1)) == {
        "年": ["2025"],
        "半年": ["2025H2", "2025H1"],
        "季度": ["2025Q4", "2025Q3", "2025Q2", "2025Q1"],
        "月": [f"2025-{month:02d}" for month in range(12, 0, -1)],
    }
    assert codes(date(2026, 1, 1), date(2026, 1, 31))["月"] == []
    assert codes(date(1990, 1, 1), date(2001, 1, 1))["年"] == ["2000"], "no period is written earlier"


@pytest.mark.parametrize("months", [12, 6, 3, 1])
def test_the_latest_period_of_the_citys_length_is_chosen_at_first(
    city_clerk: Client, scheme: SchemeVersion, here: Place, settings: Any, months: int
) -> None:
    settings.RATING_PERIOD_MONTHS = months
    shown = city_clerk.get("/admin/ratings/ratingrun/start/").context["form"]
    assert shown["period"].value() == Period.ended_before(timezone.localdate(), months).code


def test_old_periods_with_facts_can_be_rated(
    city_clerk: Client, scheme: SchemeVersion, here: Place, there: Place
) -> None:
    page = city_clerk.get(url("ratingrun", "start")).content.decode()
    assert 'value="2025-06"' in page
    assert 'value="2024"' not in page
    factories.payment(there.pharmacy, date(2018, 2, 1))
    page = city_clerk.get(url("ratingrun", "start")).content.decode()
    assert 'value="2018"' in page
    assert 'value="2018-02"' in page
    assert 'value="2018-01"' not in page
    answer = city_clerk.post(url("ratingrun", "start"), form(scheme, period="2018Q1", **{"try": "1"}))
    assert "period" not in answer.context["form"].errors


def test_without_payments_violations_tell_the_earliest_period(
    city_clerk: Client, scheme: SchemeVersion
) -> None:
    shop = factories.pharmacy()
    two_years_back = add_months(timezone.localdate(), -24)
    page = city_clerk.get(url("ratingrun", "start")).content.decode()
    assert f'value="{two_years_back:%Y-%m}"' in page
    factories.violation(shop, occurred_on=date(2021, 3, 2), decided_on=date(2021, 4, 2))
    page = city_clerk.get(url("ratingrun", "start")).content.decode()
    assert 'value="2021-04"' in page
    assert 'value="2021-03"' not in page


def test_the_trial_says_when_nobody_has_payments(
    city_clerk: Client, scheme: SchemeVersion, here: Place, there: Place
) -> None:
    trial = lambda period: city_clerk.post(  # noqa: E731
        url("ratingrun", "start"), form(scheme, period=period, cutoff_kind="now", **{"try": "1"})
    ).content.decode()
    page = trial("2025")
    assert "所有参评药店在2025年都没有基金支付记录" not in page
    assert "所有参评药店在2024年都没有基金支付记录" in page
    page = trial("2025Q3")
    assert "所有参评药店在2025年第三季度都没有基金支付记录" in page
    factories.payment(here.pharmacy, date(2024, 6, 1))
    assert "没有基金支付记录" not in trial("2025")


def district_run(place: Place, scheme: SchemeVersion, period: str = "2025") -> RatingRun:
    return start_run(
        Period.parse(period), scheme, cutoff=CUTOFF + timedelta(days=3), district=place.district, by=SYSTEM
    )


def test_a_districts_run_does_not_displace_the_citys(
    city_clerk: Client, clerk: Client, run: RatingRun, scheme: SchemeVersion, here: Place
) -> None:
    later = district_run(here, scheme)
    for client in (city_clerk, clerk):
        page = client.get(url("rating", "changelist"))
        assert {row.run_id for row in page.context["cl"].result_list} == {run.pk}
        text = page.content.decode()
        assert f"当前显示：2025年　全市　{scheme}　批次 #{run.pk}　数据截止 2026年1月20日 08:00" in text
        assert (
            client.get(reverse("admin:index")).context["latest"][0]["ratings_url"].endswith(f"run={run.pk}")
        )
    page = city_clerk.get(url("rating", "changelist"), {"run": later.pk}).content.decode()
    assert f"当前显示：2025年　越城区　{scheme}　批次 #{later.pk}" in page
    assert (
        "当前显示 2 个批次"
        in city_clerk.get(url("rating", "changelist"), {"period": "2025"}).content.decode()
    )


def test_without_a_run_of_the_city_the_newest_visible_is_shown(
    clerk: Client, scheme: SchemeVersion, here: Place, there: Place
) -> None:
    own = district_run(here, scheme)
    district_run(there, scheme)
    page = clerk.get(url("rating", "changelist"))
    assert {row.run_id for row in page.context["cl"].result_list} == {own.pk}
    assert "当前显示：2025年　越城区" in page.content.decode()


def test_runs_of_the_city_come_first_on_the_start_page(
    city_clerk: Client, run: RatingRun, scheme: SchemeVersion, here: Place
) -> None:
    later = district_run(here, scheme, "2025Q4")
    latest = city_clerk.get(reverse("admin:index")).context["latest"]
    assert [entry["ratings_url"].rpartition("=")[2] for entry in latest] == [str(run.pk), str(later.pk)]


def test_a_district_alone_has_no_rank_in_the_city(
    city_clerk: Client, scheme: SchemeVersion, here: Place
) -> None:
    run = district_run(here, scheme)
    rating = run.ratings.get()
    assert rating.rank_city == 0
    page = city_clerk.get(url("rating", "change", rating.pk)).content.decode()
    assert "<dt>全市排名</dt><dd>—</dd>" in page
    page = city_clerk.get(url("rating", "changelist")).content.decode()
    assert re.search(r"field-in_city[^>]*>\s*—\s*<", page)
    tables = city_clerk.get(url("pharmacy", "change", here.pharmacy.pk)).context["tables"]
    place = tables[0]["headers"].index("全市排名")
    assert tables[0]["rows"][0][place] == "—"
    answer = city_clerk.post(url("rating", "export"), {"format": "1", "resource": "0"})
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert row["全市排名"] == "—"
    assert row["区县排名"] == str(rating.rank_district or "—")


def test_open_batches_are_told_apart(city_clerk: Client, here: Place) -> None:
    batches = [batch_of("x", file_name="同名.csv") for _ in range(5)]
    page = city_clerk.get(reverse("admin:index"))
    assert f"#{batches[0].pk} 违法违规：同名.csv" in page.content.decode()
    assert page.context["all_waiting"] == ""
    batch_of("x", kind="complaints")
    page = city_clerk.get(reverse("admin:index"))
    assert len(page.context["waiting"]) == 5
    every = page.context["all_waiting"]
    assert f'href="{every}"' in page.content.decode()
    assert city_clerk.get(every).context["cl"].result_count == 6


def test_a_dry_run_stores_nothing(
    city_clerk: Client, scheme: SchemeVersion, here: Place, there: Place
) -> None:
    page = city_clerk.post(url("ratingrun", "start"), form(scheme, **{"try": "1"}))
    assert page.context["trial"]["pharmacies"] == 2
    assert RatingRun.objects.count() == 0


def test_a_run_is_started_watched_and_seen(
    city_clerk: Client, scheme: SchemeVersion, here: Place, there: Place
) -> None:
    trial = city_clerk.post(url("ratingrun", "start"), form(scheme, **{"try": "1"})).context["trial"]
    answer = city_clerk.post(
        url("ratingrun", "start"), form(scheme, cutoff_kind="given", cutoff=trial["cutoff"], start="1")
    )
    assert answer.status_code == 302
    run = RatingRun.objects.get()
    assert (run.state, run.started_by, run.pharmacies) == ("DONE", "city", 2)
    watched = city_clerk.get(answer["Location"])
    assert watched["Location"] == url("ratingrun", "change", run.pk)
    event = AuditEvent.objects.get(action="评价")
    assert (event.actor, event.address) == ("city", "127.0.0.1")


def test_starting_twice_is_one_run(city_clerk: Client, scheme: SchemeVersion, here: Place) -> None:
    for _ in range(2):
        city_clerk.post(url("ratingrun", "start"), form(scheme, start="1"))
    assert RatingRun.objects.count() == 1


def test_a_district_rates_itself_only(
    clerk: Client, scheme: SchemeVersion, here: Place, there: Place
) -> None:
    answer = clerk.post(url("ratingrun", "start"), form(scheme, start="1"))
    assert "district" in answer.context["form"].errors
    answer = clerk.post(url("ratingrun", "start"), form(scheme, start="1", district=there.district.pk))
    assert "district" in answer.context["form"].errors
    clerk.post(url("ratingrun", "start"), form(scheme, start="1", district=here.district.pk))
    assert RatingRun.objects.get().district == here.district


def test_starting_needs_the_right(
    powerless: Client, stray: Client, scheme: SchemeVersion, here: Place
) -> None:
    user = staff("reader", whole_city=True)
    user.user_permissions.set(user.user_permissions.filter(codename__startswith="view_"))
    for client in (powerless, stray, client_of(user)):
        assert client.get(url("ratingrun", "start")).status_code == 403
        assert client.post(url("ratingrun", "start"), form(scheme, start="1")).status_code == 403
    assert RatingRun.objects.count() == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"cutoff_kind": "given"}, "请填写截止时间"),
        ({"cutoff_kind": "given", "cutoff": "2099-01-01 00:00"}, "还没有到"),
        ({"cutoff_kind": "given", "cutoff": "2025-06-01 00:00"}, "2025-12-31"),
        ({"cutoff_kind": "given", "cutoff": "明天"}, "输入"),
        ({"period": "2099"}, "2099"),
    ],
)
def test_what_cannot_be_rated_is_told(
    values: dict[str, str], told: str, city_clerk: Client, scheme: SchemeVersion, here: Place
) -> None:
    page = city_clerk.post(url("ratingrun", "start"), form(scheme, **{"try": "1", **values}))
    assert told in page.content.decode()
    assert RatingRun.objects.count() == 0


def test_progress_waits_refreshes_and_tells_failure(
    city_clerk: Client, scheme: SchemeVersion, here: Place
) -> None:
    address = url("ratingrun", "progress")
    query = {"period": "2025", "scheme": scheme.pk, "cutoff": "2026-01-21T00:00:00+08:00", "district": ""}
    page = city_clerk.get(address, query).content.decode()
    assert "已排队" in page
    assert 'http-equiv="refresh"' in page
    run = RatingRun.objects.create(
        period="2025",
        period_end=date(2025, 12, 31),
        scheme=scheme,
        scheme_sha256=scheme.sha256,
        cutoff=query["cutoff"],
        started_by="city",
        stage="读取事实",
    )
    assert "读取事实" in city_clerk.get(address, query).content.decode()
    RatingRun.objects.filter(pk=run.pk).update(state="FAILED", stage="事实与规则不符")
    page = city_clerk.get(address, query).content.decode()
    assert "评价失败：事实与规则不符" in page
    assert 'http-equiv="refresh"' not in page
    assert city_clerk.get(address).status_code == 404


def test_repeating_compares_and_is_on_record(city_clerk: Client, run: RatingRun) -> None:
    assert city_clerk.get(url("ratingrun", "replay", run.pk)).status_code == 405
    page = city_clerk.post(url("ratingrun", "replay", run.pk))
    assert "一致。" in page.content.decode()
    assert AuditEvent.objects.get(action="重算核对").detail == {"same": True}


def test_nothing_computed_is_editable(
    root: Client, ratings: tuple[Rating, Rating], scheme: SchemeVersion
) -> None:
    for model, key in (
        ("rating", ratings[0].pk),
        ("ratingrun", ratings[0].run_id),
        ("schemeversion", scheme.pk),
    ):
        assert root.get(url(model, "add")).status_code == 403
        assert root.get(url(model, "delete", key)).status_code == 403
        page = root.get(url(model, "change", key)).content.decode()
        assert 'name="_save"' not in page
    assert root.post(url("ratingrun", "change", ratings[0].run_id), {"period": "2024"}).status_code == 403
    before = Rating.objects.values().get(pk=ratings[0].pk)
    root.post(url("rating", "change", ratings[0].pk), {"grade": 0})
    assert Rating.objects.values().get(pk=ratings[0].pk) == before


def test_a_rating_is_explained_with_links(clerk: Client, ratings: tuple[Rating, Rating], here: Place) -> None:
    page = clerk.get(url("rating", "change", ratings[0].pk)).content.decode()
    assert url("violation", "change", here.violation.pk) in page
    assert url("complaint", "change", here.complaint.pk) in page
    assert "各项得分" in page
    assert "等级限制" in page
    assert "2025年（本页）" in page


def test_the_pharmacy_leads_to_its_ratings_and_facts(
    clerk: Client, ratings: tuple[Rating, Rating], here: Place
) -> None:
    page = clerk.get(url("pharmacy", "change", here.pharmacy.pk)).content.decode()
    for address in (
        url("rating", "change", ratings[0].pk),
        url("violation", "change", here.violation.pk),
        url("complaint", "change", here.complaint.pk),
        url("fundpayment", "change", here.payment.pk),
        url("measurevalue", "change", here.measure.pk),
        url("servicestatus", "change", here.status.pk),
    ):
        assert address in page
    assert "登记沿革" in page


def test_filters_of_ratings(city_clerk: Client, ratings: tuple[Rating, Rating], here: Place) -> None:
    count = lambda **query: city_clerk.get(url("rating", "changelist"), query).context["cl"].result_count  # noqa: E731
    run = ratings[0].run
    assert count() == 2
    assert count(period="2025") == 2
    assert count(period="2024") == 0
    assert count(run=run.pk) == 2
    assert count(run="x") == 0
    assert count(district=330602) == 1
    assert count(q=here.pharmacy.code) == 1
    assert count(pharmacy__id__exact=here.pharmacy.pk) == 1
    grades = ["A", "B", "C", "D", "-1"]
    assert sum(count(grade=grade) for grade in grades) == 2
    assert count(grade="Z") == 0
    assert count(capped="1") + count(capped="0") == 2


def test_the_list_shows_the_latest_run(city_clerk: Client, run: RatingRun, scheme: SchemeVersion) -> None:
    older = RatingRun.objects.create(
        period="2024",
        period_end=date(2024, 12, 31),
        scheme=scheme,
        scheme_sha256=scheme.sha256,
        cutoff="2025-01-21T00:00:00+08:00",
        started_by="x",
    )
    page = city_clerk.get(url("rating", "changelist"))
    assert {row.run_id for row in page.context["cl"].result_list} == {run.pk}
    assert older.state == "WAITING"


def test_the_start_page(clerk: Client, city_clerk: Client, stray: Client, run: RatingRun) -> None:
    page = clerk.get(reverse("admin:index"))
    assert "管辖范围：越城区" in page.content.decode()
    assert "柯桥区" not in page.content.decode()
    assert [row["code"] for row in page.context["latest"][0]["distribution"]["rows"]] == [330602]
    assert page.context["pharmacies"] == "1"
    assert city_clerk.get(reverse("admin:index")).context["pharmacies"] == "2"
    page = stray.get(reverse("admin:index"))
    assert page.status_code == 200
    assert page.context["latest"] == []
