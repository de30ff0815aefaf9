"""有效性检验: how well past grades foretold what followed, how stable they are, and which indicators add nothing."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ratings.admin import show
from ratings.admin.grades import run_scope
from ratings.admin.insight.menu import VALIDATION
from ratings.admin.insight.pages import DistrictForm, answer, choice_field, needs, nothing
from ratings.admin.insight.validation_sheets import headline, sheets_of
from ratings.admin.on_record import refuse
from ratings.admin.rating_filters import finished_runs
from ratings.insight.cohort import OUTCOMES, Window
from ratings.insight.evaluation import MOST_RUNS, Evaluation, Question, evaluate
from ratings.insight.validation import MIN_EVENTS
from ratings.models import RatingPeriod, RatingRun
from ratings.rules.moves import PERIOD_STATES, PUBLISHED_STATES
from ratings.rules.periods import Period
from ratings.services.errors import Refused

_MONTHS: Final = (3, 6, 12, 24)
_DATED: Final = {"decided_on": "作出决定（结论）的日期", "occurred_on": "发生（收到）的日期"}
_NO_COMPARISON: Final = "-"
_NONE_YET: Final = "您的管辖范围内还没有完成的评价。"
#: What everybody who reads the page should know first.
CAUTIONS: Final = (
    "低等级的药店查得多，查得多就发现得多：命中有一部分是监管自己造成的；反过来，低等级促使药店整改，"
    "后来就少出事，评级看上去反而不准。两种影响方向相反，这里都分不开。",
    f"出事或没出事的药店少于 {MIN_EVENTS} 家时只写“样本太少”。区间是 95% 的：真值在区间以外的可能约二十分之一；"
    "同时看很多区县或指标时，总有几个碰巧显得突出。",
    "规则改过的，前后的分数和等级不可直接相比；同一家药店在几期里重复出现，各期结果并不互相独立。",
    "用的是评价批次当时计算的分数和等级，不是后来调整过的：因出事而调低的等级，不能算作预先判断对了。",
    "事后作废的决定和投诉不计；刚过去的时段还会有案件陆续定下来，数字会变。",
)


class ValidationForm(DistrictForm):
    """Which ratings are to have foretold what, within how long, and which earlier run stands beside them."""

    run = choice_field("评价批次")
    outcome = choice_field("结果")
    months = choice_field("评价之后")
    dated = choice_field("日期按")
    before = choice_field("与哪一期比较")
    field_order = ("run", "outcome", "months", "dated", "before", "district")

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(request, **kwargs)
        self.runs = finished_runs(request)
        self.lives: dict[int, str] = dict(
            RatingPeriod.objects.filter(run__in=[run.pk for run in self.runs]).values_list("run", "state")
        )
        names = [(str(run.pk), self.name_of(run)) for run in self.runs]
        self._offer("run", ("", "最近一期可以检验的"), *names)
        self._offer("outcome", ("", OUTCOMES["EITHER"].label), *OUTCOMES.choices[:-1])
        self._offer(
            "months", ("", "与评价周期等长"), *((str(number), f"{number} 个月") for number in _MONTHS)
        )
        self._offer("dated", ("", _DATED["decided_on"]), ("occurred_on", _DATED["occurred_on"]))
        self._offer("before", ("", "上一期"), (_NO_COMPARISON, "不比较"), *names)

    def _offer(self, name: str, *choices: tuple[str, str]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def name_of(self, run: RatingRun) -> str:
        """A run in words, with how far its period has come."""
        state = self.lives.get(run.pk)
        known = f"，{PERIOD_STATES[state].label}" if state else ""
        return f"{show.period_label(run.period)} {run_scope(run)} {run.scheme} #{run.pk}{known}"

    def question(self, today: date) -> Question:
        """What is asked; with what is not chosen filled in. There must be a run."""
        chosen = self.cleaned_data
        wanted = chosen["months"]
        run = self._found(chosen["run"]) or _default(self._official(self.runs), self.lives, wanted, today)
        months = int(wanted) if wanted else _length(run)
        same = [
            one for one in self.runs if one.district_id == run.district_id and _length(one) == _length(run)
        ]
        others = self._official(same)
        before = self._found(chosen["before"])
        if not chosen["before"]:
            earlier = [one for one in others if one.period_end < run.period_end]
            before = next(
                (one for one in earlier if one.scheme.key == run.scheme.key), next(iter(earlier), None)
            )
        return Question(
            run=run,
            months=months,
            outcome=chosen["outcome"] or "EITHER",
            dated="occurred_on" if chosen["dated"] else "decided_on",
            before=before,
            others=[one for one in others if one.period != run.period][: MOST_RUNS - 1],
            districts=self.districts,
        )

    def _found(self, key: str) -> RatingRun | None:
        return next((run for run in self.runs if str(run.pk) == key), None)

    def _official(self, runs: Iterable[RatingRun]) -> list[RatingRun]:
        """One run a period and scope, newest period first: the published one, else one on the desk, else the newest."""
        order = {"PUBLISHED": 0, "CLOSED": 0, "ABANDONED": 3, None: 2}
        best: dict[tuple[str, int | None], RatingRun] = {}
        for run in sorted(runs, key=lambda one: (order.get(self.lives.get(one.pk), 1), -one.pk)):
            best.setdefault((run.period, run.district_id), run)
        return sorted(best.values(), key=lambda one: (one.period_end, one.pk), reverse=True)


def _length(run: RatingRun) -> int:
    return Period.parse(run.period).months


def _default(runs: Sequence[RatingRun], lives: dict[int, str], wanted: str, today: date) -> RatingRun:
    """The newest run whose window is over; published ones first, those of the whole city first; else the newest."""
    ordered = sorted(
        runs, key=lambda run: (lives.get(run.pk) not in PUBLISHED_STATES, run.district_id is not None)
    )
    for run in ordered:
        if Window.after(run.period_end, int(wanted) if wanted else _length(run)).last < today:
            return run
    return ordered[0]


@needs(*VALIDATION.needs)
def validation_view(request: HttpRequest) -> HttpResponse:
    """How well a run's ratings foretold what followed.

    Who may see: staff who may see ratings, violations and complaints; of the own districts.
    """
    form = ValidationForm(request)
    if not form.runs:
        return nothing(request, VALIDATION.title, form, _NONE_YET)
    if not form.is_valid():
        return answer(request, VALIDATION.title, form, ())
    try:
        found = evaluate(form.question(timezone.localdate()), timezone.localdate())
    except Refused as refused:
        refuse(request, refused)
        return nothing(request, VALIDATION.title, form, str(refused))
    return answer(
        request,
        VALIDATION.title,
        form,
        sheets_of(found, form.names),
        facts=_facts(found, form),
        intro=headline(found),
        template="ratings/admin/insight/validation.html",
        cautions=CAUTIONS,
    )


def _facts(found: Evaluation, form: ValidationForm) -> list[tuple[str, Any]]:
    people, window = found.people, found.window
    over = "" if found.over else "（窗口尚未结束，只统计到今天）"
    rest = f"另有 {people.not_rated:,} 家不予评级、{people.gone:,} 家在窗口开始前已不再定点，未计入"
    ended = f"；其中 {people.ended:,} 家在窗口内终止定点，仍计入" if people.ended else ""
    return [
        ("评价批次", form.name_of(found.question.run)),
        ("结果", f"至少一件{OUTCOMES[found.question.outcome].label}"),
        ("结果窗口", f"{show.day(window.first)}至{show.day(window.last)}{over}"),
        ("日期按", _DATED[found.question.dated]),
        ("参与检验", f"{people.looked_at:,} 家{ended}（{rest}）"),
        ("比较", form.name_of(found.comparison.before) if found.comparison else "不比较"),
    ]
