"""Indicators of the scheme document: signals turned into points.

Points are signed and simply added: a deduction is written ``-6`` where a higher score is
better, a demerit ``6`` where a lower one is. ``checks.py`` refuses the wrong sign.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ratings.rules.conditions import Kinds, Topics, Tracks
from ratings.rules.fields import Fixed, Ident, Part, Percent, Source, Title, Whole, sure, thousandths

Clause = Annotated[Source, Field(description="所依据的条款")]


class Bracket(Part):
    """A step: from ``ge`` (达到) or beyond ``gt`` (超过) a value, these points."""

    ge: Annotated[Fixed | None, Field(description="达到此数")] = None
    gt: Annotated[Fixed | None, Field(description="超过此数")] = None
    points: Annotated[Fixed, Field(description="分值")]
    clause: Clause

    @model_validator(mode="after")
    def _one_bound(self) -> "Bracket":
        if (self.ge is None) == (self.gt is None):
            raise PydanticCustomError(
                "one_bound",
                "分档须写明 ge（达到）或 gt（超过）之一。",
                {"remedy": "保留 ge、gt 中的一个。"},
            )
        return self

    @property
    def first(self) -> int:
        """The smallest value, in thousandths, that this step takes."""
        return self.ge if self.ge is not None else sure(self.gt) + 1


class AgeingStep(Part):
    """From ``months`` whole months on, a fact weighs ``percent`` of its points."""

    months: Annotated[Whole, Field(description="满多少个月起")]
    percent: Annotated[Percent, Field(description="按原分值的百分之几计")]


class Ageing(Part):
    """How a fact's points shrink with the whole months passed by the period's last day."""

    shape: Annotated[
        Literal["linear", "steps", "none"],
        Field(description="linear 逐月等额递减；steps 分段递减；none 不递减"),
    ]
    months: Annotated[Whole | None, Field(description="linear：满多少个月后不再计算")] = None
    steps: Annotated[tuple[AgeingStep, ...], Field(description="steps：各段")] = ()
    from_: Annotated[
        Literal["decided_on", "occurred_on"],
        Field(alias="from", description="起算日：decided_on 认定之日；occurred_on 行为发生之日"),
    ] = "decided_on"
    clause: Clause


class GravityPoints(Part):
    """Points by gravity; a single number stands for all three."""

    MINOR: Annotated[Fixed, Field(description="情节轻微")]
    GENERAL: Annotated[Fixed, Field(description="情节一般")]
    SERIOUS: Annotated[Fixed, Field(description="情节严重")]

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        thousandths(value)
        return dict.fromkeys(("MINOR", "GENERAL", "SERIOUS"), value)

    @property
    def by_number(self) -> tuple[int, int, int]:
        """In the order of GRAVITIES."""
        return (self.MINOR, self.GENERAL, self.SERIOUS)


class DefaultViolationRow(Part):
    """What a violation scores whose kind and track no row names."""

    title: Annotated[Title, Field(description="名称")]
    points: Annotated[GravityPoints, Field(description="每件的分值：一个数，或按情节分列")]
    amounts: Annotated[
        tuple[Bracket, ...], Field(description="按涉及金额（元）另加的分值，取达到的最高一档")
    ] = ()
    clause: Clause


class ViolationRow(DefaultViolationRow):
    """What a violation of these kinds (and tracks) scores."""

    kinds: Kinds
    tracks: Tracks | None = None


class DefaultComplaintRow(Part):
    """What a verified complaint scores whose topic no row names."""

    title: Annotated[Title, Field(description="名称")]
    points: Annotated[Fixed, Field(description="每件的分值")]
    clause: Clause


class ComplaintRow(DefaultComplaintRow):
    """What a verified complaint on these topics scores."""

    topics: Topics


class IndicatorBase(Part):
    """What all indicators share."""

    id: Annotated[Ident, Field(description="代码，小写英文字母、数字和下划线")]
    component: Annotated[Ident, Field(description="所属分项的 id")]
    title: Annotated[Title, Field(description="名称")]
    clause: Clause
    floor: Annotated[Fixed | None, Field(description="本项分值的下限")] = None
    ceiling: Annotated[Fixed | None, Field(description="本项分值的上限")] = None


class ViolationsIndicator(IndicatorBase):
    """Final decisions on violations, each with its points, aged and summed."""

    kind: Literal["violations"]
    ageing: Annotated[Ageing, Field(description="随时间递减的办法")]
    rows: Annotated[tuple[ViolationRow, ...], Field(description="各类违法违规的分值")] = ()
    default: Annotated[DefaultViolationRow, Field(description="未列明的类型适用的分值")]


class ComplaintsIndicator(IndicatorBase):
    """Verified complaints, each with its points, aged and summed."""

    kind: Literal["complaints"]
    ageing: Annotated[Ageing, Field(description="随时间递减的办法")]
    rows: Annotated[tuple[ComplaintRow, ...], Field(description="各类举报投诉的分值")] = ()
    default: Annotated[DefaultComplaintRow, Field(description="未列明的内容适用的分值")]


class GrowthIndicator(IndicatorBase):
    """Growth of fund payments over the same months a year before, beyond the peers' median.

    A month counts only as a pair: known, in service and usable in both years. The excess is
    the growth less the median of the peer group; beyond ``free`` percentage points every
    further one scores ``points_per_percent``, or ``brackets`` give the points by excess.
    """

    kind: Literal["growth"]
    peer: Annotated[
        Literal["none", "district", "city"],
        Field(description="比较对象：none 不比较；district 同区县；city 本次评价的全部药店"),
    ]
    min_group: Annotated[Whole, Field(description="可比药店少于此数时，改用全部药店的中位数，不写即为 1")] = 1
    median_of_even: Annotated[
        Literal["lower", "upper", "mean"],
        Field(description="个数为偶数时的中位数：居中两数的较小者、较大者或平均数"),
    ] = "lower"
    zero_months: Annotated[
        Literal["skip", "keep"], Field(description="支付额为零的月份：skip 不比较；keep 照常比较")
    ]
    negative_months: Annotated[Literal["skip", "keep"], Field(description="支付额为负（退费）的月份：同上")]
    min_months: Annotated[Whole, Field(description="至少可比的月数；周期不足此数时为周期全部月份")]
    no_base_points: Annotated[
        Fixed, Field(description="无法比较（月份不足、上年合计不为正、无可比药店）时的分值")
    ]
    free: Annotated[Percent | None, Field(description="超出多少个百分点以内不计")] = None
    points_per_percent: Annotated[Fixed | None, Field(description="超出部分每个百分点的分值")] = None
    brackets: Annotated[tuple[Bracket, ...], Field(description="按超出的百分点数分档，取达到的最高一档")] = ()


class MeasureIndicator(IndicatorBase):
    """A value that is imported, such as a year-end assessment."""

    kind: Literal["measure"]
    measure: Annotated[Ident, Field(description="导入数值的键")]
    if_missing: Annotated[
        Literal["points", "not_rated", "error"],
        Field(description="数值缺失时：points 按 missing_points 计分；not_rated 不予评价；error 停止评价"),
    ]
    missing_points: Annotated[Fixed | None, Field(description="数值缺失时的分值")] = None
    points_per_unit: Annotated[Fixed | None, Field(description="每一单位的分值")] = None
    brackets: Annotated[tuple[Bracket, ...], Field(description="按数值分档，取达到的最高一档")] = ()
    otherwise: Annotated[Fixed, Field(description="未达到任何一档时的分值，不写即为 0")] = 0


Indicator = Annotated[
    ViolationsIndicator | ComplaintsIndicator | GrowthIndicator | MeasureIndicator,
    Field(discriminator="kind"),
]
EventIndicator = ViolationsIndicator | ComplaintsIndicator
