"""Enterprises with pharmacies, published grades, records and an assessment, for tests of profiles."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from applications.enterprise_credit.documents import rule_on
from applications.enterprise_credit.models import Assessment, CreditSubject, Standing
from applications.enterprise_credit.rules.assessment import assess, slots
from applications.enterprise_credit.rules.figures import Figures
from ratings.models import Pharmacy
from tests import factories
from tests.bank_loans.building import publish
from tests.enterprise_credit import building

#: The day after the grades of :func:`chain` were published, Asia/Shanghai.
TODAY = date(2026, 2, 11)
NOW = datetime(2026, 2, 11, 2, tzinfo=UTC)
A, B, C, D, NONE = 0, 1, 2, 3, -1


def chain(
    *grades: int, name: str = "某连锁大药房有限公司", district: int = 330602, period: str = "2025H2"
) -> tuple[CreditSubject, list[Pharmacy]]:
    """An enterprise with a pharmacy for each grade, published in one period on the day before TODAY."""
    subject = building.subject(name, district=district)
    owner = factories.enterprise(uscc=subject.uscc, name=name)
    place = factories.district(district)
    shops = [
        factories.pharmacy(
            enterprise=owner, name=f"{name}{number}店", district=place,
            recorded_at=datetime(2026, 2, 1, tzinfo=UTC),
        )
        for number in range(len(grades))
    ]  # fmt: skip
    if shops:
        publish(dict(zip(shops, grades, strict=True)), period=period)
    return subject, shops


def assessed(
    subject: CreditSubject, records: Sequence[int] = (), on: date = TODAY, **values: Any
) -> Assessment:
    """An assessment by the rule in force, from figures; and the standing that follows."""
    rule = rule_on(on)
    given = {
        "uscc": subject.uscc,
        "stores": 1,
        "rated": 1,
        "grades": {"A": 1},
        "lowest": 90_000,
        "weight": 1,
        "weighted": 90_000,
        "under_objection": 0,
        "records": tuple(records) or (0,) * len(slots(rule)),
        **values,
    }
    figures = Figures(**given)
    found = assess(rule, figures)
    row = Assessment.objects.create(
        subject=subject, on=on, rule=f"{rule.key}@{rule.version}", ledger_seq=0, figures=figures.stored(),
        score=found.score, grade=found.grade, label=found.label, position=found.position, reason=found.reason,
    )  # fmt: skip
    ranked = found.score is not None
    Standing.objects.update_or_create(
        subject=subject,
        defaults={
            "assessment": row, "score": row.score, "grade": row.grade, "position": row.position,
            "district": subject.district, "stores": figures.stores,
            "rank_city": 3 if ranked else 0, "ranked_city": 1200, "rank_district": 2 if ranked else 0,
            "ranked_district": 40, "ranked_at": NOW,
        },
    )  # fmt: skip
    return row
