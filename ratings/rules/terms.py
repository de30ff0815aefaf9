"""Legal terms as dated, sourced configuration: how long something may take, from when, by which law.

The file that is shipped is ``terms.toml``; an installation may name another. Ends of terms are
reckoned by the caller, who knows the calendar.
"""

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path as FilePath
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from ratings.rules.fields import Day, Ident, Part, Source, Title, Whole
from ratings.rules.problems import SchemeError
from ratings.rules.reading import read_tree
from ratings.rules.translation import problem_at, suggestion, translate

#: The terms that come with the system.
SHIPPED_TERMS: Final = FilePath(__file__).with_name("terms.toml")

#: Every term that the desk asks for; a file must have them all and no others.
TERMS: Final = {
    "objection_answer": "异议处理",
    "objection_last": "异议处理（延长后累计）",
    "review_apply": "申请复核",
    "review_answer": "复核处理",
    "review_last": "复核处理（延长后累计）",
    "reconsideration_apply": "申请行政复议",
    "withdraw_annulled": "撤回已公开的处罚信息",
    "repair_accept": "信用修复受理",
    "repair_decide": "信用修复决定",
    "repair_extension": "信用修复决定的延长",
    "repair_reply": "信用修复异议答复",
    "repair_wait_minor": "申请修复的最短期限（轻微）",
    "repair_wait_general": "申请修复的最短期限（一般）",
    "repair_wait_serious": "申请修复的最短期限（严重）",
    "penalty_shown_minor": "公开行政处罚的期限（轻微）",
    "penalty_shown_general": "公开行政处罚的期限（一般）",
    "penalty_shown_serious": "公开行政处罚的期限（严重）",
}


_UNITS: Final = {"working_days": "个工作日", "days": "日", "months": "个月"}


class Term(Part):
    """One term as it stands from a date on, until a later one of the same id replaces it."""

    id: Annotated[Ident, Field(description="代码")]
    title: Annotated[Title, Field(description="名称")]
    from_: Annotated[Day, Field(alias="from", description="施行日期")]
    length: Annotated[Whole, Field(description="长度")]
    unit: Annotated[
        Literal["working_days", "days", "months"],
        Field(description="working_days 工作日；days 日历日；months 月"),
    ]
    source: Annotated[Source, Field(description="依据，没有法定依据的写“示例”")]

    @property
    def length_text(self) -> str:
        """``5 个工作日``."""
        return f"{self.length} {_UNITS[self.unit]}"


class TermsDocument(Part):
    """办理期限文件。"""

    terms: Annotated[tuple[Term, ...], Field(min_length=1, description="各项期限")]


@dataclass(frozen=True)
class Terms:
    """Checked terms. Made by :func:`load_terms`."""

    file: str
    rows: tuple[Term, ...]

    def on(self, term_id: str, day: date) -> Term:
        """The term in force on ``day``.

        Raises KeyError for an id that is not in ``TERMS``, and LookupError, in Chinese, for a
        day before the first one.
        """
        title = TERMS[term_id]
        held = [term for term in self.rows if term.id == term_id and term.from_ <= day]
        if not held:
            raise LookupError(
                f"{self.file}：期限“{title}”（{term_id}）在 {day} 尚无规定。"
                f"改正办法：补写一条 from 不晚于 {day} 的。"
            )
        return max(held, key=lambda term: term.from_)


def load_terms(path: FilePath = SHIPPED_TERMS) -> Terms:
    """The terms of the file at ``path``.

    Raises SchemeError with every problem found, in Chinese, by file and key; OSError when the
    file cannot be read.
    """
    tree = read_tree(path.read_bytes(), path.name)
    try:
        document = TermsDocument.model_validate(tree)
    except ValidationError as failure:
        errors = failure.errors(include_url=False)
        told = [translate(tree, path.name, TermsDocument, error, None) for error in errors]
        raise SchemeError(told) from failure
    problems = [
        problem_at(tree, path.name, ("terms", *place), what, remedy)
        for place, what, remedy in _faults(document.terms)
    ]
    if problems:
        raise SchemeError(problems)
    return Terms(path.name, document.terms)


@functools.lru_cache(maxsize=4)
def read_terms(path: FilePath) -> Terms:
    """:func:`load_terms`, once for each file."""
    return load_terms(path)


def _faults(rows: tuple[Term, ...]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    seen = Counter[tuple[str, date]]()
    for number, term in enumerate(rows):
        if term.id not in TERMS:
            near = suggestion(term.id, list(TERMS))
            remedy = f"是否应为 {near}？" if near else f"改为 {'、'.join(TERMS)} 之一。"
            yield (number, "id"), f"没有名为“{term.id}”的期限。", remedy
        seen[term.id, term.from_] += 1
        if seen[term.id, term.from_] == 2:
            yield (
                (number, "from"),
                f"期限“{term.id}”自 {term.from_} 起写了两条。",
                "保留其一，或改正施行日期。",
            )
    given = {term.id for term in rows}
    for term_id, title in TERMS.items():
        if term_id not in given:
            yield (), f"缺少期限“{title}”（{term_id}）。", f'补写 id = "{term_id}" 的一条。'
