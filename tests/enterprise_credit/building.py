"""Departments, officers, subjects and records for tests. The shipped catalogue is in force in every test database."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

from django.contrib.auth.models import Group, User

from applications.clients.models import Organisation
from applications.enterprise_credit.models import CreditRecord, CreditSubject, Membership, RecordBatch
from applications.enterprise_credit.names import grams, name_key
from applications.enterprise_credit.roles import OFFICER
from tests import factories

_serial = itertools.count(1)


def department(key: str = "scjgj") -> Organisation:
    """One of the shipped catalogue's."""
    return Organisation.objects.get(key=key)


def member(key: str = "scjgj", group: str = OFFICER, districts: tuple[int, ...] = ()) -> User:
    """A member of a department's staff in a group; without a scope in ``ratings``."""
    user = User.objects.create_user(f"member{next(_serial)}", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    Membership.objects.create(user=user, department=department(key), districts=list(districts))
    return user


def subject(name: str = "某医药有限公司", uscc: str = "", **values: Any) -> CreditSubject:
    given = {"origin": "REGISTRY", "recorded_by": "测试", "district": 330602, **values}
    return CreditSubject.objects.create(
        uscc=uscc or factories.uscc(), name=name, name_key=name_key(name), grams=grams(name), **given
    )


def batch(record_type: str, department_: str, **values: Any) -> RecordBatch:
    given = {
        "source": "API",
        "state": "ACCEPTED",
        "sha256": "0" * 64,
        "size": 0,
        "uploaded_by": "测试",
        "accepted_by": "测试",
        "accepted_at": datetime(2026, 1, 1, tzinfo=UTC),
        **values,
    }
    return RecordBatch.objects.create(record_type=record_type, department=department(department_), **given)


def record(of: CreditSubject, record_type: str = "scjgj-penalty", **values: Any) -> CreditRecord:
    """A live, matched record, straight into the table."""
    number = next(_serial)
    given = {
        "record_no": f"N{number}",
        "uscc": of.uscc,
        "name": of.name,
        "match": "MATCHED",
        "subject": of,
        "decided_on": date(2026, 1, 5),
        "valid_from": date(2026, 1, 5),
        "data": {"content": "警告"},
        "row": 1,
        "recorded_by": "测试",
        **values,
    }
    if "batch" not in given:
        given["batch"] = batch(record_type, record_type.partition("-")[0])
    return CreditRecord.objects.create(record_type=record_type, **given)
