"""Legal terms as this installation keeps them: which holds on a day, and when it ends."""

from datetime import date, timedelta
from pathlib import Path

from django.conf import settings

from ratings.rules.periods import add_months
from ratings.rules.problems import SchemeError
from ratings.rules.terms import Term, Terms, read_terms
from ratings.services.errors import Refused
from ratings.working_days import Deadline, add_working_days


def terms() -> Terms:
    """The terms of ``settings.TERMS_FILE``, read once. Raises Refused when they cannot be read."""
    path = Path(settings.TERMS_FILE)
    try:
        return read_terms(path)
    except (SchemeError, OSError) as error:
        raise Refused(f"办理期限文件 {path.name} 无法使用，请系统管理员改正：{error}") from error


def term(term_id: str, on: date) -> Term:
    """The term as it stands on a day, with its source. Raises Refused where none does yet."""
    try:
        return terms().on(term_id, on)
    except KeyError:
        raise  # a term that the code made up
    except LookupError as error:
        raise Refused(str(error)) from error


def deadline(term_id: str, start: date) -> Deadline:
    """The last day of a term that begins with something done on ``start``.

    The day of the act itself does not count (民法典第二百零一条). A term in calendar days that
    would end on a day off ends on the next working day (民法典第二百零三条); one in months is
    a waiting time and ends on the day of the same number. ``known`` is False where it needed a
    calendar that is not announced yet.
    """
    return end_of(term(term_id, start), start)


def end_of(held: Term, start: date) -> Deadline:
    """The last day of a given term, as ``deadline`` reckons it: for one that is not that of ``start``."""
    if held.unit == "working_days":
        return add_working_days(start, held.length)
    if held.unit == "months":
        return Deadline(add_months(start, held.length), True)
    # The first working day after the day before: that day itself, unless it is a day off.
    return add_working_days(start + timedelta(days=held.length - 1), 1)
