"""Who is on a list, reckoned slowly: pharmacy by pharmacy, in plain Python, from what is published of each."""

from calendar import monthrange
from datetime import date
from itertools import takewhile
from typing import Any

from applications.bank_loans.application import APPLICATION
from applications.bank_loans.models import Authorisation, LoanProduct, Reason
from ratings import published
from ratings.models import Pharmacy
from ratings.published import Entry, Grade


def months_later(day: date, months: int) -> date:
    """As many months later; the last of the month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def holds(one: Authorisation, today: date) -> bool:
    return (
        one.valid_from <= today
        and (one.valid_until is None or today < one.valid_until)
        and (one.withdrawn_on is None or today < one.withdrawn_on)
    )


def reaches(grade: Grade, product: LoanProduct) -> bool:
    return all(published.reaches(grade, minimum) for minimum in (product.minimum_grade, "B"))


def in_force(code: str, today: date) -> list[Grade]:
    """The newest row in force of each period, the latest period first."""
    rows = {row.period: row for row in published.history(code) if row.valid_from <= today}
    return sorted(rows.values(), key=lambda row: (row.period_end, row.seq), reverse=True)


def periods(code: str, product: LoanProduct, today: date) -> int:
    return len(list(takewhile(lambda row: reaches(row, product), in_force(code, today))))


def reasons(entry: Entry, product: LoanProduct, today: date) -> list[str]:
    """All that stands against a pharmacy, in the order in which it is told."""
    if not (product.valid_from <= today and (product.valid_until is None or today < product.valid_until)):
        return [Reason.PRODUCT_CLOSED]
    granted = Authorisation.objects.filter(product=product, code=entry.code)
    if product.authorisation_required and not any(holds(one, today) for one in granted):
        return [Reason.NOT_AUTHORISED]
    grade, held = entry.grade, published.current([entry.code], today).get(entry.code)
    ended = entry.designated_until is not None and entry.designated_until <= today
    told = {
        Reason.NOT_DESIGNATED: entry.designated_on > today or ended,
        Reason.OTHER_DISTRICT: bool(product.districts) and entry.district not in product.districts,
        Reason.GRADE_WITHDRAWN: grade is not None and not grade.grade and grade.event != "PERIODIC",
        Reason.GRADE_EXPIRED: grade is not None and bool(grade.grade) and held is None,
        Reason.NOT_GRADED: grade is None or (not grade.grade and grade.event == "PERIODIC"),
        Reason.BELOW_MINIMUM: held is not None and bool(held.grade) and not reaches(held, product),
        Reason.TOO_NEW: months_later(entry.designated_on, product.minimum_months) > today,
        Reason.TOO_FEW_PERIODS: 1 < product.minimum_periods > periods(entry.code, product, today),
    }
    return [reason for reason, applies in told.items() if applies]


def standings(product: LoanProduct, today: date) -> dict[str, list[str]]:
    """By designated code of every pharmacy, what stands against it."""
    return {entry.code: reasons(entry, product, today) for entry in published.entries(today)}


def on_the_list(product: LoanProduct, today: date) -> dict[str, dict[str, Any]]:
    """By designated code of those that nothing stands against, what banks are shown; but for numbers."""
    enterprises = dict(Pharmacy.objects.values_list("code", "enterprise__uscc"))
    found = {}
    for entry in published.entries(today):
        if reasons(entry, product, today):
            continue
        assert entry.grade is not None
        shown = APPLICATION.shown(entry.grade)
        assert shown is not None
        own = ("code", "name", "district", "district_name", "designated_on")
        found[entry.code] = {
            **{name: getattr(entry, name) for name in own},
            "social_credit_code": enterprises[entry.code] or "",
            **shown,
        }
    return found
