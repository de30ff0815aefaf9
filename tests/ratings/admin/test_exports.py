"""Exports: both formats, exact money, and no cell that acts as a formula."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from ratings.admin import exports
from ratings.models import Pharmacy, Rating

from .conftest import Place

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠SUM(A1)")


def export(client: Client, model: str, number: int) -> bytes:
    answer = client.post(reverse(f"admin:ratings_{model}_export"), {"format": str(number), "resource": "0"})
    assert answer.status_code == 200
    return answer.content


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_made_harmless(text: str, clerk: Client, here: Place) -> None:
    Pharmacy.objects.filter(pk=here.pharmacy.pk).update(address=text)
    rows = list(csv.DictReader(io.StringIO(export(clerk, "pharmacy", 1).decode("utf-8-sig"), newline="")))
    assert rows[0]["地址"] == f"'{text}"
    sheet = load_workbook(io.BytesIO(export(clerk, "pharmacy", 0))).active
    cells = {sheet.cell(1, place).value: sheet.cell(2, place) for place in range(1, sheet.max_column + 1)}
    assert cells["地址"].data_type == "s"
    assert str(cells["地址"].value).startswith("'")


def test_money_is_a_number_in_yuan(clerk: Client, here: Place) -> None:
    sheet = load_workbook(io.BytesIO(export(clerk, "fundpayment", 0))).active
    header = [cell.value for cell in sheet[1]]
    assert sheet.cell(2, header.index("基金支付（元）") + 1).value == 1234567.89
    rows = list(csv.DictReader(io.StringIO(export(clerk, "fundpayment", 1).decode("utf-8-sig"))))
    assert rows[0]["基金支付（元）"] == "1234567.89"


def test_the_form_speaks_of_its_columns(clerk: Client, here: Place) -> None:
    page = clerk.get(reverse("admin:ratings_violation_export")).content.decode()
    assert "涉及基金（元）" in page


def test_too_many_rows_are_refused(clerk: Client, here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_ROWS", 0)
    answer = clerk.post(
        reverse("admin:ratings_violation_export"), {"format": "1", "resource": "0"}, follow=True
    )
    assert "导出最多" in "".join(str(message) for message in answer.context["messages"])


def test_filters_apply(city_clerk: Client, here: Place, there: Place) -> None:
    address = reverse("admin:ratings_violation_export") + "?district=330603"
    text = city_clerk.post(address, {"format": "1", "resource": "0"}).content.decode("utf-8-sig")
    assert [row["区县"] for row in csv.DictReader(io.StringIO(text))] == ["柯桥区"]


def test_illegal_characters_do_not_stop_it(clerk: Client, here: Place) -> None:
    Pharmacy.objects.filter(pk=here.pharmacy.pk).update(address="a\x0bb")
    assert load_workbook(io.BytesIO(export(clerk, "pharmacy", 0)))


def test_rows_are_not_picked_one_by_one(clerk: Client, here: Place, there: Place) -> None:
    form = {"format": "1", "resource": "0", "export_items": [there.violation.pk]}
    answer = clerk.post(reverse("admin:ratings_violation_export"), form)
    assert "export_items" in answer.context["form"].errors


def test_ratings_take_a_constant_number_of_queries(
    city_clerk: Client, ratings: tuple[Rating, Rating], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(14):
        rows = list(csv.DictReader(io.StringIO(export(city_clerk, "rating", 1).decode("utf-8-sig"))))
    assert [row["评价周期"] for row in rows] == ["2025", "2025"]
    assert all(row["等级"] for row in rows)
