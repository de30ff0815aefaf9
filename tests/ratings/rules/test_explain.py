"""Explanations: what they say, and that it adds up."""

import re
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.rules import Explanation, Peers, Scheme, explain, rate, take
from ratings.rules.conditions import Condition
from ratings.rules.wording import describe, points_text, span_text, sum_text, yuan_text
from tests.ratings.rules.building import Fact, Shop, build
from tests.ratings.rules.strategies import LAST, PERIOD, SCHEMES, all_schemes, cities

SHAOXING = all_schemes()["shaoxing-style"]
MARKET = [Shop(last_year=[100] * 12, this_year=[107] * 12) for _ in range(20)]


def told(scheme: Scheme, shop: Shop, *others: Shop, labels: dict | None = None) -> Explanation:
    """The explanation of ``shop`` among ``others``."""
    signals = build([shop, *others])
    return explain(scheme, take(signals, [0]), rate(scheme, signals).peers, labels)


def test_a_whole_explanation_read_aloud() -> None:
    shop = Shop(
        designated_on=date(2024, 5, 1),
        last_year=[None] * 3 + [100] * 9,
        this_year=[90] * 3 + [0] + [140] * 8,
        violations=[
            Fact("ITEM_SUBSTITUTION", date(2025, 3, 5), fact_id=7),
            Fact("CARD_POOLING", date(2024, 12, 31), "GENERAL", fact_id=8),
            Fact("NO_CONSENT", date(2022, 12, 31), fact_id=9),
        ],
        complaints=[Fact("FRAUD", date(2025, 12, 5), fact_id=7)],
    )
    labels = {("violations", 7): "某医保罚〔2025〕1号"}
    assert (
        told(SHAOXING, shop, *MARKET, labels=labels).text()
        == """\
药店 P33060200000，2025年：按《定点零售药店信用评价规则（绍兴模式示例）》第1版，信用分 64.8 分，等级 D（差）。
规则说明：仿绍兴市做法编写的示例：记分细则未见公开，条文和分值均非绍兴市现行规定。

【各项得分】
违法违规（第六条）
  1. 2022年12月31日认定：未经同意提供范围外服务（行政处罚，情节轻微）。按第六条第六项（内部管理、资料、数据、报告等其他违规）扣2分；认定之日至评价周期末日已满36个月，满24个月不再计算（第九条第一款）。
  2. 2024年12月31日认定：聚敛盗刷社会保障卡（行政处罚，情节一般）。按第六条第一项（骗取医保基金）扣30分；认定之日至评价周期末日已满12个月，30 × 12/24 = 15，扣15分（第九条第一款）。
  3. 2025年3月5日认定：串换药品、日用品、保健品（行政处罚，情节轻微），某医保罚〔2025〕1号。按第六条第三项（串换、超范围支付、诱导购买）扣6分；认定之日至评价周期末日已满9个月，6 × 15/24 = 3.75，扣3.75分（第九条第一款）。
  合计3件，扣18.75分。
查实的举报投诉（第七条）
  1. 2025年12月5日查实：涉嫌骗取医保基金。按第七条第一项（涉嫌骗取医保基金）扣5分；认定之日至评价周期末日未满1个月，按全额计。
  合计1件，扣5分。
医保基金支付增幅（第八条）
  与上年同月比较，可比的有8个月。
  2025年1月未列入比较：上年该月没有支付记录。
  2025年2月未列入比较：上年该月没有支付记录。
  2025年3月未列入比较：上年该月没有支付记录。
  2025年4月未列入比较：本年该月支付额为零。
  可比月份医保基金支付合计1,120.00元，上年同期800.00元，增长40%。
  本区县可比药店21家，增幅的中位数为7%；本店高出中位数33个百分点。
  其中10个百分点以内不计，计23个百分点，每个0.5分：23 × 0.5 = 11.5，扣11.5分。
  本项扣11.5分。

【信用分】
信用分：100 − 18.75 − 5 − 11.5 = 64.75 分（第五条第一款）。
信用分：64.75 分，以 0.1 分为单位四舍五入并限于 0 至 100 分，为 64.8 分（第五条）。

【等级】
信用分 64.8 分，达到 60.0 分，按分数评为 C（第十一条第三项）。
等级上限“查实骗取医保基金并受行政处罚，一票否决”：符合条件（有认定未满2年的行政处罚类“串通空刷、现金退付、兑换支付”“其他骗取医保基金行为”等7类违法违规），最高评为 D（第十条第一项），等级因此降低。
等级上限“评价周期末处于中止协议期间”：条件为服务状态为中止协议，不适用（第十条第二项）。
等级上限“定点未满两年”：符合条件（定点未满2年），最高评为 B（第十条第三项），对本次等级没有影响。

【如何改进】
要评为 C：分数已达到 60.0 分。
等级上限“查实骗取医保基金并受行政处罚，一票否决”须先解除：没有新的事实时，到2026年12月底不再适用（第十条第一项）。
没有新的事实、其他情况不变时，按2026年12月底的情况重新计算，等级为 B。
影响最大的一件：2024年12月31日认定的“聚敛盗刷社会保障卡”，15 分。"""
    )


def test_the_parts_as_values() -> None:
    shop = Shop(violations=[Fact("CARD_POOLING", date(2025, 6, 30), "GENERAL", fact_id=8, amount_fen=5)])
    result = told(SHAOXING, shop, *MARKET)
    (fact,) = result.indicators[0].facts
    assert (fact.source, fact.fact_id, fact.amount_fen) == ("violations", 8, 5)
    assert (fact.full, fact.age_months, fact.points) == (-30_000, 6, -22_500)
    assert (fact.decided_on, fact.kind, fact.gravity) == (date(2025, 6, 30), "聚敛盗刷社会保障卡", "一般")
    assert (result.rated, result.score, result.grade) == (True, 77_500, "D")
    assert [(cap.id, cap.strikes, cap.lowers, cap.ends_on) for cap in result.caps] == [
        ("fraud", True, True, date(2027, 6, 30)),
        ("suspended", False, False, None),
        ("under_two_years", False, False, None),
    ]
    assert (result.next_grade, result.points_missing) == ("C", 0)
    assert (result.better_on, result.better_grade) == (date(2027, 6, 30), "A")
    assert result.heaviest is fact


def test_not_rated() -> None:
    result = told(SHAOXING, Shop(designated_on=date(2025, 9, 1)), *MARKET)
    assert (result.rated, result.grade, result.caps) == (False, "", ())
    assert result.reason == "定点未满六个月（第三条第二项）。至2025年12月31日，定点已满3个月。"
    assert result.better_on == date(2026, 3, 31)
    assert result.lines()[-1] == "其他情况不变时，从2026年3月底起可以参加评价。"


def test_points_missing_and_the_month_from_which_time_alone_helps() -> None:
    # 100 - 12 = 88; A needs 90: 12 * left / 24 <= 10 from four whole months on.
    result = told(
        SHAOXING, Shop(violations=[Fact("ITEM_SUBSTITUTION", date(2025, 12, 30), "GENERAL")]), *MARKET
    )
    assert (result.score, result.grade) == (88_000, "B")
    assert (result.next_grade, result.points_missing) == ("A", 2000)
    assert (result.better_on, result.better_grade) == (date(2026, 4, 30), "A")
    assert "要评为 A：信用分须达到 90.0 分，还差 2.0 分。" in result.outlook


def test_what_time_alone_does_not_cure() -> None:
    result = told(SHAOXING, Shop(status="SUSPENDED"), *MARKET)
    assert result.outlook == (
        "要评为 B：分数已达到 80.0 分。",
        "等级上限“评价周期末处于中止协议期间”须先解除：不会仅因时间推移而解除（第十条第二项）。",
        "其他情况不变时，五年之内等级不会仅因时间推移而提高。",
    )


def test_the_best_grade() -> None:
    result = told(SHAOXING, Shop(), *MARKET)
    assert result.outlook == ("已是最高等级 A。",)
    assert result.heaviest is None


def test_where_fewer_points_are_better() -> None:
    result = told(all_schemes()["nantong"], Shop(violations=[Fact("OTHER_FRAUD", LAST, "GENERAL")]))
    assert (result.score, result.grade) == (16_000, "C")
    assert result.outlook[0] == "要评为 B：信用分须不超过 15 分，还多 1 分。"
    assert "记16分" in result.text()
    assert "年度记分：0 + 16 + 0 = 16 分" in result.text()


def test_a_position_says_the_cut_points() -> None:
    curve = all_schemes()["curve"]
    result = told(curve, Shop(), *MARKET, *[Shop(violations=[Fact("OBSTRUCTION", LAST)])] * 20)
    assert "同组参评药店41家，分数线：A 为 95.0 分，B 为 95.0 分，C 为 85.0 分" in result.band_text
    few = told(curve, Shop(), *MARKET[:5])
    assert "同组药店不足20家，改用全部药店的分数线；全部参评药店6家" in few.band_text


def test_a_small_district_says_whose_median_it_is_compared_with() -> None:
    shop = Shop(district=330624, last_year=[100] * 12, this_year=[110] * 12)
    lines = told(SHAOXING, shop, *MARKET).indicators[2].lines()
    assert (
        "  本区县可比药店只有1家，不足10家，改用全部药店：全部可比药店21家，增幅的中位数为7%；"
        "本店高出中位数3个百分点。"
    ) in lines


def test_weights_are_shown() -> None:
    text = told(all_schemes()["weighted"], Shop(measures={"year_end_assessment": 88_500})).text()
    assert "信用分：100 × 0.6 + 88.5 × 0.4 = 95.4 分（第四条）。" in text


def test_one_pharmacy_at_a_time() -> None:
    with pytest.raises(ValueError, match="one pharmacy"):
        explain(SHAOXING, build([Shop(), Shop()]), Peers(SHAOXING.hash))


@settings(max_examples=60, deadline=None)
@given(SCHEMES, cities(max_size=6), st.data())
def test_whatever_the_case_the_arithmetic_shown_is_right(
    scheme: Scheme, city: list[Shop], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(city) - 1))
    signals = build(city, PERIOD)
    run = rate(scheme, signals)
    result = explain(scheme, take(signals, [place]), run.peers)
    assert result.rated == (run.state[place] == 0)
    assert result.score == run.score[place]
    text = result.text()
    assert not re.search(r"None|nan|\{|\}|Decimal|。。|，。|“”", text), text
    for part in result.indicators:
        if part.kind in ("violations", "complaints"):
            assert sum(fact.points for fact in part.facts) == part.total
    # Every sum written as "a − b + c = d" is one.
    for left, right in re.findall(r"：(-?[\d.]+(?: [−+] [\d.]+)+) = (-?[\d.]+) 分", text):
        terms = re.findall(r"([−+]?) ?(-?[\d.]+)", left)
        total = sum(-Fraction(number) if sign == "−" else Fraction(number) for sign, number in terms)
        assert total == Fraction(right), text
    if result.better_on is not None and result.rated:
        assert scheme.positions[result.better_grade] < scheme.positions[result.grade]


@pytest.mark.parametrize(
    ("months", "text"),
    [(0, "0个月"), (11, "11个月"), (12, "1年"), (27, "2年3个月")],
)
def test_span_text(months: int, text: str) -> None:
    assert span_text(months) == text


def test_small_wordings() -> None:
    assert yuan_text(123_456_789) == "1,234,567.89元"
    assert yuan_text(-5) == "-0.05元"
    assert sum_text(100_000, [-5250, 0, 500]) == "100 − 5.25 + 0 + 0.5"
    assert [points_text(value, 1) for value in (-1500, 0, 2000)] == ["扣1.5分", "不扣分", "加2分"]
    assert [points_text(value, -1) for value in (1500, 0, -2000)] == ["记1.5分", "不记分", "减2分"]


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"quantity": "tenure_months", "lt": 24}, "定点未满2年"),
        ({"quantity": "tenure_months", "ge": 6}, "定点已满6个月"),
        ({"quantity": "opened_months", "le": 6}, "本次签约满月数不超过6个月"),
        ({"quantity": "opened_months", "gt": 6}, "本次签约满月数超过6个月"),
        ({"quantity": "tenure_months", "eq": 6}, "定点恰满6个月"),
        ({"quantity": "chain", "eq": 1}, "为连锁门店"),
        ({"quantity": "chain", "eq": 0}, "为单体药店"),
        ({"quantity": "status", "one_of": ["SUSPENDED", "TERMINATED"]}, "服务状态为中止协议或解除协议"),
        ({"quantity": "violations", "ge": 1}, "有违法违规"),
        ({"quantity": "violations", "lt": 1, "kinds": ["OBSTRUCTION"]}, "没有“拒绝、阻碍检查”违法违规"),
        (
            {"quantity": "violations", "ge": 2, "gravities": ["GENERAL", "SERIOUS"], "within_months": 18},
            "认定未满1年6个月的情节一般或严重的违法违规达到2件",
        ),
        ({"quantity": "violation_amount", "gt": 6000}, "违法违规涉及金额超过6000元"),
        ({"quantity": "complaints", "ge": 3, "topics": ["FRAUD"]}, "“涉嫌骗取医保基金”举报投诉达到3件"),
        ({"quantity": "score", "lt": 60}, "信用分少于60分"),
        ({"quantity": "worst_indicator", "gt": 20}, "最差单项指标的分值超过20分"),
        ({"quantity": "indicator.violations", "le": -10}, "“违法违规”得分不超过-10分"),
        ({"quantity": "component.credit", "ge": 1, "lt": 5}, "“信用分”少于5分且达到1分"),
        ({"quantity": "measure.review", "ge": 2}, "“考核分”达到2"),
        (
            {"any": [{"quantity": "chain", "eq": 1}, {"all": [{"quantity": "score", "ge": 1}]}]},
            "为连锁门店，或（信用分达到1分）",
        ),
        ({"not": {"quantity": "score", "ge": 60}}, "未达到以下要求：信用分达到60分"),
    ],
)
def test_conditions_in_words(condition: dict, text: str) -> None:
    assert describe(Condition.model_validate(condition), all_schemes()["small"]) == text


def test_flags_in_words() -> None:
    weighted = all_schemes()["weighted"]
    for condition, text in (({"eq": 1}, "一票否决事项"), ({"eq": 0}, "没有“一票否决事项”")):
        leaf = Condition.model_validate({"quantity": "measure.veto", **condition})
        assert describe(leaf, weighted) == text


def test_brackets_and_missing_values_in_words() -> None:
    stars = all_schemes()["stars"]
    shop = Shop(last_year=[100] * 12, this_year=[130] * 12)
    text = told(stars, shop, *MARKET).text()
    assert "高出中位数超过10.5个百分点，扣12分（四）。" in text
    assert "没有导入数值，按规定计 40 分。" in text
    assert "40" in told(stars, Shop()).text()
    text = told(stars, Shop(measures={"satisfaction": 90_001})).text()
    assert "数值 90.001，加100分（五）。" in text
    assert "无法比较增幅，按规定扣1分" in text


def test_growth_from_below_the_median() -> None:
    curve = all_schemes()["curve"]
    shop = Shop(last_year=[100] * 12, this_year=[97] * 12)
    text = told(curve, shop, *MARKET).text()
    assert "本店低于中位数10个百分点。" in text
    assert "从低于中位数20个百分点处起计，计10个百分点，每个0.25分：10 × 0.25 = 2.5，扣2.5分。" in text


def test_a_scheme_without_a_place_for_anybody() -> None:
    curve = all_schemes()["curve"]
    result = told(curve, Shop(violations=[Fact("OBSTRUCTION", LAST)]), Shop(), Shop())
    # Three pharmacies: 0.3 of a place for A is none.
    assert "A 没有名额" in result.band_text
    best = told(curve, Shop(), Shop(), Shop())
    assert best.outlook[0] == "本组没有 A 的名额。"
