"""The shipped documents are in force, and drafts go in force by two persons."""

from datetime import date

import pytest

from applications.clients.models import Organisation
from applications.enterprise_credit import documents
from applications.enterprise_credit.models import RuleDocument
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from tests.enterprise_credit import building

pytestmark = pytest.mark.django_db
TODAY = date(2026, 2, 1)
TEXT = (documents.SHIPPED / "catalogue.toml").read_text()
NEXT = TEXT.replace("version = 1", "version = 2").replace("2024-01-01", "2026-01-01")


def test_shipped_documents_are_in_force_and_their_departments_registered() -> None:
    catalogue = documents.catalogue_on(TODAY)
    assert documents.rule_on(TODAY).version == 1
    keys = {department.key for department in catalogue.departments}
    assert keys <= set(Organisation.objects.filter(kind="DEPARTMENT").values_list("key", flat=True))
    with pytest.raises(documents.NoDocument):
        documents.catalogue_on(date(2000, 1, 1))


def test_a_draft_is_put_in_force_by_another_person() -> None:
    draft = documents.store(RuleDocument.Kind.CATALOGUE, NEXT, by=Actor("甲"))
    assert documents.catalogue_on(TODAY).version == 1
    with pytest.raises(Refused, match="同一人"):
        documents.activate(draft, by=Actor("甲"))
    documents.activate(draft, by=Actor("乙"))
    assert documents.catalogue_on(TODAY).version == 2
    assert documents.catalogue_on(date(2025, 12, 31)).version == 1
    with pytest.raises(Refused, match="已启用"):
        documents.store(RuleDocument.Kind.CATALOGUE, NEXT + "\n", by=Actor("甲"))


def test_building_gives_members_subjects_and_records() -> None:
    member = building.member()
    one = building.subject()
    building.record(one)
    assert member.department.department.key == "scjgj"
    assert one.records.count() == 1
