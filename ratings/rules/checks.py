"""What must hold between the parts of a scheme document: names, and the indicators.

Every check yields (path, what is wrong, remedy) and goes on; ``scheme.py`` adds the rest.
Conditions are checked in ``condition_checks.py``, bounds and bands in ``bound_checks.py``.

A document that passes can never let one more violation, complaint or point of excess growth
improve a grade: points of facts have the harmful sign, steps only get harsher, caps strike
only on conditions that stay true when things get worse, and bands ask only for conditions
that stay true when things get better.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ratings.rules.conditions import Condition, leaves
from ratings.rules.document import SchemeDocument
from ratings.rules.exact import decimal_text
from ratings.rules.indicators import (
    Ageing,
    Bracket,
    ComplaintsIndicator,
    DefaultViolationRow,
    GrowthIndicator,
    MeasureIndicator,
    ViolationsIndicator,
)
from ratings.rules.problems import Path
from ratings.rules.translation import suggestion
from ratings.rules.vocabulary import COMPLAINT_TOPICS, TRACKS, VIOLATION_KINDS, Vocabulary

Finding = tuple[Path, str, str]


def check_names(document: SchemeDocument) -> Iterator[Finding]:
    """Identifiers are unique, and every component named exists and is used."""
    for name in ("components", "indicators", "eligibility", "caps", "adjustments"):
        yield from _unique([part.id for part in getattr(document, name)], (name,), "id")
    yield from _unique([grade.name for grade in document.grades], ("grades",), "name")
    components = [component.id for component in document.components]
    for number, indicator in enumerate(document.indicators):
        if indicator.component not in components:
            yield (
                ("indicators", number, "component"),
                f"没有名为“{indicator.component}”的分项。",
                f"改为 {'、'.join(components)} 之一，或补写该分项。",
            )
    used = {indicator.component for indicator in document.indicators}
    for number, component in enumerate(document.components):
        if component.id not in used:
            yield (
                ("components", number),
                f"分项“{component.id}”没有任何指标。",
                "补写属于它的指标，或删去该分项。",
            )


def check_measures(document: SchemeDocument) -> Iterator[Finding]:
    """Imported values are declared, once, and each is read somewhere."""
    declared = [term.key for term in document.measures]
    yield from _unique(declared, ("measures",), "key")
    for number, term in enumerate(document.measures):
        if term.min >= term.max:
            yield (
                ("measures", number, "min"),
                f"下限 {decimal_text(term.min)} 不低于上限 {decimal_text(term.max)}。",
                "下限须小于上限。",
            )
    used = list(measure_uses(document))
    for path, key in used:
        # A bare "measure" is told by check_conditions.
        if key and key not in declared:
            near = suggestion(key, declared)
            yield (
                path,
                f"没有名为“{key}”的导入数值。",
                f"是否应为 {near}？" if near else "在 [[measures]] 中写明它的 key、title、min、max。",
            )
    read = {key for _, key in used}
    for number, key in enumerate(declared):
        # With an unknown one about, this one is likely the one that was meant.
        if key not in read and read <= set(declared):
            yield ("measures", number), f"导入数值“{key}”没有用到。", "删去它，或在指标、条件中引用。"


def measure_uses(document: SchemeDocument) -> Iterator[tuple[Path, str]]:
    """Every place that reads an imported value, with its key."""
    for number, indicator in enumerate(document.indicators):
        if isinstance(indicator, MeasureIndicator):
            yield ("indicators", number, "measure"), indicator.measure
    for number, cap in enumerate(document.caps):
        if cap.limit_measure is not None:
            yield ("caps", number, "limit_measure"), cap.limit_measure
    for path, condition in conditions_in(document):
        for leaf, here, _ in leaves(condition, path):
            if leaf.family[0] == "measure":
                yield (*here, "quantity"), leaf.family[1]


def conditions_in(document: SchemeDocument) -> Iterator[tuple[Path, Condition]]:
    """Every outermost condition, with its path."""
    for number, rule in enumerate(document.eligibility):
        yield ("eligibility", number, "when"), rule.when
    for number, cap in enumerate(document.caps):
        yield ("caps", number, "when"), cap.when
    for number, band in enumerate(document.bands.rows):
        if band.also is not None:
            yield ("bands", "rows", number, "also"), band.also


def _unique(values: Sequence[str], path: Path, key: str) -> Iterator[Finding]:
    seen = Counter[str]()
    for number, value in enumerate(values):
        seen[value] += 1
        if seen[value] == 2:
            yield (*path, number, key), f"“{value}”重复。", "换一个不同的，或删去重复的部分。"


def unknown_words(stated: Iterable[str], vocabulary: Vocabulary, path: Path) -> Iterator[Finding]:
    """Words that the vocabulary does not have, and words listed twice."""
    seen: set[str] = set()
    for number, word in enumerate(stated):
        if word not in vocabulary:
            near = suggestion(word.upper(), vocabulary.ids)
            yield (
                (*path, number),
                f"没有名为“{word}”的{vocabulary.title}。",
                f"是否应为 {near}？" if near else f"改为 {'、'.join(vocabulary.ids)} 之一。",
            )
        elif word in seen:
            yield (*path, number), f"“{word}”在同一列表中写了两次。", "删去重复的。"
        seen.add(word)


def check_indicators(document: SchemeDocument) -> Iterator[Finding]:
    """Each indicator by itself: rows, signs, ageing, steps."""
    harm = -1 if document.score.direction == "higher_is_better" else 1
    for number, indicator in enumerate(document.indicators):
        path: Path = ("indicators", number)
        if isinstance(indicator, ViolationsIndicator):
            yield from _violation_rows(indicator, path, harm)
        elif isinstance(indicator, ComplaintsIndicator):
            yield from _complaint_rows(indicator, path, harm)
        elif isinstance(indicator, GrowthIndicator):
            yield from _growth(indicator, path, harm)
        else:
            yield from _measure(indicator, path)


def _sign(points: int, path: Path, harm: int) -> Iterator[Finding]:
    if points * harm < 0:
        text = decimal_text(points)
        if harm < 0:
            yield path, f"分值 {text} 会使得分变好。", "分数高者为好的规则中扣分写负数，例如 -6。"
        else:
            yield path, f"分值 {text} 会使得分变好。", "分数低者为好的规则中记分写正数，例如 6。"


def _violation_rows(indicator: ViolationsIndicator, path: Path, harm: int) -> Iterator[Finding]:
    yield from _ageing(indicator.ageing, (*path, "ageing"))
    taken: dict[tuple[str, str], int] = {}
    for number, row in enumerate(indicator.rows):
        here: Path = (*path, "rows", number)
        yield from unknown_words(row.kinds, VIOLATION_KINDS, (*here, "kinds"))
        yield from unknown_words(row.tracks or (), TRACKS, (*here, "tracks"))
        for position, kind in enumerate(row.kinds):
            clashes = {taken[kind, track] for track in row.tracks or TRACKS.ids if (kind, track) in taken} - {
                number
            }
            if clashes:
                others = "、".join(f"rows[{other}]" for other in sorted(clashes))
                yield (
                    (*here, "kinds", position),
                    f"“{kind}”已由 {others} 规定，同一件事会有两个分值。",
                    "只在一处列出，或用 tracks 区分行政处罚与协议处理。",
                )
            for track in row.tracks or TRACKS.ids:
                taken.setdefault((kind, track), number)
    everything: list[tuple[Path, DefaultViolationRow]] = [((*path, "default"), indicator.default)]
    everything += [((*path, "rows", number), row) for number, row in enumerate(indicator.rows)]
    for here, part in everything:
        for gravity, points in part.points:
            yield from _sign(points, (*here, "points", gravity), harm)
        yield from _brackets(part.amounts, (*here, "amounts"), harm)


def _complaint_rows(indicator: ComplaintsIndicator, path: Path, harm: int) -> Iterator[Finding]:
    yield from _ageing(indicator.ageing, (*path, "ageing"))
    taken: dict[str, int] = {}
    for number, row in enumerate(indicator.rows):
        here: Path = (*path, "rows", number)
        yield from unknown_words(row.topics, COMPLAINT_TOPICS, (*here, "topics"))
        for position, topic in enumerate(row.topics):
            if taken.setdefault(topic, number) != number:
                yield (
                    (*here, "topics", position),
                    f"“{topic}”已由 rows[{taken[topic]}] 规定，同一件事会有两个分值。",
                    "只在一处列出。",
                )
        yield from _sign(row.points, (*here, "points"), harm)
    yield from _sign(indicator.default.points, (*path, "default", "points"), harm)


def _ageing(ageing: Ageing, path: Path) -> Iterator[Finding]:
    if ageing.shape == "linear" and not ageing.months:
        yield (*path, "months"), "逐月递减没有写明月数。", "写明 months，例如 months = 24。"
    if ageing.shape != "linear" and ageing.months is not None:
        yield (*path, "months"), f"shape 为 {ageing.shape} 时 months 不起作用。", "删去 months。"
    if ageing.shape == "steps" and not ageing.steps:
        yield (*path, "steps"), "分段递减没有写明各段。", "写明 steps，例如 [{ months = 12, percent = 0 }]。"
    if ageing.shape != "steps" and ageing.steps:
        yield (*path, "steps"), f"shape 为 {ageing.shape} 时 steps 不起作用。", "删去 steps。"
    months, percent = -1, 10_000
    for number, step in enumerate(ageing.steps):
        here: Path = (*path, "steps", number)
        if step.months <= months:
            yield (*here, "months"), f"{step.months} 个月不晚于上一段。", "各段按月数由小到大写。"
        if not 0 <= step.percent <= percent:
            text = decimal_text(step.percent, 100)
            yield (
                (*here, "percent"),
                f"{text}% 高于上一段或不在 0 至 100 之间，事实越久反而越重。",
                "各段的百分数逐段降低。",
            )
        months, percent = step.months, step.percent


def _brackets(brackets: Sequence[Bracket], path: Path, harm: int) -> Iterator[Finding]:
    """Ascending; with ``harm`` not 0 also ever harsher, beginning from nothing."""
    first: int | None = None
    before = 0
    for number, bracket in enumerate(brackets):
        here: Path = (*path, number)
        if first is not None and bracket.first <= first:
            yield here, "本档的起点不高于上一档。", "各档按起点由小到大写。"
        elif first is None:
            yield from _sign(bracket.points, (*here, "points"), harm)
        elif bracket.points * harm < before * harm:
            text = decimal_text(bracket.points)
            yield (
                (*here, "points"),
                f"分值 {text} 比上一档（{decimal_text(before)}）更轻，情况越差得分反而越好。",
                "各档分值逐档加重。",
            )
        first, before = bracket.first, bracket.points if harm else 0


def _growth(indicator: GrowthIndicator, path: Path, harm: int) -> Iterator[Finding]:
    linear = indicator.points_per_percent is not None
    if linear == bool(indicator.brackets):
        yield (
            path,
            "points_per_percent 与 brackets 须写明其一。",
            "按每个百分点计分写 free 和 points_per_percent；分档计分写 brackets。",
        )
    if linear and indicator.free is None:
        yield (*path, "free"), "没有写明超出多少个百分点以内不计。", "写明 free，例如 free = 10；没有即写 0。"
    if not linear and indicator.free is not None:
        yield (*path, "free"), "分档计分时 free 不起作用。", "删去 free。"
    yield from _sign(indicator.points_per_percent or 0, (*path, "points_per_percent"), harm)
    yield from _brackets(indicator.brackets, (*path, "brackets"), harm)
    if indicator.min_months < 1:
        yield (*path, "min_months"), "可比月数至少为 1。", "写 min_months = 1 或更多。"


def _measure(indicator: MeasureIndicator, path: Path) -> Iterator[Finding]:
    if (indicator.points_per_unit is None) != bool(indicator.brackets):
        yield (
            path,
            "points_per_unit 与 brackets 须写明其一。",
            "按数值折算写 points_per_unit；分档计分写 brackets。",
        )
    yield from _brackets(indicator.brackets, (*path, "brackets"), 0)
    if (indicator.if_missing == "points") != (indicator.missing_points is not None):
        yield (
            (*path, "missing_points"),
            'missing_points 与 if_missing = "points" 须同时写明。',
            '写明数值缺失时的分值，或改用 if_missing = "not_rated"。',
        )
