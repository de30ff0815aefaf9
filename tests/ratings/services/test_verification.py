"""Tampering with the ledger, by somebody who can lay the triggers aside, is found and named."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, models

from ratings.models import Publication, PublishedGrade, Rating
from ratings.services import signing, verification
from ratings.services.audit_chain import verify_audit
from ratings.services.publication import publish_adjustment
from ratings.services.verification import LedgerFault, audit_anchors, verify_publications
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.lives import APPROVER, Result
from tests.ratings.services.test_runs import laid_aside_guards, scheme_in_force

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ledger() -> None:
    """Three publications: rows 1 to 3, row 4, row 5; in tables whose checks a superuser has dropped."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'"
            " AND conrelid IN ('ratings_publication'::regclass, 'ratings_publishedgrade'::regclass)"
        )
        for table, name in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    shops = [factories.pharmacy(name=f"药店{number}") for number in range(3)]
    period = lives.published(lives.run_of(scheme_in_force(), *map(Result, shops)))
    commit()
    for rating in Rating.objects.order_by("pharmacy__code")[:2]:
        values = {"cause": "INTERIM", "rerating": desk.rerating(rating), "to_grade": 3}
        publish_adjustment(desk.decided(desk.adjustment(period, rating, **values)), by=APPROVER)
        commit()


def commit() -> None:
    """What a commit checks and links."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def told(faults: list[LedgerFault]) -> str:
    return "\n".join(map(str, faults))


def code(seq: int) -> str:
    return PublishedGrade.objects.get(seq=seq).code


def other(field: models.Field, value: Any) -> Any:  # type: ignore[type-arg]
    """Another value that the column takes."""
    if value is None:
        return date(2030, 1, 1) if isinstance(field, models.DateField) else 1
    if isinstance(field, models.BinaryField):
        return bytes([bytes(value)[0] ^ 1]) + bytes(value)[1:]
    if isinstance(field, models.DateTimeField):
        return value + timedelta(microseconds=1)
    if isinstance(field, models.DateField):
        return value + timedelta(days=1)
    if isinstance(value, int):
        return value + 100
    if field.name in ("statement", "signature"):
        return value[:-3] + ("0" if value[-3] != "0" else "1") + value[-2:]
    return ("0" if value[:1] != "0" else "1") + value[1:]


def change(rows: models.QuerySet[Any], column: str, value: Any) -> None:
    with laid_aside_guards(), connection.cursor() as cursor:
        key = rows.model._meta.pk
        cursor.execute(
            f'UPDATE {rows.model._meta.db_table} SET "{column}" = %s WHERE {key.column} = %s',
            [value, rows.get().pk],
        )


def test_an_untouched_ledger_holds() -> None:
    assert verify_publications() == []
    assert verify_publications([2]) == []
    assert len(audit_anchors()) == 3


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("field", Publication._meta.concrete_fields, ids=lambda field: field.name)
def test_every_column_of_a_publication(field: Any, number: int) -> None:
    rows = Publication.objects.filter(number=number)
    value = other(field, getattr(rows.get(), field.attname))
    change(rows, field.column, value)
    faults = verify_publications()
    assert number in {fault.number for fault in faults}
    assert field.verbose_name in told(faults)


@pytest.mark.parametrize("seq", [2, 5])
@pytest.mark.parametrize("field", PublishedGrade._meta.concrete_fields, ids=lambda field: field.name)
def test_every_column_of_a_row(field: Any, seq: int) -> None:
    row = PublishedGrade.objects.get(seq=seq)
    value = other(field, getattr(row, field.attname))
    change(PublishedGrade.objects.filter(seq=seq), field.column, value)
    named = {(fault.seq, fault.code) for fault in verify_publications()}
    assert (seq, value if field.name == "code" else row.code) in named


def sql(statement: str, *params: object) -> None:
    with laid_aside_guards(), connection.cursor() as cursor:
        cursor.execute(statement, params)


class TestRows:
    @pytest.mark.parametrize("seq", [1, 2, 3, 4, 5])
    def test_removed(self, seq: int) -> None:
        lost = code(seq)
        sql("DELETE FROM ratings_publishedgrade WHERE seq = %s", seq)
        assert [(fault.seq, fault.code, fault.text) for fault in verify_publications() if fault.seq] == [
            (seq, lost, "这一行缺失")
        ]

    def test_added(self) -> None:
        sql("UPDATE ratings_publishedgrade SET seq = 6 WHERE seq = 5")
        sql(
            "INSERT INTO ratings_publishedgrade SELECT (jsonb_populate_record(g, %s)).* FROM ratings_publishedgrade g WHERE seq = 6",
            '{"seq": 5}',
        )
        (fault,) = verify_publications()
        assert (fault.number, fault.seq, fault.code) == (3, 6, code(5))
        assert "是添加的" in fault.text

    def test_swapped(self) -> None:
        for old, new in ((1, -1), (2, 1), (-1, 2)):
            sql("UPDATE ratings_publishedgrade SET seq = %s WHERE seq = %s", new, old)
        assert [(fault.seq, fault.text) for fault in verify_publications()] == [
            (1, "这一行被改动"),
            (2, "这一行被改动"),
        ]

    def test_no_more_are_named_than_can_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verification, "NAMED", 2)
        sql("UPDATE ratings_publishedgrade SET pharmacy_id = -seq")
        assert [(fault.seq, "共 5 行" in fault.text) for fault in verify_publications()] == [
            (1, True),
            (2, True),
        ]


class TestPublications:
    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_removed(self, number: int) -> None:
        sql("DELETE FROM ratings_publication WHERE number = %s", number)
        faults = verify_publications()
        assert (number, None, "操作记录中有这一发布，库中没有：发布被删除或改号") in {
            (fault.number, fault.seq, fault.text) for fault in faults
        }
        if number < 3:
            assert f"发布 {number + 1} 号：此前的发布缺失（{number} 号）。" in told(faults)

    def test_the_last_removed_with_its_rows_and_its_event(self) -> None:
        """Then the ledger alone shows nothing, but the chain of the audit record is broken."""
        sql("DELETE FROM ratings_publishedgrade WHERE publication_id = 3")
        sql("DELETE FROM ratings_publication WHERE number = 3")
        sql("DELETE FROM ratings_auditevent WHERE action = '发布' AND subject = 'publication:3'")
        assert verify_publications() == []
        assert not verify_audit(audit_anchors()).intact

    def test_the_end_of_the_audit_record_cut_off(self) -> None:
        """Each publication was signed with the head of the audit chain, which is then missing."""
        assert [number for number, _ in audit_anchors()] == [0, 3, 4]
        sql(
            "DELETE FROM ratings_auditevent WHERE id IN (SELECT event_id FROM ratings_auditlink WHERE number >= 4)"
        )
        sql("DELETE FROM ratings_auditlink WHERE number >= 4")
        assert verify_audit().intact
        (fault,) = verify_audit(audit_anchors()).faults
        assert (fault.number, "末尾的记录被删除" in fault.text) == (4, True)

    def test_signed_anew_by_another_key(self, settings: LazySettings) -> None:
        """The forger owns the database, not the key."""
        publication = Publication.objects.get(number=3)
        settings.SIGNING_KEY = signing.new_seed()
        signature = signing.sign(publication.statement.encode()).hex()
        sql("UPDATE ratings_publication SET signature = %s WHERE number = 3", signature)
        settings.TRUSTED_KEYS = [publication.public_key]
        assert "发布 3 号：签名不符" in told(verify_publications())

    def test_a_retired_key_is_trusted_only_while_named(self, settings: LazySettings) -> None:
        old = signing.public_key().hex()
        settings.SIGNING_KEY = signing.new_seed()
        assert "公钥不受信任" in told(verify_publications([1]))
        settings.TRUSTED_KEYS = [old]
        assert verify_publications() == []

    def test_a_number_that_is_not_there(self) -> None:
        assert told(verify_publications([9])) == "发布 9 号：没有这一发布。"

    def test_the_period_that_readers_order_by(self) -> None:
        sql("UPDATE ratings_ratingperiod SET period_end = period_end + 400")
        assert "评价周期的末日被改动" in told(verify_publications())
