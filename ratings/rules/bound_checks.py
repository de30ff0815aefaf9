"""Checks on numbers that must fit together: score, components, bands, caps, and overflow."""

from collections.abc import Iterator

from ratings.rules.checks import Finding
from ratings.rules.columns import WHOLE
from ratings.rules.document import (
    PositionBands,
    SchemeDocument,
    ScoreBands,
)
from ratings.rules.exact import decimal_text
from ratings.rules.problems import Path
from ratings.rules.translation import suggestion

#: The weighted sum stays below this, far inside int64.
_ROOM = 2**62


def check_score(document: SchemeDocument) -> Iterator[Finding]:
    """Bounds, base scores, step and weights."""
    score = document.score
    if score.step <= 0:
        yield ("score", "step"), f"最小单位 {decimal_text(score.step)} 不是正数。", "写 0.1、1 之类的正数。"
        return
    for name in ("floor", "ceiling"):
        value = getattr(score, name)
        if value % score.step:
            yield (
                ("score", name),
                f"{decimal_text(value)} 不是最小单位 {decimal_text(score.step)} 的整数倍。",
                "改为最小单位的整数倍。",
            )
    if score.floor >= score.ceiling:
        yield _reversed(("score", "floor"), score.floor, score.ceiling)
    for number, component in enumerate(document.components):
        path: Path = ("components", number)
        if component.floor >= component.ceiling:
            yield _reversed((*path, "floor"), component.floor, component.ceiling)
        elif not component.floor <= component.base_score <= component.ceiling:
            yield (
                (*path, "base_score"),
                f"基础分 {decimal_text(component.base_score)} 不在 {decimal_text(component.floor)}"
                f" 至 {decimal_text(component.ceiling)} 之间。",
                "改正基础分或上下限。",
            )
        if component.weight <= 0:
            yield (*path, "weight"), "权重不是正数。", "写大于 0 的权重，例如 0.6。"
    for number, indicator in enumerate(document.indicators):
        low, high = indicator.floor, indicator.ceiling
        if low is not None and high is not None and low > high:
            yield _reversed(("indicators", number, "floor"), low, high)
    weights = [component.weight for component in document.components]
    if sum(weights) != score.weights_sum:
        parts = " + ".join(decimal_text(weight, WHOLE) for weight in weights)
        added = f"{parts} = {decimal_text(sum(weights), WHOLE)}" if len(weights) > 1 else parts
        yield (
            ("components",),
            f"权重之和 {added}，应为 {decimal_text(score.weights_sum, WHOLE)}。",
            "改正各分项的 weight；权重之和不为 1 时在 score.weights_sum 写明。",
        )
    reach = sum(
        max(abs(component.floor), abs(component.ceiling)) * component.weight
        for component in document.components
    )
    if reach >= _ROOM:
        yield (
            ("components",),
            "各分项上下限与权重的乘积之和过大，计算会溢出。",
            "缩小分项的上下限或权重。",
        )


def _reversed(path: Path, floor: int, ceiling: int) -> Finding:
    what = f"下限 {decimal_text(floor)} 不低于上限 {decimal_text(ceiling)}。"
    return path, what, "下限须小于上限。"


def check_grades(document: SchemeDocument) -> Iterator[Finding]:
    """Bands and caps name known grades, in order, and every grade can be reached."""
    names = list(dict.fromkeys(grade.name for grade in document.grades))
    reached = set()
    last = -1
    for number, band in enumerate(document.bands.rows):
        path: Path = ("bands", "rows", number, "grade")
        if band.grade not in names:
            yield _unknown_grade(band.grade, names, path)
            continue
        position = names.index(band.grade)
        if position <= last:
            yield path, f"“{band.grade}”不比上一行差。", "各等级由好到差书写，每个等级一行。"
        last = max(last, position)
        reached.add(band.grade)
    if document.bands.rows[-1].also is not None:
        yield (
            ("bands", "rows", len(document.bands.rows) - 1, "also"),
            "最末等级附有条件，条件不满足的药店将没有等级。",
            "删去最末一行的 also。",
        )
    for number, cap in enumerate(document.caps):
        path = ("caps", number, "limit")
        if (cap.limit is None) == (cap.limit_measure is None):
            yield path[:2], "limit 与 limit_measure 须写明其一。", "写明最高只能评为的等级。"
        elif cap.limit is not None and cap.limit not in names:
            yield _unknown_grade(cap.limit, names, path)
        elif cap.limit == names[0]:
            yield path, f"以最好的等级“{names[0]}”为上限，从不起作用。", "改为较低的等级，或删去。"
        elif cap.limit is not None:
            reached.add(cap.limit)
    if not any(cap.limit_measure for cap in document.caps):
        for number, grade in enumerate(document.grades):
            if grade.name not in reached:
                yield (
                    ("grades", number),
                    f"没有任何等级划分或封顶能评出“{grade.name}”。",
                    "在 bands 中补写，或从 grades 中删去。",
                )


def _unknown_grade(name: str, names: list[str], path: Path) -> Finding:
    near = suggestion(name, names)
    remedy = f"是否应为 {near}？" if near else f"改为 {'、'.join(names)} 之一。"
    return path, f"没有名为“{name}”的等级。", remedy


def check_bands(document: SchemeDocument) -> Iterator[Finding]:
    """Score bounds cover every score once; shares make up the whole."""
    if document.score.step <= 0 or document.score.floor >= document.score.ceiling:
        return
    if isinstance(document.bands, ScoreBands):
        yield from _score_bands(document, document.bands)
    else:
        yield from _shares(document.bands)


def _score_bands(document: SchemeDocument, bands: ScoreBands) -> Iterator[Finding]:
    score = document.score
    higher = score.direction == "higher_is_better"
    sign = 1 if higher else -1
    # "far" is a band's worst score, "near" its best one; reckoned so that more is better.
    far_name, near_name = ("min", "max") if higher else ("max", "min")
    best, worst = (score.ceiling, score.floor) if higher else (-score.floor, -score.ceiling)
    above: int | None = None
    for number, band in enumerate(bands.rows):
        path: Path = ("bands", "rows", number)
        final = number == len(bands.rows) - 1
        far, near = (
            None if bound is None else bound * sign
            for bound in ((band.min, band.max) if higher else (band.max, band.min))
        )
        for name in ("min", "max"):
            bound = getattr(band, name)
            if bound is not None and bound % score.step:
                yield (
                    (*path, name),
                    f"{decimal_text(bound)} 不是最小单位 {decimal_text(score.step)} 的整数倍。",
                    "改为信用分能取到的数。",
                )
        if far is None and not final:
            yield path, f"“{band.grade}”没有写明 {far_name}。", f"补上 {far_name}；只有最末等级可以省略。"
            continue
        if near is not None and far is not None and near < far:
            yield path, f"“{band.grade}”的 min 大于 max。", "对调 min 与 max。"
            continue
        if near is not None:
            expected = best if above is None else above - score.step
            text = decimal_text(expected * sign)
            if near < expected:
                yield (
                    (*path, near_name),
                    f"“{band.grade}”止于 {decimal_text(near * sign)}，与上一等级之间有空档。"
                    if above is not None
                    else f"“{band.grade}”止于 {decimal_text(near * sign)}，比它更好的分数没有等级。",
                    f"改为 {text}。",
                )
            elif above is not None and near > expected:
                yield (
                    (*path, near_name),
                    f"“{band.grade}”始于 {decimal_text(near * sign)}，与上一等级重叠。",
                    f"改为 {text}。",
                )
        yield from _reach(document, bands, number, far, above, best, worst)
        above = far


def _reach(
    document: SchemeDocument,
    bands: ScoreBands,
    number: int,
    far: int | None,
    above: int | None,
    best: int,
    worst: int,
) -> Iterator[Finding]:
    """Whether any score can fall into band ``number``; scores reckoned so that more is better."""
    band = bands.rows[number]
    path: Path = ("bands", "rows", number)
    if number == len(bands.rows) - 1 or far is None:
        if far is not None and far > worst:
            yield (
                path,
                f"最末等级“{band.grade}”没有包括直到最差的分数。",
                "删去它的最差界限，或改到 score 的界限。",
            )
        if above is not None and above <= worst and bands.rows[number - 1].also is None:
            yield path, f"没有分数能评为“{band.grade}”。", "改正上一等级的界限。"
        return
    same_with_condition = far == above and bands.rows[number - 1].also is not None
    if far > best or (above is not None and far >= above and not same_with_condition):
        yield path, f"没有分数能评为“{band.grade}”。", "各等级的界限由好到差书写，且在 score 的上下限之内。"


def _shares(bands: PositionBands) -> Iterator[Finding]:
    for number, row in enumerate(bands.rows):
        if row.share <= 0:
            yield ("bands", "rows", number, "share"), "占比不是正数。", "写大于 0 的百分数。"
    total = sum(row.share for row in bands.rows)
    if total != WHOLE:
        parts = " + ".join(decimal_text(row.share, 100) for row in bands.rows)
        yield (
            ("bands", "rows"),
            f"各等级占比之和 {parts} = {decimal_text(total, 100)}，应为 100。",
            "改正各等级的 share，使其和为 100。",
        )


def check_header(document: SchemeDocument) -> Iterator[Finding]:
    """The effective date is a plausible one."""
    if not 2000 <= document.effective_on.year <= 2100:
        yield (
            ("effective_on",),
            f"施行日期 {document.effective_on} 不在 2000 年至 2100 年之间。",
            "改正年份。",
        )
