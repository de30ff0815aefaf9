"""The city in the database: built once, labelled, rated, and never mixed with real pharmacies."""

import pytest
from django.utils import timezone

from ratings.demo import FILE_NAME, RECORDED_BY, is_demo
from ratings.demo.city import City
from ratings.demo.load import ensure_city
from ratings.demo.measures import PERIODS
from ratings.models import (
    FACT_MODELS,
    AuditEvent,
    Enterprise,
    FundPayment,
    ImportBatch,
    Pharmacy,
    PharmacyVersion,
    Rating,
    SchemeVersion,
)
from ratings.rules import shipped_schemes
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.runs import default_cutoff, replay, simulate, start_run
from ratings.services.schemes import activate_scheme, find_scheme, parsed, store_scheme


def test_everything_is_stored_and_labelled(stored: None, city: City) -> None:
    assert is_demo()
    assert Pharmacy.objects.count() == len(city.shops)
    assert FundPayment.objects.count() == len(city.payments)
    assert not Pharmacy.objects.exclude(source_datum="WGS-84").exists()
    assert not Pharmacy.objects.exclude(name__contains="（演示）").exists()
    assert not Enterprise.objects.exclude(name__contains="（演示）").exists()
    for model in FACT_MODELS:
        assert not model.objects.exclude(recorded_by=RECORDED_BY, batch__file_name=FILE_NAME).exists()
    assert AuditEvent.objects.get(action="生成演示城市").detail["sha256"] == city.digest()


def test_rows_pass_the_models_own_validation(stored: None) -> None:
    for pharmacy in Pharmacy.objects.order_by("code")[::97]:
        pharmacy.full_clean()
    for enterprise in Enterprise.objects.order_by("uscc")[::97]:
        enterprise.full_clean()


def test_a_second_call_does_nothing(stored: None) -> None:
    batches = list(ImportBatch.objects.values_list("pk", flat=True))
    assert not ensure_city()
    assert list(ImportBatch.objects.values_list("pk", flat=True)) == batches


def test_an_end_is_known_only_once_it_has_come(stored: None, city: City) -> None:
    closed = Pharmacy.objects.filter(designated_until__isnull=False)
    assert closed.count() > 70
    for pharmacy in closed[:5]:
        until = pharmacy.designated_until
        assert until is not None
        current = PharmacyVersion.objects.get(pharmacy=pharmacy, voided_at=None)
        assert current.designated_until == until
        assert timezone.localtime(current.recorded_at).date() == until
        before = PharmacyVersion.objects.exclude(pk=current.pk).get(
            pharmacy=pharmacy, designated_until=None, voided_at=current.recorded_at
        )
        assert before.recorded_at == pharmacy.recorded_at


@pytest.fixture
def schemes(stored: None) -> None:
    for path in shipped_schemes().values():
        actor = Actor("测试")
        activate_scheme(store_scheme(path.read_text(encoding="utf-8"), by=actor), by=actor)


@pytest.mark.parametrize("code", PERIODS)
def test_grades_are_plausible_in_every_period(schemes: None, code: str) -> None:
    period = Period.parse(code)
    scheme = find_scheme("shaoxing-style", period.last)
    run = start_run(period, scheme, cutoff=default_cutoff(period, scheme), by=Actor("测试"))
    shares = {grade: 100 * count / run.rated for grade, count in run.grade_counts.items()}
    assert 55 <= shares["A"] <= 70
    assert 20 <= shares["B"] <= 30
    assert 5 <= shares["C"] <= 12
    assert 1 <= shares["D"] <= 3
    assert run.pharmacies - run.rated >= 20
    assert Rating.objects.filter(run=run).count() == run.pharmacies
    assert replay(run).same


def test_every_shipped_scheme_rates_the_city(schemes: None) -> None:
    for scheme in SchemeVersion.objects.all():
        for code in PERIODS:
            period = Period.parse(code)
            _, outcomes = simulate(period, parsed(scheme), cutoff=default_cutoff(period, scheme))
            given = set(outcomes.grade.tolist())
            grades = set(range(len(parsed(scheme).document.grades)))
            assert grades <= given, f"{scheme} {code}: {given}"
