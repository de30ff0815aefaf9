"""What people do with one record: fill in, correct, withdraw, mark an objection."""

from datetime import date
from typing import Any

import pytest

from applications.enterprise_credit import records
from applications.enterprise_credit.models import CreditRecord, RecordBatch
from ratings.models import AuditEvent
from ratings.services.errors import Refused
from tests.enterprise_credit.building import department, record, subject
from tests.enterprise_credit.supplying import BY, record_type, row

pytestmark = pytest.mark.django_db


def fill(of: Any, **values: Any) -> CreditRecord:
    return records.fill_in(record_type(), row(of, **values), department=department(), by=BY)


def content(of: Any, **values: Any) -> dict[str, Any]:
    return {name: value for name, value in row(of, **values).items() if name != "record_no"}


class TestFillingIn:
    def test_it_is_a_batch_of_its_own(self) -> None:
        made = fill(subject())
        assert (made.match, made.batch.source, made.batch.state, made.row) == (
            "MATCHED",
            "FORM",
            "ACCEPTED",
            1,
        )
        assert (made.batch.accepted, made.recorded_by) == (1, BY.name)

    def test_what_is_wrong(self) -> None:
        with pytest.raises(records.RowRefused, match="“处罚内容”没有填写"):
            fill(subject(), data={})
        assert not RecordBatch.objects.exists()

    def test_a_number_that_is_taken_or_was_withdrawn(self) -> None:
        one = subject()
        made = fill(one)
        with pytest.raises(Refused, match="这个编号已有信用信息"):
            fill(one)
        assert fill(one, record_no="B  1 ").record_no == "B 1"
        with pytest.raises(Refused, match="这个编号已有信用信息"):
            fill(one, record_no="B\u30001")
        records.withdraw(made, reason="错了", department=department(), by=BY)
        with pytest.raises(Refused, match="已经撤销"):
            fill(one)

    def test_another_departments_type(self) -> None:
        with pytest.raises(Refused, match="不由医疗保障局提供"):
            records.fill_in(record_type(), row(subject()), department=department("ybj"), by=BY)


class TestCorrecting:
    def test_another_version(self) -> None:
        one = subject()
        old = fill(one)
        made = records.correct(
            old, content(one, data={"content": "罚款"}), reason="笔误", department=department(), by=BY
        )
        old.refresh_from_db()
        assert (made.record_no, made.data) == ("A1", {"content": "罚款"})
        assert (old.ending, old.void_reason, old.voided_by) == ("CORRECTED", "笔误", BY.name)

    def test_what_cannot_be(self) -> None:
        one = subject()
        old = fill(one)

        def correct(row_: CreditRecord = old, reason: str = "x", key: str = "scjgj", **values: Any) -> None:
            records.correct(row_, content(one, **values), reason=reason, department=department(key), by=BY)

        with pytest.raises(Refused, match="没有更正"):
            correct()
        with pytest.raises(Refused, match="请填写理由"):
            correct(reason="", data={"content": "罚款"})
        with pytest.raises(Refused, match="晚于今天"):
            correct(decided_on="2999-01-01")
        with pytest.raises(Refused, match="不由医疗保障局提供"):
            correct(key="ybj", data={"content": "罚款"})
        correct(data={"content": "罚款"})
        with pytest.raises(Refused, match="请打开现行版本"):
            correct(data={"content": "没收"})

    def test_a_type_that_is_no_more(self) -> None:
        gone = record(subject(), "scjgj-gone")
        with pytest.raises(Refused, match="不能再改"):
            records.withdraw(gone, reason="x", department=department(), by=BY)


class TestWithdrawing:
    def test_it_ends(self) -> None:
        made = fill(subject())
        records.withdraw(made, reason="决定已撤销", department=department(), by=BY)
        made.refresh_from_db()
        assert (made.ending, made.void_reason) == ("WITHDRAWN", "决定已撤销")
        with pytest.raises(Refused, match="请打开现行版本"):
            records.withdraw(made, reason="决定已撤销", department=department(), by=BY)
        assert AuditEvent.objects.filter(action="信用信息入库", reason="决定已撤销").exists()


class TestObjections:
    def test_marked_and_lifted(self) -> None:
        made = fill(subject())
        records.mark_objection(made, "当事人\n另有其人", on=date(2026, 2, 1), department=department(), by=BY)
        made.refresh_from_db()
        assert (made.objected_on, made.objection) == (date(2026, 2, 1), "当事人 另有其人")
        with pytest.raises(Refused, match="已有异议标注"):
            records.mark_objection(made, "再", on=date(2026, 2, 1), department=department(), by=BY)
        records.lift_objection(made, "查无此事", department=department(), by=BY)
        made.refresh_from_db()
        assert (made.objected_on, made.objection) == (None, "")
        with pytest.raises(Refused, match="没有异议标注"):
            records.lift_objection(made, "查无此事", department=department(), by=BY)
        actions = AuditEvent.objects.filter(subject=f"creditrecord:{made.pk}").order_by("pk")
        assert list(actions.values_list("action", flat=True)) == ["异议标注", "解除异议标注"]

    def test_what_cannot_be(self) -> None:
        made = fill(subject())
        with pytest.raises(Refused, match="请填写异议说明"):
            records.mark_objection(made, " ", on=date(2026, 2, 1), department=department(), by=BY)
        with pytest.raises(Refused, match="不由医疗保障局提供"):
            records.mark_objection(made, "x", on=date(2026, 2, 1), department=department("ybj"), by=BY)
        records.withdraw(made, reason="x", department=department(), by=BY)
        with pytest.raises(Refused, match="请打开现行版本"):
            records.mark_objection(made, "x", on=date(2026, 2, 1), department=department(), by=BY)
