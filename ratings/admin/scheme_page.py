"""A scheme document as tables and sentences that an official can read."""

from typing import Any

from ratings.admin import show
from ratings.rules import Scheme
from ratings.rules.document import Cap, Eligibility, Review, ScoreBands
from ratings.rules.exact import ROUNDING_LABELS, decimal_text
from ratings.rules.indicators import (
    Ageing,
    Bracket,
    ComplaintsIndicator,
    EventIndicator,
    GrowthIndicator,
    Indicator,
    MeasureIndicator,
    ViolationsIndicator,
)
from ratings.rules.vocabulary import COMPLAINT_TOPICS, GRAVITIES, TRACKS, VIOLATION_KINDS
from ratings.rules.wording import describe, percent_text

_DIRECTIONS = {"higher_is_better": "分数高者为好", "lower_is_better": "分数低者为好"}
_GROUPS = {"city": "全部药店", "district": "同区县药店", "district_and_chain": "同区县、同经营形式的药店"}
_PEERS = {"none": "不与同组比较", "district": "减去同区县中位数", "city": "减去全部药店中位数"}
_MISSING = {"points": "按规定分值计", "not_rated": "不予评级", "error": "停止评价，须先补齐"}
_KEPT = {"skip": "不参与比较", "keep": "照常比较"}
_WAYS = {"up": "只可调高", "down": "只可调低", "both": "可调高或调低"}
_FROM = {"decided_on": "认定之日", "occurred_on": "行为发生之日"}


def scheme_page(scheme: Scheme) -> dict[str, Any]:
    """What ``ratings/admin/scheme.html`` draws."""
    document = scheme.document
    return {
        "document": document,
        "facts": _facts(scheme),
        "tables": [
            _grades(scheme),
            *([_components(scheme)] if len(document.components) > 1 else []),
            *(table for part in document.indicators for table in _indicator(part)),
            *([_measures(scheme)] if document.measures else []),
            _conditions("不予评级的情形", "不予评价", document.eligibility, scheme),
            _caps(scheme),
            _bands(scheme),
            _adjustments(scheme),
        ],
    }


def _facts(scheme: Scheme) -> list[tuple[str, str]]:
    document, score = scheme.document, scheme.document.score
    low, high = show.points(score.floor), show.points(score.ceiling)
    base = "、".join(show.points(part.base_score) for part in document.components)
    return [
        ("制定机关", document.authority),
        ("施行日期", show.day(document.effective_on)),
        ("数据截止", f"评价周期结束后 {document.period.cutoff_days} 日（{document.period.clause}）"),
        ("信用分", f"{low} 至 {high} 分，{_DIRECTIONS[score.direction]}（{score.clause}）"),
        ("基础分", base),
        ("取整", f"以 {show.points(score.step)} 分为单位，{ROUNDING_LABELS[score.rounding]}"),
        ("逐件审核", _review(document.review)),
    ]


def _review(review: Review) -> str:
    return (
        f"与上期相差 {review.changed_grades} 个等级及以上、距分数线 {show.points(review.near_points)} 分及以内、"
        f"医保基金支付增幅达到 {percent_text(review.growth_percent)}的（{review.clause}）"
    )


def _grades(scheme: Scheme) -> dict[str, Any]:
    names = [(grade.name, grade.label) for grade in scheme.grades]
    rows = [
        (
            show.grade_badge(place, names),
            grade.meaning,
            "至下次评价" if grade.valid_months is None else f"{grade.valid_months} 个月",
        )
        for place, grade in enumerate(scheme.grades)
    ]
    return show.table("等级", ("等级", "含义", "有效期"), rows)


def _components(scheme: Scheme) -> dict[str, Any]:
    rows = [
        (
            part.title,
            show.points(part.base_score),
            f"{show.points(part.floor)} 至 {show.points(part.ceiling)}",
            decimal_text(part.weight, 10_000),
            part.clause,
        )
        for part in scheme.document.components
    ]
    return show.table("分项", ("名称", "基础分", "上下限", "权重", "条款"), rows)


def _indicator(part: Indicator) -> list[dict[str, Any]]:
    title = f"指标：{part.title}（{part.clause}）"
    if isinstance(part, ViolationsIndicator | ComplaintsIndicator):
        return [_events(title, part)]
    if isinstance(part, GrowthIndicator):
        return [_growth(title, part)]
    return [_measure(title, part)]


def _limits(part: Indicator) -> str:
    found = []
    if part.floor is not None:
        found.append(f"最低 {show.points(part.floor)} 分")
    if part.ceiling is not None:
        found.append(f"最高 {show.points(part.ceiling)} 分")
    return f"本项合计{'，'.join(found)}。" if found else ""


def _events(title: str, part: EventIndicator) -> dict[str, Any]:
    note = f"{_ageing(part.ageing)}{_limits(part)}"
    if isinstance(part, ComplaintsIndicator):
        rows: list[tuple[str, ...]] = [
            (row.title, _labels(COMPLAINT_TOPICS, row.topics), show.points(row.points), row.clause)
            for row in part.rows
        ]
        rest = part.default
        rows.append((rest.title, "其余内容", show.points(rest.points), rest.clause))
        return show.table(title, ("名称", "适用", "每件分值", "条款"), rows, note=note)
    lines = [(row, _scope(row)) for row in part.rows] + [(part.default, "其余类型")]
    rows = [
        (
            row.title,
            scope,
            *(show.points(points) for points in row.points.by_number),
            _brackets(row.amounts, "元") or "—",
            row.clause,
        )
        for row, scope in lines
    ]
    headers = ("名称", "适用", *(term.label for term in GRAVITIES), "按涉及金额另加", "条款")
    return show.table(title, headers, rows, note=note)


def _scope(row: Any) -> str:
    kinds = _labels(VIOLATION_KINDS, row.kinds)
    return f"{kinds}（仅{_labels(TRACKS, row.tracks)}）" if row.tracks else kinds


def _labels(vocabulary: Any, words: Any) -> str:
    return "；".join(vocabulary[word].label for word in words or ())


def _ageing(ageing: Ageing) -> str:
    since = f"自{_FROM[ageing.from_]}起"
    if ageing.shape == "linear":
        text = f"{since}逐月等额递减，满 {ageing.months} 个月不再计算"
    elif ageing.shape == "steps":
        steps = "，".join(f"满 {step.months} 个月按 {percent_text(step.percent)} 计" for step in ageing.steps)
        text = f"{since}{steps}"
    else:
        text = "分值不随时间递减"
    return f"{text}（{ageing.clause}）。"


def _brackets(brackets: tuple[Bracket, ...], unit: str) -> str:
    return "；".join(
        f"{'达到' if step.ge is not None else '超过'} "
        f"{decimal_text(step.ge if step.ge is not None else step.gt or 0)} {unit}：{show.points(step.points)} 分"
        f"（{step.clause}）"
        for step in brackets
    )


def _growth(title: str, part: GrowthIndicator) -> dict[str, Any]:
    rows = [
        (
            "比较",
            f"与上年同月比较，{_PEERS[part.peer]}；组内可比药店少于 {part.min_group} 家时用全部药店的中位数",
        ),
        ("支付为零的月份", _KEPT[part.zero_months]),
        ("支付为负的月份", _KEPT[part.negative_months]),
        ("至少可比月数", f"{part.min_months} 个月；周期不足此数时为周期全部月份"),
        ("无法比较时", f"{show.points(part.no_base_points)} 分"),
    ]
    if part.points_per_percent is not None:
        free = percent_text(part.free or 0)
        rows.append(
            ("分值", f"超出部分在 {free} 以内不计，此后每个百分点 {show.points(part.points_per_percent)} 分")
        )
    if part.brackets:
        rows.append(("分值", _brackets(part.brackets, "个百分点")))
    return show.table(title, ("事项", "规定"), rows, note=_limits(part))


def _measure(title: str, part: MeasureIndicator) -> dict[str, Any]:
    rows = [("读取的外部指标值", part.measure), ("缺失时", _MISSING[part.if_missing])]
    if part.missing_points is not None:
        rows.append(("缺失时分值", f"{show.points(part.missing_points)} 分"))
    if part.points_per_unit is not None:
        rows.append(("分值", f"每 1 计 {show.points(part.points_per_unit)} 分"))
    if part.brackets:
        rest = f"；其余 {show.points(part.otherwise)} 分"
        rows.append(("分值", _brackets(part.brackets, "") + rest))
    return show.table(title, ("事项", "规定"), rows, note=_limits(part))


def _measures(scheme: Scheme) -> dict[str, Any]:
    rows = [
        (term.title, term.key, f"{show.points(term.min)} 至 {show.points(term.max)}")
        for term in scheme.document.measures
    ]
    return show.table("读取的外部指标值", ("名称", "指标键", "取值范围"), rows)


def _conditions(title: str, first: str, rules: Any, scheme: Scheme) -> dict[str, Any]:
    rows = [(_timed(rule), describe(rule.when, scheme), rule.clause) for rule in rules]
    return show.table(title, (first, "条件", "条款"), rows)


def _timed(rule: Eligibility | Cap) -> str:
    return f"{rule.title}（期间即时生效）" if rule.at_once else rule.title


def _caps(scheme: Scheme) -> dict[str, Any]:
    rows = [
        (
            _timed(cap),
            describe(cap.when, scheme),
            f"最高 {cap.limit}" if cap.limit else f"以外部指标值 {cap.limit_measure} 为限",
            cap.clause,
        )
        for cap in scheme.document.caps
    ]
    return show.table("等级限制（一票否决等）", ("名称", "条件", "限制", "条款"), rows)


def _adjustments(scheme: Scheme) -> dict[str, Any]:
    rows = [
        (reason.title, _WAYS[reason.direction], f"{reason.steps} 个等级", reason.clause)
        for reason in scheme.document.adjustments
    ]
    none = "" if rows else "本规则没有规定调整的事由，等级不得依规调整。"
    return show.table("依规调整", ("事由", "方向", "至多", "条款"), rows, note=none)


def _bands(scheme: Scheme) -> dict[str, Any]:
    bands = scheme.document.bands
    if isinstance(bands, ScoreBands):
        rows = [(row.grade, _range(row), _also(row, scheme), row.clause) for row in bands.rows]
        return show.table("等级的划分：按分数", ("等级", "信用分", "另须满足", "条款"), rows)
    rows = [
        (row.grade, f"前列 {percent_text(row.share)}", _also(row, scheme), row.clause) for row in bands.rows
    ]
    ties = "都评较好等级" if bands.ties == "better" else "都评较差等级"
    note = (
        f"在{_GROUPS[bands.group]}中由好到差依次占比；组内少于 {bands.min_group} 家时用全部药店的分数线；"
        f"分数线上同分的{ties}；名额{ROUNDING_LABELS[bands.count_rounding]}（{bands.clause}）。"
    )
    return show.table("等级的划分：按位次", ("等级", "占比", "另须满足", "条款"), rows, note=note)


def _range(row: Any) -> str:
    if row.min is not None and row.max is not None:
        return f"{show.points(row.min)} 至 {show.points(row.max)} 分"
    if row.min is not None:
        return f"{show.points(row.min)} 分及以上"
    return f"{show.points(row.max)} 分及以下" if row.max is not None else "其余"


def _also(row: Any, scheme: Scheme) -> str:
    return describe(row.also, scheme) if row.also is not None else "—"
