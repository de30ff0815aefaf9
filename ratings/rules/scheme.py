"""A checked scheme: the document, the hash of its exact bytes, and what others ask of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path as FilePath

from ratings.rules.bound_checks import check_bands, check_grades, check_header, check_score
from ratings.rules.checks import Finding, check_indicators, check_measures, check_names, conditions_in
from ratings.rules.condition_checks import check_conditions
from ratings.rules.conditions import Condition, leaves
from ratings.rules.desk_checks import check_adjustments, check_at_once, check_review
from ratings.rules.document import Grade, SchemeDocument
from ratings.rules.indicators import (
    ComplaintsIndicator,
    GrowthIndicator,
    Indicator,
    MeasureIndicator,
    ViolationsIndicator,
)
from ratings.rules.limits import MOST_PROBLEMS
from ratings.rules.problems import Path, Problem, SchemeError
from ratings.rules.reading import read_document
from ratings.rules.translation import problem_at

_CHECKS = (
    check_header,
    check_score,
    check_names,
    check_measures,
    check_indicators,
    check_conditions,
    check_grades,
    check_bands,
    check_adjustments,
    check_review,
    check_at_once,
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pharmacy is not rated: an eligibility rule, or a measure that is missing."""

    id: str
    title: str
    clause: str


@dataclass(frozen=True)
class Scheme:
    """A scheme document that passed every check. Made by :func:`parse_scheme` only."""

    document: SchemeDocument
    #: SHA-256 of the exact bytes of the document, hexadecimal
    hash: str
    file: str

    @property
    def key(self) -> str:
        return self.document.key

    @property
    def version(self) -> int:
        return self.document.version

    @property
    def grades(self) -> tuple[Grade, ...]:
        """Best first; a grade's number in outcomes is its place here."""
        return self.document.grades

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        return self.document.indicators

    @cached_property
    def positions(self) -> dict[str, int]:
        """Grade name to number."""
        return {grade.name: number for number, grade in enumerate(self.grades)}

    @property
    def better_sign(self) -> int:
        """1 where a higher score is better, -1 where a lower one is."""
        return 1 if self.document.score.direction == "higher_is_better" else -1

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """``state`` k in outcomes means not rated because of ``reasons[k - 1]``."""
        rules = [Reason(rule.id, rule.title, rule.clause) for rule in self.document.eligibility]
        absent = [
            Reason(indicator.id, f"缺少“{indicator.title}”的数值", indicator.clause)
            for indicator in self.indicators
            if isinstance(indicator, MeasureIndicator) and indicator.if_missing == "not_rated"
        ]
        return (*rules, *absent)


def scheme_hash(text: bytes) -> str:
    """The identity of a scheme version: SHA-256 over the document's exact bytes."""
    return hashlib.sha256(text).hexdigest()


def parse_scheme(text: bytes | str, file: str = "scheme.toml") -> Scheme:
    """Reads and checks a scheme document; ``file`` names it in messages.

    Raises SchemeError with every problem found.
    """
    data = text.encode() if isinstance(text, str) else text
    document, tree, problems = read_document(data, file, SchemeDocument)
    if document is not None:
        known = {problem.path for problem in problems}
        found = (
            problem_at(tree, file, path, what, remedy)
            for check in _CHECKS
            for path, what, remedy in _findings(check(document))
        )
        problems += islice((problem for problem in found if problem.path not in known), MOST_PROBLEMS + 1)
    if len(problems) > MOST_PROBLEMS:
        more = Problem(file, "（全文）", "", f"问题超过 {MOST_PROBLEMS} 处，其余未列出。", "先改正以上各处。")
        problems = [*problems[:MOST_PROBLEMS], more]
    if problems or document is None:
        raise SchemeError(problems)
    return Scheme(document, scheme_hash(data), file)


def rebuilt(scheme: Scheme, document: SchemeDocument) -> Scheme | None:
    """``scheme`` with a document put together from parts of sound ones; None where they do not fit together.

    Its hash stands for the parts, as there is no text of it.
    """
    if any(True for check in _CHECKS for _ in check(document)):
        return None
    return Scheme(document, scheme_hash(document.model_dump_json().encode()), scheme.file)


def _findings(found: Iterator[Finding]) -> Iterator[Finding]:
    seen: set[tuple[Path, str]] = set()
    for path, what, remedy in found:
        if (path, what) not in seen:
            seen.add((path, what))
            yield path, what, remedy


#: Where the schemes that come with the system lie.
SHIPPED = FilePath(__file__).resolve().parent.parent / "schemes"


def load_scheme(path: FilePath) -> Scheme:
    """Parses the document at ``path``. Raises SchemeError, or OSError when it cannot be read."""
    return parse_scheme(path.read_bytes(), path.name)


def shipped_schemes() -> dict[str, FilePath]:
    """Key to file of every scheme that comes with the system."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def conditions_of(scheme: Scheme) -> Iterator[Condition]:
    """Every comparison that the scheme makes, wherever it stands."""
    for path, whole in conditions_in(scheme.document):
        for leaf, _, _ in leaves(whole, path):
            yield leaf


def required_measures(scheme: Scheme) -> frozenset[str]:
    """Keys of every imported value that the scheme reads."""
    return frozenset(term.key for term in scheme.document.measures)


def needs_payments(scheme: Scheme) -> bool:
    """Whether monthly fund payments matter at all."""
    return any(isinstance(indicator, GrowthIndicator) for indicator in scheme.indicators)


def memory_months(scheme: Scheme) -> int | None:
    """After how many whole months since its decision no fact matters any more; None: never.

    A reader of facts may leave older ones out.
    """
    longest = 0
    for leaf in conditions_of(scheme):
        if leaf.quantity in ("violations", "violation_amount", "complaints"):
            if leaf.within_months is None:
                return None
            longest = max(longest, leaf.within_months)
    for indicator in scheme.indicators:
        if not isinstance(indicator, ViolationsIndicator | ComplaintsIndicator):
            continue
        ageing = indicator.ageing
        if ageing.shape == "linear" and ageing.months is not None:
            # A fact reckoned from its (earlier) occurrence is forgotten no later than this.
            longest = max(longest, ageing.months)
        elif ageing.steps and ageing.steps[-1].percent == 0:
            longest = max(longest, ageing.steps[-1].months)
        else:
            return None
    return longest
