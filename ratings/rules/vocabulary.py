"""The closed word lists that facts and schemes share. Pure Python, no Django.

Every list has a fixed order. The position of a term is its number in columns (see
``columns.py``) and in stored traces, so it never changes; new terms go to the end.
Sources: 条例 = 医疗保障基金使用监督管理条例 (国务院令第735号); 附件2 = the joint anti-fraud
campaign's list of pharmacy violations.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """One word: ``id`` in code, database, API and documents; ``label`` for people."""

    id: str
    label: str
    basis: str = ""


class Vocabulary:
    """An ordered, closed list of terms, found by id or number."""

    def __init__(self, title: str, *terms: Term) -> None:
        self.title = title
        self.terms = terms
        self._numbers = {term.id: number for number, term in enumerate(terms)}

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms)

    def __len__(self) -> int:
        return len(self.terms)

    def __contains__(self, term_id: object) -> bool:
        return term_id in self._numbers

    def __getitem__(self, term_id: str) -> Term:
        """The term with this id; KeyError when there is none."""
        return self.terms[self._numbers[term_id]]

    def number(self, term_id: str) -> int:
        """The term's fixed number in columns; KeyError when there is none."""
        return self._numbers[term_id]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(term.id for term in self.terms)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """(id, label) pairs, as Django fields want them."""
        return [(term.id, term.label) for term in self.terms]


VIOLATION_KINDS = Vocabulary(
    "违法违规类型",
    Term("ITEM_SUBSTITUTION", "串换药品、日用品、保健品", "条例第三十八条第四、六项"),
    Term("PRESCRIPTION_INVALID", "伪造变造处方或无处方", "条例第四十条第二项"),
    Term("BEYOND_PAY_SCOPE", "超出限定支付条件和范围", "条例第三十八条第六项"),
    Term("IDENTITY_NOT_VERIFIED", "不核验凭证或明知冒用仍结算", "条例第十五条、第四十条第一项"),
    Term("COLLUSIVE_CASH_OUT", "串通空刷、现金退付、兑换支付", "条例第三十八条第五项、第四十条"),
    Term("SETTLE_FOR_UNDESIGNATED", "为非定点或中止期药店结算", "条例第三十八条第七项"),
    Term("OTHER_FRAUD", "其他骗取医保基金行为", "条例第四十条第四项"),
    Term("CROSS_REGION_RESALE", "异地电子凭证套刷倒卖", "条例第三十八条第五项、第四十条"),
    Term("CARD_POOLING", "聚敛盗刷社会保障卡", "条例第四十条"),
    Term("INDUCED_NONDRUG_SALE", "诱导购买化妆品、生活用品", "条例第三十八条第四、六项"),
    Term("CARD_FOR_GOODS", "套刷、空刷换取米面粮油", "条例第三十八条第五项"),
    Term("CARD_RING_RESALE", "收卡套刷转卖", "条例第四十条、第四十八条"),
    Term("RETURNED_DRUG", "回流药", "条例第三十八条第五项、第四十条"),
    Term("MGMT_MISSING", "未建立内部管理制度", "条例第三十九条第一项"),
    Term("RECORDS_NOT_KEPT", "未按规定保管资料", "条例第三十九条第二项"),
    Term("DATA_NOT_SENT", "未按规定传送数据", "条例第三十九条第三项"),
    Term("INFO_NOT_REPORTED", "未按规定报告信息", "条例第三十九条第四项"),
    Term("COST_NOT_PUBLIC", "未按规定公开费用", "条例第三十九条第五项"),
    Term("NO_CONSENT", "未经同意提供范围外服务", "条例第三十九条第六项"),
    Term("OBSTRUCTION", "拒绝、阻碍检查", "条例第三十九条第七项"),
    Term("TRACE_CODE_UNUSED", "未按规定使用追溯码", "医疗保障基金使用监督管理条例实施细则"),
)

GRAVITIES = Vocabulary(
    "情节",
    Term("MINOR", "轻微"),
    Term("GENERAL", "一般"),
    Term("SERIOUS", "严重"),
)

TRACKS = Vocabulary(
    "处理性质",
    Term("PENALTY", "行政处罚", "医保行政部门作出"),
    Term("AGREEMENT", "协议处理", "经办机构作出"),
)

COMPLAINT_STATES = Vocabulary(
    "举报投诉状态",
    Term("RECEIVED", "已收到"),
    Term("ACCEPTED", "已受理"),
    Term("NOT_ACCEPTED", "不予受理"),
    Term("TRANSFERRED", "已移送"),
    Term("VERIFYING", "核查中"),
    Term("FILED", "已立案"),
    Term("NOT_FILED", "不予立案"),
    Term("CLOSED", "已办结"),
)

COMPLAINT_FINDINGS = Vocabulary(
    "查实结论",
    Term("PENDING", "尚无结论"),
    Term("VERIFIED", "查证属实"),
    Term("UNFOUNDED", "查无实据"),
)

COMPLAINT_TOPICS = Vocabulary(
    "举报投诉内容",
    Term("FRAUD", "涉嫌骗取医保基金"),
    Term("SERVICE", "服务与价格"),
    Term("OTHER", "其他"),
)

SERVICE_STATUSES = Vocabulary(
    "服务状态",
    Term("IN_SERVICE", "正常"),
    Term("SUSPENDED", "中止协议"),
    Term("TERMINATED", "解除协议"),
)
