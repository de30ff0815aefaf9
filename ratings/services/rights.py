"""What a pharmacy can do about its result: each right with its dates and its legal basis, as pages and letters tell it."""

from dataclasses import dataclass
from datetime import date

from ratings.models import RatingPeriod
from ratings.rules.vocabulary import GRAVITIES
from ratings.services.objection_reviews import REVIEW_TERM
from ratings.services.repairs import WAITS
from ratings.services.steps import shown_day
from ratings.services.terms import deadline, term


@dataclass(frozen=True, slots=True)
class Right:
    """One right, in the words for the pharmacy."""

    name: str
    #: what it means, with its dates
    text: str
    #: legal basis
    source: str


def rights_under_notice(period: RatingPeriod, today: date, *, how: str) -> list[Right]:
    """The rights against a preliminary grade, in the order in which they are used.

    ``how`` says by what way an objection is made.
    """
    until = f"{shown_day(period.notice_until)}（含当日）前" if period.notice_until else "公示期内"
    appeal = term("reconsideration_apply", today)
    return [
        _objection(f"可在 {until}{how}", today),
        _answer(today),
        _review(today),
        Right(
            "行政复议",
            f"等级正式发布后，认为侵犯其合法权益的，可以自知道或者应当知道之日起 {appeal.length_text}内依法申请行政复议。",
            appeal.source,
        ),
        _repair(today),
    ]


def rights_published(period: RatingPeriod, today: date, *, how: str) -> list[Right]:
    """The rights against a published grade; where the period is closed, its grade is in force no more."""
    appeal = term("reconsideration_apply", today)
    objecting = [
        _objection(f"在等级执行期间可以{how}", today),
        _answer(today),
        _review(today),
    ]
    return [
        *(objecting if period.state == "PUBLISHED" else ()),
        Right(
            "行政复议",
            f"认为发布的等级侵犯其合法权益的，可以自知道或者应当知道之日起 {appeal.length_text}内依法申请行政复议。",
            appeal.source,
        ),
        _repair(today),
    ]


def _objection(when_and_how: str, today: date) -> Right:
    return Right(
        "陈述、申辩和异议",
        f"认为事实有误、文字有误、有遗漏、已过期限或列入错误的，{when_and_how}。不因陈述、申辩或提出异议加重评价。",
        term("objection_answer", today).source,
    )


def _answer(today: date) -> Right:
    answer, last = term("objection_answer", today), term("objection_last", today)
    due = deadline("objection_answer", today)
    remark = "" if due.known else "，该年放假安排尚未公布，按周一至周五推算"
    return Right(
        "答复期限",
        f"自收到之日起 {answer.length_text}内答复（{shown_day(today)}提出的，至 {shown_day(due.day)}{remark}）；"
        f"情况复杂的可以延长，最长不超过 {last.length_text}。",
        last.source,
    )


def _review(today: date) -> Right:
    review = term("review_apply", today)
    return Right(
        "复核",
        f"异议未被采纳的，可在决定送达后 {review.length_text}内申请复核（{REVIEW_TERM}），由原办理人员以外的人员决定。",
        review.source,
    )


def _repair(today: date) -> Right:
    """The way to a better grade where the facts are right."""
    waits = {gravity: term(name, today) for gravity, name in WAITS.items()}
    after = "；".join(
        f"情节{GRAVITIES[gravity].label}的，{f'满 {wait.length_text}后' if wait.length else '随时'}"
        for gravity, wait in waits.items()
    )
    return Right(
        "信用修复",
        f"记录属实的，整改到位并作出信用承诺后，可以到窗口申请信用修复（自处理决定之日起，{after}可以申请）。"
        "准予修复的，该记录自决定之日起不再计入评价，等级随即重新评定。",
        term("repair_wait_serious", today).source,
    )
