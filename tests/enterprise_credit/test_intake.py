"""What rows come to, held against a plain model; the same call twice; calls side by side."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any
from unittest import mock

import hypothesis
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import strategies as st
from kombu.exceptions import OperationalError

from applications.enterprise_credit import intake, record_store, tasks
from applications.enterprise_credit.models import CreditRecord, RecordBatch
from ratings.models import AuditEvent
from tests.enterprise_credit.building import record, subject
from tests.enterprise_credit.supplying import outcomes, program, row, take, withdrawal
from tests.factories import uscc

pytestmark = pytest.mark.django_db


def live() -> dict[str, CreditRecord]:
    return {one.record_no: one for one in CreditRecord.objects.filter(voided_at=None)}


class TestOutcomes:
    def test_new_and_unchanged(self) -> None:
        one, client = subject(), program()
        assert outcomes(take(client, row(one), row(one, "A2"))) == ["accepted", "accepted"]
        assert outcomes(take(client, row(one), row(one, "A2"))) == ["unchanged", "unchanged"]
        kept = live()["A1"]
        assert (kept.subject_id, kept.match, kept.valid_from) == (one.uscc, "MATCHED", date(2026, 1, 5))
        assert kept.data == {"content": "警告"}

    @pytest.mark.parametrize(
        "change",
        [
            {"document_no": ""},
            {"decided_on": "2026-01-04"},
            {"valid_from": "2026-01-06"},
            {"valid_until": "2030-01-01"},
            {"data": {"content": "罚款"}},
            {"data": {"content": "警告", "fine_fen": 0}},
            {"name": "某医药（有限公司）"},
        ],
    )
    def test_any_other_content_is_a_correction(self, change: dict[str, Any]) -> None:
        one, client = subject(), program()
        take(client, row(one))
        assert outcomes(take(client, row(one, **change))) == ["corrected"]
        old = CreditRecord.objects.get(voided_at__isnull=False)
        assert (old.ending, old.voided_by) == ("CORRECTED", client.name)
        assert old.void_reason.startswith("由批次 #") and "第 1 行更正" in old.void_reason
        assert outcomes(take(client, row(one, **change))) == ["unchanged"]

    def test_a_reason_of_a_correction_is_kept(self) -> None:
        one, client = subject(), program()
        take(client, row(one))
        take(client, row(one, data={"content": "罚款"}, reason="原决定改判"))
        assert CreditRecord.objects.get(voided_at__isnull=False).void_reason == "原决定改判"

    def test_an_objection_stays_marked_through_a_correction(self) -> None:
        one, client = subject(), program()
        take(client, row(one))
        CreditRecord.objects.update(objected_on=date(2026, 2, 1), objection="不服")
        take(client, row(one, data={"content": "罚款"}))
        assert (live()["A1"].objected_on, live()["A1"].objection) == (date(2026, 2, 1), "不服")

    def test_texts_that_copy_would_misread(self) -> None:
        one, client = subject(), program()
        said = '\\N "引号" \\t 反斜杠\\'
        assert outcomes(take(client, row(one, document_no=said, data={"content": said}))) == ["accepted"]
        kept = live()["A1"]
        assert (kept.document_no, kept.data) == (said, {"content": said})

    def test_without_an_enterprise_or_under_another_name(self) -> None:
        one, client = subject(), program()
        answer = take(
            client, row(None, "A1", social_credit_code=uscc(), name="外地公司"), row(one, "A2", name="别的")
        )
        assert outcomes(answer) == ["unmatched", "unmatched"]
        assert [live()[no].match for no in ("A1", "A2")] == ["NO_SUBJECT", "NAME_DIFFERS"]
        assert {one.subject_id for one in live().values()} == {None}

    def test_a_name_written_otherwise_is_the_same(self) -> None:
        one, client = subject("某医药（绍兴）有限公司"), program()
        assert outcomes(take(client, row(one, name=" 某医药(绍兴)有限公司 "))) == ["accepted"]

    def test_a_match_that_was_settled_outlasts_a_correction(self) -> None:
        one, client = subject(), program()
        take(client, row(one, name="旧名"))
        CreditRecord.objects.update(match="MATCHED", subject=one)
        assert outcomes(take(client, row(one, name="旧名", data={"content": "罚款"}))) == ["corrected"]
        assert outcomes(take(client, row(one, name="又一个名", data={"content": "罚款"}))) == ["unmatched"]

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"social_credit_code": "91330602MA288UYN8X"}, "校验位不符"),
            ({"decided_on": "2999-01-01"}, "晚于今天"),
            ({"valid_from": "2999-01-01"}, "晚于今天"),
            ({"valid_until": "2026-01-05"}, "失效日不晚于生效日"),
            ({"valid_until": "2025-01-01"}, "失效日不晚于生效日"),
            ({"data": {}}, "“处罚内容”没有填写"),
            ({"data": {"content": "a", "nonsense": 1}}, "没有 “nonsense” 这个字段"),
        ],
    )
    def test_refused_alone(self, wrong: dict[str, Any], said: str) -> None:
        one, client = subject(), program()
        answer = take(client, row(one), row(one, "A2", **wrong))
        assert outcomes(answer) == ["accepted", "refused"]
        assert said in answer["results"][1][2][0]
        batch = RecordBatch.objects.get()
        assert (batch.accepted, batch.refused, list(live())) == (1, 1, ["A1"])
        assert batch.problems[0]["line"] == 2

    def test_a_number_twice(self) -> None:
        one, client = subject(), program()
        answer = take(client, row(one), row(one, data={"content": "罚款"}), row(one, "A2"))
        assert outcomes(answer) == ["refused", "refused", "accepted"]
        assert "不止出现一次" in answer["results"][0][2][0]

    @pytest.mark.parametrize("wrong", [{"data": {}}, {"withdraw": True}])
    def test_a_number_twice_and_once_wrong(self, wrong: dict[str, Any]) -> None:
        one, client = subject(), program()
        answer = take(client, row(one), row(one, "A1 ", **wrong), row(one, "A2"))
        assert outcomes(answer) == ["refused", "refused", "accepted"]
        assert "不止出现一次" in answer["results"][0][2][0]
        assert RecordBatch.objects.get().refused == 2
        assert list(live()) == ["A2"]

    def test_blanks_are_as_in_files(self) -> None:
        one, client = subject("某医药 公司"), program()
        sent = row(one, "A 1", data={"content": "警告 一次"})
        take(client, sent)
        blank = {**sent, "record_no": "\u3000A  1 ", "name": " 某医药\u3000 公司", "decided_on": " 2026-01-05",
                 "data": {"content": "\u00a0警告\u3000一次 "}, "document_no": f" {sent['document_no']} "}  # fmt: skip
        assert outcomes(take(client, blank)) == ["unchanged"]
        assert "没有填写" in take(client, {**sent, "data": {"content": "\u3000 "}})["results"][0][2][0]
        assert "控制字符" in take(client, {**sent, "data": {"content": "警告\n一次"}})["results"][0][2][0]

    def test_numbers_are_of_a_type(self) -> None:
        one, client = subject(), program()
        take(client, row(one))
        other = {**row(one), "data": {"scope": "零售"}}
        assert outcomes(take(client, other, type_key="scjgj-licence")) == ["accepted"]


class TestWithdrawal:
    def test_it_ends_with_its_reason(self) -> None:
        one, client = subject(), program()
        take(client, row(one))
        assert outcomes(take(client, withdrawal())) == ["withdrawn"]
        gone = CreditRecord.objects.get()
        assert (gone.ending, gone.void_reason) == ("WITHDRAWN", "决定已撤销")
        assert outcomes(take(client, withdrawal())) == ["unchanged"]

    def test_of_nothing_or_without_a_reason(self) -> None:
        client = program()
        answer = take(
            client, withdrawal("A9"), withdrawal("A8", ""), {"record_no": "", "withdraw": True, "reason": "x"}
        )
        assert outcomes(answer) == ["refused"] * 3
        assert ["没有这个编号" in answer["results"][0][2][0], "须写明原因" in answer["results"][1][2][0]] == [
            True,
            True,
        ]

    def test_what_was_withdrawn_comes_back_on_purpose_only(self) -> None:
        one, client = subject(), program()
        take(client, row(one))
        take(client, withdrawal())
        answer = take(client, row(one))
        assert outcomes(answer) == ["refused"] and "已经撤销" in answer["results"][0][2][0]
        assert outcomes(take(client, row(one, correction=True))) == ["accepted"]
        assert list(live()) == ["A1"]


class TestTheSameCallTwice:
    def test_the_first_answer_again(self) -> None:
        one, client = subject(), program()
        first = take(client, row(one), key="k")
        assert take(client, row(one), key="k") == first
        assert (CreditRecord.objects.count(), RecordBatch.objects.count()) == (1, 1)

    def test_another_content_or_type(self) -> None:
        one, client = subject(), program()
        take(client, row(one), key="k")
        with pytest.raises(intake.KeyReused):
            take(client, row(one, "A2"), key="k")
        with pytest.raises(intake.KeyReused):
            take(client, row(one), key="k", type_key="scjgj-licence")

    def test_keys_are_of_a_client(self) -> None:
        one = subject()
        assert outcomes(take(program(), row(one), key="k")) == ["accepted"]
        assert outcomes(take(program(), row(one), key="k")) == ["unchanged"]


@pytest.mark.parametrize("values", [{"subject_id": "91330602MA288UYN8Y"}, {"batch_id": 0}])
def test_a_record_of_nothing(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="指向不存在的"), transaction.atomic():
        record(subject(), **values)


def test_it_is_on_record() -> None:
    one, client = subject(), program()
    take(client, row(one), row(one, "A2", data={}))
    event = AuditEvent.objects.get(action="信用信息入库")
    assert (event.detail["accepted"], event.detail["refused"], event.detail["record_type"]) == (
        1,
        1,
        "scjgj-penalty",
    )


def test_enterprises_are_derived_anew(django_capture_on_commit_callbacks: Any) -> None:
    one, two, client = subject(), subject("另一家"), program()
    take(client, row(one), row(two, "B1"))
    with mock.patch.object(tasks.refresh, "delay") as told, django_capture_on_commit_callbacks(execute=True):
        take(client, row(one), row(two, "B1", data={"content": "罚款"}), row(one, "B2", name="旧名"))
    told.assert_called_once_with([two.uscc])
    with mock.patch.object(tasks.refresh, "delay") as told, django_capture_on_commit_callbacks(execute=True):
        take(client, withdrawal("A1"))
    told.assert_called_once_with([one.uscc])
    with mock.patch.object(tasks.refresh, "delay") as told, django_capture_on_commit_callbacks(execute=True):
        take(client, row(two, "B1", data={"content": "罚款"}))
    told.assert_not_called()


def test_what_is_taken_in_stands_without_a_queue(django_capture_on_commit_callbacks: Any) -> None:
    one, client = subject(), program()
    unreachable = mock.patch.object(tasks.refresh, "delay", side_effect=OperationalError)
    with unreachable, django_capture_on_commit_callbacks(execute=True):
        take(client, row(one))
    assert one.records.count() == 1
    assert tasks.refresh() == 1


def test_a_great_many_are_derived_all_together(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(record_store, "MANY", 1)
    one, two, client = subject(), subject("另一家"), program()
    with mock.patch.object(tasks.refresh, "delay") as told, django_capture_on_commit_callbacks(execute=True):
        take(client, row(one), row(two, "B1"))
    told.assert_called_once_with(None)


def test_queries_do_not_grow_with_rows() -> None:
    client, counts = program(), []
    for size in (1, 3):
        rows = [row(subject(f"公司{size}{n}"), f"Q{size}{n}") for n in range(size)]
        with CaptureQueriesContext(connection) as captured:
            take(client, *rows, withdrawal(f"Z{size}"))
        counts.append(len(captured))
    assert counts[0] == counts[1]


# -- against a plain model

NUMBERS = ("A", "B", "C")
ROWS = st.fixed_dictionaries(
    {"record_no": st.sampled_from(NUMBERS)},
    optional={
        "data": st.sampled_from([{"content": "警告"}, {"content": "罚款", "fine_fen": 100}]),
        "withdraw": st.just(True),
        "correction": st.just(True),
        "known": st.booleans(),
        "until": st.sampled_from(["2027-01-01", "2026-01-05"]),
    },
)


class _Undo(Exception):
    pass


@contextmanager
def undone() -> Iterator[None]:
    """Nothing of it remains."""
    with suppress(_Undo), transaction.atomic():
        yield
        raise _Undo


class Model:
    """Number to its live content, None where it was withdrawn."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.versions = 0

    def send(self, rows: list[dict[str, Any]]) -> list[str]:
        numbers = [row["record_no"] for row in rows]
        return [self.one(row, numbers.count(row["record_no"]) > 1) for row in rows]

    @staticmethod
    def fits(row: dict[str, Any]) -> bool:
        return bool(row.get("withdraw")) or "data" in row

    def one(self, row: dict[str, Any], twice: bool) -> str:
        number = row["record_no"]
        if not self.fits(row) or twice:
            return "refused"
        known = number in self.kept
        if row.get("withdraw"):
            if not known:
                return "refused"
            was, self.kept[number] = self.kept[number], None
            return "unchanged" if was is None else "withdrawn"
        if known and self.kept[number] is None and not row.get("correction"):
            return "refused"
        if row.get("until") == "2026-01-05":
            return "refused"
        content = (row["data"], row.get("until"), row.get("known", False))
        if self.kept.get(number) == content:
            return "unchanged"
        new = self.kept.get(number) is None
        self.kept[number] = content
        self.versions += 1
        if not row.get("known", False):
            return "unmatched"
        return "accepted" if new else "corrected"


@hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(calls=st.lists(st.lists(ROWS, min_size=1, max_size=4), min_size=1, max_size=6))
def test_any_sequence_ends_as_the_plain_model(calls: list[list[dict[str, Any]]]) -> None:
    with undone():
        one, client, model = subject(), program(), Model()
        stranger = uscc()
        for call in calls:
            rows = []
            for given in call:
                about = {"social_credit_code": one.uscc if given.get("known") else stranger, "name": one.name}
                sent = {"record_no": given["record_no"], **about, "decided_on": "2026-01-05"}
                sent |= {"valid_until": given.get("until"), "data": given.get("data")}
                sent |= {"correction": given.get("correction", False)}
                rows.append(withdrawal(given["record_no"]) if given.get("withdraw") else sent)
            assert outcomes(take(client, *rows)) == model.send(call)
        found = {number: (kept.data, str(kept.valid_until or "") or None, kept.subject_id == one.uscc)
                 for number, kept in live().items()}  # fmt: skip
        assert found == {number: content for number, content in model.kept.items() if content is not None}
        assert CreditRecord.objects.count() == model.versions
