"""manage.py demo, from an empty database; and what it refuses."""

import stat
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from ratings.demo import is_demo
from ratings.demo.load import STEPS, ForeignDatabase, ensure_city
from ratings.demo.measures import PERIODS
from ratings.models import District, Pharmacy, RatingRun, SchemeVersion


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


@pytest.mark.django_db
def test_the_command_shows_what_a_newcomer_needs(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "run"
    first, second = StringIO(), StringIO()
    call_command("demo", no_progress=True, stdout=first)
    call_command("demo", no_progress=True, stdout=second)
    kept = tmp_path / "run" / "demo_password"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    password = kept.read_text()
    for shown in (first.getvalue(), second.getvalue()):
        assert password in shown
        assert all(code in shown for code in PERIODS)
        assert "非真实药店" in shown
    user = authenticate(username="regulator", password=password)
    assert user is not None
    assert user.is_staff
    assert user.scope.whole_city
    assert RatingRun.objects.count() == len(PERIODS)


@pytest.mark.django_db
def test_production_gets_no_demo(settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="生产环境"):
        call_command("demo", no_progress=True)
    assert not is_demo()
