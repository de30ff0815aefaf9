"""Products, and pharmacies with published grades, for tests of the lists."""

from datetime import UTC, date, datetime
from typing import Any

from django.utils import timezone

from applications.bank_loans.models import Authorisation, LoanProduct
from applications.clients.models import Organisation
from ratings.models import Pharmacy, RatingPeriod
from tests import factories
from tests.ratings.services.lives import Result
from tests.ratings.test_published import START, change, out

#: The day after the grades of :func:`city` were published, Asia/Shanghai.
TODAY = date(2026, 2, 11)
A, B, C, D, NONE = 0, 1, 2, 3, -1


def bank(key: str = "abc", **values: Any) -> Organisation:
    return Organisation.objects.get_or_create(
        key=key, defaults={"name": f"银行{key}", "kind": "BANK", **values}
    )[0]


def product(key: str = "edai", **values: Any) -> LoanProduct:
    """药店e贷 with terms that every pharmacy of grade B meets."""
    defaults: dict[str, Any] = {
        "name": "药店e贷",
        "credit_line_fen": 1_000_000_000,
        "loan_limit_fen": 300_000_000,
        "authorisation_required": False,
        "valid_from": date(2026, 1, 1),
    }
    if "bank" not in values:
        defaults["bank"] = bank()
    return LoanProduct.objects.create(key=key, **{**defaults, **values})


def authorise(one: LoanProduct, code: str, **values: Any) -> Authorisation:
    return Authorisation.objects.create(
        product=one,
        code=code,
        **{
            "valid_from": date(2026, 1, 1),
            "document": "bank_loans/authorisations/2026/01/a.pdf",
            "document_name": "授权书.pdf",
            "document_sha256": "0" * 64,
            "recorded_by": "经办甲",
            **values,
        },
    )


def shop(**values: Any) -> Pharmacy:
    return factories.pharmacy(**{"recorded_at": datetime(2026, 2, 1, tzinfo=UTC), **values})


def city(*grades: int, at: datetime = START, period: str = "2025H2") -> tuple[list[Pharmacy], RatingPeriod]:
    """A pharmacy for each grade, published in one period on the day before TODAY; and that period."""
    shops = [shop() for _ in grades]
    return shops, publish(dict(zip(shops, grades, strict=True)), at=at, period=period)


def publish(grades: dict[Pharmacy, int], at: datetime = START, period: str = "2025H2") -> RatingPeriod:
    """Publish a period with these grades."""
    life = out(*(Result(one, grade=grade) for one, grade in grades.items()), period=period, at=at)
    life.refresh_from_db()
    return life


def regrade(life: RatingPeriod, one: Pharmacy, grade: int, at: datetime, cause: str = "INTERIM") -> None:
    """Publish a change of one grade of a published period; NONE withdraws it."""
    change(life, one, grade, at, cause="WITHDRAWAL" if grade == NONE else cause)


def today() -> date:
    return timezone.localdate()
