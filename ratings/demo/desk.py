"""Takes the demo city's periods through the desk: three published, one under notice, work for each role.

Everything goes through the services, as officials would do it, with moments of the past. The
city's facts end in 2020; the procedure's dates count back from today, so that the newest
grades are in force and the public notice is on.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone
from reportlab.pdfgen.canvas import Canvas

from ratings.models import (
    CreditRepair,
    Objection,
    Rating,
    RatingPeriod,
    RatingRun,
    ReviewItem,
    ServiceStatus,
    Violation,
)
from ratings.rules.periods import add_months
from ratings.services.adjustments import decide_adjustment, propose_adjustment, propose_correction
from ratings.services.audit import Actor
from ratings.services.facts import record_fact, void_fact
from ratings.services.interim import find_interim
from ratings.services.objections import decide_objection, propose_outcome, receive_objection
from ratings.services.overtaken import overtaken
from ratings.services.periods import move, open_period
from ratings.services.repairs import accept_repair, apply_repair, decide_repair, propose_repair
from ratings.services.review import confirm_items, confirm_rest, unconfirmed_districts
from ratings.services.terms import deadline

#: Rated in the demo; the last is under public notice.
PERIODS: Final = ("2019H1", "2019H2", "2020H1", "2020H2")
#: Days ago that the review of each began. The last one's notice begins on the day of the demo.
_BEGAN: Final = (520, 335, 150, 4)
CLERK, REVIEWER, APPROVER = Actor("clerk"), Actor("reviewer"), Actor("approver")
_FRAUD: Final = "COLLUSIVE_CASH_OUT"
_B, _C = 1, 2

Progress = Callable[[str], None]


@dataclass
class _Stage:
    """The clock of the play, and who has had a part in it."""

    now: datetime
    played: set[int] = field(default_factory=set)

    def ago(self, days: int, hour: int = 10) -> datetime:
        """A moment in office hours so many days ago."""
        day = timezone.localtime(self.now) - timedelta(days=days)
        return day.replace(hour=hour, minute=0, second=0, microsecond=0) if days else self.now

    def cast(self, run: RatingRun, grade: int, violations: int = 1) -> Iterator[Rating]:
        """Ratings of a grade that rest on so many violations, none of a pharmacy seen before."""
        column = run.trace_columns.index("indicator.violations.count")
        found = Rating.objects.filter(
            run=run, grade=grade, grade_before_caps=grade, pharmacy__predecessor=None, pharmacy__designated_until=None,
            **{f"trace__{column}": violations},
        ).select_related("pharmacy", "run__scheme")  # fmt: skip
        for rating in found.order_by("pharmacy__code"):
            if rating.pharmacy_id not in self.played:
                self.played.add(rating.pharmacy_id)
                yield rating


def furnish(runs: list[RatingRun], progress: Progress | None = None) -> bool:
    """Play the desk's part for the runs of PERIODS; whether it was played now."""
    tell = progress or (lambda step: None)
    if RatingPeriod.objects.exists():
        return False
    stage = _Stage(timezone.now())
    with transaction.atomic():
        lives = []
        for run, began, play in zip(runs, _BEGAN, (_first, _second, _third, _fourth), strict=True):
            lives.append(_review(stage, run, began))
            play(stage, lives[-1], began)
            tell(str(lives[-1]))
        _since(stage, lives[2])
        tell("期间变动和待办事项")
    return True


def _review(stage: _Stage, run: RatingRun, began: int) -> RatingPeriod:
    """Open the period, find its results in order, and withdraw the grades of shops that ended since."""
    at = stage.ago(began)
    life = move(open_period(run, by=REVIEWER, at=at), "review", by=REVIEWER, at=at)
    items = ReviewItem.objects.filter(period=life).values_list("pk", flat=True)
    if items:
        confirm_items(items, note="核对无误（演示）", by=REVIEWER, at=at)
    for district in unconfirmed_districts(life):
        confirm_rest(life, district, by=REVIEWER, at=at)
    _settle(stage, began)
    return life


def _publish(stage: _Stage, life: RatingPeriod, began: int) -> None:
    """Three weeks of notice cover any holiday; then the period is finalised and published.

    Who was rated on facts that fell since is reckoned again before.
    """
    at = stage.ago(began - 24)
    for rating in Rating.objects.filter(run=life.run_id, pharmacy__code__in=overtaken(life)):
        correction = propose_correction(
            rating, text="数据截止后事实有变，复评（演示）",
            clause="《浙江省公共信用信息管理条例》第三十一条", by=REVIEWER, at=at,
        )  # fmt: skip
        if correction:
            decide_adjustment(correction, approve=True, text="同意", by=APPROVER, at=at)
    life = move(life, "finalise", by=REVIEWER, at=stage.ago(began - 25))
    move(life, "publish", by=APPROVER, at=stage.ago(began - 26))


def _settle(stage: _Stage, days_ago: int) -> None:
    """Find what applies at once, and approve it."""
    for proposal in find_interim(by=REVIEWER, at=stage.ago(days_ago)):
        decide_adjustment(proposal, approve=True, text="核对属实", by=APPROVER, at=stage.ago(days_ago, 15))


def _first(stage: _Stage, life: RatingPeriod, began: int) -> None:
    """One grade lowered by judgement, one proposal turned down; published."""
    shops = stage.cast(life.run, _B)
    at = stage.ago(began - 1)
    for approve in (True, False):
        proposal = propose_adjustment(
            next(shops), reason_code="not_rectified", to_grade=_C, by=REVIEWER, at=at,
            text="限期整改到期后复查，处方留存仍不合要求（演示）",
        )  # fmt: skip
        words = "复查记录属实，同意" if approve else "整改期限尚未届满，不予批准"
        decide_adjustment(proposal, approve=approve, text=words, by=APPROVER, at=at)
    move(life, "give_notice", by=APPROVER, at=stage.ago(began - 2))
    _publish(stage, life, began)


def _second(stage: _Stage, life: RatingPeriod, began: int) -> None:
    """Two objections during notice, one upheld and one rejected; published."""
    life = move(life, "give_notice", by=APPROVER, at=stage.ago(began - 2))
    shops = stage.cast(life.run, _C)
    for upheld in (True, False):
        rating = next(shops)
        objection = _object(stage, rating, began - 3)
        propose_outcome(
            objection,
            outcome="UPHELD" if upheld else "REJECTED",
            remedy=Objection.Remedy.VOID_FACTS if upheld else "",
            text="经查，原处理决定所列结算并非本店所为（演示）"
            if upheld
            else "经核查，事实清楚，证据充分（演示）",
            by=REVIEWER,
            at=stage.ago(began - 5),
        )
        decide_objection(objection, text="同意核查意见。", by=APPROVER, at=stage.ago(began - 6))
    _publish(stage, life, began)


def _third(stage: _Stage, life: RatingPeriod, began: int) -> None:
    """One grade raised by judgement; published; one penalty annulled and one repaired since."""
    proposal = propose_adjustment(
        next(stage.cast(life.run, _B)), reason_code="self_report", to_grade=0, by=REVIEWER,
        at=stage.ago(began - 1), text="自查发现并主动退回超范围结算，已核实（演示）",
    )  # fmt: skip
    decide_adjustment(proposal, approve=True, text="同意", by=APPROVER, at=stage.ago(began - 1))
    move(life, "give_notice", by=APPROVER, at=stage.ago(began - 2))
    _publish(stage, life, began)


def _fourth(stage: _Stage, life: RatingPeriod, began: int) -> None:
    """Notice begins; two objections are on the desk."""
    move(life, "give_notice", by=APPROVER, at=stage.now)
    shops = stage.cast(life.run, _C)
    _object(stage, next(shops), 0)
    proposed = _object(stage, next(shops), 0)
    propose_outcome(proposed, outcome="REJECTED", text="经核查，事实清楚（演示）", by=REVIEWER, at=stage.now)


def _since(stage: _Stage, life: RatingPeriod) -> None:
    """What happened to published grades since: a correction, a repair, a fraud; and what is open."""
    annulled = next(stage.cast(life.run, _C))
    fact = void_fact(_violation(annulled), reason="行政复议决定撤销原处罚（演示）", by=CLERK)
    day = timezone.localdate(stage.ago(60))
    correction = propose_correction(
        annulled,
        text=f"{fact.document_no}已被撤销（演示）",
        clause="《行政处罚法》第四十八条",
        due_on=deadline("withdraw_annulled", day).day,
        by=REVIEWER,
        at=stage.ago(60),
    )
    if correction:
        decide_adjustment(correction, approve=True, text="同意", by=APPROVER, at=stage.ago(60, 15))
    repaired = _repair(stage, next(stage.cast(life.run, _C)), 45)
    propose_repair(repaired, grant=True, text="整改到位，已作承诺（演示）", by=REVIEWER, at=stage.ago(42))
    decide_repair(repaired, decision_no="绍演修〔演示〕1号", text="同意修复。", by=APPROVER, at=stage.ago(41))
    good = stage.cast(life.run, 0, 0)
    _fraud(stage, next(good), 1)
    _end_agreement(stage, next(good), 1)
    _settle(stage, 20)
    # Open work: for the clerk and the reviewer an overdue objection and a fresh application; for
    # the approver a repair to decide, a second fraud and a second ended agreement.
    _object(stage, next(stage.cast(life.run, _C)), 18)
    _fraud(stage, next(good), 2)
    _end_agreement(stage, next(good), 2)
    find_interim(by=REVIEWER, at=stage.now)
    shops = stage.cast(life.run, _C)
    waiting = _repair(stage, next(shops), 6)
    propose_repair(waiting, grant=True, text="整改到位，已作承诺（演示）", by=REVIEWER, at=stage.ago(1))
    _apply(stage, next(shops), 1)


def _violation(rating: Rating) -> Violation:
    """The newest decision that a rating counted and that still stands."""
    last = rating.run.period_end
    return Violation.objects.filter(
        pharmacy=rating.pharmacy_id,
        voided_at=None,
        decided_on__range=(add_months(last, -24) + timedelta(days=1), last),
        recorded_at__lte=rating.run.cutoff,
    ).latest("decided_on")


def _object(stage: _Stage, rating: Rating, days_ago: int) -> Objection:
    return receive_objection(
        rating,
        ground=Objection.Ground.FACT,
        statement="处理决定所列的三笔结算系系统故障重复上传，本店已提交说明，请予核实（演示）。",
        contact="演示联系人 0575-00000000",
        channel=Objection.Channel.CLERK,
        facts=[_violation(rating)],
        uploads=[_paper()],
        by=CLERK,
        at=stage.ago(days_ago),
    )


def _apply(stage: _Stage, rating: Rating, days_ago: int) -> CreditRepair:
    at = stage.ago(days_ago)
    return apply_repair(
        _violation(rating),
        applied_on=timezone.localdate(at),
        commitment="本店承诺遵守医保法规，如再违反自愿从重处理（演示）。",
        correction="已退回全部款项，更换管理人员，完成培训（演示）。",
        contact="演示联系人 0575-00000000",
        uploads=[_paper()],
        by=CLERK,
        at=at,
    )


def _repair(stage: _Stage, rating: Rating, days_ago: int) -> CreditRepair:
    return accept_repair(
        _apply(stage, rating, days_ago), accept=True, text="材料齐全", by=REVIEWER, at=stage.ago(days_ago - 1)
    )


def _fraud(stage: _Stage, rating: Rating, number: int) -> None:
    """A fraud is confirmed after the period: recorded today, decided three weeks ago."""
    day: date = timezone.localdate(stage.ago(22))
    record_fact(
        Violation,
        by=CLERK,
        pharmacy=rating.pharmacy,
        kind=_FRAUD,
        gravity="SERIOUS",
        track="PENALTY",
        body="绍兴市医疗保障局",
        document_no=f"绍演医保罚〔演示〕{number}号",
        amount_fen=1_268_000,
        occurred_on=day - timedelta(days=60),
        decided_on=day,
        measures="责令退回、罚款三倍",
        personnel_points=12,
    )


def _end_agreement(stage: _Stage, rating: Rating, number: int) -> None:
    """An agreement is ended after the period: recorded today, decided three weeks ago."""
    day = timezone.localdate(stage.ago(22))
    record_fact(
        ServiceStatus,
        by=CLERK,
        pharmacy=rating.pharmacy,
        status="TERMINATED",
        occurred_on=day,
        decided_on=day,
        document_no=f"绍演医经解〔演示〕{number}号",
    )


def _paper() -> SimpleUploadedFile:
    """A one-page PDF that says what it is."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(72, 760, "DEMO EVIDENCE - generated, not a real document")
    canvas.save()
    return SimpleUploadedFile("演示材料.pdf", buffer.getvalue(), content_type="application/pdf")
