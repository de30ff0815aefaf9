"""The states of periods, objections and credit repairs, and every move that is allowed.

These tables are the one source: database triggers, services, the admin's buttons and the
README's diagrams are made from them. What is not listed is not allowed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ratings.rules.vocabulary import Term, Vocabulary

#: The demand of every move that wants words from the person who makes it.
REASON: Final = "写明理由"


@dataclass(frozen=True, slots=True)
class Move:
    """One step from a state to the next; a name with several sources has one row for each."""

    #: what code, forms and records call it
    name: str
    source: str
    target: str
    #: what the button says
    title: str
    #: codename in app ratings, without the app
    permission: str
    #: what must be true, one short sentence each
    demands: tuple[str, ...] = ()

    @property
    def needs_reason(self) -> bool:
        """Whether the person who makes the move must give a reason."""
        return REASON in self.demands


PERIOD_STATES: Final = Vocabulary(
    "评价周期状态",
    Term("COMPUTED", "已计算"),
    Term("UNDER_REVIEW", "审核中"),
    Term("PUBLIC_NOTICE", "公示中"),
    Term("FINAL", "已审定"),
    Term("PUBLISHED", "已发布"),
    Term("CLOSED", "已归档"),
    Term("ABANDONED", "已终止"),
)

OBJECTION_STATES: Final = Vocabulary(
    "异议状态",
    Term("OPEN", "办理中"),
    Term("PROPOSED", "待决定"),
    Term("UPHELD", "成立"),
    Term("REJECTED", "不成立"),
    Term("WITHDRAWN", "已撤回"),
    Term("REVIEW_REQUESTED", "复核中"),
    Term("REVIEW_PROPOSED", "复核待决定"),
    Term("REVIEW_UPHELD", "复核成立"),
    Term("REVIEW_REJECTED", "复核不成立"),
)

#: States in which an objection is still to be decided or reviewed; the grade is marked so long.
OPEN_OBJECTION: Final = ("OPEN", "PROPOSED", "REVIEW_REQUESTED", "REVIEW_PROPOSED")

REPAIR_STATES: Final = Vocabulary(
    "信用修复状态",
    Term("APPLIED", "已申请"),
    Term("ACCEPTED", "已受理"),
    Term("PROPOSED", "待决定"),
    Term("GRANTED", "准予修复"),
    Term("REFUSED", "不予修复"),
    Term("NOT_ACCEPTED", "不予受理"),
    Term("WITHDRAWN", "已撤回"),
)

#: States of a period whose grades are public.
PUBLISHED_STATES: Final = ("PUBLISHED", "CLOSED")
#: States in which an application for repair is still to be decided.
OPEN_REPAIR: Final = ("APPLIED", "ACCEPTED", "PROPOSED")

#: Which role holds each permission of a move (roles: ``services/roles.py``).
HOLDERS: Final = {
    "review_ratingperiod": "审核员",
    "approve_ratingperiod": "审批员",
    "add_objection": "经办员",
    "change_objection": "审核员",
    "decide_objection": "审批员",
    "add_creditrepair": "经办员",
    "change_creditrepair": "审核员",
    "decide_creditrepair": "审批员",
}

PERIOD_MOVES: Final = (
    Move("review", "COMPUTED", "UNDER_REVIEW", "开始审核", "review_ratingperiod"),
    Move(
        "give_notice",
        "UNDER_REVIEW",
        "PUBLIC_NOTICE",
        "开始公示",
        "approve_ratingperiod",
        (
            "审核事项全部确认",
            "各区县其余结果均已批量确认",
            "没有未决定的等级调整",
            "不是开始审核的人",
        ),
    ),
    Move("recall", "PUBLIC_NOTICE", "UNDER_REVIEW", "退回审核", "approve_ratingperiod", (REASON,)),
    Move(
        "finalise",
        "PUBLIC_NOTICE",
        "FINAL",
        "审定",
        "review_ratingperiod",
        ("公示期已满", "没有未办结的异议", "没有未决定的等级调整", "截止后作废的事实和期间变动已复评"),
    ),
    Move("reopen", "FINAL", "UNDER_REVIEW", "撤销审定", "approve_ratingperiod", (REASON,)),
    Move(
        "publish",
        "FINAL",
        "PUBLISHED",
        "发布",
        "approve_ratingperiod",
        (
            "不是审定的人",
            "更晚的评价周期尚未发布",
            "没有未办结的异议",
            "没有未决定的等级调整",
            "截止后作废的事实和期间变动已复评",
        ),
    ),
    Move(
        "close",
        "PUBLISHED",
        "CLOSED",
        "归档",
        "approve_ratingperiod",
        ("以后的评价周期已发布", "没有未办结的异议、信用修复和等级调整"),
    ),
    *(
        Move(
            "abandon",
            source,
            "ABANDONED",
            "终止",
            "approve_ratingperiod",
            (REASON, "没有未办结的异议", "没有未决定的等级调整"),
        )
        for source in ("COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "FINAL")
    ),
)

#: Who may decide a review: nobody who had a hand in it, or in what is reviewed.
_NEW_HAND: Final = "没有登记复核申请，没有提出原处理意见或复核意见，也没有作出原决定"

OBJECTION_MOVES: Final = (
    Move("propose", "OPEN", "PROPOSED", "提出处理意见", "change_objection", (REASON,)),
    Move("return", "PROPOSED", "OPEN", "退回办理", "decide_objection", (REASON,)),
    Move("uphold", "PROPOSED", "UPHELD", "认定成立", "decide_objection", (REASON, "不是提出意见的人")),
    Move("reject", "PROPOSED", "REJECTED", "认定不成立", "decide_objection", (REASON, "不是提出意见的人")),
    *(
        Move("withdraw", source, "WITHDRAWN", "登记撤回", "add_objection", (REASON,))
        for source in ("OPEN", "PROPOSED")
    ),
    Move(
        "request_review",
        "REJECTED",
        "REVIEW_REQUESTED",
        "登记复核申请",
        "add_objection",
        (REASON, "未过申请复核的期限"),
    ),
    Move(
        "propose_review",
        "REVIEW_REQUESTED",
        "REVIEW_PROPOSED",
        "提出复核意见",
        "change_objection",
        (REASON, "不是作出原决定的人"),
    ),
    Move("return_review", "REVIEW_PROPOSED", "REVIEW_REQUESTED", "退回复核", "decide_objection", (REASON,)),
    Move(
        "uphold_review",
        "REVIEW_PROPOSED",
        "REVIEW_UPHELD",
        "复核认定成立",
        "decide_objection",
        (REASON, _NEW_HAND),
    ),
    Move(
        "reject_review",
        "REVIEW_PROPOSED",
        "REVIEW_REJECTED",
        "复核认定不成立",
        "decide_objection",
        (REASON, _NEW_HAND),
    ),
)

REPAIR_MOVES: Final = (
    Move(
        "accept",
        "APPLIED",
        "ACCEPTED",
        "受理",
        "change_creditrepair",
        ("已满最短期限", "已整改并附材料", "已作信用承诺"),
    ),
    Move("decline", "APPLIED", "NOT_ACCEPTED", "不予受理", "change_creditrepair", (REASON,)),
    Move("propose", "ACCEPTED", "PROPOSED", "提出处理意见", "change_creditrepair", (REASON,)),
    Move("return", "PROPOSED", "ACCEPTED", "退回办理", "decide_creditrepair", (REASON,)),
    Move("grant", "PROPOSED", "GRANTED", "准予修复", "decide_creditrepair", (REASON, "不是提出意见的人")),
    Move("refuse", "PROPOSED", "REFUSED", "不予修复", "decide_creditrepair", (REASON, "不是提出意见的人")),
    *(
        Move("withdraw", source, "WITHDRAWN", "登记撤回", "add_creditrepair", (REASON,))
        for source in ("APPLIED", "ACCEPTED", "PROPOSED")
    ),
)


def moves_from(moves: Iterable[Move], state: str) -> tuple[Move, ...]:
    """The moves that leave ``state``, in table order; none where it is an end."""
    return tuple(move for move in moves if move.source == state)


def find(moves: Iterable[Move], name: str, source: str | None = None) -> Move:
    """The move of this name, leaving ``source`` where one is given; KeyError when there is none.

    Rows of one name differ in their source only, so that any of them tells title,
    permission and demands.
    """
    for move in moves:
        if move.name == name and source in (None, move.source):
            return move
    raise KeyError(name if source is None else (name, source))


def mermaid(states: Vocabulary, moves: Iterable[Move]) -> str:
    """The table as a Mermaid state diagram: titles, and in brackets who may make each move.

    The first state of the vocabulary is where things begin; those that no move leaves end.
    """
    rows = tuple(moves)
    lines = ["stateDiagram-v2"]
    lines += [f"    {state.id}: {state.label}" for state in states]
    lines.append(f"    [*] --> {states.terms[0].id}")
    lines += [
        f"    {move.source} --> {move.target}: {move.title}（{HOLDERS[move.permission]}）" for move in rows
    ]
    lines += [f"    {state.id} --> [*]" for state in states if not moves_from(rows, state.id)]
    return "\n".join(lines)


def demands_table(states: Vocabulary, moves: Iterable[Move]) -> str:
    """The table in Markdown: each move with its states, who may make it, and what must be true."""
    rows = tuple(moves)
    lines = ["| 步骤 | 由 | 至 | 谁 | 须满足 |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(move.name for move in rows):
        same = [move for move in rows if move.name == name]
        sources = "、".join(states[move.source].label for move in same)
        move = same[0]
        lines.append(
            f"| {move.title} | {sources} | {states[move.target].label} | {HOLDERS[move.permission]} "
            f"| {'；'.join(move.demands) or '—'} |"
        )
    return "\n".join(lines)
