"""What people do to an objection, each act made for one row."""

from typing import Any

from django.utils import timezone

from ratings.admin import show
from ratings.admin.desk.acts import Act
from ratings.admin.desk.forms import FilesField, choice, day, form_of, words
from ratings.admin.desk.receiving import fact_choices, facts_chosen, facts_field
from ratings.models import Objection
from ratings.services import objection_reviews, objections
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.steps import DECISION_LENGTH

_OUTCOMES = (
    *((f"UPHELD|{value}", f"成立：{label}") for value, label in Objection.Remedy.choices),
    ("REJECTED|", "不成立"),
)
_AT_ONCE = "决定以后立即生效：作废所列事实、复评、调整等级一次办完，已发布的随即发布更正。"


def outcome_text(outcome: str, remedy: str) -> str:
    """A proposed outcome with its remedy, in words."""
    told = objections.OUTCOMES.get(outcome, "")
    return f"{told}：{Objection.Remedy(remedy).label}" if remedy else told


def propose(row: Objection) -> Act:
    """What to do with it, for another person to decide."""
    return Act(
        "propose",
        "提出处理意见",
        "change_objection",
        do=_do_propose,
        form=lambda request, row: form_of(outcome=choice("处理意见", _OUTCOMES), text=words("理由")),
        note="由另一人决定。成立并作废所列事实的，决定时系统按原批次规则复评；申辩不加重。",
    )


def _do_propose(row: Objection, values: dict[str, Any], by: Actor) -> str:
    outcome, remedy = values["outcome"].split("|")
    objections.propose_outcome(row, outcome=outcome, remedy=remedy, text=values["text"], by=by)
    return "已提出处理意见，等待另一人决定。"


def facts(row: Objection) -> Act:
    """More facts that it is about."""
    return Act(
        "facts",
        "增列所涉事实",
        "change_objection",
        minor=True,
        do=_do_facts,
        form=lambda request, row: form_of(facts=facts_field(fact_choices(row.rating), required=True)),
        also=("add_objection",),
    )


def _do_facts(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.add_facts(row, facts_chosen(values["facts"]), by=by)
    return "已增列所涉事实。"


def extend(row: Objection) -> Act:
    """The one extension of its term."""
    return Act(
        "extend",
        "延长期限",
        "change_objection",
        minor=True,
        do=_do_extend,
        form=lambda request, row: form_of(text=words("延长理由", most=300)),
        note=f"延长至{show.day(row.last_due_on)}，只能延长一次，届满以后不能延长。",
    )


def _do_extend(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.extend_objection(row, reason=values["text"], by=by)
    return "已延长期限。"


def decide(row: Objection) -> Act:
    """As proposed."""
    upheld = row.proposed_outcome == "UPHELD"
    return Act(
        "decide",
        "认定成立" if upheld else "认定不成立",
        "decide_objection",
        do=_do_decide,
        form=lambda request, row: form_of(text=words("决定理由", most=DECISION_LENGTH)),
        note=_AT_ONCE if upheld else "",
        faults=_not_own_proposal,
    )


def _not_own_proposal(row: Objection, by: Actor) -> list[str]:
    return ["处理意见是您提出的，须由另一人决定。"] if row.proposed_by == by.name else []


def _do_decide(row: Objection, values: dict[str, Any], by: Actor) -> str:
    done = objections.decide_objection(row, text=values["text"], by=by)
    return f"已决定：{done.decision_text}"


def send_back(row: Objection) -> Act:
    """Back to who proposed."""
    return Act(
        "return",
        "退回办理",
        "decide_objection",
        do=_do_return,
        form=lambda request, row: form_of(text=words("退回理由")),
        danger=True,
    )


def _do_return(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.return_objection(row, text=values["text"], by=by)
    return "已退回办理。"


def withdraw(row: Objection) -> Act:
    """The party takes it back."""
    return Act(
        "withdraw",
        "登记撤回",
        "add_objection",
        do=_do_withdraw,
        form=lambda request, row: form_of(
            text=words("撤回的说明", help_text="写明药店何时、如何撤回。"),
            files=FilesField("书面撤回的材料", required=True),
        ),
        minor=True,
    )


def _do_withdraw(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.withdraw_objection(row, text=values["text"], uploads=values["files"], by=by)
    return "已登记撤回。"


def serve(row: Objection) -> Act:
    """The day on which the decision reached the party."""
    return Act(
        "serve",
        "登记送达",
        "add_objection",
        minor=True,
        do=_do_serve,
        form=lambda request, row: form_of(served_on=day("送达日期", help_text="以送达回证为准。")),
        note="只登记一次，不能再改。申请复核的期限自送达之日起算。",
    )


def _do_serve(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objections.record_service(row, served_on=values["served_on"], by=by)
    return "已登记送达。"


def request_review(row: Objection) -> Act:
    """The party does not accept a rejection."""
    return Act(
        "request_review",
        "登记复核申请",
        "add_objection",
        do=_do_request_review,
        form=lambda request, row: form_of(text=words("复核申请", help_text="药店不服的理由。")),
        note=f"可在{show.day(objection_reviews.review_until(row))}以前（含当日）申请复核（{objection_reviews.REVIEW_TERM}），由原决定人以外的人决定。",
        faults=_review_faults,
    )


def _review_faults(row: Objection, by: Actor) -> list[str]:
    try:
        until = objection_reviews.review_until(row)
    except Refused as refused:
        return [str(refused)]
    return [f"申请复核的期限已于{show.day(until)}届满。"] if timezone.localdate() > until else []


def _do_request_review(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objection_reviews.request_review(row, statement=values["text"], by=by)
    return "已登记复核申请。"


def propose_review(row: Objection) -> Act:
    """What a review comes to, for another person to decide."""
    return Act(
        "propose_review",
        "提出复核意见",
        "change_objection",
        do=_do_propose_review,
        form=lambda request, row: form_of(outcome=choice("复核意见", _OUTCOMES), text=words("理由")),
        note="由另一人决定，作出原决定的人不得参与。成立的，决定时系统按原批次规则复评；申辩不加重。",
        faults=_own_decision,
    )


def _own_decision(row: Objection, by: Actor) -> list[str]:
    return ["原决定是您作出的，复核意见须由另一人提出。"] if row.decided_by == by.name else []


def _do_propose_review(row: Objection, values: dict[str, Any], by: Actor) -> str:
    outcome, remedy = values["outcome"].split("|")
    objection_reviews.propose_review(row, outcome=outcome, remedy=remedy, text=values["text"], by=by)
    return "已提出复核意见，等待另一人决定。"


def return_review(row: Objection) -> Act:
    """Back to who proposed the review's outcome."""
    return Act(
        "return_review",
        "退回复核",
        "decide_objection",
        do=_do_return_review,
        form=lambda request, row: form_of(text=words("退回理由")),
        danger=True,
    )


def _do_return_review(row: Objection, values: dict[str, Any], by: Actor) -> str:
    objection_reviews.return_review(row, text=values["text"], by=by)
    return "已退回复核。"


def decide_review(row: Objection) -> Act:
    """As proposed, by somebody new to the matter."""
    upheld = row.review_outcome == "UPHELD"
    return Act(
        "decide_review",
        "复核认定成立" if upheld else "复核认定不成立",
        "decide_objection",
        do=_do_decide_review,
        form=lambda request, row: form_of(text=words("复核决定", most=DECISION_LENGTH)),
        note=_AT_ONCE if upheld else "",
        faults=_earlier_hand,
    )


def _earlier_hand(row: Objection, by: Actor) -> list[str]:
    if by.name in objection_reviews.earlier_hands(row):
        return ["您登记过复核申请、提出过处理意见或复核意见，或作出了原决定，复核须由另一人决定。"]
    return []


def _do_decide_review(row: Objection, values: dict[str, Any], by: Actor) -> str:
    done = objection_reviews.decide_review(row, text=values["text"], by=by)
    return f"已作出复核决定：{done.review_text}"
