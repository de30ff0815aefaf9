"""How products and their lists look in the admin."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from applications.bank_loans.models import Authorisation, LoanProduct, Reason
from creditsys.marks import grade_badge
from ratings.admin import show
from ratings.published import Step, entries, scale, scheme_in_force


def wan(fen: int) -> str:
    """Fen as 万元, exactly: ``851.9 万元``."""
    text = f"{Decimal(fen).scaleb(-6):,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} 万元"


def money(fen: int) -> str:
    """Fen as yuan and 万元: ``10,000,000 元（1,000 万元）``."""
    return f"{show.yuan(fen).replace('.00 元', ' 元')}（{wan(fen)}）"


def steps(today: date) -> tuple[Step, ...]:
    """The grades of the scheme in force, best first."""
    scheme = scheme_in_force(settings.DEFAULT_SCHEME, today)
    return scale(scheme) if scheme else ()


def grade(name: str, known: tuple[Step, ...], *, absent: str = "无等级") -> SafeString | str:
    """A grade with shape and word where the scheme in force has it; "" = none."""
    names = [(step.name, step.label) for step in known]
    place = next((place for place, (own, _) in enumerate(names) if own == name), -1)
    return name if name and place < 0 else grade_badge(place, names, absent=absent)


def reasons(codes: Iterable[str]) -> SafeString:
    """Reasons in words, a line each."""
    return format_html_join("", "<div>{}</div>", [(Reason(code).label,) for code in codes])


def eligible(row: Any) -> SafeString:
    return show.badge("good", "符合") if row else show.badge("bad", "不符合")


def names(codes: Iterable[str], today: date) -> dict[str, str]:
    """The names of pharmacies by designated code. One query."""
    wanted = set(codes)
    return {entry.code: entry.name for entry in entries(today, wanted)} if wanted else {}


def holding(row: Authorisation, today: date) -> SafeString:
    """Whether an authorisation holds on a day."""
    if row.withdrawn_on is not None and row.withdrawn_on <= today:
        return show.badge("bad", "已撤回")
    if row.valid_until is not None and row.valid_until <= today:
        return show.badge("plain", "已到期")
    if row.valid_from > today:
        return show.badge("warn", "未开始")
    return show.badge("good", "有效")


def product_name(product: LoanProduct) -> str:
    """With the mark of one that is for integrators only."""
    return f"{product.name}（联调）" if product.is_sandbox else product.name


def days(start: date, until: date | None) -> str:
    """A span whose second date is the first day outside it."""
    return f"{show.day(start)} 起" if until is None else f"{show.day(start)} 至 {show.day(until)}（不含）"
