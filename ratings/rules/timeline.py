"""What time alone brings, month by month: which facts age away, which limits end, how score and grade follow."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from ratings.rules.columns import Signals
from ratings.rules.explanation import FactLine, IndicatorPart, Stage
from ratings.rules.outcomes import RATED, Outcomes
from ratings.rules.outlook import HORIZON_MONTHS, later
from ratings.rules.peers import Peers
from ratings.rules.rating import rate
from ratings.rules.scheme import Scheme
from ratings.rules.wording import day_text

#: (source, fact id)
FactKey = tuple[str, int]
#: What raises points that no fact has cost, by the kind of indicator.
_EACH_PERIOD: Final = {
    "growth": "这一项每期按新的支付额重新计算，不会带到下一期。",
    "measure": "这一项每期按新的数值重新计算，不会带到下一期。",
}


def timeline(
    scheme: Scheme, signals: Signals, peers: Peers, now: Outcomes, parts: Sequence[IndicatorPart]
) -> tuple[tuple[Stage, ...], dict[FactKey, date]]:
    """The months in which something changes, and for each fact the one from which it no longer counts.

    Of the one pharmacy in ``signals``, with no new facts; growth, values and peers held as they are.
    Days are the last days of months, at most HORIZON_MONTHS ahead; ``parts`` are its indicators, told.
    """
    # Indicators may share facts; one that costs nothing under the last of them may do so under another.
    costly = {(fact.source, fact.fact_id): fact for part in parts for fact in part.facts if fact.points}
    stages: list[Stage] = []
    gone: dict[FactKey, date] = {}
    before = now
    for months in range(1, HORIZON_MONTHS + 1):
        if _settled(before):
            break
        moved = later(signals, months)
        then = rate(scheme, moved, peers)
        ended = _weighing(signals, before) - _weighing(signals, then)
        gone |= dict.fromkeys(ended, moved.period.last)
        told = [_fact_text(scheme, costly[key]) for key in sorted(ended) if key in costly]
        told += _cap_texts(scheme, int(before.caps[0]), int(then.caps[0]))
        was, grade = int(before.grade[0]), int(then.grade[0])
        changed = grade != was
        if told or changed:
            stages.append(
                Stage(
                    day=moved.period.last,
                    score=int(then.score[0]),
                    position=grade,
                    better=changed and (was < 0 or 0 <= grade < was),
                    worse=changed and (grade < 0 or grade > was >= 0),
                    texts=tuple(told),
                )
            )
        before = then
    return tuple(stages), gone


def _settled(outcomes: Outcomes) -> bool:
    """Whether nothing is left that time could better."""
    return (
        int(outcomes.state[0]) == RATED
        and int(outcomes.grade[0]) == 0
        and not int(outcomes.caps[0])
        and not any(found.weighs.any() for found in outcomes.event_points.values())
    )


def _weighing(signals: Signals, outcomes: Outcomes) -> set[FactKey]:
    """The facts that still count under some indicator."""
    return {
        (found.source, int(fact))
        for found in outcomes.event_points.values()
        for fact in getattr(signals, found.source).fact_id[found.weighs == 1]
    }


def _fact_text(scheme: Scheme, fact: FactLine) -> str:
    lost = "扣分" if scheme.better_sign > 0 else "记分"
    what = "认定" if fact.source == "violations" else "查实"
    return f"{day_text(fact.decided_on)}{what}的“{fact.kind}”不再{lost}"


def _cap_texts(scheme: Scheme, before: int, after: int) -> list[str]:
    return [
        f"等级上限“{cap.title}”{'不再适用' if before >> number & 1 else '开始适用'}"
        for number, cap in enumerate(scheme.document.caps)
        if (before ^ after) >> number & 1
    ]


def with_ends(part: IndicatorPart, gone: dict[FactKey, date]) -> IndicatorPart:
    """The part, each of its facts with the month from which it no longer counts, and what raises its points."""
    facts = tuple(replace(fact, gone_on=gone.get((fact.source, fact.fact_id))) for fact in part.facts)
    remedy = _EACH_PERIOD.get(part.kind, "") if part.points else ""
    return replace(part, facts=facts, remedy=remedy)
