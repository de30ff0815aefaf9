"""The shipped documents are in force, and drafts go in force by two persons."""

from datetime import date

import pytest

from applications.clients.models import Organisation
from applications.enterprise_credit import documents
from applications.enterprise_credit.models import RuleDocument
from ratings.rules.problems import SchemeError
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


RULE = (documents.SHIPPED / "enterprise-rule.toml").read_text()
NEXT_RULE = RULE.replace("version = 1", "version = 2").replace("2024-01-01", "2026-01-01")


def test_a_draft_is_replaced_until_it_is_in_force() -> None:
    first = documents.store(RuleDocument.Kind.CATALOGUE, NEXT, by=Actor("甲"))
    assert documents.store(RuleDocument.Kind.CATALOGUE, NEXT, by=Actor("丙")) == first
    again = documents.store(RuleDocument.Kind.CATALOGUE, NEXT + "# 改\n", by=Actor("丙"))
    assert (again.pk, again.stored_by) == (first.pk, "丙")
    documents.activate(again, by=Actor("乙"))
    # Twice is once; another of the same day is refused.
    assert documents.activate(again, by=Actor("丁")).activated_by == "乙"
    rival = documents.store(
        RuleDocument.Kind.CATALOGUE, NEXT.replace("version = 2", "version = 3"), by=Actor("甲")
    )
    with pytest.raises(Refused, match="已自 2026-01-01 起施行"):
        documents.activate(rival, by=Actor("乙"))


def test_departments_of_a_new_catalogue_are_registered() -> None:
    text = NEXT.replace(
        '[[departments]]\nkey = "gjj"',
        '[[departments]]\nkey = "qxj"\nname = "气象局"\n\n[[departments]]\nkey = "gjj"',
    )
    draft = documents.store(RuleDocument.Kind.CATALOGUE, text, by=Actor("甲"))
    assert not Organisation.objects.filter(key="qxj").exists()
    documents.activate(draft, by=Actor("乙"))
    assert Organisation.objects.get(key="qxj").name == "气象局"


def test_a_bad_document_is_refused_with_all_problems() -> None:
    text = NEXT.replace('viewers = ["ybj"]', 'viewers = ["ybx"]').replace(
        'grade_in = ["D"]', 'grade_in = ["E"]'
    )
    with pytest.raises(SchemeError) as refused:
        documents.store(RuleDocument.Kind.CATALOGUE, text, by=Actor("甲"))
    paths = [problem.path for problem in refused.value.problems]
    assert paths[0] == "record_types[13].viewers[0]"
    assert "purposes[0].criteria[1].when.grade_in[0]" in paths
    assert not RuleDocument.objects.filter(version=2).exists()


def test_a_rule_is_checked_with_the_catalogue_of_its_day() -> None:
    text = NEXT_RULE.replace('type = "ybj-fund-payment"', 'type = "ybj-fund-paymant"')
    with pytest.raises(SchemeError, match="是否应为 ybj-fund-payment"):
        documents.store(RuleDocument.Kind.ENTERPRISE_RULE, text, by=Actor("甲"))
    # Before the first catalogue there is nothing to check it with.
    old = text.replace("2026-01-01", "2001-01-01")
    assert documents.store(RuleDocument.Kind.ENTERPRISE_RULE, old, by=Actor("甲")).version == 2


def test_a_catalogue_may_name_the_grades_of_a_draft_of_the_rule() -> None:
    text = NEXT.replace('grade_in = ["D"]', 'grade_in = ["差"]')
    with pytest.raises(SchemeError, match="没有名为“差”的企业信用等级"):
        documents.store(RuleDocument.Kind.CATALOGUE, text, by=Actor("甲"))
    renamed = NEXT_RULE.replace('name = "D"', 'name = "差"').replace('limit = "D"', 'limit = "差"')
    rule = documents.store(RuleDocument.Kind.ENTERPRISE_RULE, renamed, by=Actor("甲"))
    catalogue = documents.store(RuleDocument.Kind.CATALOGUE, text, by=Actor("甲"))
    # In force, it needs a rule in force: else the measures by such a grade would all end.
    with pytest.raises(Refused, match=r"没有名为“差”的企业信用等级.*请先启用"):
        documents.activate(catalogue, by=Actor("乙"))
    documents.activate(rule, by=Actor("乙"))
    assert documents.activate(catalogue, by=Actor("乙")).activated_by == "乙"


def test_a_rule_is_found_by_its_name_once_in_force() -> None:
    draft = documents.store(RuleDocument.Kind.ENTERPRISE_RULE, NEXT_RULE, by=Actor("甲"))
    assert documents.rule_named("shaoxing-style-enterprise@1").version == 1
    for name in ("shaoxing-style-enterprise@2", "other@1"):
        with pytest.raises(documents.NoDocument):
            documents.rule_named(name)
    documents.activate(draft, by=Actor("乙"))
    assert documents.rule_named("shaoxing-style-enterprise@2").version == 2
    assert documents.rule_on(date(2025, 12, 31)).version == 1


def test_what_is_shipped_is_stored_once() -> None:
    documents.ship()
    assert RuleDocument.objects.count() == 2
