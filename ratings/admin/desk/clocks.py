"""Legal days on lists and pages."""

from collections.abc import Iterable
from datetime import date, datetime
from operator import itemgetter

from django.utils import timezone
from django.utils.safestring import SafeString

from ratings.admin import show

#: When, what, who, in what words; without a time it has not been done.
Step = tuple[datetime | None, str, str, str]


def days_left(due_on: date | None, today: date | None = None) -> SafeString | str:
    """How long until a day, as a remark: overdue stands out in words, not in colour alone."""
    if due_on is None:
        return "—"
    left = (due_on - (today or timezone.localdate())).days
    if left < 0:
        return show.badge("bad", f"已逾期 {-left} 天")
    if left == 0:
        return show.badge("warn", "今日到期")
    return show.badge("warn" if left <= 2 else "plain", f"还有 {left} 天")


def course(steps: Iterable[Step]) -> list[tuple[str, str, str, str]]:
    """What was done, in order, as ``ratings/admin/desk/course.html`` draws it."""
    done = [(at, what, who, text) for at, what, who, text in steps if at is not None]
    done.sort(key=itemgetter(0))
    return [(show.moment(at), what, who or "—", text or "—") for at, what, who, text in done]
