"""What an application declares holds: checks find every fault, and nothing undeclared is shown."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.urls import reverse

from applications import registry
from applications.bank_loans.application import BankLoans
from applications.base import Application, Audience
from applications.checks import check_applications
from applications.enterprise_credit.application import EnterpriseCredit
from applications.pharmacy_lookup.application import PharmacyLookup
from creditsys.celery import app
from ratings.published import Grade, reaches, scale
from tests.ratings.services.test_runs import scheme_in_force

HERE = "tests.applications.test_contract"
GRADE = Grade(
    seq=1, publication=1, at=datetime(2026, 2, 10, tzinfo=UTC), code="P33060200001", name="某某大药房",
    district=330602, event="PERIODIC", period="2025H2", period_end=date(2025, 12, 31),
    scheme="shaoxing-style@1", grade="B", label="良好", position=1, score=85_000, rank_district=7, rank_city=9,
    valid_from=date(2026, 2, 10), valid_until=None, reason="", under_objection=False,
)  # fmt: skip


class Loans(Application):
    """As a bank's would be, but in a package of another name."""

    key = "loans"
    title = "药店贷"
    audience = Audience.BANKS
    minimum_grade = "B"
    fields = frozenset({"code", "grade"})
    urls = "ratings.public.urls"


class Undeclared(Application):
    key = "test_contract"


class Wrong(Application):
    key = "applications"
    title = "错"
    audience = "everybody"  # type: ignore[assignment]
    fields = frozenset({"grade", "run", "contact"})
    urls = "tests.applications.nowhere"
    demo = "tests.applications.nowhere.furnish"


def faults(settings: Any, *paths: str) -> dict[str, list[str]]:
    settings.APPLICATIONS = list(paths)
    found: dict[str, list[str]] = {}
    for message in check_applications():
        assert message.hint
        found.setdefault(message.id or "", []).append(message.msg)
    return found


class TestChecks:
    def test_what_is_shipped_passes_and_is_checked(self) -> None:
        assert [one for one in run_checks() if (one.id or "").startswith("applications.")] == []
        assert [type(one) for one in registry.installed()] == [PharmacyLookup, BankLoans, EnterpriseCredit]

    @pytest.mark.parametrize(
        "path", ["nowhere.application.None", f"{HERE}.GRADE", "applications.base.Audience"]
    )
    def test_names_no_application(self, settings: Any, path: str) -> None:
        assert path in faults(settings, path)["applications.E001"][0]

    def test_declares_too_little(self, settings: Any) -> None:
        (told,) = faults(settings, f"{HERE}.Undeclared")["applications.E002"]
        assert "title, audience, fields, urls" in told

    def test_two_of_one_key(self, settings: Any) -> None:
        path = "applications.pharmacy_lookup.application.PharmacyLookup"
        assert "pharmacy_lookup" in faults(settings, path, path)["applications.E003"][0]
        assert faults(settings, path) == {}

    def test_key_is_the_package(self, settings: Any) -> None:
        assert "'loans'" in faults(settings, f"{HERE}.Loans")["applications.E004"][0]

    def test_every_other_fault_is_named(self, settings: Any) -> None:
        found = faults(settings, "tests.applications.test_contract.Wrong")
        assert set(found) == {
            "applications.E005",
            "applications.E006",
            "applications.E007",
            "applications.E008",
            "applications.E009",
        }
        assert "contact, run" in found["applications.E006"][0]


@pytest.mark.django_db
class TestShown:
    def test_declared_fields_and_no_others(self) -> None:
        scheme_in_force()
        assert Loans().shown(GRADE) == {"code": "P33060200001", "grade": "B"}
        assert set(PharmacyLookup().shown(GRADE) or {}) == PharmacyLookup.fields
        assert not PharmacyLookup.fields & {"rank_district", "rank_city", "publication"}

    @pytest.mark.parametrize(
        ("position", "grade", "shown"), [(0, "A", True), (1, "B", True), (2, "C", False), (-1, "", False)]
    )
    def test_the_minimum_on_both_sides(self, position: int, grade: str, shown: bool) -> None:
        scheme_in_force()
        row = replace(GRADE, position=position, grade=grade)
        assert (Loans().shown(row) is not None) == shown == reaches(row, "B")

    def test_a_scale_without_that_grade_reaches_nothing(self) -> None:
        scheme_in_force()
        assert not reaches(replace(GRADE, position=0, grade="A"), "AAA")

    def test_without_a_minimum_no_grade_is_shown_too(self) -> None:
        shown = PharmacyLookup().shown(replace(GRADE, position=-1, grade="", reason="撤回"))
        assert shown is not None
        assert (shown["grade"], shown["reason"]) == ("", "撤回")

    def test_a_scale_has_words(self) -> None:
        stored = scheme_in_force()
        steps = scale(f"{stored.key}@{stored.version}")
        assert [step.name for step in steps] == ["A", "B", "C", "D"]
        assert all(step.label and step.meaning for step in steps)
        for unknown in ("nowhere@1", "nowhere"):
            with pytest.raises(LookupError):
                scale(unknown)


def test_the_fields_of_a_grade_are_what_checks_compare_with() -> None:
    assert PharmacyLookup.fields <= {field.name for field in fields(Grade)}


def test_the_admin_is_still_where_it_was() -> None:
    assert reverse("admin:index") == "/admin/"


class TestSchedule:
    def test_beat_runs_what_applications_declare(self) -> None:
        """Declared tasks exist, and beat knows of each."""
        declared = {task for one in registry.installed() for task in one.schedule}
        assert {"bank_loans.deliver", "pharmacy_lookup.refresh", "enterprise_credit.refresh"} <= declared
        assert declared <= {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
        app.loader.import_default_modules()
        assert declared <= set(app.tasks)

    def test_what_cannot_be_loaded_has_none(self, settings: Any) -> None:
        settings.APPLICATIONS = ["nowhere.application.None", f"{HERE}.GRADE"]
        assert registry.schedule() == {}


@pytest.mark.django_db
class TestRemoval:
    """manage.py remove_application; that it leaves no trace is told in tests/fourth/."""

    def test_of_none(self) -> None:
        with pytest.raises(CommandError, match="没有使用中的应用 nowhere"):
            call_command("remove_application", "nowhere")

    def test_asks_before(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = Group.objects.count(), Permission.objects.count()
        call_command("remove_application", "enterprise_credit")
        told = capsys.readouterr().out
        assert "enterprise_credit_look" in told and "部门查询员" in told and "未作任何改动" in told
        assert "纪检监督员" not in told  # it holds rights of others too
        assert (Group.objects.count(), Permission.objects.count()) == before
