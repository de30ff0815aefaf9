"""The policy lab in the admin: who may, what it says of a text, what a trial shows, what is taken away."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import openpyxl
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ratings.admin.insight import lab
from ratings.insight.trials import work_of
from ratings.models import AuditEvent, RatingRun, SchemeVersion, StaffScope
from ratings.rules import parse_scheme
from ratings.services.audit import SYSTEM
from ratings.services.roles import INSPECTOR
from ratings.services.schemes import store_scheme
from tests import factories
from tests.pdf_text import fonts, text
from tests.ratings.admin.conftest import client_of, furnish
from tests.ratings.insight.test_trials import HARSH, TEXT, row_counts
from tests.ratings.services import lives
from tests.ratings.services.test_runs import rate_now, small_city

HARSHER = TEXT.replace(*HARSH).replace("version = 1", "version = 2")


def url(page: str = "lab") -> str:
    return reverse(f"insight:{page}")


@pytest.fixture
def rated(db: None) -> RatingRun:
    """A small city, rated and published."""
    small_city()
    run = rate_now()
    lives.published(run)
    return run


def asked(run: RatingRun, document: str = HARSHER, /, **more: Any) -> dict[str, Any]:
    return {"document": document, "runs": [run.pk], "against": "computed", **more}


# who may


def person(*codenames: str, whole_city: bool = True) -> Client:
    user = User.objects.create_user("person", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="ratings", codename__in=codenames)
    )
    StaffScope.objects.create(user=user, whole_city=whole_city).districts.set(
        [] if whole_city else [factories.district()]
    )
    return client_of(user)


@pytest.mark.parametrize(
    ("codenames", "whole_city", "allowed"),
    [
        (("view_schemeversion", "view_rating"), True, True),
        (("view_schemeversion", "view_rating"), False, False),
        (("view_schemeversion",), True, False),
        (("view_rating",), True, False),
    ],
)
def test_the_lab_is_for_those_of_the_whole_city_who_see_schemes_and_ratings(
    rated: RatingRun, codenames: tuple[str, ...], whole_city: bool, allowed: bool
) -> None:
    client = person(*codenames, whole_city=whole_city)
    before = row_counts()
    for answer in (
        client.get(url()),
        client.post(url(), asked(rated, run="1")),
        client.post(url("lab_check"), {"document": TEXT}),
    ):
        assert answer.status_code == (200 if allowed else 403)
    after = row_counts()
    after.pop("ratings_auditevent"), after.pop("ratings_auditlink")
    assert after == {table: before[table] for table in after}
    menu = client.get(reverse("admin:index")).content.decode()
    assert (f'href="{url()}"' in menu) == allowed


def test_strangers_are_led_to_the_sign_in(rated: RatingRun, client: Client) -> None:
    for answer in (client.get(url()), client.post(url("lab_check"), {"document": TEXT})):
        assert answer.status_code == 302
        assert "/login/" in answer["Location"]


def test_checking_by_script_is_a_post(rated: RatingRun, city_clerk: Client) -> None:
    assert city_clerk.get(url("lab_check")).status_code == 405


def test_storing_takes_its_own_permission(rated: RatingRun) -> None:
    client = person("view_schemeversion", "view_rating")
    assert "存为草案" not in client.get(url()).content.decode()
    assert client.post(url(), asked(rated, store="1")).status_code == 403
    assert SchemeVersion.objects.count() == 1


# the text


def test_a_version_is_loaded_and_the_usual_one_at_first(rated: RatingRun, city_clerk: Client) -> None:
    draft = store_scheme(HARSHER, by=SYSTEM)
    page = city_clerk.get(url())
    assert (page.context["text"], page.context["loaded"]) == (TEXT, rated.scheme)
    assert page.context["form"]["runs"].value() == [str(rated.pk)]
    page = city_clerk.get(url(), {"scheme": draft.pk})
    assert page.context["text"] == HARSHER
    assert f'<option value="{draft.pk}" selected>' in page.content.decode()
    for missing in ("999999", "x"):
        assert city_clerk.get(url(), {"scheme": missing}).status_code == 404


def test_without_schemes_or_runs_the_page_opens(city_clerk: Client) -> None:
    page = city_clerk.get(url())
    assert "还没有完成的评价" in page.content.decode()
    answer = city_clerk.post(url(), {"document": TEXT, "run": "1", "against": "computed"})
    assert "请至少选择一个评价周期" in answer.content.decode()


@pytest.mark.parametrize("button", ["check", "run", "store"])
def test_a_text_with_errors_is_kept_and_told(rated: RatingRun, city_clerk: Client, button: str) -> None:
    wrong = HARSHER.replace("free = 10", 'free = "<十>"')
    page = city_clerk.post(url(), asked(rated, wrong.replace("\n", "\r\n"), **{button: "1"}))
    assert page.context["text"] == wrong
    (problem,) = page.context["checked"]["problems"]
    line = wrong.split("\n").index('free = "<十>"') + 1
    assert (problem["line"], problem["path"]) == (line, "indicators[2].free")
    content = page.content.decode()
    assert f'data-line="{line}">第 {line} 行</a>' in content
    assert "改正办法：" in content
    assert "<十>" not in content, "escaped"
    assert ("没有试算" in content) == (button == "run")
    assert SchemeVersion.objects.count() == 1


def test_the_script_is_told_the_same(rated: RatingRun, city_clerk: Client) -> None:
    answer = city_clerk.post(url("lab_check"), {"document": HARSHER.replace("floor = 0", "floor = x", 1)})
    told = json.loads(answer.content)
    assert told["sound"] == ""
    assert told["problems"][0]["line"] == HARSHER[: HARSHER.index("floor = 0")].count("\n") + 1
    told = json.loads(city_clerk.post(url("lab_check"), {"document": HARSHER}).content)
    assert told["problems"] == []
    assert "第 2 版" in told["sound"]


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ("", "文件是空的"),
        ("a = " + "[" * 50_000, "嵌套超过"),
        ("#" * 200_001, "过长"),
        ("k" * 200_000, "过长"),
    ],
)
def test_hostile_texts_are_refused(rated: RatingRun, city_clerk: Client, document: str, what: str) -> None:
    answer = city_clerk.post(url("lab_check"), {"document": document})
    (problem,) = json.loads(answer.content)["problems"]
    assert what in problem["what"]
    assert len(problem["what"]) <= 300
    page = city_clerk.post(url(), asked(rated, document, run="1"))
    assert page.context["text"] == document
    assert page.context["results"] == []


def test_a_draft_is_stored_by_the_service(rated: RatingRun, city_clerk: Client) -> None:
    answer = city_clerk.post(url(), asked(rated, store="1"))
    stored = SchemeVersion.objects.get(version=2)
    assert answer["Location"] == f"{url()}?scheme={stored.pk}"
    assert (stored.document, stored.stored_by, stored.in_force) == (HARSHER, "city", False)
    assert AuditEvent.objects.filter(action="存入评价规则", actor="city").exists()


def test_what_is_in_force_is_not_overwritten_and_the_text_stays(rated: RatingRun, city_clerk: Client) -> None:
    document = TEXT.replace(*HARSH)
    page = city_clerk.post(url(), asked(rated, document, store="1"))
    assert "version 改为更大的数" in page.content.decode()
    assert page.context["text"] == document
    assert AuditEvent.objects.filter(action="未获准", actor="city").exists()


# trials


def test_a_trial_shows_who_moves_and_stores_nothing(rated: RatingRun, city_clerk: Client) -> None:
    city_clerk.get(url())
    before = row_counts()
    page = city_clerk.post(url(), asked(rated, run="1"))
    assert row_counts() == before
    (result,) = page.context["results"]
    assert result.changed == 3
    titles = [sheet.title for sheet in result.sheets]
    assert titles == [
        f"2025年下半年 {title}"
        for title in (
            "等级分布",
            "迁移矩阵：原评价 → 试算",
            "迁移矩阵：公布 → 试算",
            "各处改动单独的影响",
            "不予评级和等级上限",
            "按区县",
            "按经营形式",
            "按规模",
        )
    ]
    content = page.content.decode()
    assert "7 家药店中 3 家变动（42.9%）：降级 3 家。" in content
    assert "医保基金支付增幅 -20 → -30 分" in content
    (changes,) = page.context["shared"]
    assert [row[1] for row in changes.rows] == ["version", "indicators[growth].floor"]
    assert content.count('<svg class="cs-chart"') >= 4


def test_the_scheme_in_force_changes_nobody(rated: RatingRun, city_clerk: Client) -> None:
    content = city_clerk.post(url(), asked(rated, TEXT, run="1")).content.decode()
    assert "7 家药店的等级都不变。" in content
    assert "两份规则在计算上没有不同" in content


@pytest.mark.parametrize("against", ["published", "scheme"])
def test_against_what_was_published_or_another_draft(
    rated: RatingRun, city_clerk: Client, against: str
) -> None:
    draft = store_scheme(HARSHER, by=SYSTEM)
    value = str(draft.pk) if against == "scheme" else against
    page = city_clerk.post(url(), asked(rated, TEXT, against=value, run="1"))
    (result,) = page.context["results"]
    assert result.changed == (3 if against == "scheme" else 0)
    assert ("升级 3 家" in result.headline) == (against == "scheme")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"runs": []}, "请至少选择一个评价周期"),
        ({"runs": ["999999"]}, "999999"),
        ({"against": "x"}, "选择一个有效的选项"),
    ],
)
def test_choices_that_there_are_not(rated: RatingRun, city_clerk: Client, more: Any, told: str) -> None:
    page = city_clerk.post(url(), {**asked(rated, run="1"), **more})
    assert told in page.content.decode()
    assert (page.context["results"], page.context["text"]) == ([], HARSHER)


def test_too_much_for_a_page_is_refused_with_the_way_out(
    rated: RatingRun, city_clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "MAX_PHARMACIES", 7)
    assert city_clerk.post(url(), asked(rated, run="1")).context["results"]
    monkeypatch.setattr(lab, "MAX_PHARMACIES", 6)
    content = city_clerk.post(url(), asked(rated, run="1")).content.decode()
    assert "manage.py simulate" in content
    assert "超过网页一次试算的 6 家" in content
    monkeypatch.setattr(lab, "MAX_RUNS", 0)
    assert "最多试算 0 个评价周期" in city_clerk.post(url(), asked(rated, run="1")).content.decode()


def test_what_does_not_fit_the_facts_is_told(rated: RatingRun, city_clerk: Client) -> None:
    other = rate_now(scheme=rated.scheme, cutoff=rated.cutoff.replace(day=20))
    page = city_clerk.post(url(), asked(other, against="published", run="1"))
    assert "尚未公布" in page.content.decode()
    assert page.context["text"] == HARSHER


def queries(client: Client, run: RatingRun) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.post(url(), asked(run, run="1")).status_code == 200
    return len(seen)


def test_the_number_of_queries_is_constant(city_clerk: Client, rated: RatingRun) -> None:
    queries(city_clerk, rated)
    few = queries(city_clerk, rated)
    since = rated.cutoff + timedelta(days=1)
    for number in range(3):
        furnish(330610 + number, f"区{number}", f"店{number}", recorded_at=since)
        store_scheme(HARSHER.replace("version = 2", f"version = {number + 3}"), by=SYSTEM)
    more = rate_now(scheme=rated.scheme, cutoff=since)
    assert more.pharmacies == rated.pharmacies + 3
    again = queries(city_clerk, more)
    assert again <= few <= 40


# files


def test_a_workbook_has_every_table(rated: RatingRun, city_clerk: Client) -> None:
    answer = city_clerk.post(url(), asked(rated, file="all.xlsx"))
    assert unquote(answer["Content-Disposition"]).startswith("attachment; filename*=utf-8''政策实验室试算-20")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert len(book.sheetnames) == 11
    told = {row[0]: row[1] for row in book.worksheets[0].iter_rows(values_only=True)}
    assert "没有存入" in told["内容"]
    assert "第 2 版" in told["试算规则"]
    rows = list(book["2025年下半年 变动的药店"].iter_rows(values_only=True))
    assert len(rows) == 4
    event = AuditEvent.objects.get(action="导出")
    assert (event.actor, event.detail["format"], event.detail["runs"]) == ("city", "XLSX", [rated.pk])


def test_the_list_is_whole_as_csv(
    rated: RatingRun, city_clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratings.admin.insight.lab_sheets.LISTED", 2)
    page = city_clerk.post(url(), asked(rated, run="1"))
    assert len(page.context["results"][0].listed.rows) == 2
    assert "本页列前 2 家" in page.content.decode()
    answer = city_clerk.post(url(), asked(rated, file="list.csv"))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert (len(rows), rows[0][1], rows[1][6]) == (4, "定点编码", "降级 1 级")


def test_one_table_is_taken_away(rated: RatingRun, city_clerk: Client) -> None:
    answer = city_clerk.post(url(), asked(rated, file=f"{rated.pk}-matrix.csv"))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["原评价 ＼ 试算", "A", "B", "C", "D", "不予评级", "合计"]
    assert rows[-1][-1] == "7"
    for wanted in ("nothing.csv", f"{rated.pk}-matrix.exe", f"{rated.pk}-matrix", "x"):
        assert city_clerk.post(url(), asked(rated, file=wanted)).status_code == 404


def test_the_report_is_a_pdf_with_its_font(rated: RatingRun, city_clerk: Client) -> None:
    answer = city_clerk.post(url(), asked(rated, file="report.pdf"))
    assert answer["Content-Type"] == "application/pdf"
    said = text(answer.content)
    for wanted in ("政策实验室试算报告", "没有存入，不是正式评价", "降级 3 家", "等级分布", "变动的药店"):
        assert wanted in said
    assert any("Noto" in name and embedded for name, embedded in fonts(answer.content).items())


def test_a_file_of_a_text_with_errors_is_the_page(rated: RatingRun, city_clerk: Client) -> None:
    page = city_clerk.post(url(), asked(rated, "x", file="all.xlsx"))
    assert page.context["text"] == "x"
    assert not AuditEvent.objects.filter(action="导出").exists()


def test_a_large_scheme_for_many_pharmacies_is_refused_with_the_way_out(
    rated: RatingRun, city_clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "MAX_PHARMACIES", 7)
    monkeypatch.setattr(lab, "MAX_COLUMNS", work_of(parse_scheme(HARSHER)))
    assert city_clerk.post(url(), asked(rated, run="1")).context["results"]
    monkeypatch.setattr(lab, "MAX_COLUMNS", work_of(parse_scheme(HARSHER)) - 1)
    page = city_clerk.post(url(), asked(rated, run="1"))
    assert "网页一次算不完" in page.content.decode()
    assert page.context["text"] == HARSHER


def test_a_large_scheme_to_compare_with_is_refused_as_well(
    rated: RatingRun, city_clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    cap = """
[[caps]]
id = "more{}"
title = "另"
when = {{ quantity = "complaints", within_months = 12, ge = 9 }}
limit = "C"
clause = "第九条"
"""
    more = "".join(cap.format(number) for number in range(3))
    large = store_scheme(HARSHER + more, by=SYSTEM)
    monkeypatch.setattr(lab, "MAX_PHARMACIES", 7)
    monkeypatch.setattr(lab, "MAX_COLUMNS", work_of(parse_scheme(TEXT)))
    assert work_of(parse_scheme(large.document)) > lab.MAX_COLUMNS
    page = city_clerk.post(url(), asked(rated, TEXT, run="1", against=large.pk))
    assert "网页一次算不完" in page.content.decode()
    assert city_clerk.post(url(), asked(rated, TEXT, run="1")).context["results"]


def test_what_an_inspector_looks_at_is_on_record(rated: RatingRun) -> None:
    user = User.objects.create_user("inspector", is_staff=True)
    user.groups.add(Group.objects.get(name=INSPECTOR))
    StaffScope.objects.create(user=user, whole_city=True)
    client = client_of(user)
    looks = AuditEvent.objects.filter(actor="inspector", action="查阅统计监督数据").order_by("pk")
    client.get(url())
    assert [look.detail["filters"] for look in looks] == [{"scheme": str(rated.scheme_id)}]
    client.post(url(), asked(rated, check="1"))
    assert looks.count() == 1
    client.post(url(), asked(rated, run="1"))
    assert [look.subject for look in looks.all()] == ["政策实验室"] * 2


def test_looks_of_others_at_the_lab_are_their_own_affair(rated: RatingRun, city_clerk: Client) -> None:
    city_clerk.get(url())
    city_clerk.post(url(), asked(rated, run="1"))
    assert not AuditEvent.objects.filter(action="查阅统计监督数据").exists()


def test_a_schemes_page_leads_to_the_lab(rated: RatingRun, city_clerk: Client) -> None:
    address = reverse("admin:ratings_schemeversion_change", args=(rated.scheme_id,))
    there = f'href="{url()}?scheme={rated.scheme_id}"'
    assert there in city_clerk.get(address).content.decode()
    of_a_district = person("view_schemeversion", "view_rating", whole_city=False)
    assert there not in of_a_district.get(address).content.decode()
