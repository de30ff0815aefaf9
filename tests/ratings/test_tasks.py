"""The daily task rates what is due, once."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.utils import timezone

from ratings.models import Adjustment, RatingRun
from ratings.rules.periods import Period
from ratings.services.runs import default_cutoff
from ratings.tasks import find_interim, rate_due_periods
from tests import factories
from tests.ratings.services.regrading import AT, GOOD, city_in, convict
from tests.ratings.services.test_runs import scheme_in_force, small_city


@pytest.mark.parametrize(
    ("day", "months", "code"),
    [
        (date(2026, 1, 1), 12, "2025"),
        (date(2026, 12, 31), 12, "2025"),
        (date(2026, 6, 30), 6, "2025H2"),
        (date(2026, 7, 1), 6, "2026H1"),
        (date(2026, 3, 31), 3, "2025Q4"),
        (date(2026, 4, 1), 3, "2026Q1"),
        (date(2026, 1, 31), 1, "2025-12"),
        (date(2026, 2, 1), 1, "2026-01"),
    ],
)
def test_the_latest_period_that_ended(day: date, months: int, code: str) -> None:
    period = Period.ended_before(day, months)
    assert period == Period.parse(code)
    assert period.last < day


@pytest.mark.django_db
def test_rated_from_the_cutoff_on_and_only_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATING_PERIOD_MONTHS = 6
    small_city()
    cutoff = default_cutoff(Period.parse("2025H2"), scheme_in_force())
    now = [datetime(2026, 1, 10, tzinfo=UTC)]

    monkeypatch.setattr(timezone, "now", lambda: now[0])
    rate_due_periods()
    assert list(RatingRun.objects.values_list("period", flat=True)) == ["2025H1"]
    now[0] = cutoff
    first = rate_due_periods()
    assert first == rate_due_periods()
    assert list(RatingRun.objects.order_by("period").values_list("period", "started_by")) == [
        ("2025H1", "系统"),
        ("2025H2", "系统"),
    ]


@pytest.mark.django_db
def test_a_period_missed_while_beat_was_down_is_made_up_for(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATING_PERIOD_MONTHS = 1
    factories.pharmacy(recorded_at=factories.KNOWN)
    scheme_in_force()
    now = datetime(2026, 4, 25, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    rate_due_periods()
    assert sorted(RatingRun.objects.values_list("period", flat=True)) == ["2026-02", "2026-03"]


@pytest.mark.django_db
def test_interim_changes_are_proposed_daily_by_the_system_and_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: AT)
    assert "ratings.find_interim" in {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    shops, _period = city_in("PUBLISHED")
    convict(shops[GOOD])
    (made,) = find_interim.delay().get()
    assert find_interim.delay().get() == []
    row = Adjustment.objects.get()
    assert (row.pk, row.proposed_by, row.state) == (made, "系统", "PROPOSED")
