"""What the demo city shows of departments; checked where it is built."""

import json
from pathlib import Path

from django.utils import timezone

from applications.clients.models import Client
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import (
    BatchCheck,
    CheckLine,
    CreditRecord,
    Look,
    MeasureCase,
    Membership,
    RecordBatch,
    Standing,
)
from ratings.models import Pharmacy, StaffScope


def departments_have_something_to_show(data: Path) -> None:
    """Members of three departments, records of many types, checks, cases, looks, and a department's program."""
    members = dict(Membership.objects.values_list("user__username", "department__key"))
    assert members == {"officer": "scjgj", "treasurer": "czj", "supplier": "swj"}
    assert not StaffScope.objects.filter(user__username__in=members).exists()
    assert StaffScope.objects.get(user__username="creditoffice").whole_city
    client = json.loads((data / "demo_department_client.json").read_text())
    assert Client.objects.get(client_id=client["client_id"]).organisation.key == "scjgj"

    records = CreditRecord.objects.all()
    found = set(records.values_list("record_type", flat=True))
    kinds = {one.kind for one in catalogue_on(timezone.localdate()).record_types if one.key in found}
    assert {"BLACK_LIST", "RED_LIST", "PENALTY", "SCORE", "ARREARS", "PERMIT"} <= kinds
    assert set(records.values_list("match", flat=True)) == {"MATCHED", "NO_SUBJECT", "NAME_DIFFERS"}
    assert set(records.values_list("ending", flat=True)) == {"", "CORRECTED", "WITHDRAWN"}
    assert records.exclude(objected_on=None).count() == 2
    assert not records.exclude(document_no__contains="演示").exists(), "all say that they are generated"
    stores = records.filter(record_type="ybj-fund-payment").values("data__store_code").distinct().count()
    assert stores == Pharmacy.objects.count()
    assert set(Standing.objects.values_list("grade", flat=True)) == {"A", "B", "C", "D", ""}
    assert Standing.objects.exclude(score=None).filter(rank_city=0).count() == 0
    assert RecordBatch.objects.get(state="CHECKED").refused == 1

    for check in BatchCheck.objects.all():
        assert "演示" in check.title
        assert check.passed and check.rejected and check.unknown
    outcomes = CheckLine.objects.filter(batch_check__department__key="scjgj").exclude(outcome="")
    assert outcomes.filter(verdict="REJECT", outcome="GRANTED").count() == 1
    states = MeasureCase.objects.filter(department__key="scjgj").values_list("state", flat=True)
    assert {"OPEN", "APPLIED", "DECLINED"} <= set(states)
    assert Look.objects.filter(at_night=True).exists() and Look.objects.filter(outside=True).exists()
    assert Look.objects.filter(found=False).exists()
