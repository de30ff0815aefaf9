"""What the font lacks of what the database holds: every text that documents print, no more, with the place."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.models import SchemeVersion
from ratings.reports.glyphs import Missing, missing_in_registry
from ratings.rules import shipped_schemes
from ratings.services.schemes import activate_scheme, store_scheme
from tests import desk, factories
from tests.ratings.services.lives import APPROVER, CUTOFF, Result, published, run_of

pytestmark = pytest.mark.django_db
#: Characters that the font lacks; one of them lies beyond the first plane.
RARE, RARER = "\N{CJK UNIFIED IDEOGRAPH-4DB5}", "\N{CJK UNIFIED IDEOGRAPH-2A6D6}"


def places(found: list[Missing]) -> list[tuple[str, str, str]]:
    return [(each.character, each.where, each.code) for each in found]


@pytest.fixture
def scheme() -> SchemeVersion:
    stored = store_scheme(shipped_schemes()["shaoxing-style"].read_text(), by=APPROVER)
    return activate_scheme(stored, by=APPROVER)


def test_nothing_is_lacking_in_one_query(scheme: SchemeVersion) -> None:
    shops = [factories.pharmacy(name="绍兴䶮记大药房", address="解放路1号、2号") for _ in range(3)]
    for shop in shops:
        factories.violation(shop)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert missing_in_registry() == []
    assert len(queries) == 1


@pytest.mark.parametrize("column", ["name", "street", "address", "contact"])
def test_of_a_pharmacy(column: str) -> None:
    title = {"name": "名称", "street": "街道（乡镇）", "address": "地址", "contact": "联系电话"}[column]
    shop = factories.pharmacy(**{column: f"某{RARE}某{RARER}{RARE}"})
    factories.pharmacy()
    where = f"定点零售药店：{title}"
    assert missing_in_registry() == [
        Missing(RARE, where, shop.code, f"某{RARE}某{RARER}{RARE}"),
        Missing(RARER, where, shop.code, f"某{RARE}某{RARER}{RARE}"),
    ]


def test_of_enterprises_districts_and_facts() -> None:
    place = factories.district(330681, f"{RARE}县")
    shop = factories.pharmacy(enterprise=factories.enterprise(name=RARE), district=place)
    factories.violation(shop, body=RARE, document_no=f"{RARE}1", measures=RARE)
    factories.complaint(shop, reference_no=RARE)
    factories.service_status(shop, document_no=RARE)
    assert {(where, code) for _, where, code in places(missing_in_registry())} == {
        ("企业：企业名称", shop.code),
        ("违法违规：作出机关", shop.code),
        ("违法违规：文书号", shop.code),
        ("违法违规：处理措施", shop.code),
        ("举报投诉：受理编号", shop.code),
        ("服务状态：文书号", shop.code),
        ("区县：名称", "330681"),
    }


def voided(when: Any) -> dict[str, Any]:
    return {"voided_at": when, "void_reason": "录入有误", "voided_by": "测试"}


def test_a_voided_fact_is_printed_no_more() -> None:
    shop = factories.pharmacy()
    factories.violation(shop, body=RARE, **voided(CUTOFF))
    factories.violation(shop, measures=RARE)
    assert places(missing_in_registry()) == [(RARE, "违法违规：处理措施", shop.code)]


def test_of_what_was_decided_and_published(scheme: SchemeVersion) -> None:
    shop = factories.pharmacy(name=f"{RARE}药店")
    run = run_of(scheme, Result(shop, 1))
    period = published(run)
    rating = run.ratings.get()
    desk.decided(desk.adjustment(period, rating, text=f"因{RARER}"))
    desk.decided(desk.adjustment(period, rating, text=f"因{RARER}"), "REJECTED")
    shop.name = "某药店"
    shop.save()
    found = [(RARER, "等级调整：理由", shop.code), (RARE, "公布等级：名称", shop.code)]
    assert places(missing_in_registry()) == found


def test_of_schemes(db: None) -> None:
    text = shipped_schemes()["nantong"].read_text().replace('title = "', f'title = "{RARE}', 1)
    store_scheme(text, by=APPROVER)
    found = places(missing_in_registry())
    assert found == [(RARE, "评价规则：名称", "nantong@1"), (RARE, "评价规则：文本（TOML）", "nantong@1")]
