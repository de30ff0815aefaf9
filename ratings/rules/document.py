"""The scheme document as a whole: header, score, components, eligibility, caps and bands."""

from typing import Annotated, Final, Literal

from pydantic import Field

from ratings.rules.columns import POINT, WHOLE
from ratings.rules.conditions import Condition
from ratings.rules.exact import Rounding
from ratings.rules.fields import (
    Day,
    Fixed,
    Flag,
    Ident,
    Part,
    Percent,
    Text,
    Title,
    Validity,
    Version,
    Weight,
    Whole,
)
from ratings.rules.indicators import Clause, Indicator


class Grade(Part):
    """A grade; the list runs from best to worst."""

    name: Annotated[Text, Field(max_length=20, description="等级，例如 A、A+、5、终止")]
    label: Annotated[Text, Field(max_length=100, description="名称，例如 优秀")]
    meaning: Annotated[Text, Field(description="给居民看的一句话说明")]
    valid_months: Annotated[Validity | None, Field(description="有效期（月），不写即有效至下次评价")] = None


class PeriodRules(Part):
    """Which records count for a period."""

    cutoff_days: Annotated[Whole, Field(description="评价周期结束后若干日内记入的数据仍计入本周期")]
    clause: Clause


class Score(Part):
    """How the components become one score.

    The weighted sum is exact; it is rounded once, to a multiple of ``step``, and then kept
    within ``floor`` and ``ceiling``. The same ``rounding`` serves single facts (to a
    thousandth of a point) and growth (to a hundredth of a percent).
    """

    direction: Annotated[
        Literal["higher_is_better", "lower_is_better"],
        Field(description="higher_is_better 分数高者为好；lower_is_better 分数低者为好"),
    ]
    floor: Annotated[Fixed, Field(description="最低分")]
    ceiling: Annotated[Fixed, Field(description="最高分")]
    step: Annotated[Fixed, Field(description="信用分的最小单位，例如 0.1、1、5")]
    rounding: Annotated[
        Rounding,
        Field(description="half_up 四舍五入；half_even 四舍六入五成双；down 舍去；up 进位"),
    ]
    weights_sum: Annotated[Weight, Field(description="各分项权重之和，不写即为 1")] = WHOLE
    clause: Clause


class Component(Part):
    """A sub-score: base score plus its indicators' points, within floor and ceiling."""

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="名称")]
    base_score: Annotated[Fixed, Field(description="基础分")]
    floor: Annotated[Fixed, Field(description="下限")]
    ceiling: Annotated[Fixed, Field(description="上限")]
    weight: Annotated[Weight, Field(description="权重，不写即为 1")] = WHOLE
    clause: Clause


class MeasureTerm(Part):
    """An imported value that the scheme reads; a flag is one from 0 to 1."""

    key: Annotated[Ident, Field(description="导入数值的键")]
    title: Annotated[Title, Field(description="名称")]
    min: Annotated[Fixed, Field(description="数值应不小于")]
    max: Annotated[Fixed, Field(description="数值应不大于")]

    @property
    def is_flag(self) -> bool:
        return (self.min, self.max) == (0, POINT)


AtOnce = Annotated[
    Flag,
    Field(description="期间即时生效：两次评价之间条件成立的，当即适用；不写即为 false"),
]


class Eligibility(Part):
    """Who is not rated, and why. ``at_once``: a grade in force is withdrawn as soon as it holds."""

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="不予评价的理由")]
    when: Annotated[Condition, Field(description="何时不予评价")]
    at_once: AtOnce = False
    clause: Clause


class Cap(Part):
    """A condition that limits the grade, whatever the score (一票否决 is a cap).

    ``at_once``: a grade in force is lowered as soon as the condition holds.
    """

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="名称")]
    when: Annotated[Condition, Field(description="何时适用")]
    limit: Annotated[Text | None, Field(description="最高只能评为的等级")] = None
    limit_measure: Annotated[
        Ident | None,
        Field(description="以导入的数值为上限：数值为等级的序号，1 为最好；缺失时不限"),
    ] = None
    at_once: AtOnce = False
    clause: Clause


class Band(Part):
    """What both ways of banding share."""

    grade: Annotated[Text, Field(description="等级")]
    also: Annotated[Condition | None, Field(description="另须满足的条件；不满足的，依次看下一等级")] = None
    clause: Clause


class ScoreBand(Band):
    """A grade by score. Bounds are inclusive."""

    min: Annotated[Fixed | None, Field(description="最低分（含）")] = None
    max: Annotated[Fixed | None, Field(description="最高分（含）")] = None


class ScoreBands(Part):
    """Grades by fixed score bounds, best first.

    A pharmacy gets the first grade whose worst bound its score reaches and whose ``also``
    holds; a score better than a band's range reaches it too.
    """

    by: Literal["score"]
    rows: Annotated[tuple[ScoreBand, ...], Field(min_length=1, description="各等级，由好到差")]


class PositionBand(Band):
    """A grade by position among peers."""

    share: Annotated[Percent, Field(description="占同组药店的百分之几")]


class PositionBands(Part):
    """Grades by position within a peer group, best first.

    Of a group of n rated pharmacies the best ``round(n * (share + better shares))`` reach a
    grade. Their worst score is the group's cut point.
    """

    by: Literal["position"]
    group: Annotated[
        Literal["city", "district", "district_and_chain"],
        Field(description="分组：全部；按区县；按区县并区分连锁与单体"),
    ]
    min_group: Annotated[Whole, Field(description="组内药店少于此数时，改用全部药店的分数线")]
    ties: Annotated[
        Literal["better", "worse"],
        Field(description="分数线上同分的：better 都评较好等级；worse 都评较差等级"),
    ]
    count_rounding: Annotated[Rounding, Field(description="名额的取整办法，取值同 score.rounding")]
    rows: Annotated[tuple[PositionBand, ...], Field(min_length=1, description="各等级，由好到差")]
    clause: Clause


class AllowedAdjustment(Part):
    """A reason for which people may change a computed grade (依规调整), and how far."""

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="调整的事由")]
    direction: Annotated[
        Literal["up", "down", "both"],
        Field(description="up 只可调高；down 只可调低；both 均可"),
    ]
    steps: Annotated[Whole, Field(description="最多调整几个等级")]
    clause: Clause


class Review(Part):
    """Which results a person must look at one by one before public notice."""

    changed_grades: Annotated[Whole, Field(description="与上期相差几个等级及以上的逐件审核，不写即为 2")] = 2
    near_points: Annotated[Fixed, Field(description="距分数线几分及以内的逐件审核，不写即为 1")] = POINT
    growth_percent: Annotated[
        Percent, Field(description="医保基金支付增幅达到百分之几的逐件审核，不写即为 50")
    ] = WHOLE // 2
    clause: Clause


#: What holds where a scheme does not say.
USUAL_REVIEW: Final = Review(clause="系统默认")

Bands = Annotated[ScoreBands | PositionBands, Field(discriminator="by")]


class SchemeDocument(Part):
    """评价规则：一份文件就是一个版本。"""

    key: Annotated[
        Text, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", description="规则代码，小写英文、数字和连字符")
    ]
    version: Annotated[Version, Field(description="版本号，1、2、3……")]
    title: Annotated[Title, Field(description="名称")]
    authority: Annotated[Text, Field(description="制定机关")]
    note: Annotated[Text, Field(description="说明；示例性的规则须在此写明")]
    effective_on: Annotated[Day, Field(description="施行日期")]
    legal_basis: Annotated[tuple[Text, ...], Field(min_length=1, description="制定依据")]
    period: Annotated[PeriodRules, Field(description="数据截止")]
    grades: Annotated[tuple[Grade, ...], Field(min_length=2, max_length=30, description="等级，由好到差")]
    score: Annotated[Score, Field(description="信用分")]
    components: Annotated[tuple[Component, ...], Field(min_length=1, description="分项")]
    indicators: Annotated[tuple[Indicator, ...], Field(min_length=1, description="指标")]
    measures: Annotated[tuple[MeasureTerm, ...], Field(description="用到的导入数值")] = ()
    eligibility: Annotated[tuple[Eligibility, ...], Field(description="不予评价的情形")] = ()
    caps: Annotated[tuple[Cap, ...], Field(max_length=62, description="等级上限")] = ()
    bands: Annotated[Bands, Field(description="等级的划分")]
    adjustments: Annotated[
        tuple[AllowedAdjustment, ...], Field(description="依规调整的事由，不写即不得调整")
    ] = ()
    review: Annotated[Review, Field(description="逐件审核的范围，不写即各项取默认值")] = USUAL_REVIEW
