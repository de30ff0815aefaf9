"""What stands beside ratings on lists and pages: adjustments, open objections, published rows.

Read for all rows of a page at once, never row by row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from ratings.admin import show
from ratings.admin.grades import grade_names
from ratings.admin.scope import visible
from ratings.models import Adjustment, Objection, Rating, RatingPeriod
from ratings.rules.moves import OPEN_OBJECTION
from ratings.services.standing import Standing, standings


@dataclass
class Beside:
    """What concerns one rating."""

    standing: Standing
    proposed: Adjustment | None = None
    objection: Objection | None = None

    @property
    def position(self) -> int:
        """The grade's position at this moment."""
        return self.standing.position

    @property
    def remark(self) -> str:
        """What a list says under the grade."""
        if self.objection:
            return "有在办异议"
        if self.proposed:
            return "有待批调整"
        return "已调整" if self.standing.adjustment else ""


def beside(ratings: Sequence[Rating]) -> dict[int, Beside]:
    """By rating id, in three queries."""
    found = {pk: Beside(standing) for pk, standing in standings(ratings).items()}
    for adjustment in Adjustment.objects.filter(rating__in=list(found), state="PROPOSED"):
        found[adjustment.rating_id].proposed = adjustment
    for objection in Objection.objects.filter(rating__in=list(found), state__in=OPEN_OBJECTION):
        found[objection.rating_id].objection = objection
    return found


def share_runs(request: HttpRequest, ratings: Iterable[Rating]) -> None:
    """Give ratings of the same run one run with its scheme, read once."""
    rows = list(ratings)
    periods = visible(request, RatingPeriod.objects.filter(run__in={rating.run_id for rating in rows}))
    runs = {period.run_id: period.run for period in periods.select_related("run__scheme", "run__district")}
    for rating in rows:
        if rating.run_id in runs:
            rating.run = runs[rating.run_id]


def place_badge(rating: Rating, position: int) -> SafeString:
    """A position in the rating's scheme; needs ``run__scheme``."""
    return show.grade_badge(position, grade_names(rating.run.scheme))


def named_badge(rating: Rating, name: str) -> SafeString | str:
    """A grade name as this rating's scheme shows it; a name that it does not know as it stands."""
    names = grade_names(rating.run.scheme)
    places = [place for place, (known, _) in enumerate(names) if known == name]
    return show.grade_badge(places[0], names) if places else name or "—"


class WithRuns(ChangeList):
    """A list of rows with a ``rating``, whose runs and schemes are read once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]
        share_runs(request, [row.rating for row in rows])
        self.result_list = rows


def rating_in_full(pk: int) -> Rating:
    """A rating with all that its pages read of it, in one query."""
    return Rating.objects.select_related("run__scheme", "run__district", "pharmacy", "district").get(pk=pk)


def arrow(rating: Rating, before: int, after: int) -> SafeString:
    """From grade to grade; needs ``run__scheme``."""
    return format_html(
        '<span class="cs-arrow">{} <span aria-hidden="true">→</span>'
        '<span class="cs-grade-letter">改为</span> {}</span>',
        place_badge(rating, before),
        place_badge(rating, after),
    )
