"""What is wrong with a document is told by path, clause and remedy, all of it at once."""

import re
from typing import Any

import pytest

from applications.enterprise_credit.documents import SHIPPED
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.rules.reading import read_catalogue, read_rule
from ratings.rules.problems import SchemeError

CATALOGUE = """
key = "small"
version = 1
title = "目录"
effective_on = 2026-01-01
basis = "依据"
[[departments]]
key = "ybj"
name = "医疗保障局"
[[departments]]
key = "czj"
name = "财政局"
[[record_types]]
key = "ybj-penalty"
department = "ybj"
title = "行政处罚"
kind = "PENALTY"
publicity = "OPEN"
shown_months = 36
clause = "第二条"
fields = [
    { key = "content", label = "内容", type = "text", required = true },
    { key = "level", label = "级别", type = "choice", choices = ["高", "低"] },
]
[[record_types]]
key = "ybj-payment"
department = "ybj"
title = "支付"
kind = "OTHER"
publicity = "SHARED"
viewers = ["czj"]
clause = "第三条"
fields = [
    { key = "store", label = "定点编码", type = "designated_code" },
    { key = "fen", label = "金额", type = "amount_fen" },
]
[[purposes]]
key = "award"
title = "评先评优"
clause = "第四条"
[[purposes.criteria]]
id = "bad"
title = "等级为 D"
then = "REJECT"
when = { grade_in = ["D"] }
clause = "第五条"
[[measures]]
key = "ybj-check"
department = "ybj"
direction = "SANCTION"
title = "重点检查"
when = { records = { types = ["ybj-penalty"] } }
clause = "第六条"
[watch]
without_case_a_day = 20
night_from = 22
night_until = 6
outside_a_day = 10
clause = "第七条"
"""
RULE = """
key = "small"
version = 1
title = "规则"
effective_on = 2026-01-01
basis = "依据"
floor = 0
ceiling = 100
[stores]
method = "mean"
step = 0.1
weight = { type = "ybj-payment", field = "fen", store = "store" }
clause = "第二条"
[[items]]
id = "penalties"
title = "处罚"
records = { kinds = ["PENALTY"], within_months = 12 }
each = -2
limit = -10
clause = "第三条"
[[grades]]
name = "A"
label = "好"
meaning = "好"
min = 90
clause = "第四条"
[[grades]]
name = "B"
label = "中"
meaning = "中"
min = 60
clause = "第四条"
[[grades]]
name = "D"
label = "差"
meaning = "差"
clause = "第四条"
[[caps]]
id = "share"
title = "D 级占比"
when = { store_grade = "D", share_at_least = 20 }
limit = "B"
clause = "第五条"
[[unrated]]
id = "none"
title = "没有药店"
when = { rated_below = 1 }
clause = "第六条"
"""
KNOWN = read_catalogue(CATALOGUE)
WHEN = 'when = { grade_in = ["D"] }'
CAP = 'when = { store_grade = "D", share_at_least = 20 }'


def problems(act: Any, *arguments: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(SchemeError) as refused:
        act(*arguments)
    return [(one.path, one.clause, f"{one.what}{one.remedy}") for one in refused.value.problems]


def test_sound_ones_are_read() -> None:
    assert isinstance(KNOWN, Catalogue)
    assert read_rule(RULE, KNOWN).named == "small@1"


def test_the_shipped_ones_are_sound_with_each_other() -> None:
    rule = read_rule((SHIPPED / "enterprise-rule.toml").read_text())
    catalogue = read_catalogue(
        (SHIPPED / "catalogue.toml").read_text(), [grade.name for grade in rule.grades]
    )
    read_rule((SHIPPED / "enterprise-rule.toml").read_text(), catalogue)
    assert len(catalogue.departments) == 30
    assert 60 <= len(catalogue.record_types) <= 80
    assert {one.department for one in catalogue.record_types} == {one.key for one in catalogue.departments}
    assert {measure.direction for measure in catalogue.measures} == {"INCENTIVE", "SANCTION"}
    for one in catalogue.record_types:
        assert one.key.startswith(f"{one.department}-")


@pytest.mark.parametrize(
    ("old", "new", "path", "clause", "words"),
    [
        ('key = "czj"', 'key = "ybj"', "departments[1].key", "", "“ybj”重复"),
        ('name = "财政局"', 'name = "医疗保障局"', "departments[1].name", "", "重复"),
        ('key = "ybj-payment"', 'key = "ybj-penalty"', "record_types[1].key", "第三条", "重复"),
        ('department = "ybj"', 'department = "ybjj"', "record_types[0].department", "第二条", "是否应为 ybj"),
        ('department = "ybj"', 'department = "nobody"', "record_types[0].department", "第二条", "改为 ybj、czj 之一"),
        ('viewers = ["czj"]', "viewers = []", "record_types[1].viewers", "第三条", "没有写明哪些部门可以查询"),
        ('viewers = ["czj"]', 'viewers = ["czz"]', "record_types[1].viewers[0]", "第三条", "是否应为 czj"),
        ('viewers = ["czj"]', 'viewers = ["czj", "czj"]', "record_types[1].viewers[1]", "第三条", "重复"),
        ('viewers = ["czj"]', 'viewers = ["*", "czj"]', "record_types[1].viewers", "第三条", "已包括所有部门"),
        ('publicity = "OPEN"', 'publicity = "OPEN"\nviewers = ["czj"]', "record_types[0].viewers", "第二条", "不起作用"),
        ("shown_months = 36", "shown_months = 0", "record_types[0].shown_months", "第二条", "公示 0 个月"),
        ('key = "level"', 'key = "content"', "record_types[0].fields[1].key", "第二条", "重复"),
        ('label = "级别"', 'label = "内容"', "record_types[0].fields[1].label", "第二条", "重复"),
        (', choices = ["高", "低"]', "", "record_types[0].fields[1].choices", "第二条", "没有写明有哪些选项"),
        ('type = "choice"', 'type = "text"', "record_types[0].fields[1].choices", "第二条", "choices 不起作用"),
        ('["高", "低"]', '["高", "高"]', "record_types[0].fields[1].choices[1]", "第二条", "重复"),
        ("required = true", "max_length = 0", "record_types[0].fields[0].max_length", "第二条", "什么也写不下"),
        ('kind = "PENALTY"', 'kind = "PENALTIES"', "record_types[0].kind", "第二条", "是否应为 PENALTY"),
        ('type = "amount_fen"', 'type = "amount"', "record_types[1].fields[1].type", "第三条", "是否应为 amount_fen"),
        ('then = "REJECT"', 'then = "REFUSE"', "purposes[0].criteria[0].then", "第五条", "改为 REJECT、ATTENTION 之一"),
        (WHEN, "when = {}", "purposes[0].criteria[0].when", "第五条", "没有写明任何内容"),
        (WHEN, 'when = { grade_in = ["E"] }', "purposes[0].criteria[0].when.grade_in[0]", "第五条", "“E”的企业信用等级"),
        (WHEN, 'when = { grade_in = ["D", "D"] }', "purposes[0].criteria[0].when.grade_in[1]", "第五条", "重复"),
        (WHEN, 'when = { grade_in = ["D"], unrated = true }', "purposes[0].criteria[0].when", "第五条", "从不符合"),
        (WHEN, "when = { records = {} }", "purposes[0].criteria[0].when.records", "第五条", "没有写明是哪些信用信息"),
        (
            WHEN,
            'when = { records = { kinds = ["PENALTY"], within_months = 0 } }',
            "purposes[0].criteria[0].when.records.within_months",
            "第五条",
            "最近 0 个月",
        ),
        (
            WHEN,
            'when = { records = { kinds = ["PENALTY", "PENALTY"] }, records_at_least = 0 }',
            "purposes[0].criteria[0].when.records_at_least",
            "第五条",
            "总是符合",
        ),
        (WHEN, 'when = { unrated = true, records_at_least = 2 }', "purposes[0].criteria[0].when.records_at_least", "第五条", "没有写明 records"),
        ('types = ["ybj-penalty"]', 'types = ["ybj-penal"]', "measures[0].when.records.types[0]", "第六条", "是否应为 ybj-penalty"),
        ('department = "ybj"\ndirection', 'department = "ybx"\ndirection', "measures[0].department", "第六条", "是否应为 ybj"),
        ("night_from = 22", "night_from = 24", "watch.night_from", "第七条", "24 不是钟点"),
        ("night_from = 22", "night_from = 6", "watch.night_until", "第七条", "没有夜间"),
        ("outside_a_day = 10", "outside_a_day = 0", "watch.outside_a_day", "第七条", "每次查询都会标记"),
    ],
)  # fmt: skip
def test_of_the_catalogue(old: str, new: str, path: str, clause: str, words: str) -> None:
    assert old in CATALOGUE
    found = problems(read_catalogue, CATALOGUE.replace(old, new, 1), ["A", "B", "D"])
    (told,) = [one for one in found if one[0] == path]
    assert told[1] == clause
    assert words in told[2]


@pytest.mark.parametrize(
    ("old", "new", "path", "clause", "words"),
    [
        ("floor = 0", "floor = 100", "floor", "", "最低分 100 不低于最高分 100"),
        ("step = 0.1", "step = 0", "stores.step", "第二条", "不是正数"),
        ("ceiling = 100", "ceiling = 100\nmin_ranked = 0", "min_ranked", "", "至少 0 家"),
        ('method = "mean"', 'method = "lowest"', "stores.weight", "第二条", "权重不起作用"),
        ('type = "ybj-payment"', 'type = "ybj-paymant"', "stores.weight.type", "第二条", "是否应为 ybj-payment"),
        ('field = "fen"', 'field = "fem"', "stores.weight.field", "第二条", "是否应为 fen"),
        ('field = "fen"', 'field = "store"', "stores.weight.field", "第二条", "不是整数或金额。改为 fen"),
        ('store = "store"', 'store = "fen"', "stores.weight.store", "第二条", "不是定点编码。改为 store"),
        ("limit = -10", "limit = 10", "items[0].limit", "第三条", "正负不一致"),
        ("limit = -10", "limit = 0", "items[0].limit", "第三条", "正负不一致"),
        ("each = -2", "each = 0", "items[0].each", "第三条", "每条 0 分"),
        ("within_months = 12", "within_months = 0", "items[0].records.within_months", "第三条", "最近 0 个月"),
        ('id = "penalties"', 'id = "band"', "items[0].id", "第三条", "为系统所用"),
        ('id = "none"', 'id = "share"', "unrated[0].id", "第六条", "重复"),
        ("min = 60", "min = 90", "grades[1].min", "第四条", "不低于上一等级的 90"),
        ("min = 60\n", "", "grades[1].min", "第四条", "永远评不上"),
        ('meaning = "差"', 'meaning = "差"\nmin = 10', "grades[2].min", "第四条", "没有等级"),
        ("min = 90", "min = 100.5", "grades[0].min", "第四条", "不在 0 至 100 之间"),
        ('name = "B"', 'name = "A"', "grades[1].name", "第四条", "重复"),
        ('limit = "B"', 'limit = "A"', "caps[0].limit", "第五条", "从不起作用"),
        ('limit = "B"', 'limit = "C"', "caps[0].limit", "第五条", "改为 A、B、D 之一"),
        (CAP, 'when = { grade_in = ["A"] }', "caps[0].when.grade_in", "第五条", "等级由本规则得出"),
        (CAP, "when = { unrated = true }", "caps[0].when.unrated", "第五条", "等级由本规则得出"),
        (CAP, 'when = { store_grade = "D" }', "caps[0].when.store_grade", "第五条", "没有写明至少几家"),
        (CAP, "when = { share_at_least = 20 }", "caps[0].when", "第五条", "补写 store_grade"),
        (CAP, 'when = { store_grade = "D", share_at_least = 101 }', "caps[0].when.share_at_least", "第五条", "101% 不在"),
        (CAP, 'when = { store_grade = "D", stores_at_least = 0 }', "caps[0].when.stores_at_least", "第五条", "0 家"),
        (CAP, 'when = { records = { types = ["ybj-x"] } }', "caps[0].when.records.types[0]", "第五条", "信用信息类型"),
        ("rated_below = 1", "rated_below = 0", "unrated[0].when.rated_below", "第六条", "0 家"),
        ('clause = "第三条"', "", "items[0].clause", "", "缺少必写的 clause"),
        ("each", "eahc", "items[0].eahc", "第三条", "是否应为 each"),
    ],
)  # fmt: skip
def test_of_the_rule(old: str, new: str, path: str, clause: str, words: str) -> None:
    assert old in RULE
    (told,) = [one for one in problems(read_rule, RULE.replace(old, new, 1), KNOWN) if one[0] == path]
    assert told[1] == clause
    assert words in told[2]


def test_all_at_once_in_order() -> None:
    text = (
        re.sub("min = 60\n", "", RULE)
        .replace("limit = -10", "limit = 10")
        .replace('limit = "B"', 'limit = "X"')
    )
    paths = [path for path, _, _ in problems(read_rule, text.replace("each", "eahc"), KNOWN)]
    assert paths == ["items[0].eahc", "items[0].limit", "grades[1].min", "caps[0].limit"]


def test_a_single_grade_and_weights_without_fields() -> None:
    alone = RULE.replace('name = "B"', 'name = "Q"')
    head, _, _ = alone.partition("[[grades]]")
    single = f'{head}[[grades]]\nname = "D"\nlabel = "差"\nmeaning = "差"\nclause = "第四条"\n'
    assert [path for path, _, _ in problems(read_rule, single, KNOWN)] == ["grades"]
    weightless = RULE.replace(
        'type = "ybj-payment", field = "fen"', 'type = "ybj-penalty", field = "content"'
    )
    told = {path: words for path, _, words in problems(read_rule, weightless, KNOWN)}
    assert "先在信用信息目录中" in told["stores.weight.field"]
    assert "没有名为“store”的字段（“行政处罚”）" in told["stores.weight.store"]
    # Without a catalogue, what it would tell is left open.
    read_rule(weightless)


@pytest.mark.parametrize("text", ["", "key = ", "key = “a”"])
def test_what_is_no_toml(text: str) -> None:
    ((path, _, words),) = problems(read_rule, text)
    assert path and words
