"""Legal terms as this installation keeps them: which holds on a day, and when it ends."""

import functools
from datetime import date, timedelta
from pathlib import Path

from django.conf import settings

from ratings.rules.periods import add_months
from ratings.rules.terms import Term, Terms, load_terms
from ratings.working_days import Deadline, add_working_days


def terms() -> Terms:
    """The terms of ``settings.TERMS_FILE``, read once. Raises what ``load_terms`` raises."""
    return _read(Path(settings.TERMS_FILE))


@functools.lru_cache(maxsize=4)
def _read(path: Path) -> Terms:
    return load_terms(path)


def term(term_id: str, on: date) -> Term:
    """The term as it stands on a day, with its source."""
    return terms().on(term_id, on)


def deadline(term_id: str, start: date) -> Deadline:
    """The last day of a term that begins with something done on ``start``.

    The day of the act itself does not count (民法典第二百零一条). A term in calendar days that
    would end on a day off ends on the next working day (民法典第二百零三条); one in months is
    a waiting time and ends on the day of the same number. ``known`` is False where it needed a
    calendar that is not announced yet.
    """
    held = term(term_id, start)
    if held.unit == "working_days":
        return add_working_days(start, held.length)
    if held.unit == "months":
        return Deadline(add_months(start, held.length), True)
    # The first working day after the day before: that day itself, unless it is a day off.
    return add_working_days(start + timedelta(days=held.length - 1), 1)
