"""``explain()``: one pharmacy's grade in Chinese, every point of it, and what would better it.

It reckons nothing itself: it rates the one pharmacy with ``rate()`` and the peers of its run,
and tells what is in the trace.
"""

from dataclasses import replace

from ratings.rules.columns import POINT, WHOLE, Signals
from ratings.rules.conditions import Condition, leaves
from ratings.rules.document import PositionBands
from ratings.rules.exact import ROUNDING_LABELS, decimal_text, places_of
from ratings.rules.explanation import (
    CapPart,
    ComponentPart,
    Explanation,
    FactLine,
    IndicatorPart,
)
from ratings.rules.outcomes import RATED, Outcomes
from ratings.rules.outlook import ahead, band_threshold, target_band
from ratings.rules.peers import EVERYONE, Peers, group
from ratings.rules.quantities import Quantities
from ratings.rules.rating import rate
from ratings.rules.scheme import Scheme
from ratings.rules.telling import FactLabels, month_end_text, tell_indicator
from ratings.rules.timeline import timeline, with_ends
from ratings.rules.wording import day_text, describe, span_text, sum_text


def explain(
    scheme: Scheme,
    signals: Signals,
    peers: Peers,
    fact_labels: FactLabels | None = None,
    *,
    over_time: bool = False,
) -> Explanation:
    """Explains the one pharmacy in ``signals`` (see ``take``), with the peers of its run.

    ``fact_labels`` names facts, for example by document number: (source, fact id) to text.
    ``over_time`` also tells, month by month, what time alone brings.
    Raises ValueError unless there is exactly one pharmacy, SignalsError as ``rate()`` does.
    """
    if len(signals) != 1:
        raise ValueError("explain() takes one pharmacy")
    outcomes = rate(scheme, signals, peers)
    told = _Teller(scheme, signals, peers, outcomes, fact_labels or {}).tell()
    if not over_time:
        return told
    stages, gone = timeline(scheme, signals, peers, outcomes, told.indicators)
    parts = tuple(with_ends(part, gone) for part in told.indicators)
    return replace(told, indicators=parts, timeline=stages)


class _Teller:
    def __init__(
        self, scheme: Scheme, signals: Signals, peers: Peers, outcomes: Outcomes, labels: FactLabels
    ) -> None:
        self.scheme, self.signals, self.peers = scheme, signals, peers
        self.outcomes, self.labels = outcomes, labels
        self.state = int(outcomes.state[0])
        self.rated = self.state == RATED
        self.grade = int(outcomes.grade[0])
        self.score = int(outcomes.score[0])
        self.ahead = ahead(scheme, signals, peers, outcomes)

    def tell(self) -> Explanation:
        scheme, document = self.scheme, self.scheme.document
        indicators = tuple(
            tell_indicator(scheme, self.signals, self.outcomes, indicator, self.labels)
            for indicator in scheme.indicators
        )
        facts = [fact for part in indicators for fact in part.facts if fact.points]
        heaviest = max(facts, key=lambda fact: abs(fact.points), default=None)
        caps = self._caps() if self.rated else ()
        next_grade, missing, outlook = self._outlook(caps, heaviest)
        name = scheme.grades[self.grade].name if self.rated else ""
        better = self.ahead.better_grade
        return Explanation(
            code=self.signals.code[0].decode("ascii"),
            period=self.signals.period.label,
            last_day=self.signals.period.last,
            scheme=f"{document.title}（第{document.version}版）",
            note=document.note,
            rated=self.rated,
            score=self.score,
            grade=name,
            reason="" if self.rated else self._reason(),
            indicators=indicators,
            components=self._components(indicators),
            score_text=self._score_text(),
            band_text=self._band_text() if self.rated else "",
            caps=caps,
            next_grade=next_grade,
            points_missing=missing,
            better_on=self.ahead.better_on,
            better_grade="" if better is None else scheme.grades[better].name,
            heaviest=heaviest,
            headline=self._headline(name),
            outlook=outlook,
        )

    def _headline(self, name: str) -> str:
        title = f"按《{self.scheme.document.title}》第{self.scheme.version}版"
        who = f"药店 {self.signals.code[0].decode('ascii')}，{self.signals.period.label}"
        if not self.rated:
            return f"{who}：{title}，不予评价。"
        label = self.scheme.grades[self.grade].label
        return f"{who}：{title}，信用分 {self._points(self.score)} 分，等级 {name}（{label}）。"

    def _points(self, value: int) -> str:
        return decimal_text(value, places=places_of(self.scheme.document.score.step))

    def _reason(self) -> str:
        reason = self.scheme.reasons[self.state - 1]
        text = f"{reason.title}（{reason.clause}）。"
        rules = self.scheme.document.eligibility
        if self.state > len(rules) or not any(
            leaf.quantity == "tenure_months" for leaf, _, _ in leaves(rules[self.state - 1].when)
        ):
            return text
        tenure = int(self.outcomes.traced("tenure_months")[0])
        return f"{text}至{day_text(self.signals.period.last)}，定点已满{span_text(tenure)}。"

    def _components(self, indicators: tuple[IndicatorPart, ...]) -> tuple[ComponentPart, ...]:
        parts = []
        for component in self.scheme.document.components:
            mine = [
                part.points
                for part, indicator in zip(indicators, self.scheme.indicators, strict=True)
                if indicator.component == component.id
            ]
            value = int(self.outcomes.traced(f"component.{component.id}")[0])
            exact = component.base_score + sum(mine)
            text = f"{component.title}：{sum_text(component.base_score, mine)} = {decimal_text(exact)} 分"
            if value != exact:
                low, high = decimal_text(component.floor), decimal_text(component.ceiling)
                text += f"，限于 {low} 至 {high} 分，计 {decimal_text(value)} 分"
            parts.append(
                ComponentPart(
                    component.id, component.title, component.clause, value, f"{text}（{component.clause}）。"
                )
            )
        return tuple(parts)

    def _score_text(self) -> str:
        rule, components = self.scheme.document.score, self.scheme.document.components
        total = int(self.outcomes.traced("total")[0])
        exact = decimal_text(total, POINT * WHOLE)
        if len(components) == 1 and components[0].weight == WHOLE:
            text = f"信用分：{exact} 分"
        else:
            terms = " + ".join(
                f"{decimal_text(int(self.outcomes.traced(f'component.{part.id}')[0]))}"
                f" × {decimal_text(part.weight, WHOLE)}"
                for part in components
            )
            text = f"信用分：{terms} = {exact} 分"
        if self.rated and total != self.score * WHOLE:
            step = decimal_text(rule.step)
            text += f"，以 {step} 分为单位{ROUNDING_LABELS[rule.rounding]}"
            text += f"并限于 {decimal_text(rule.floor)} 至 {decimal_text(rule.ceiling)} 分"
            text += f"，为 {self._points(self.score)} 分"
        return f"{text}（{rule.clause}）。"

    def _reaches(self, threshold: int) -> str:
        better = "达到" if self.scheme.better_sign > 0 else "不超过"
        return f"{better} {self._points(threshold)} 分"

    def _band_text(self) -> str:
        bands = self.scheme.document.bands
        before = int(self.outcomes.grade_before_caps[0])
        place = next(n for n, row in enumerate(bands.rows) if self.scheme.positions[row.grade] == before)
        row = bands.rows[place]
        threshold = band_threshold(self.scheme, self.signals, self.peers, place)
        text = f"信用分 {self._points(self.score)} 分"
        passed_over = self._passed_over(place)
        if passed_over:
            text += f"。{passed_over}因此"
        elif threshold is None:
            text += "，未达到更好等级的要求，"
        else:
            text += f"，{self._reaches(threshold)}"
            text += f"，且{describe(row.also, self.scheme)}，" if row.also is not None else "，"
        text += f"按分数{'和条件' if passed_over else ''}评为 {self.scheme.grades[before].name}"
        return f"{text}（{row.clause}）。{self._group_text()}"

    def _passed_over(self, place: int) -> str:
        """Better grades whose score was reached but whose further condition was not."""
        text = ""
        for number, row in enumerate(self.scheme.document.bands.rows[:place]):
            threshold = band_threshold(self.scheme, self.signals, self.peers, number)
            sign = self.scheme.better_sign
            if threshold is None or row.also is None or self.score * sign < threshold * sign:
                continue
            text += (
                f"分数已合 {row.grade} 的要求，但 {row.grade} 还须{describe(row.also, self.scheme)}，"
                f"未能满足（{row.clause}）。"
            )
        return text

    def _group_text(self) -> str:
        bands = self.scheme.document.bands
        if not isinstance(bands, PositionBands):
            return ""
        figure = self.peers.cuts.get(group(self.signals, bands.group).names[0])
        everyone = self.peers.cuts[EVERYONE]
        own = figure is not None and figure.own
        cuts = figure if figure is not None else everyone
        size = figure.size if figure is not None and own else everyone.size
        points = "，".join(
            f"{row.grade} 为 {self._points(cut)} 分" if cut is not None else f"{row.grade} 没有名额"
            for row, cut in zip(bands.rows[:-1], cuts.values, strict=True)
        )
        what = "同组" if own else f"同组药店不足{bands.min_group}家，改用全部药店的分数线；全部"
        ties = "较好" if bands.ties == "better" else "较差"
        return f"{what}参评药店{size}家，分数线：{points}；分数线上同分的评{ties}等级（{bands.clause}）。"

    def _caps(self) -> tuple[CapPart, ...]:
        parts = []
        for number, cap in enumerate(self.scheme.document.caps):
            strikes = bool(int(self.outcomes.caps[0]) >> number & 1)
            position: int | None = None
            if cap.limit is not None:
                position = self.scheme.positions[cap.limit]
            elif strikes:
                position = int(self.outcomes.traced(f"measure.{cap.limit_measure}")[0]) // POINT - 1
            limit = "" if position is None else self.scheme.grades[position].name
            before = int(self.outcomes.grade_before_caps[0])
            lowers = strikes and position is not None and position > before
            ends = self.ahead.cap_ends.get(number)
            condition = describe(cap.when, self.scheme)
            if not strikes:
                text = f"等级上限“{cap.title}”：条件为{condition}，不适用（{cap.clause}）。"
            else:
                text = f"等级上限“{cap.title}”：符合条件（{condition}），最高评为 {limit}（{cap.clause}）"
                text += "，等级因此降低。" if lowers else "，对本次等级没有影响。"
            parts.append(
                CapPart(cap.id, cap.title, cap.clause, condition, limit, strikes, lowers, ends, text)
            )
        return tuple(parts)

    def _outlook(
        self, caps: tuple[CapPart, ...], heaviest: FactLine | None
    ) -> tuple[str, int, tuple[str, ...]]:
        if not self.rated:
            return "", 0, (self._first_rating(),)
        if self.grade == 0:
            return "", 0, (f"已是最高等级 {self.scheme.grades[0].name}。",)
        target = target_band(self.scheme, self.grade)
        if target is None:
            return "", 0, (f"按分数已是最高等级 {self.scheme.grades[self.grade].name}。",)
        row = self.scheme.document.bands.rows[target]
        position = self.scheme.positions[row.grade]
        lines, missing = self._score_needed(target)
        if row.also is not None and not self._holds(row.also):
            lines.append(f"{row.grade} 还须{describe(row.also, self.scheme)}，目前未满足（{row.clause}）。")
        for cap in caps:
            if not cap.strikes or self.scheme.positions[cap.limit] <= position:
                continue
            when = (
                f"没有新的事实时，到{month_end_text(cap.ends_on)}不再适用"
                if cap.ends_on is not None
                else "不会仅因时间推移而解除"
            )
            lines.append(f"等级上限“{cap.title}”须先解除：{when}（{cap.clause}）。")
        if self.ahead.better_on is not None and self.ahead.better_grade is not None:
            name = self.scheme.grades[self.ahead.better_grade].name
            lines.append(
                f"没有新的事实、其他情况不变时，按{month_end_text(self.ahead.better_on)}的情况"
                f"重新计算，等级为 {name}。"
            )
        else:
            lines.append("其他情况不变时，五年之内等级不会仅因时间推移而提高。")
        if heaviest is not None:
            number = decimal_text(abs(heaviest.points))
            what = "认定" if heaviest.source == "violations" else "查实"
            lines.append(
                f"影响最大的一件：{day_text(heaviest.decided_on)}{what}的“{heaviest.kind}”，{number} 分。"
            )
        return row.grade, missing, tuple(lines)

    def _holds(self, also: Condition) -> bool:
        known = {
            name.removesuffix(".points"): self.outcomes.traced(name)
            for name in self.outcomes.trace_columns
            if name.endswith(".points") or name.startswith("component.") or name == "worst_indicator"
        }
        for name in ("chain", "tenure_months", "opened_months"):
            known[name] = self.outcomes.traced(name) * POINT
        known["score"] = self.outcomes.score
        return bool(Quantities(self.signals, known).holds(also)[0])

    def _score_needed(self, band: int) -> tuple[list[str], int]:
        """What the score still lacks for ``band``, as text and in thousandths."""
        name = self.scheme.document.bands.rows[band].grade
        threshold = band_threshold(self.scheme, self.signals, self.peers, band)
        if threshold is None:
            return [f"本组没有 {name} 的名额。"], 0
        missing = (threshold - self.score) * self.scheme.better_sign
        if missing <= 0:
            return [f"要评为 {name}：分数已{self._reaches(threshold)}。"], 0
        verb = "还差" if self.scheme.better_sign > 0 else "还多"
        return [
            f"要评为 {name}：信用分须{self._reaches(threshold)}，{verb} {self._points(missing)} 分。"
        ], missing

    def _first_rating(self) -> str:
        if self.state > len(self.scheme.document.eligibility):
            return "导入该数值后可以重新评价。"
        if self.ahead.better_on is None:
            return "其他情况不变时，五年之内不会仅因时间推移而参加评价。"
        return f"其他情况不变时，从{month_end_text(self.ahead.better_on)}起可以参加评价。"
