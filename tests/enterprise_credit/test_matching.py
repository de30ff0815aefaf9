"""What waits for its enterprise, and how it is settled."""

from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from applications.enterprise_credit import records, tasks
from applications.enterprise_credit.matching import match_waiting, waiting
from applications.enterprise_credit.models import CreditRecord, CreditSubject
from applications.enterprise_credit.names import name_key
from ratings.models import AuditEvent
from ratings.services.errors import Refused
from tests.enterprise_credit.building import record, subject
from tests.enterprise_credit.supplying import BY
from tests.factories import uscc

pytestmark = pytest.mark.django_db


def stranger(code: str = "", name: str = "新企业", **values: Any) -> CreditRecord:
    """A record of an enterprise that nobody knows."""
    about = CreditSubject(uscc=code or uscc(), name=name)
    return record(about, **{"match": "NO_SUBJECT", "subject": None, **values})


def differing(**values: Any) -> CreditRecord:
    return record(subject(), **{"match": "NAME_DIFFERS", "subject": None, "name": "旧名", **values})


def state(row: CreditRecord) -> tuple[str, str | None]:
    row.refresh_from_db()
    return row.match, row.subject_id


class TestByItself:
    def test_when_the_enterprise_appears(self) -> None:
        one, other, named = stranger(), stranger(), stranger(name="另一个名")
        subject("新企业（有限）", one.uscc)
        subject("新企业", named.uscc)
        assert match_waiting([one.uscc, named.uscc]) == set()
        assert [state(row)[0] for row in (one, other, named)] == [
            "NAME_DIFFERS",
            "NO_SUBJECT",
            "NAME_DIFFERS",
        ]
        CreditSubject.objects.filter(pk=one.uscc).update(name="新企业", name_key=name_key("新企业"))
        assert match_waiting([one.uscc]) == {one.uscc}
        assert state(one) == ("MATCHED", one.uscc)

    def test_all(self) -> None:
        one = stranger()
        subject("新企业", one.uscc)
        assert match_waiting() == {one.uscc}
        assert match_waiting() == set()
        assert not waiting().exists()

    def test_those_of_others_are_left(self) -> None:
        one = stranger()
        subject("新企业", one.uscc)
        assert match_waiting([]) == set()
        assert state(one) == ("NO_SUBJECT", None)

    def test_what_has_ended_stays_as_it_was(self) -> None:
        one = stranger()
        records.send_back(one, reason="代码不对", by=BY)
        subject("新企业", one.uscc)
        assert match_waiting() == set()

    def test_queries_do_not_grow(self) -> None:
        seen = []
        for size in (1, 3):
            rows = [stranger() for _ in range(size)]
            for row in rows:
                subject("新企业", row.uscc)
            stranger_named = stranger(name="另一个")
            subject("新企业", stranger_named.uscc)
            with CaptureQueriesContext(connection) as captured:
                assert len(match_waiting()) == size
            seen.append(len(captured))
        assert seen[0] == seen[1]


class TestSettling:
    def test_the_same_enterprise_all_the_same(self, django_capture_on_commit_callbacks: Any) -> None:
        row = differing()
        with (
            mock.patch.object(tasks.refresh, "delay") as told,
            django_capture_on_commit_callbacks(execute=True),
        ):
            records.take_as_that(row, reason="更名以前的名称", by=BY)
        told.assert_called_once_with([row.uscc])
        assert state(row) == ("MATCHED", row.uscc)
        assert AuditEvent.objects.get(action="认定信用信息的企业").reason == "更名以前的名称"

    def test_a_new_enterprise(self) -> None:
        row = stranger()
        same, other = stranger(row.uscc), stranger(row.uscc, "别的名")
        made = records.register_subject(row, reason="外地企业", by=BY)
        assert (made.origin, made.name_key, bool(made.grams)) == ("DEPARTMENT", "新企业", True)
        assert [state(one)[0] for one in (row, same, other)] == ["MATCHED", "MATCHED", "NAME_DIFFERS"]

    def test_sent_back(self) -> None:
        row = stranger()
        records.send_back(row, reason="代码不对", by=BY)
        row.refresh_from_db()
        assert (row.ending, row.void_reason, waiting().exists()) == ("WITHDRAWN", "退回：代码不对", False)

    def test_what_cannot_be(self) -> None:
        named, unknown, matched = differing(), stranger(), record(subject())
        gone = stranger()
        records.send_back(gone, reason="x", by=BY)
        with pytest.raises(Refused, match="请填写理由"):
            records.take_as_that(named, reason=" ", by=BY)
        with pytest.raises(Refused, match="不超过 300 字"):
            records.send_back(named, reason="x" * 301, by=BY)
        with pytest.raises(Refused, match="没有这个代码的企业"):
            records.take_as_that(unknown, reason="x", by=BY)
        with pytest.raises(Refused, match="已登记为“某医药有限公司”"):
            records.register_subject(named, by=BY)
        with pytest.raises(Refused, match="已经匹配"):
            records.send_back(matched, reason="x", by=BY)
        with pytest.raises(Refused, match="请打开现行版本"):
            records.register_subject(gone, by=BY)
