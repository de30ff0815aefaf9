"""Why a pharmacy is on a product's list or not, criterion by criterion, in plain words.

Whether each is met comes from ``eligibility.explain``; here it is only put into words.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from applications.bank_loans.admin import words
from applications.bank_loans.eligibility import Explanation
from applications.bank_loans.models import LoanProduct, Reason
from ratings.admin import show
from ratings.published import districts


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of a product: what it asks for, how the pharmacy stands, and what would help."""

    title: str
    asked: Any
    found: Any
    met: bool
    #: "" where it is met
    remedy: str


#: What would make a pharmacy eligible that fails.
_REMEDIES: Final = {
    Reason.PRODUCT_CLOSED: "产品在适用期内时才有名单；由本局与银行商定适用期。",
    Reason.NOT_AUTHORISED: "由药店签署授权书，在“药店授权”登记后即可。",
    Reason.NOT_DESIGNATED: "须为现时的定点药店：签订医保服务协议并登记。",
    Reason.OTHER_DISTRICT: "产品不面向该区县。",
    Reason.GRADE_WITHDRAWN: "等级已撤回：待下次公布等级达到最低等级。",
    Reason.GRADE_EXPIRED: "等级已过有效期：待下次公布等级达到最低等级。",
    Reason.NOT_GRADED: "还没有等级：待评价并公布后达到最低等级。",
    Reason.BELOW_MINIMUM: "等级偏低：待以后公布的等级达到最低等级；对等级有异议的，可提出异议或申请信用修复。",
    Reason.TOO_FEW_PERIODS: "待以后各期公布的等级连续达标。",
}
_GRADE: Final = (
    Reason.NOT_GRADED, Reason.GRADE_WITHDRAWN, Reason.GRADE_EXPIRED, Reason.BELOW_MINIMUM,
)  # fmt: skip


def criteria(product: LoanProduct, told: Explanation, today: date) -> list[Criterion]:
    """Every criterion of the product for the pharmacy that was explained."""
    facts = told.facts
    places = "、".join(districts().get(code, str(code)) for code in product.districts)
    ends = facts["designated_until"]
    designated = f"{show.day(facts['designated_on'])} 起定点"
    designated += f"，{show.day(ends)} 终止" if ends else ""
    return [
        _one("产品适用期", words.days(product.valid_from, product.valid_until), show.day(today), told,
             Reason.PRODUCT_CLOSED),
        _one(
            "药店授权",
            "须有有效授权" if product.authorisation_required else "不须授权",
            "有有效授权" if facts["authorised"] else "没有有效授权",
            told,
            Reason.NOT_AUTHORISED,
        ),
        _one("定点资格", "现时的定点药店", designated, told, Reason.NOT_DESIGNATED),
        _one("区县", places or "全市", facts["district_name"], told, Reason.OTHER_DISTRICT),
        _one("公布的等级", f"{product.minimum_grade} 级或更好，在有效期内", _grade(facts, today), told, *_GRADE),
        _one(
            "定点时间",
            f"满 {product.minimum_months} 个月" if product.minimum_months else "不限",
            f"{show.day(facts['ripe_on'])} 满" if product.minimum_months else designated,
            told,
            Reason.TOO_NEW,
            remedy=f"等待：{show.day(facts['ripe_on'])} 起定点时间足够。",
        ),
        _one(
            "连续达标期数",
            f"最近 {product.minimum_periods} 期连续达到 {product.minimum_grade} 级或更好"
            if product.minimum_periods > 1
            else "不另作要求",
            f"{facts['periods']} 期",
            told,
            Reason.TOO_FEW_PERIODS,
        ),
    ]  # fmt: skip


def _one(
    title: str, asked: Any, found: Any, told: Explanation, *reasons: Reason, remedy: str = ""
) -> Criterion:
    failed = [reason for reason in reasons if reason in told.failed]
    return Criterion(
        title, asked, found, not failed, "".join(remedy or _REMEDIES[reason] for reason in failed)
    )


def _grade(facts: dict[str, Any], today: date) -> Any:
    """The newest published grade and until when it holds."""
    if facts["seq"] is None:
        return "从未公布等级"
    period = show.period_label(facts["period"])
    if facts["position"] < 0:
        return f"{period}：{'等级已撤回' if facts['event'] == 'WITHDRAWAL' else '不予评级'}"
    until = facts["valid_until"]
    span = "，至下次公布" if until is None else f"，{show.day(until)} 失效"
    known = words.steps(today)
    return show.two_lines(
        words.grade(facts["grade"], known), f"{period}，{show.day(facts['valid_from'])} 生效{span}"
    )
