"""Checks on what a scheme says of the desk: adjustments, review, and rules that apply at once."""

from collections.abc import Iterator
from typing import Final

from ratings.rules.checks import Finding
from ratings.rules.conditions import PLAIN, leaves
from ratings.rules.document import SchemeDocument
from ratings.rules.exact import decimal_text
from ratings.rules.problems import Path

#: What can be known between two ratings: points, growth and tenure belong to a period.
AT_ONCE: Final = ("violations", "violation_amount", "status")


def check_adjustments(document: SchemeDocument) -> Iterator[Finding]:
    """Each reason allows at least one step, and fewer than there are grades."""
    most = len(document.grades) - 1
    for number, reason in enumerate(document.adjustments):
        if not 1 <= reason.steps <= most:
            yield (
                ("adjustments", number, "steps"),
                f"最多调整 {reason.steps} 个等级，而规则共有 {len(document.grades)} 个等级。",
                f"改为 1 至 {most} 的整数。" if most > 1 else "改为 1。",
            )


def check_review(document: SchemeDocument) -> Iterator[Finding]:
    """The bounds that the document itself states can be met, and are not negative."""
    review, most = document.review, len(document.grades) - 1
    if "changed_grades" in review.model_fields_set and not 1 <= review.changed_grades <= most:
        yield (
            ("review", "changed_grades"),
            f"相差 {review.changed_grades} 个等级，而规则共有 {len(document.grades)} 个等级。",
            f"改为 1 至 {most} 的整数。" if most > 1 else "改为 1。",
        )
    for name, unit in (("near_points", 1000), ("growth_percent", 100)):
        value = getattr(review, name)
        if value < 0:
            yield ("review", name), f"{decimal_text(value, unit)} 是负数。", "写 0 或正数。"


def check_at_once(document: SchemeDocument) -> Iterator[Finding]:
    """Rules that apply between periods rest only on what is known then."""
    for name in ("eligibility", "caps"):
        for number, rule in enumerate(getattr(document, name)):
            if not rule.at_once:
                continue
            path: Path = (name, number, "when")
            for leaf, here, _ in leaves(rule.when, path):
                if leaf.quantity is not None and leaf.family[0] not in AT_ONCE:
                    allowed = "、".join(PLAIN[quantity] for quantity in AT_ONCE)
                    yield (
                        (*here, "quantity"),
                        f"期间即时生效（at_once）的条件取决于“{leaf.quantity}”，两次评价之间无从得知。",
                        f"条件只用{allowed}（{'、'.join(AT_ONCE)}），或删去 at_once。",
                    )
    for number, cap in enumerate(document.caps):
        if cap.at_once and cap.limit_measure is not None:
            yield (
                ("caps", number, "limit_measure"),
                "期间即时生效（at_once）的封顶以导入的数值为上限，两次评价之间无从得知。",
                "用 limit 写明等级，或删去 at_once。",
            )
