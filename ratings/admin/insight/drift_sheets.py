"""The tables of 有效性检验 that hold a run against an earlier one: how stable grades are, how far the population drifted."""

from collections.abc import Mapping
from typing import Any, Final

from creditsys import charts
from creditsys.charts import Cell
from ratings.admin import show
from ratings.admin.insight.sheets import Sheet, rounded, share
from ratings.insight.comparison import Comparison, Drifted
from ratings.insight.evaluation import Evaluation
from ratings.insight.validation import PSI_CHANGED, PSI_STEADY, Drift

Names = Mapping[int, str]
#: Districts that the page shows; the file has all.
_SHOWN: Final = 40


def of_all(found: Evaluation, comparison: Comparison, names: Names) -> list[Sheet]:
    """Of all districts together; ``names`` are those of the districts."""
    made = []
    if comparison.stability is not None:
        made.append(_moves(found, comparison))
    return [*made, _drifts(comparison), _makeup(comparison, names)]


def _moves(found: Evaluation, comparison: Comparison) -> Sheet:
    stable = comparison.stability
    assert stable is not None  # noqa: S101 -- the caller has asked
    names = [f"{grade.name} {grade.label}" for grade in found.scheme.grades]
    before = show.period_label(comparison.before.period)
    now = show.period_label(found.question.run.period)
    rows: list[list[Any]] = []
    cells = []
    for place, (name, counts) in enumerate(zip(names, stable.matrix.tolist(), strict=True)):
        total = sum(counts)
        rows.append([name, total, *counts, *(share(count / total if total else None) for count in counts)])
        cells.append(
            (
                name,
                [
                    Cell(
                        f"{count:,}",
                        count / total if total else 0.0,
                        sub=f"{share(count / total)}%" if count else "",
                        kept=place == column,
                    )
                    for column, count in enumerate(counts)
                ],
            )
        )
    title = f"等级的稳定：{before}至{now}"
    text = "两期都有等级的药店一家也没有。"
    if stable.pharmacies:
        kept, up, down = (
            share(part / stable.pharmacies) for part in (stable.unchanged, stable.better, stable.worse)
        )
        text = (
            f"两期都有等级的 {stable.pharmacies:,} 家中，{kept}% 等级不变，{up}% 上升，{down}% 下降，"
            f"平均每家变动 {rounded(stable.mean_steps, 2)} 级。变动太多，等级难以让人信赖；一家不动，等级多半没有反映变化。"
        )
    return Sheet(
        "stability",
        title,
        (before, "药店", *names, *(f"{name}（%）" for name in names)),
        rows,
        own_table=True,
        note=f"{text}行为前一期的等级，列为后一期的等级，框内为不变的。{_other_scheme(comparison)}",
        drawing=charts.matrix(title, "前一期 ＼ 后一期", names, cells),
    )


def _other_scheme(comparison: Comparison) -> str:
    return "两期的规则版本不同，变动有一部分来自规则。" if comparison.other_scheme else ""


def drift_word(one: Drift | None) -> str:
    """How far a make-up has moved, in a word."""
    if one is None:
        return "—"
    if not one.beyond_chance:
        return "不超出偶然"
    if one.psi < PSI_STEADY:
        return "稳定"
    return "有变化" if one.psi < PSI_CHANGED else "明显变化"


def _drifts(comparison: Comparison) -> Sheet:
    return Sheet(
        "drift",
        f"参评药店的变化：与{show.period_label(comparison.before.period)}相比",
        ("按", "前一期药店", "本期药店", "PSI", "偶然可达", "结论"),
        [
            [
                one.title,
                sum(one.drift.before) if one.drift else 0,
                sum(one.drift.now) if one.drift else 0,
                rounded(one.drift.psi if one.drift else None, 4),
                rounded(one.drift.by_chance if one.drift else None, 4),
                drift_word(one.drift),
            ]
            for one in comparison.drifts
        ],
        note="PSI（群体稳定性指数）比较前后两期已评级药店的构成："
        f"{PSI_STEADY} 以下为稳定，{PSI_CHANGED} 以上为明显变化。同样构成只凭偶然，二十次里有十九次不超过“偶然可达”的数；"
        f"药店少时这个数大，不要当真。构成变了，旧规则未必还适用。{_other_scheme(comparison)}",
    )


def _makeup(comparison: Comparison, names: Names) -> Sheet:
    rows: list[list[Any]] = []
    for one in comparison.drifts:
        if one.drift is None:
            continue
        totals = sum(one.drift.before), sum(one.drift.now)
        for sort, before, now in zip(_sorts(one, names), one.drift.before, one.drift.now, strict=True):
            rows.append([one.title, sort, before, now, share(before / totals[0]), share(now / totals[1])])
    return Sheet(
        "makeup",
        "构成的前后对照",
        ("按", "类别", "前一期药店", "本期药店", "前一期（%）", "本期（%）"),
        rows,
        names=2,
        note="分数和规模按前一期分档（分数十档，规模四档，同值不拆开）；规模为可比月份的月均基金支付，"
        "取自规则的增长指标，没有可比月份的另列，规则没有增长指标的不列。",
    )


def _sorts(one: Drifted, names: Names) -> list[str]:
    if one.id != "district":
        return list(one.sorts)
    return [names.get(int(code), code) for code in one.sorts]


def by_district(comparison: Comparison, names: Names) -> Sheet:
    """Within each district."""
    kinds = [one for one in comparison.drifts if one.id in comparison.drift_of]
    codes = sorted({code for drifts in comparison.drift_of.values() for code in drifts})
    rows = []
    for code in codes:
        stable = comparison.stability_of.get(code)
        row: list[Any] = [names.get(code, str(code))]
        row += [
            stable.pharmacies if stable else None,
            share(stable.unchanged / stable.pharmacies) if stable and stable.pharmacies else None,
            rounded(stable.mean_steps, 2) if stable else None,
        ]
        for kind in kinds:
            one = comparison.drift_of[kind.id][code]
            row += [rounded(one.psi if one else None, 3), drift_word(one)]
        rows.append(row)
    heads = [head for kind in kinds for head in (f"{kind.title} PSI", f"{kind.title}变化")]
    return Sheet(
        "district_changes",
        f"各区县的稳定和变化：与{show.period_label(comparison.before.period)}相比",
        ("区县", "两期都有等级", "不变（%）", "平均变动（级）", *heads),
        rows,
        note="各区县内部的等级稳定和构成变化，分档与全体相同。药店少的区县 PSI 天然偏大，“不超出偶然”的不要解读。",
        most=_SHOWN,
    )
