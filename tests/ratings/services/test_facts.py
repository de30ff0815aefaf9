"""Single facts: recorded, voided, and the registry kept, each with one audit event."""

import threading
from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.utils import timezone

from ratings.models import AuditEvent, Pharmacy, Violation
from ratings.rules.periods import Period
from ratings.services.audit import Actor, client_address
from ratings.services.errors import Refused
from ratings.services.facts import record_fact, save_registry, void_fact
from ratings.signals import read_signals
from tests import factories

pytestmark = pytest.mark.django_db
BY = Actor("王五", "10.1.2.3")


def values(**given: Any) -> dict[str, Any]:
    return {
        "pharmacy": factories.pharmacy(),
        "kind": "CARD_FOR_GOODS",
        "gravity": "SERIOUS",
        "track": "PENALTY",
        "body": "某市医疗保障局",
        "document_no": "某医保罚〔2026〕1号",
        "occurred_on": date(2026, 1, 1),
        "decided_on": date(2026, 2, 1),
        **given,
    }


def test_recorded_by_whom_and_on_record() -> None:
    fact = record_fact(Violation, by=BY, **values())
    assert (fact.recorded_by, fact.is_live) == ("王五", True)
    event = AuditEvent.objects.get()
    assert (event.actor, event.address, event.action) == ("王五", "10.1.2.3", "记录事实")
    assert (event.subject, event.detail["after"]["document_no"]) == (
        f"violation:{fact.pk}",
        "某医保罚〔2026〕1号",
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "PARKING"}, "kind"),
        ({"decided_on": date(2025, 12, 31)}, "__all__"),
        ({"decided_on": date(2999, 1, 1)}, "__all__"),
        ({"amount_fen": -1}, "__all__"),
        ({"document_no": ""}, "document_no"),
    ],
)
def test_bad_values_are_refused_by_field_and_leave_nothing(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        record_fact(Violation, by=BY, **values(**given))
    assert set(refusal.value.message_dict) == {field}
    assert not Violation.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_live_key_must_be_voided_before_it_is_recorded_again() -> None:
    given = values()
    first = record_fact(Violation, by=BY, **given)
    with pytest.raises(ValidationError):
        record_fact(Violation, by=BY, **{**given, "gravity": "MINOR"})
    void_fact(first, reason="录错情节", by=BY)
    record_fact(Violation, by=BY, **{**given, "gravity": "MINOR"})
    assert Violation.objects.filter(voided_at=None).get().gravity == "MINOR"


def test_voided_once_with_a_reason() -> None:
    fact = record_fact(Violation, by=BY, **values())
    with pytest.raises(Refused, match="原因"):
        void_fact(fact, reason="  ", by=BY)
    voided = void_fact(fact, reason="处罚被撤销", by=BY)
    assert (voided.void_reason, voided.voided_by) == ("处罚被撤销", "王五")
    with pytest.raises(Refused, match=r"已于 .* 由 王五 作废"):
        void_fact(fact, reason="再来一次", by=BY)
    assert list(AuditEvent.objects.order_by("id").values_list("action", "reason")) == [
        ("记录事实", ""),
        ("作废事实", "处罚被撤销"),
    ]


def test_registry_change_keeps_what_it_was() -> None:
    shop = factories.pharmacy()
    shop.name = "新名称"
    save_registry(shop, by=BY, reason="更名")
    event = AuditEvent.objects.get()
    assert (event.detail["before"]["name"], event.detail["after"]["name"], event.reason) == (
        "某某大药房",
        "新名称",
        "更名",
    )


def test_new_registry_record_has_no_before() -> None:
    shop = Pharmacy(
        code="P33060200001", name="新店", district=factories.district(), designated_on=date(2025, 1, 1)
    )
    save_registry(shop, by=BY)
    assert AuditEvent.objects.get().detail["before"] is None


@pytest.mark.parametrize(
    ("until", "refused"), [(None, True), (date(2015, 3, 2), True), (date(2015, 3, 1), False)]
)
def test_a_predecessor_ends_before_its_successor_begins(until: date | None, refused: bool) -> None:
    before = factories.pharmacy(designated_on=date(2010, 1, 1), designated_until=until)
    shop = factories.pharmacy(designated_on=date(2015, 3, 1))
    shop.predecessor = before
    if not refused:
        save_registry(shop, by=BY)
        before.designated_until = date(2015, 3, 2)
        with pytest.raises(ValidationError, match=f"本店是 {shop.code} 的前身"):
            save_registry(before, by=BY)
        return
    with pytest.raises(ValidationError, match=f"前身 {before.code} 须在本店定点起始日"):
        save_registry(shop, by=BY)


def test_no_pharmacy_is_its_own_predecessor() -> None:
    shop = factories.pharmacy()
    shop.predecessor = shop
    with pytest.raises(ValidationError, match="不能是自己的前身"):
        save_registry(shop, by=BY)


def test_long_reasons_are_refused_in_words() -> None:
    fact = factories.violation(factories.pharmacy())
    with pytest.raises(Refused, match="现有 301 字"):
        void_fact(fact, reason="长" * 301, by=BY)
    void_fact(fact, reason="长" * 300, by=BY)
    with pytest.raises(Refused, match="现有 501 字"):
        save_registry(factories.pharmacy(), by=BY, reason="长" * 501)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "9.9.9.9", "10.0.0.1"),
        (1, "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        (2, "9.9.9.9, 1.2.3.4", "9.9.9.9"),
        (3, "9.9.9.9, 1.2.3.4", "10.0.0.1"),
        (1, "nonsense", None),
    ],
)
def test_where_a_request_comes_from(
    rf: Any, settings: Any, proxies: int, forwarded: str, address: str | None
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == address


@pytest.mark.parametrize("code", ["P330602", "H33060200001", "P99060200001"])
def test_wrong_codes_are_refused(code: str) -> None:
    shop = Pharmacy(code=code, name="新店", district=factories.district(), designated_on=date(2025, 1, 1))
    with pytest.raises(ValidationError) as refusal:
        save_registry(shop, by=BY)
    assert "code" in refusal.value.message_dict


def test_only_the_registry_is_kept_here() -> None:
    with pytest.raises(TypeError):
        save_registry(factories.violation(factories.pharmacy()), by=BY)


@pytest.mark.django_db(transaction=True)
def test_a_fact_recorded_while_a_run_reads_is_known_only_after_its_cutoff() -> None:
    given = values()
    recorded: list[Violation] = []

    def clerk() -> None:
        recorded.append(record_fact(Violation, by=BY, **given))
        connections.close_all()

    writer = threading.Thread(target=clerk)
    with transaction.atomic():
        read_signals(Period.parse("2025"), timezone.now())
        writer.start()
        writer.join(0.3)
        assert not recorded
        cutoff = timezone.now()
    writer.join(20)
    assert recorded[0].recorded_at > cutoff
