"""An enterprise rule and figures for tests, without a database."""

import tomllib
from decimal import Decimal
from typing import Any

from applications.enterprise_credit.documents import SHIPPED
from applications.enterprise_credit.rules.assessment import EnterpriseRule
from applications.enterprise_credit.rules.figures import Figures


def written() -> dict[str, Any]:
    """The shipped rule's document as a tree."""
    return tomllib.loads((SHIPPED / "enterprise-rule.toml").read_text(), parse_float=Decimal)


def rule(**changes: Any) -> EnterpriseRule:
    """The shipped rule with other parts."""
    return EnterpriseRule.model_validate({**written(), **changes})


def figures(**values: Any) -> Figures:
    """One rated store of 90 points, grade A; records by keyword."""
    given = {
        "uscc": "913306021000000000",
        "stores": 1,
        "rated": 1,
        "grades": {"A": 1},
        "lowest": 90_000,
        "weight": 1,
        "weighted": 90_000,
        "under_objection": 0,
        "records": (0, 0),
        **values,
    }
    return Figures(**given)
