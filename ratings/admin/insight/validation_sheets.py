"""The tables and drawings of 有效性检验: every figure with one plain sentence of what it says, and its caution."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from creditsys import charts
from ratings.admin import show
from ratings.admin.insight import drift_sheets
from ratings.admin.insight.intervals import Estimate, intervals
from ratings.admin.insight.sheets import Sheet, rounded, share
from ratings.insight.cohort import OUTCOMES
from ratings.insight.evaluation import DistrictFinding, Evaluation, Verdict
from ratings.insight.validation import (
    MIN_EVENTS,
    Accuracy,
    Interval,
    Rate,
    Reversal,
    captured,
)

Names = Mapping[int, str]
FEW: Final = "样本太少"
#: Districts beyond this are read in the table, not drawn.
_DRAWN: Final = 30
#: Districts of the wider tables that the page shows; their files have all.
_SHOWN: Final = 40
_RATE_HEADS: Final = ("药店", "出事", "出事率（%）", "下限（%）", "上限（%）")
_ACCURACY_HEADS: Final = ("药店", "出事", "AR", "AR 下限", "AR 上限", "排对的可能（%）", "结论")
_VERDICTS: Final[dict[Verdict, str]] = {
    "few": FEW,
    "same": "所有药店得分相同，没有作用",
    "adds": "有贡献",
    "nothing": "看不出贡献",
    "harms": "去掉反而更准",
}
_RATIO: Final = (
    "AR（准确性比率）＝任取一家出事的和一家没出事的药店，出事的那家分数更差的可能，乘二减一；同分算一半。"
    "1 为全对，0 与抛硬币一样，负数为方向相反；区间按 DeLong 法，95%。"
)


def judged(found: Accuracy) -> str:
    """What an accuracy ratio says, in a word."""
    if found.too_few:
        return FEW
    if found.interval is None:
        return "全部排对" if found.ratio == 1 else "区间无法估计"
    if 0 in found.interval:
        return "看不出区分能力"
    return "有区分能力" if found.interval.low > 0 else "方向相反"


def _accuracy(found: Accuracy) -> list[Any]:
    """In the order of _ACCURACY_HEADS; nothing is told of too few."""
    told = None if found.too_few else found
    interval = told.interval if told else None
    return [
        found.pharmacies,
        found.events,
        rounded(told.ratio if told else None, 3),
        rounded(interval.low if interval else None, 3),
        rounded(interval.high if interval else None, 3),
        share(told.auc if told else None),
        judged(found),
    ]


def _estimate(label: str, found: Accuracy) -> Estimate:
    if found.too_few or found.ratio is None:
        return Estimate(label, None, None, None, f"{FEW}（{found.events} 家出事）")
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    return Estimate(
        label, found.ratio, low, high, f"{found.ratio:.2f}（{found.events:,}／{found.pharmacies:,}）"
    )


def headline(found: Evaluation) -> str:
    """The page in one plain sentence or two."""
    score, rate = found.score, found.rate
    what = OUTCOMES[found.question.outcome].label
    start = (
        f"{show.period_label(found.question.run.period)}参与检验的 {rate.pharmacies:,} 家药店中，"
        f"其后有 {rate.events:,} 家出现{what}"
    )
    if score.too_few:
        return f"{start}。出事或没出事的不到 {MIN_EVENTS} 家，{FEW}，不能判断评级准不准。"
    chance = f"{share(score.auc)}%"
    text = f"{start}（{share(rate.share)}%）。任取一家出事的和一家没出事的，信用分更差的是出事那家的可能为 {chance}"
    if score.interval is None:
        return f"{text}。"
    low, high = (share((bound + 1) / 2) for bound in (score.interval.low, score.interval.high))
    verdict = {
        "看不出区分能力": "区间包含 50%，即与抛硬币没有明显差别",
        "有区分能力": "区间在 50% 以上，评级有区分能力（50% 等于抛硬币，100% 为全对）",
        "方向相反": "区间在 50% 以下，分数好的反而更常出事",
    }[judged(score)]
    return f"{text}（95% 区间 {low}% 至 {high}%）：{verdict}。"


def sheets_of(found: Evaluation, names: Names) -> list[Sheet]:
    """All tables of the page; ``names`` are those of the districts."""
    made = [
        _by_grade(found),
        _cap(found),
        _basis(found),
        _outcomes(found),
        _indicators(found),
        _over_time(found),
    ]
    if found.comparison:
        made += drift_sheets.of_all(found, found.comparison, names)
    if len(found.districts) > 1:
        made += [_districts(found, names), _district_grades(found, names)]
        if found.comparison:
            made.append(drift_sheets.by_district(found.comparison, names))
    return made


def _cap(found: Evaluation) -> Sheet:
    title = "累积命中曲线（CAP）"
    note = (
        "把药店按信用分从差到好排队，横轴是排在最前面的药店占多少，纵轴是出事的药店有多少落在其中。"
        "曲线越靠近“完美”越准，越靠近“随机”越没有用；同分的药店按比例分摊。"
    )
    headers = ("最差的药店（%）", "药店", "其中出事", "命中（%）", "随机（%）", "完美（%）")
    if found.curve is None:
        return Sheet("cap", title, headers, [], note=note + "窗口内没有药店出事。")
    count, events = found.rate.pharmacies, found.rate.events
    steps = [number / 20 for number in range(21)]
    curve = [captured(found.curve, step) for step in steps]
    perfect = [min(1.0, step * count / events) for step in steps]
    rows = [
        [share(step), round(step * count), rounded(hit * events, 1), share(hit), share(step), share(best)]
        for step, hit, best in zip(steps, curve, perfect, strict=True)
    ]
    series = charts.plain("信用分", "随机", "完美")
    drawn = [[100 * value for value in column] for column in (curve, steps, perfect)]
    return Sheet(
        "cap",
        title,
        headers,
        rows,
        note=note + (f"出事的不到 {MIN_EVENTS} 家，曲线多半出于偶然。" if found.score.too_few else ""),
        drawing=charts.lines(title, series, [f"{step:.0%}" for step in steps], drawn, unit="%"),
        legend=charts.legend(series),
    )


def _rate(rate: Rate) -> list[Any]:
    interval = rate.interval or Interval(0, 1)
    known = bool(rate.pharmacies)
    return [
        rate.pharmacies,
        rate.events,
        share(rate.share),
        share(interval.low) if known else None,
        share(interval.high) if known else None,
    ]


def _by_grade(found: Evaluation) -> Sheet:
    grades = found.scheme.grades
    rows, drawn = [], []
    for grade, rate in zip(grades, found.by_grade, strict=True):
        name = f"{grade.name} {grade.label}"
        rows.append([name, *_rate(rate)])
        if rate.pharmacies:
            point, low, high = (100 * value for value in (rate.share or 0.0, *_bounds(rate.interval)))
            words = f"{point:.1f}%（{rate.events:,}／{rate.pharmacies:,}）"
            drawn.append(Estimate(name, point, low, high, words))
    title = "各等级的出事率"
    return Sheet(
        "grades",
        title,
        ("等级", *_RATE_HEADS),
        rows,
        note=f"评为这一级的药店里，其后出事的占多少；横线为 95% 区间（Wilson 法），家数越少越宽。{_monotonic(found)}"
        "低等级查得多，出事率偏高有一部分是查出来的。",
        drawing=intervals(title, drawn, unit="%"),
    )


def _bounds(interval: Interval | None) -> tuple[float, float]:
    return (interval.low, interval.high) if interval else (0.0, 1.0)


def _monotonic(found: Evaluation) -> str:
    if found.rate.events == 0:
        return "窗口内没有药店出事。"
    if not found.reversals:
        return "等级越差出事率越高。"
    names = [grade.name for grade in found.scheme.grades]
    told = "；".join(_reversal(one, names) for one in found.reversals)
    return f"出事率没有随等级变差而一路升高：{told}。"


def _reversal(one: Reversal, names: Sequence[str]) -> str:
    chance = "区间重叠，可能出于偶然" if one.may_be_chance else "区间不重叠，不像偶然"
    return f"{names[one.better]} 级高于 {names[one.worse]} 级（{chance}）"


def _basis(found: Evaluation) -> Sheet:
    rows = [["信用分", *_accuracy(found.score)], ["计算的等级", *_accuracy(found.grade)]]
    if found.published is not None:
        rows.append(["首次公布的等级", *_accuracy(found.published)])
    return Sheet(
        "accuracy",
        "分数和等级各有多准",
        ("依据", *_ACCURACY_HEADS),
        rows,
        note=f"{_RATIO}等级把许多分数并成一级，通常比分数粗一些；首次公布的等级含公布前的调整，"
        "其中可能已经用到窗口内发生的事，因此偏高，仅供参考。",
    )


def _outcomes(found: Evaluation) -> Sheet:
    return Sheet(
        "outcomes",
        "对各种结果有多准",
        ("结果", *_ACCURACY_HEADS),
        [[OUTCOMES[key].label, *_accuracy(one)] for key, one in found.outcomes.items()],
        note="同一信用分，对不同的结果分别计算 AR。投诉查实后往往接着作出决定，几种结果互相重叠。",
    )


def _indicators(found: Evaluation) -> Sheet:
    rows = []
    for one in found.indicators:
        told = one.gain if not one.without.too_few else None
        interval = told.interval if told else None
        rows.append(
            [
                one.title,
                one.touched,
                share(one.touched / found.rate.pharmacies if found.rate.pharmacies else None),
                rounded(one.correlation if told else None, 3),
                rounded(found.score.ratio if told else None, 3),
                rounded(one.without.ratio if told else None, 3),
                rounded(told.difference if told else None, 3),
                rounded(interval.low if interval else None, 3),
                rounded(interval.high if interval else None, 3),
                _VERDICTS[one.verdict],
            ]
        )
    return Sheet(
        "indicators",
        "哪一项指标没有增加什么",
        (
            "指标",
            "触及药店",
            "触及（%）",
            "失分与出事的相关",
            "AR",
            "去掉后的 AR",
            "差",
            "下限",
            "上限",
            "结论",
        ),
        rows,
        note="去掉一项指标的分值，按规则的上下限和取舍重算信用分，看 AR 降了多少；差的区间（DeLong 配对法，95%）"
        "含 0 的，看不出这项有贡献。“触及”为分值与最常见的分值不同的药店，相关为秩相关（1 为失分越多越出事）。"
        "看不出贡献不等于该取消：它可能正因为有人怕失分而起了作用，也可能与别的指标说的是同一件事。",
    )


def _over_time(found: Evaluation) -> Sheet:
    rows, drawn = [], []
    for one in found.over_time:
        label = show.period_label(one.run.period)
        over = "" if one.window.last < found.asked_on else "（未满）"
        days = f"{show.day(one.window.first)}至{show.day(one.window.last)}{over}"
        rows.append([label, str(one.run.scheme), days, *_accuracy(one.accuracy)])
        drawn.append(_estimate(label, one.accuracy))
    title = "历期信用分有多准（AR）"
    return Sheet(
        "periods",
        title,
        ("评价周期", "评价规则", "结果窗口", *_ACCURACY_HEADS),
        rows,
        note="同样范围、同样长短的各期（每期取已发布的批次），各看自己之后同样长的时段。区间重叠的，不能说变好或变差；"
        "窗口未满的偏少。",
        drawing=intervals(title, drawn, least=0.2),
    )


# By district


def _districts(found: Evaluation, names: Names) -> Sheet:
    rows, drawn = [], []
    for one in found.districts:
        name = names.get(one.code, str(one.code))
        rows.append([name, *_rate(one.rate), *_accuracy(one.accuracy)[2:], _order(one)])
        drawn.append(_estimate(name, one.accuracy))
    title = "各区县信用分有多准（AR）"
    return Sheet(
        "districts",
        title,
        ("区县", *_RATE_HEADS, *_ACCURACY_HEADS[2:], "等级与出事率"),
        rows,
        note="按评价时所属的区县分别计算。区县之间查处的多少本来就不同，出事率不能当作好坏来比；"
        f"出事不到 {MIN_EVENTS} 家的区县不判断。",
        drawing=intervals(title, drawn, least=0.2) if len(drawn) <= _DRAWN else "",
    )


def _order(one: DistrictFinding) -> str:
    if one.accuracy.too_few:
        return FEW
    if not one.reversals:
        return "越差越常出事"
    return "有颠倒（可能偶然）" if all(each.may_be_chance for each in one.reversals) else "有颠倒"


def _district_grades(found: Evaluation, names: Names) -> Sheet:
    grades = [grade.name for grade in found.scheme.grades]
    heads = [f"{name}{what}" for name in grades for what in (" 药店", " 出事", "（%）")]
    rows = [
        [
            names.get(one.code, str(one.code)),
            *(cell for rate in one.by_grade for cell in (rate.pharmacies, rate.events, share(rate.share))),
        ]
        for one in found.districts
    ]
    return Sheet(
        "district_grades",
        "各区县各等级的出事率",
        ("区县", *heads),
        rows,
        note="每个区县每一级的药店、出事的家数和占比；只有几家的，占比高低多半出于偶然。",
        most=_SHOWN,
    )
