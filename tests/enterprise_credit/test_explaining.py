"""What is explained of an assessment to whom."""

import tomllib
from decimal import Decimal

from applications.enterprise_credit.documents import SHIPPED
from applications.enterprise_credit.rules.assessment import EnterpriseRule, Step, assess, slots
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.rules.explaining import OTHERS, reason_for, steps_for
from tests.enterprise_credit import rules_building

CATALOGUE = Catalogue.model_validate(
    tomllib.loads((SHIPPED / "catalogue.toml").read_text(), parse_float=Decimal)
)
CLAUSE = "示例"


def items(*records: dict[str, object]) -> list[dict[str, object]]:
    return [
        {
            "id": f"item{place}",
            "title": f"项目{place}",
            "records": one,
            "each": -1,
            "limit": -5,
            "clause": CLAUSE,
        }
        for place, one in enumerate(records)
    ]


def steps(rule: EnterpriseRule, by: str, *counts: int) -> list[Step]:
    figures = rules_building.figures(records=counts or (0,) * len(slots(rule)))
    return list(steps_for(rule, assess(rule, figures), CATALOGUE, by))


def stores(**values: object) -> dict[str, object]:
    return {"method": "lowest", "step": Decimal("0.1"), "rounding": "half_up", "clause": CLAUSE, **values}


OPEN = {"types": ["scjgj-penalty"]}
SHARED = {"types": ["swj-arrears"]}
INTERNAL = {"types": ["ybj-fund-payment"]}


def test_items_of_records_that_may_not_be_seen_are_summed() -> None:
    rule = rules_building.rule(stores=stores(), caps=[], items=items(OPEN, SHARED, INTERNAL))
    told = steps(rule, "scjgj", 1, 2, 3)
    assert [(step.id, step.points) for step in told if step.points is not None] == [
        ("stores", 90_000), ("item0", -1_000), (OTHERS, -5_000),
    ]  # fmt: skip
    assert "项目1" not in str(told)
    assert "2 条" not in str(told)
    own = steps(rule, "ybj", 1, 2, 3)
    assert [step.id for step in own][:4] == ["stores", "item0", "item1", "item2"]
    # the sum stands there whether there are any or not
    assert [step.points for step in steps(rule, "scjgj", 0, 0, 0) if step.id == OTHERS] == [0]


def test_kinds_mean_all_their_types() -> None:
    rule = rules_building.rule(
        stores=stores(), caps=[], items=items({"kinds": ["ARREARS"]}, {"types": ["gone-type"]})
    )
    assert {step.id for step in steps(rule, "scjgj") if step.points is not None} == {"stores", OTHERS}


def test_caps_and_reasons_by_such_records_do_not_say_which() -> None:
    cap = {"id": "secret", "title": "有欠税", "when": {"records": SHARED}, "limit": "D", "clause": CLAUSE}
    rule = rules_building.rule(stores=stores(), items=[], caps=[cap])
    (hidden,) = [step for step in steps(rule, "scjgj", 1) if step.id == OTHERS]
    assert hidden.text == "依据其他部门的信用信息，等级最高为 D。"
    assert any("有欠税" in step.text for step in steps(rule, "ybj", 1))


def test_reasons_for_no_grade() -> None:
    unrated = [{"id": "secret", "title": "有欠税", "when": {"records": SHARED}, "clause": CLAUSE}]
    rule = rules_building.rule(stores=stores(), items=[], caps=[], unrated=unrated)
    assert [step.text for step in steps(rule, "scjgj", 1)] == ["依据其他部门的信用信息，不评等级。"]
    assert reason_for(rule, "有欠税", CATALOGUE, "scjgj") == "依据其他部门的信用信息，不评等级"
    assert reason_for(rule, "有欠税", CATALOGUE, "ybj") == "有欠税"
    assert reason_for(rule, "", CATALOGUE, "scjgj") == ""


def test_weights_from_such_records_are_not_counted() -> None:
    rule = rules_building.rule(
        items=[], caps=[],
        stores=stores(method="mean", weight={"type": "ybj-fund-payment", "field": "amount_fen", "store": "store_code"}),
    )  # fmt: skip
    figures = rules_building.figures(records=(), rated=3, stores=3, unweighted=1)
    told = {by: steps_for(rule, assess(rule, figures), CATALOGUE, by)[0].text for by in ("scjgj", "ybj")}
    assert told["scjgj"] == "所属药店信用分的加权平均数，权重来自其他部门的信用信息。"
    assert "1 家没有权重数据" in told["ybj"]
