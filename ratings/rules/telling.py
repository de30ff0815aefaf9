"""Indicators told one by one: every fact, every month, every step of the arithmetic."""

from collections.abc import Mapping
from datetime import date

from ratings.rules.columns import MISSING, WHOLE, Signals
from ratings.rules.days import day_of
from ratings.rules.exact import decimal_text
from ratings.rules.explanation import FactLine, GrowthLines, IndicatorPart
from ratings.rules.facts import EventPoints
from ratings.rules.fields import sure
from ratings.rules.growth import COMPARED, FEW_MONTHS, NO_BASE, paired_months
from ratings.rules.indicators import (
    ComplaintsIndicator,
    EventIndicator,
    GrowthIndicator,
    Indicator,
    MeasureIndicator,
    ViolationsIndicator,
)
from ratings.rules.outcomes import Outcomes
from ratings.rules.peers import EVERYONE, group
from ratings.rules.periods import months_of
from ratings.rules.scheme import Scheme
from ratings.rules.vocabulary import COMPLAINT_TOPICS, GRAVITIES, TRACKS, VIOLATION_KINDS
from ratings.rules.wording import day_text, percent_text, points_text, yuan_text

#: (source, fact id) to a name such as a document number.
FactLabels = Mapping[tuple[str, int], str]


def tell_indicator(
    scheme: Scheme, signals: Signals, outcomes: Outcomes, indicator: Indicator, labels: FactLabels
) -> IndicatorPart:
    """One indicator of one pharmacy (row 0)."""
    sign = scheme.better_sign
    name = f"indicator.{indicator.id}"
    total = int(outcomes.traced(f"{name}.sum")[0])
    points = int(outcomes.traced(f"{name}.points")[0])
    facts: tuple[FactLine, ...] = ()
    growth: GrowthLines | None = None
    if isinstance(indicator, ViolationsIndicator | ComplaintsIndicator):
        facts = _facts(scheme, signals, indicator, outcomes.event_points[indicator.id], labels)
        text = (
            f"合计{len(facts)}件，{points_text(total, sign)}"
            if facts
            else f"没有记录，{points_text(0, sign)}"
        )
    elif isinstance(indicator, GrowthIndicator):
        growth = _growth(scheme, signals, outcomes, indicator)
        text = f"本项{points_text(total, sign)}"
    else:
        text = _measured(scheme, outcomes, indicator, total)
    if points != total:
        bound = "下限" if points > total else "上限"
        text += f"；本项{bound}为 {decimal_text(points)} 分，实际{points_text(points, sign)}"
    return IndicatorPart(
        indicator.id,
        indicator.kind,
        indicator.title,
        indicator.clause,
        facts,
        growth,
        total,
        points,
        f"{text}。",
    )


def _facts(
    scheme: Scheme,
    signals: Signals,
    indicator: EventIndicator,
    found: EventPoints,
    labels: FactLabels,
) -> tuple[FactLine, ...]:
    events = signals.violations if found.source == "violations" else signals.complaints
    rows = [*indicator.rows, indicator.default]
    lines = []
    for place in range(len(events.owner)):
        row = rows[int(found.row[place])]
        fact_id = int(events.fact_id[place])
        decided = day_of(events.decided_on[place])
        violation = found.source == "violations"
        kinds = VIOLATION_KINDS if violation else COMPLAINT_TOPICS
        kind = kinds.terms[int(events.kind[place])].label
        gravity = GRAVITIES.terms[int(events.gravity[place])].label if violation else ""
        track = TRACKS.terms[int(events.track[place])].label if violation else ""
        full, age = int(found.full[place]), int(found.age[place])
        points = int(found.points[place])
        label = labels.get((found.source, fact_id))
        what = f"{day_text(decided)}认定：{kind}" if violation else f"{day_text(decided)}查实：{kind}"
        what += f"（{track}，情节{gravity}）" if violation else ""
        what += f"，{label}" if label else ""
        reckoned = _ageing_text(indicator, full, age, points, scheme)
        lines.append(
            FactLine(
                source=found.source,
                fact_id=fact_id,
                decided_on=decided,
                occurred_on=day_of(events.occurred_on[place]),
                kind=kind,
                gravity=gravity,
                track=track,
                amount_fen=int(events.amount_fen[place]),
                row_title=row.title,
                clause=row.clause,
                full=full,
                age_months=age,
                points=points,
                text=f"{what}。按{row.clause}（{row.title}）{reckoned}。",
            )
        )
    return tuple(sorted(lines, key=lambda line: (line.decided_on, line.fact_id)))


def _ageing_text(indicator: EventIndicator, full: int, age: int, points: int, scheme: Scheme) -> str:
    sign = scheme.better_sign
    ageing = indicator.ageing
    text = points_text(full, sign)
    if ageing.shape == "none" or full == 0:
        return text
    since = "认定" if ageing.from_ == "decided_on" else "发生"
    passed = f"{since}之日至评价周期末日" + (f"已满{age}个月" if age else "未满1个月")
    size = decimal_text(abs(full))
    result = decimal_text(abs(points))
    if ageing.shape == "linear":
        months = sure(ageing.months)
        if age >= months:
            return f"{text}；{passed}，满{months}个月不再计算（{ageing.clause}）"
        if age == 0:
            return f"{text}；{passed}，按全额计"
        sum_ = f"{size} × {months - age}/{months} = {result}"
    else:
        percent = next((s.percent for s in reversed(ageing.steps) if age >= s.months), WHOLE)
        if percent == 0:
            forgotten = next(s.months for s in ageing.steps if s.percent == 0)
            return f"{text}；{passed}，满{forgotten}个月不再计算（{ageing.clause}）"
        if percent == WHOLE:
            return f"{text}；{passed}，按全额计"
        sum_ = f"{size} × {percent_text(percent)} = {result}"
    return f"{text}；{passed}，{sum_}，{points_text(points, sign)}（{ageing.clause}）"


def _growth(scheme: Scheme, signals: Signals, outcomes: Outcomes, indicator: GrowthIndicator) -> GrowthLines:
    def traced(name: str) -> int:
        return int(outcomes.traced(f"indicator.{indicator.id}.{name}")[0])

    sign = scheme.better_sign
    basis, months = traced("basis"), traced("months")
    current, base = traced("current_fen"), traced("base_fen")
    growth, excess = traced("growth_bp"), traced("excess_bp")
    left_out = _left_out(signals, indicator)
    lines = [f"与上年同月比较，可比的有{months}个月。"]
    lines += [f"{month}未列入比较：{why}。" for month, why in left_out]
    none_text = points_text(indicator.no_base_points, sign)
    median: int | None = None
    size: int | None = None
    if basis != COMPARED:
        reason = {
            FEW_MONTHS: f"可比月份不足{min(indicator.min_months, signals.period.months)}个",
            NO_BASE: f"上年同期可比月份支付合计为{yuan_text(base)}，不是正数",
        }.get(basis, "没有可比的其他药店")
        lines.append(f"{reason}，无法比较增幅，按规定{none_text}。")
    else:
        lines.append(
            f"可比月份医保基金支付合计{yuan_text(current)}，上年同期{yuan_text(base)}，"
            f"{'增长' if growth >= 0 else '下降'}{percent_text(abs(growth))}。"
        )
        if indicator.peer != "none":
            median = traced("median_bp")
            size, whose = _peer_group(signals, outcomes, indicator)
            compare = "高出" if excess >= 0 else "低于"
            lines.append(
                f"{whose}可比药店{size}家，增幅的中位数为{percent_text(median)}；"
                f"本店{compare}中位数{decimal_text(abs(excess), 100)}个百分点。"
            )
        lines.append(_excess_text(scheme, indicator, excess, traced("sum")))
    return GrowthLines(
        months, left_out, current, base, growth, median, size, excess, basis == COMPARED, tuple(lines)
    )


def _peer_group(signals: Signals, outcomes: Outcomes, indicator: GrowthIndicator) -> tuple[int, str]:
    figures = outcomes.peers.medians[indicator.id]
    figure = figures.get(group(signals, indicator.peer).names[0])
    if indicator.peer == "district" and figure is not None and figure.own:
        return figure.size, "本区县"
    if indicator.peer == "district":
        few = 0 if figure is None else figure.size
        return figures[
            EVERYONE
        ].size, f"本区县可比药店只有{few}家，不足{indicator.min_group}家，改用全部药店：全部"
    return figures[EVERYONE].size, "全部"


def _excess_text(scheme: Scheme, indicator: GrowthIndicator, excess: int, points: int) -> str:
    sign = scheme.better_sign
    what = "增幅" if indicator.peer == "none" else "高出中位数"
    if indicator.points_per_percent is None:
        fitting = [bracket for bracket in indicator.brackets if excess * 10 >= bracket.first]
        if not fitting:
            return f"{what}未达到起计的界限，{points_text(0, sign)}。"
        bracket = fitting[-1]
        bound = bracket.gt if bracket.ge is None else bracket.ge
        verb = "超过" if bracket.ge is None else "达到"
        return (
            f"{what}{verb}{decimal_text(sure(bound))}个百分点，"
            f"{points_text(points, sign)}（{bracket.clause}）。"
        )
    free = sure(indicator.free)
    beyond = excess - free
    if beyond <= 0:
        return f"{what}不超过{decimal_text(free, 100)}个百分点，{points_text(0, sign)}。"
    each = decimal_text(abs(indicator.points_per_percent))
    if free < 0:
        start = f"从低于中位数{decimal_text(-free, 100)}个百分点处起计"
        start = start if indicator.peer != "none" else f"从下降{percent_text(-free)}起计"
    else:
        start = f"其中{decimal_text(free, 100)}个百分点以内不计"
    counted = decimal_text(beyond, 100)
    return (
        f"{start}，计{counted}个百分点，每个{each}分："
        f"{counted} × {each} = {decimal_text(abs(points))}，{points_text(points, sign)}。"
    )


def _left_out(signals: Signals, indicator: GrowthIndicator) -> tuple[tuple[str, str], ...]:
    """Months that count in neither sum, each with the reason."""
    paired = paired_months(indicator, signals)[0]
    months = signals.period.months
    names = [f"{first.year}年{first.month}月" for first in months_of(signals.period.first, months)]
    result = []
    for month, name in enumerate(names):
        if paired[month]:
            continue
        reasons = []
        for which, place in (("上年", month), ("本年", months + month)):
            amount = int(signals.payments[0, place])
            if amount == MISSING:
                reasons.append(f"{which}该月没有支付记录")
            elif not signals.in_service[0, place]:
                reasons.append(f"{which}该月未全月提供服务")
            elif amount == 0 and indicator.zero_months == "skip":
                reasons.append(f"{which}该月支付额为零")
            elif amount < 0 and indicator.negative_months == "skip":
                reasons.append(f"{which}该月支付额为负（退费）")
        result.append((name, "，".join(reasons)))
    return tuple(result)


def _measured(scheme: Scheme, outcomes: Outcomes, indicator: MeasureIndicator, total: int) -> str:
    sign = scheme.better_sign
    value = int(outcomes.traced(f"measure.{indicator.measure}")[0])
    if not int(outcomes.traced(f"measure.{indicator.measure}.present")[0]):
        return f"没有导入数值，按规定计 {decimal_text(total)} 分"
    number = decimal_text(value)
    if indicator.points_per_unit is not None:
        if indicator.points_per_unit == 1000:
            return f"数值 {number}，计 {decimal_text(total)} 分"
        each = decimal_text(indicator.points_per_unit)
        return f"数值 {number} × {each} = {decimal_text(total)}，计 {decimal_text(total)} 分"
    fitting = [bracket for bracket in indicator.brackets if value >= bracket.first]
    if not fitting:
        return f"数值 {number}，未达到任何一档，计 {decimal_text(total)} 分"
    return f"数值 {number}，{points_text(total, sign)}（{fitting[-1].clause}）"


def month_end_text(day: date) -> str:
    """2026年3月底."""
    return f"{day.year}年{day.month}月底"
