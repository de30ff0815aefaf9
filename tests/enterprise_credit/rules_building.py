"""A small enterprise rule, and figures, for tests without a database."""

import tomllib
from decimal import Decimal
from typing import Any

from applications.enterprise_credit.rules.assessment import EnterpriseRule
from applications.enterprise_credit.rules.figures import Figures

TEXT = """
key = "shaoxing-style-enterprise"
version = 1
title = "企业信用评定规则（绍兴式示例）"
effective_on = 2024-01-01
basis = "示例"
floor = 0
ceiling = 100
min_ranked = 1

[stores]
method = "mean"
step = 0.1
rounding = "half_up"
weight = { type = "ybj-fund-payment", field = "amount_fen", store = "store_code" }
clause = "示例第三条"

[[items]]
id = "penalties"
title = "行政处罚"
records = { kinds = ["PENALTY"], within_months = 12 }
each = -2
limit = -10
clause = "示例第四条"

[[grades]]
name = "A"
label = "信用优秀"
meaning = "所属药店信用优秀"
min = 90
clause = "示例第五条"

[[grades]]
name = "B"
label = "信用良好"
meaning = "所属药店信用良好"
min = 80
clause = "示例第五条"

[[grades]]
name = "C"
label = "信用一般"
meaning = "所属药店信用一般"
min = 60
clause = "示例第五条"

[[grades]]
name = "D"
label = "信用较差"
meaning = "所属药店信用较差"
clause = "示例第五条"

[[caps]]
id = "share_of_d"
title = "D 级药店占两成以上"
when = { store_grade = "D", share_at_least = 20 }
limit = "C"
clause = "示例第六条"

[[caps]]
id = "black_list"
title = "列入黑名单"
when = { records = { kinds = ["BLACK_LIST"] } }
limit = "D"
clause = "示例第六条"

[[unrated]]
id = "no_rated_store"
title = "没有已评定等级的药店"
when = { rated_below = 1 }
clause = "示例第二条"
"""


def written() -> dict[str, Any]:
    """The document of the rule as a tree."""
    return tomllib.loads(TEXT, parse_float=Decimal)


def rule(**changes: Any) -> EnterpriseRule:
    """That rule with other parts."""
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
