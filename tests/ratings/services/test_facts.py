"""Single facts: recorded, voided, and the registry kept, each with one audit event."""

import io
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.utils import timezone

from creditsys.addresses import client_address
from ratings.models import AuditEvent, Complaint, CreditRepair, Objection, Pharmacy, Violation
from ratings.rules import shipped_schemes
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.facts import record_fact, save_registry, void_fact
from ratings.services.imports import check_import, import_file
from ratings.services.schemes import store_scheme
from ratings.signals import read_signals
from tests import desk, factories
from tests.ratings.services import lives

pytestmark = pytest.mark.django_db
BY = Actor("王五", "10.1.2.3")


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


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


def repaired(fact: Violation | Complaint) -> None:
    row = desk.repair(fact)
    steps = {
        "ACCEPTED": {"accepted_by": "乙", "accepted_at": desk.NOW, "decide_due_on": date(2026, 3, 1)},
        "PROPOSED": {"proposed_by": "乙", "proposed_at": desk.NOW},
        "GRANTED": {"decided_by": "丙", "decided_at": desk.NOW, "decision_no": "修1号"},
    }
    for state, given in steps.items():
        CreditRepair.objects.filter(pk=row.pk).update(state=state, **given)


def upheld(fact: Violation | Complaint, remedy: str = "VOID_FACTS") -> None:
    scheme = store_scheme(shipped_schemes()["shaoxing-style"].read_text(), by=BY)
    run = lives.run_of(scheme, lives.Result(fact.pharmacy))
    row = desk.objection(desk.life(run, "PUBLIC_NOTICE"), run.ratings.get())
    row.facts.create(**{type(fact)._meta.model_name: fact})
    steps = {
        "PROPOSED": {"proposed_by": "乙", "proposed_at": desk.NOW},
        "UPHELD": {"decided_by": "丙", "decided_at": desk.NOW, "remedy": remedy},
    }
    for state, given in steps.items():
        Objection.objects.filter(pk=row.pk).update(state=state, **given)


def corrected(fact: Violation | Complaint) -> None:
    upheld(fact, "RERATE")


@pytest.mark.parametrize(
    ("decision", "changed", "again"),
    [
        (None, {}, True),
        (repaired, {}, False),
        (repaired, {"gravity": "MINOR"}, False),
        (upheld, {}, False),
        (upheld, {"gravity": "MINOR"}, True),
        (corrected, {}, True),
    ],
)
def test_what_a_decision_took_off_the_record_is_not_recorded_again(
    decision: Callable[[Any], None] | None, changed: dict[str, Any], again: bool
) -> None:
    given = values()
    fact = record_fact(Violation, by=BY, **given)
    if decision:
        decision(fact)
    void_fact(fact, reason="作废", by=BY)
    file = violation_row(given | changed)
    if again:
        assert import_file("violations", file, "文件.csv", by=BY).added == 1
    else:
        with pytest.raises(ValidationError, match="不能重新记录"):
            record_fact(Violation, by=BY, **given | changed)
        refusal = check_import("violations", file, "文件.csv", by=BY)
        assert [problem["message"] for problem in refusal.problems] == [
            "该记录已经信用修复，或异议成立而作废，不再计入评价。"
        ]


def violation_row(given: dict[str, Any]) -> io.BytesIO:
    columns = {
        "定点编码": given["pharmacy"].code,
        "文书号": given["document_no"],
        "违法违规类型": given["kind"],
        "情节": given["gravity"],
        "处理性质": given["track"],
        "作出机关": given["body"],
        "发生日期": str(given["occurred_on"]),
        "决定日期": str(given["decided_on"]),
    }
    return io.BytesIO(f"{','.join(columns)}\n{','.join(columns.values())}\n".encode())


def test_nor_a_complaint_found_wrong() -> None:
    fact = factories.complaint(factories.pharmacy())
    given = {
        name: getattr(fact, name)
        for name in ("pharmacy", "reference_no", "topic", "state", "finding", "occurred_on", "decided_on")
    }
    upheld(fact)
    void_fact(fact, reason="异议成立", by=BY)
    with pytest.raises(ValidationError, match="不能重新记录"):
        record_fact(Complaint, by=BY, **given)
    names = ("reference_no", "topic", "state", "finding", "occurred_on", "decided_on")
    cells = [fact.pharmacy.code, *(str(given[name]) for name in names)]
    header = "定点编码,受理编号,内容,状态,查实结论,收到日期,结论日期"
    file = io.BytesIO(f"{header}\n{','.join(cells)}\n".encode())
    refusal = check_import("complaints", file, "文件.csv", by=BY)
    assert [problem["message"] for problem in refusal.problems] == [
        "该记录已因异议成立而作废，不再计入评价。"
    ]
    assert record_fact(Complaint, by=BY, **given | {"finding": "UNFOUNDED"}).is_live
