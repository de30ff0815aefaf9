"""The audit chain: gapless whoever commits when, and every change of it or of an event is found."""

import hashlib
import json
import threading
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from ratings.models import AuditEvent, AuditLink
from ratings.services.audit import Actor, record
from ratings.services.audit_chain import chain_head, verify_audit
from tests.ratings.models.test_audit_chain import linked
from tests.ratings.services.test_runs import laid_aside_guards

BY = Actor("甲", "10.0.0.1")
EVENT, LINK = "ratings_auditevent", "ratings_auditlink"


def tamper(statement: str) -> None:
    """What only a database superuser can do; {0} to {4} stand for the ids of the five events."""
    ids = AuditEvent.objects.order_by("id").values_list("id", flat=True)
    with laid_aside_guards(), connection.cursor() as cursor:
        cursor.execute(statement.format(*ids))


@pytest.mark.django_db
class TestTampering:
    @pytest.fixture(autouse=True)
    def _five_events(self) -> None:
        for number in range(5):
            record("试", f"x:{number}", by=BY, reason=f"因 {number}", detail_of={"金额": "1.50"})
        linked(0)

    def test_an_honest_chain_holds_against_its_earlier_heads(self) -> None:
        early = chain_head()
        linked(2)
        verdict = verify_audit([(0, ""), early, chain_head()])
        assert verdict.intact
        assert (verdict.number, verdict.sha256) == chain_head()
        assert verdict.number == 7

    @pytest.mark.parametrize("position", [0, 2, 4])
    @pytest.mark.parametrize(
        "change",
        [
            "at = at + interval '1 microsecond'",
            "at = at - interval '4000 years'",
            "at = 'infinity'",
            "actor = '乙'",
            "action = '试 '",
            "subject = 'x'",
            "reason = ''",
            "reason = subject, subject = reason",
            "address = NULL",
            "address = '10.0.0.1/8'",
            "detail = replace(detail::text, '1.50', '1.5')::jsonb",
        ],
    )
    def test_a_changed_event(self, change: str, position: int) -> None:
        tamper(f"UPDATE {EVENT} SET {change} WHERE id = {{{position}}}")
        fault = verify_audit().faults[0]
        pk = AuditEvent.objects.order_by("id").values_list("id", flat=True)[position]
        assert (fault.number, fault.event_id) == (position + 1, pk)
        assert "改动" in fault.text
        assert f"链第 {position + 1} 环，操作记录 #{pk}，" in str(fault)

    def test_the_time_of_a_fault_is_that_of_shanghai(self) -> None:
        tamper(f"UPDATE {EVENT} SET at = '2026-01-01 20:00:00+00' WHERE id = {{1}}")
        assert verify_audit().faults[0].at == "2026-01-02 04:00:00"

    @pytest.mark.parametrize(
        ("statement", "number", "told"),
        [
            # the events' own numbers
            (f"UPDATE {EVENT} SET id = 999999999 WHERE id = {{2}}", 3, "已不在"),
            (f"DELETE FROM {EVENT} WHERE id = {{0}}", 1, "已不在"),
            (f"DELETE FROM {EVENT} WHERE id = {{2}}", 3, "已不在"),
            (f"DELETE FROM {EVENT} WHERE id = {{4}}", 5, "已不在"),
            # the links
            (f"UPDATE {LINK} SET sha256 = repeat('0', 64) WHERE number = 2", 2, "从这一环起"),
            (f"UPDATE {LINK} SET sha256 = repeat('0', 64) WHERE number = 5", 5, "最末一环"),
            (f"UPDATE {LINK} SET event_id = 999999999 WHERE number = 2", 2, "已不在"),
            (f"UPDATE {LINK} SET number = 9 WHERE number = 2", 3, "不连续"),
            (f"UPDATE {LINK} SET number = 9 WHERE number = 5", 9, "不连续"),
            (f"DELETE FROM {LINK} WHERE number = 1", 2, "不连续"),
            (f"DELETE FROM {LINK} WHERE number = 3", 4, "不连续"),
            # swapped: two links' events, two links' hashes
            (
                f"UPDATE {LINK} SET event_id = -event_id WHERE number IN (2, 3);"
                f"UPDATE {LINK} SET event_id = {{1}} + {{2}} + event_id WHERE number IN (2, 3)",
                2,
                "从这一环起",
            ),
            (
                f"UPDATE {LINK} AS a SET sha256 = b.sha256 FROM {LINK} AS b"
                " WHERE a.number IN (2, 3) AND b.number = 5 - a.number",
                2,
                "从这一环起",
            ),
            # put in between, with a hash of its own
            (
                f"UPDATE {LINK} SET number = number + 10 WHERE number > 2;"
                f"UPDATE {LINK} SET number = number - 9 WHERE number > 10;"
                f"INSERT INTO {EVENT} SELECT 999999999, at, actor, action, subject, reason, address, detail"
                f" FROM {EVENT} WHERE id = {{2}};"
                f"INSERT INTO {LINK} SELECT 3, 999999999, sha256 FROM {LINK} WHERE number = 2",
                3,
                "插入",
            ),
        ],
    )
    def test_what_is_gone_moved_or_put_in(self, statement: str, number: int, told: str) -> None:
        tamper(statement)
        fault = verify_audit().faults[0]
        assert (fault.number, told in fault.text) == (number, True), fault

    def test_an_event_beside_the_chain(self) -> None:
        with laid_aside_guards():
            stray = AuditEvent.objects.create(actor="乙", action="试", subject="x")
        assert [(fault.number, fault.event_id) for fault in verify_audit().faults] == [(None, stray.pk)]

    def test_the_last_link_alone_is_gone(self) -> None:
        tamper(f"DELETE FROM {LINK} WHERE number = 5")
        (fault,) = verify_audit().faults
        assert "不在链上" in fault.text

    def test_the_end_is_gone_with_its_links_and_only_an_anchor_knows(self) -> None:
        head = chain_head()
        tamper(f"DELETE FROM {EVENT} WHERE id IN ({{3}}, {{4}}); DELETE FROM {LINK} WHERE number > 3")
        assert verify_audit().intact
        (fault,) = verify_audit([head]).faults
        assert (fault.number, "末尾" in fault.text) == (5, True)

    def test_a_chain_reckoned_anew_breaks_the_first_anchor_after_the_change(self) -> None:
        heads = list(AuditLink.objects.order_by("number").values_list("number", "sha256"))
        tamper(f"UPDATE {EVENT} SET actor = '乙' WHERE id = {{2}}; DELETE FROM {LINK}")
        previous = ""
        with laid_aside_guards():
            for number, pk in enumerate(AuditEvent.objects.order_by("id").values_list("id", flat=True), 1):
                previous = hashlib.sha256(f"{previous}\n{canonical(pk)}".encode()).hexdigest()
                AuditLink.objects.create(number=number, event_id=pk, sha256=previous)
        assert verify_audit().intact
        assert verify_audit(heads[:2]).intact
        (fault,) = verify_audit(heads).faults
        assert (fault.number, "重新计算" in fault.text) == (3, True)

    def test_the_command_names_the_fault_and_fails(self) -> None:
        tamper(f"UPDATE {EVENT} SET actor = '乙' WHERE id = {{1}}; DELETE FROM {LINK} WHERE number = 5")
        errors = StringIO()
        with pytest.raises(CommandError, match="不完整") as raised:
            call_command("verify_audit", stderr=errors)
        assert raised.value.returncode == 1
        assert "链第 2 环" in errors.getvalue()
        assert "不在链上" in errors.getvalue()

    def test_the_command_prints_a_head_that_it_takes_back(self) -> None:
        out = StringIO()
        call_command("verify_audit", stdout=out)
        number, sha256 = chain_head()
        assert f"{number}:{sha256}" in out.getvalue()
        call_command("verify_audit", f"--anchor={number}:{sha256}", stdout=out)
        with pytest.raises(CommandError, match="不完整"):
            call_command("verify_audit", f"--anchor={number + 1}:{sha256}", stdout=out, stderr=out)
        with pytest.raises(CommandError, match="无法识别"):
            call_command("verify_audit", "--anchor=5", stdout=out)


def canonical(pk: int) -> str:
    """The event as the chain hashes it, put together without PostgreSQL's JSON."""
    event = AuditEvent.objects.get(pk=pk)
    moment = Decimal(round(event.at.timestamp() * 1_000_000)) / 1_000_000
    address = "null" if event.address is None else f'"{event.address}/32"'
    texts = [json.dumps(text, ensure_ascii=False) for text in (event.actor, event.action, event.subject)]
    reason, detail = (json.dumps(value, ensure_ascii=False) for value in (event.reason, event.detail))
    return f"[{pk}, {moment:.6f}, {', '.join(texts)}, {reason}, {address}, {detail}]"


@pytest.mark.django_db
def test_nothing_on_record_is_an_intact_chain() -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert chain_head() == (0, "")
    assert "还没有" in out.getvalue()


@pytest.mark.django_db(transaction=True)
class TestCommits:
    def test_many_at_once_make_one_chain_without_gaps(self) -> None:
        start = threading.Barrier(6)

        def write() -> None:
            start.wait(20)
            for number in range(10):
                with transaction.atomic():
                    record("试", f"x:{number}", by=BY)
                    record("试", f"y:{number}", by=BY)
            connections.close_all()

        workers = [threading.Thread(target=write) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert chain_head()[0] == 120
        assert verify_audit().intact

    def test_a_long_transaction_holds_nobody_up_and_a_rollback_leaves_no_gap(self) -> None:
        with transaction.atomic():
            record("慢", "x", by=BY)
            other = threading.Thread(target=lambda: (record("快", "y", by=BY), connections.close_all()))
            other.start()
            other.join(20)
            assert not other.is_alive()
            assert chain_head()[0] == 1
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record("败", "z", by=BY)
            raise ZeroDivisionError
        record("末", "z", by=BY)
        links = AuditLink.objects.order_by("number").values_list("event_id", flat=True)
        assert [AuditEvent.objects.get(pk=pk).action for pk in links] == ["快", "慢", "末"]
        assert verify_audit().intact
