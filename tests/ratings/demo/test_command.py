"""manage.py demo, from an empty database; and what it refuses."""

import json
import stat
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from applications.bank_loans.models import Authorisation, LoanProduct, Standing
from applications.bank_loans.outcomes import outcomes
from applications.bank_loans.services import open_document
from applications.roles import BANKING
from ratings.demo import desk, is_demo
from ratings.demo.load import STEPS, ForeignDatabase, ensure_city
from ratings.management.commands.demo import USERS
from ratings.models import (
    Adjustment,
    CreditRepair,
    District,
    Objection,
    Pharmacy,
    Publication,
    RatingPeriod,
    RatingRun,
    SchemeVersion,
)
from ratings.published import current_page
from ratings.services.objections import overdue
from tests.enterprise_credit.furnished import departments_have_something_to_show


@pytest.mark.django_db
def test_progress_is_told_in_steps() -> None:
    told: list[str] = []
    ensure_city(told.append)
    assert len(told) == STEPS


@pytest.mark.django_db
def test_a_database_with_other_pharmacies_is_left_alone() -> None:
    assert not is_demo()
    District.objects.create(code=110105, name="朝阳区")
    Pharmacy.objects.create(
        code="P11010500001", name="某药店", district_id=110105, designated_on=date(2015, 1, 5)
    )
    with pytest.raises(ForeignDatabase, match="未作任何改动"):
        ensure_city()
    assert Pharmacy.objects.count() == 1
    with pytest.raises(CommandError, match="另建一个空数据库"):
        call_command("demo", no_progress=True)
    assert not SchemeVersion.objects.exists()


@pytest.mark.django_db
def test_a_database_with_other_users_is_left_alone() -> None:
    user = get_user_model().objects.create_user("regulator", password="theirs")
    with pytest.raises(CommandError, match="未作任何改动"):
        call_command("demo", no_progress=True)
    user.refresh_from_db()
    assert user.check_password("theirs")
    assert not SchemeVersion.objects.exists()


@pytest.fixture
def told(db: None, tmp_path: Path, settings: Settings) -> list[str]:
    """What the command says when it runs first, and when it runs again."""
    settings.DATA_DIR = tmp_path / "run"
    settings.MEDIA_ROOT = tmp_path / "files"
    said = []
    for _ in range(2):
        out = StringIO()
        call_command("demo", no_progress=True, stdout=out)
        said.append(out.getvalue())
    return said


def test_a_newcomer_finds_a_city_and_its_desk(told: list[str], settings: Settings) -> None:
    """One test, because the city and its past take half a minute."""
    kept = settings.DATA_DIR / "demo_password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for shown in told:
        assert kept.read_text() in shown
        assert all(code in shown for code in desk.PERIODS)
        assert all(username in shown for username in USERS)
        assert "非真实药店" in shown
    users = {user.username: user for user in get_user_model().objects.prefetch_related("groups")}
    assert set(users) == set(USERS)
    for username, (_, group) in USERS.items():
        assert users[username].check_password(kept.read_text())
        assert [row.name for row in users[username].groups.all()] == ([group] if group else [])
        assert users[username].scope.whole_city
    assert RatingRun.objects.count() == len(desk.PERIODS)
    the_desk_is_furnished()
    applications_have_something_to_show(settings)


def applications_have_something_to_show(settings: Settings) -> None:
    """Loans of eight pharmacies, the bank's client, and somebody who works with banks; run twice."""
    said = []
    for _ in range(2):
        out = StringIO()
        call_command("demo_applications", stdout=out)
        said.append(out.getvalue())
    assert said[0] == said[1]
    kept = settings.DATA_DIR / "demo_client.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    client = json.loads(kept.read_text())
    assert client["client_id"] in said[0]
    assert client["client_secret"] not in said[0]
    banker = get_user_model().objects.get(username="banker")
    assert banker.check_password((settings.DATA_DIR / "demo_password").read_text())
    assert [row.name for row in banker.groups.all()] == [BANKING]
    edai = LoanProduct.objects.get(key="yaodian-edai")
    assert (edai.credit_line_fen, edai.loan_limit_fen) == (1_000_000_000, 300_000_000)
    total = outcomes([edai.pk], date(2020, 1, 1), timezone.localdate()).total
    assert (total.pharmacies, total.drawn) == (8, 851_900_000)
    assert LoanProduct.objects.filter(is_sandbox=True).count() == 1
    for product in LoanProduct.objects.all():
        assert "演示" in product.name
        assert "演示" in product.bank.name
        assert Standing.objects.filter(product=product, reasons=[]).exists()
    withdrawn = Authorisation.objects.exclude(withdrawn_on=None).get()
    assert "演示" in withdrawn.document_name
    assert open_document(withdrawn).read(5) == b"%PDF-"
    departments_have_something_to_show(settings.DATA_DIR)
    connection.check_constraints()
    call_command("verify_audit", stdout=StringIO())


def the_desk_is_furnished() -> None:
    """Three periods are published, one is under notice, and something waits for each role."""
    states = dict(RatingPeriod.objects.values_list("period", "state"))
    last = desk.PERIODS[-1]
    assert states == {code: "PUBLIC_NOTICE" if code == last else "PUBLISHED" for code in desk.PERIODS}
    events = Publication.objects.values_list("event", flat=True)
    assert set(events) == {"PERIODIC", "INTERIM", "CORRECTION", "REPAIR", "WITHDRAWAL"}
    today = timezone.localdate()
    assert current_page("", 1, today)[0].period == "2020H1"
    objections = set(Objection.objects.values_list("state", flat=True))
    assert objections == {"UPHELD", "REJECTED", "OPEN", "PROPOSED"}
    assert overdue(Objection.objects.all(), today).count() == 1
    assert set(CreditRepair.objects.values_list("state", flat=True)) == {"GRANTED", "PROPOSED", "APPLIED"}
    waiting = Adjustment.objects.filter(state="PROPOSED").values_list("cause", flat=True)
    assert set(waiting) == {"INTERIM", "WITHDRAWAL"}
    connection.check_constraints()  # as a commit would: the audit events are chained
    for command in ("verify_audit", "verify_publication"):
        call_command(command, stdout=StringIO())


@pytest.mark.django_db
def test_production_gets_no_demo(settings: Settings) -> None:
    settings.PRODUCTION = True
    for command in ("demo", "demo_applications"):
        with pytest.raises(CommandError, match="生产环境"):
            call_command(command)
    assert not is_demo()


@pytest.mark.django_db
def test_applications_show_nothing_without_the_city() -> None:
    with pytest.raises(CommandError, match="先运行"):
        call_command("demo_applications")
    assert not get_user_model().objects.exists()
    assert not LoanProduct.objects.exists()
