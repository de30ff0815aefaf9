"""Numbers, dates and conditions of a scheme in plain Chinese."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from ratings.rules.columns import POINT
from ratings.rules.conditions import COMPARISONS, FAMILIES, FILTERS, SCORED, Condition
from ratings.rules.exact import decimal_text
from ratings.rules.scheme import Scheme

#: Kinds listed by name; of more the first two are named and the rest counted.
_NAMED: Final = 3


def day_text(day: date) -> str:
    """2025年3月5日."""
    return f"{day.year}年{day.month}月{day.day}日"


def yuan_text(fen: int) -> str:
    """Money with thousands separators: 1,234.50元."""
    whole, cents = divmod(abs(int(fen)), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{cents:02d}元"


def percent_text(basis_points: int) -> str:
    """Basis points as a percentage with two decimals, or fewer where they are zero."""
    return f"{decimal_text(basis_points, 100)}%"


def points_text(points: int, sign: int) -> str:
    """What points do to a pharmacy: 扣5.25分, 记6分, 加2分, 不扣分.

    ``sign`` is the scheme's ``better_sign``.
    """
    number = decimal_text(abs(points))
    if points == 0:
        return "不扣分" if sign > 0 else "不记分"
    if sign > 0:
        return f"扣{number}分" if points < 0 else f"加{number}分"
    return f"记{number}分" if points > 0 else f"减{number}分"


def sum_text(first: int, parts: Sequence[int]) -> str:
    """``100 − 5.25 − 0.5``: a base and signed parts, in thousandths."""
    text = decimal_text(first)
    for part in parts:
        text += f" {'−' if part < 0 else '+'} {decimal_text(abs(part))}"
    return text


def span_text(months: int) -> str:
    """Whole months as a person says them: 2年3个月."""
    years, rest = divmod(months, 12)
    if not years:
        return f"{rest}个月"
    return f"{years}年{rest}个月" if rest else f"{years}年"


def describe(condition: Condition, scheme: Scheme) -> str:
    """The condition as a clause of a sentence."""
    if condition.all is not None:
        return "，且".join(_inner(part, scheme) for part in condition.all)
    if condition.any is not None:
        return "，或".join(_inner(part, scheme) for part in condition.any)
    if condition.not_ is not None:
        return f"未达到以下要求：{describe(condition.not_, scheme)}"
    return _comparison(condition, scheme)


def _inner(condition: Condition, scheme: Scheme) -> str:
    text = describe(condition, scheme)
    return text if condition.is_leaf else f"（{text}）"


def _comparison(leaf: Condition, scheme: Scheme) -> str:
    head, tail = leaf.family
    if head == "status":
        labels = _labels(leaf, "one_of") or []
        return f"服务状态为{'或'.join(labels)}"
    if head in ("tenure_months", "opened_months"):
        since = "定点" if head == "tenure_months" else "本次签约"
        return "，".join(_span(since, name, bound) for name, bound in leaf.bounds.items())
    if head == "chain":
        return "为连锁门店" if leaf.bounds == {"eq": POINT} else "为单体药店"
    if head == "measure":
        term = next(term for term in scheme.document.measures if term.key == tail)
        if term.is_flag and leaf.bounds in ({"eq": POINT}, {"ge": POINT}):
            return term.title
        if term.is_flag and leaf.bounds == {"eq": 0}:
            return f"没有“{term.title}”"
        return _bounded(f"“{term.title}”", leaf, "")
    if head in ("violations", "violation_amount", "complaints"):
        return _facts(leaf)
    subject = (
        {
            "indicator": {part.id: f"“{part.title}”得分" for part in scheme.indicators},
            "component": {part.id: f"“{part.title}”" for part in scheme.document.components},
        }.get(head, {}).get(tail)
        or SCORED.get(head)
        or FAMILIES.get(head, head)
    )
    return _bounded(subject, leaf, "分")


def _span(since: str, name: str, bound: int) -> str:
    months = bound // POINT
    return {
        "lt": f"{since}未满{span_text(months)}",
        "le": f"{since}满月数不超过{months}个月",
        "eq": f"{since}恰满{span_text(months)}",
        "ge": f"{since}已满{span_text(months)}",
        "gt": f"{since}满月数超过{months}个月",
    }[name]


def _bounded(subject: str, leaf: Condition, unit: str) -> str:
    bounds = [f"{COMPARISONS[name]}{decimal_text(bound)}{unit}" for name, bound in leaf.bounds.items()]
    return subject + "且".join(bounds)


def _labels(leaf: Condition, name: str) -> list[str] | None:
    numbers = leaf.filter_numbers(name)
    vocabulary = FILTERS[name][0]
    return None if numbers is None else [vocabulary.terms[number].label for number in numbers]


def _facts(leaf: Condition) -> str:
    text = f"认定未满{span_text(leaf.within_months)}的" if leaf.within_months is not None else ""
    tracks, gravities = _labels(leaf, "tracks"), _labels(leaf, "gravities")
    text += f"{'、'.join(tracks)}类" if tracks else ""
    text += f"情节{'或'.join(gravities)}的" if gravities else ""
    named = _labels(leaf, "kinds") or _labels(leaf, "topics")
    if named and len(named) > _NAMED:
        text += f"“{'”“'.join(named[:2])}”等{len(named)}类"
    elif named:
        text += f"“{'”“'.join(named)}”"
    text += "举报投诉" if leaf.quantity == "complaints" else "违法违规"
    if leaf.quantity == "violation_amount":
        return _bounded(f"{text}涉及金额", leaf, "元")
    if leaf.bounds == {"ge": POINT}:
        return f"有{text}"
    if leaf.bounds in ({"lt": POINT}, {"eq": 0}, {"le": 0}):
        return f"没有{text}"
    return _bounded(text, leaf, "件")
