"""What can be wrong with a scheme document or with the columns given to ``rate()``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Keys and list positions from the document's root, for example ("indicators", 2, "floor").
Path = tuple[str | int, ...]


def path_text(path: Path) -> str:
    """``("indicators", 2, "floor")`` as ``indicators[2].floor``; the root is ``（全文）``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "（全文）"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right in a scheme document, worded for the official who wrote it."""

    file: str
    #: key path such as ``indicators[2].rows[0].points.MINOR``, or ``第3行第5列``
    path: str
    #: the clause that the faulty part states for itself, "" where none is near
    clause: str
    #: what is wrong, with the value
    what: str
    remedy: str

    def __str__(self) -> str:
        clause = f"（{self.clause}）" if self.clause else ""
        return f"{self.file}：{self.path}{clause}：{self.what}改正办法：{self.remedy}"


class SchemeError(ValueError):
    """A document (a scheme, or legal terms) was refused.

    ``problems`` holds all that is wrong, in document order.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SignalsError(ValueError):
    """The columns cannot be rated with this scheme; ``reasons`` says why, in Chinese."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join(self.reasons))
