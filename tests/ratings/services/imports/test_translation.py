"""What the database refuses, in words."""

from collections.abc import Callable
from datetime import date

import pytest
from django.db import IntegrityError, transaction

from ratings.models import FundPayment, ImportBatch, Pharmacy
from ratings.services.imports.translation import database_refused
from tests import factories


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act()
    return str(database_refused(caught.value))


def test_a_row_that_someone_else_wrote_meanwhile(shops: list[Pharmacy]) -> None:
    def write() -> FundPayment:
        return FundPayment.objects.create(
            pharmacy=shops[0], month=date(2025, 3, 1), amount_fen=1, settlements=1, recorded_by="甲"
        )

    write()
    assert "刚由他人写入" in refused(write)


def test_a_constraint_with_words_of_its_own(shops: list[Pharmacy]) -> None:
    said = refused(lambda: Pharmacy.objects.filter(pk=shops[0].pk).update(predecessor=shops[0]))
    assert "前身" in said


def test_a_constraint_without_words(db: None) -> None:
    said = refused(
        lambda: ImportBatch.objects.create(
            kind="payments", file_name="支付.csv", sha256="x", size=1, uploaded_by="甲"
        )
    )
    assert f"{ImportBatch._meta.verbose_name}：不符合数据库约束 importbatch_sha256_form" in said


def test_a_constraint_of_the_database_alone(shops: list[Pharmacy]) -> None:
    said = refused(lambda: factories.pharmacy(code=shops[0].code))
    assert "ratings_pharmacy_code" in said
    assert "没有写入任何数据" in said


def test_a_trigger_speaks_for_itself(db: None) -> None:
    assert "不得删除" in refused(factories.district().delete)
