"""From the text of a document to the catalogue or the enterprise rule, collecting all problems."""

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from pydantic import BaseModel

from applications.enterprise_credit.rules.assessment import EnterpriseRule
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.rules.catalogue_checks import check_catalogue
from applications.enterprise_credit.rules.condition_checks import Finding
from applications.enterprise_credit.rules.rule_checks import check_rule
from ratings.rules.problems import SchemeError
from ratings.rules.reading import read_document
from ratings.rules.translation import problem_at

Document = TypeVar("Document", bound=BaseModel)


def read_catalogue(text: str, grades: Collection[str] | None = None, file: str = "目录") -> Catalogue:
    """The catalogue; ``grades`` are the enterprise grades that it may name (None: any), ``file`` names it in messages.

    Raises SchemeError with every problem: path, clause, what is wrong and what to do, in Chinese.
    """
    return _read(text, file, Catalogue, lambda document: check_catalogue(document, grades))


def read_rule(text: str, catalogue: Catalogue | None = None, file: str = "规则") -> EnterpriseRule:
    """The enterprise rule; record types that it names are looked up in ``catalogue`` (None: not checked).

    Raises SchemeError as above.
    """
    return _read(text, file, EnterpriseRule, lambda document: check_rule(document, catalogue))


def _read(
    text: str, file: str, model: type[Document], check: Callable[[Document], Iterable[Finding]]
) -> Document:
    document, tree, problems = read_document(text.encode(), file, model)
    if document is not None:
        told = {problem.path for problem in problems}
        found = [problem_at(tree, file, path, what, remedy) for path, what, remedy in check(document)]
        problems += [problem for problem in found if problem.path not in told]
    if problems or document is None:
        raise SchemeError(problems)
    return document
