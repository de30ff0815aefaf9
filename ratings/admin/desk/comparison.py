"""A rating beside the same pharmacy's last published period: grades, scores, every indicator."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from ratings.admin import show
from ratings.admin.desk.standings import beside, place_badge
from ratings.admin.grades import reason_not_rated, run_scope
from ratings.admin.scope import visible
from ratings.models import Rating, RatingPeriod
from ratings.rules.explanation import Explanation
from ratings.rules.moves import PUBLISHED_STATES
from ratings.services.errors import Refused
from ratings.services.explanations import explain_rating


@dataclass
class Side:
    """One of the two ratings, explained."""

    rating: Rating
    explanation: Explanation | None
    problem: str

    @classmethod
    def of(cls, rating: Rating) -> "Side":
        try:
            return cls(rating, explain_rating(rating), "")
        except Refused as refused:
            return cls(rating, None, str(refused))

    def points(self) -> dict[str, tuple[str, int]]:
        """Indicator id to title and points."""
        parts = self.explanation.indicators if self.explanation and self.explanation.rated else ()
        return {part.id: (part.title, part.points) for part in parts}


def last_published(request: HttpRequest, rating: Rating) -> Rating | None:
    """The pharmacy's rating in the newest published period before this one."""
    periods = visible(request, RatingPeriod.objects.filter(state__in=PUBLISHED_STATES))
    runs = periods.filter(period_end__lt=rating.run.period_end).order_by("-period_end", "-pk")
    return (
        visible(request, Rating.objects.filter(run__in=list(runs.values_list("run", flat=True)[:20])))
        .filter(pharmacy=rating.pharmacy_id)
        .select_related("run__scheme", "run__district", "pharmacy", "district")
        .order_by("-run__period_end", "-run")
        .first()
    )


def comparison(request: HttpRequest, rating: Rating) -> dict[str, Any]:
    """What ``ratings/admin/desk/review.html`` draws of this rating and the one before."""
    before = last_published(request, rating)
    now_side, before_side = Side.of(rating), Side.of(before) if before else None
    found = beside([each for each in (rating, before) if each])
    heads = [_head(side, found[side.rating.pk].position) for side in (now_side, before_side) if side]
    return {
        "heads": heads,
        "rows": _rows(now_side, before_side),
        "explanation": now_side.explanation,
        "problem": now_side.problem,
        "beside": found[rating.pk],
    }


def _head(side: Side, position: int) -> dict[str, Any]:
    rating = side.rating
    return {
        "period": show.period_label(rating.run.period),
        "url": show.change_url(rating),
        "computed": place_badge(rating, rating.grade),
        "badge": place_badge(rating, position),
        "changed": position != rating.grade,
        "points": show.points(rating.score) if rating.state == 0 else "—",
        "score": rating.score if rating.state == 0 else None,
        "reason": reason_not_rated(rating),
        "scheme": str(rating.run.scheme),
        "scope": run_scope(rating.run),
        "problem": side.problem,
    }


def _rows(now: Side, before: Side | None) -> list[dict[str, str]]:
    """One row an indicator of either side, then the score."""
    here, there = now.points(), before.points() if before else {}
    rows = []
    for key in dict.fromkeys([*here, *there]):
        title = (here.get(key) or there[key])[0]
        rows.append(_row(title, _value(here, key), _value(there, key)))
    rows.append(_row("信用分", _score(now.rating), _score(before.rating) if before else None))
    return rows


def _value(points: dict[str, tuple[str, int]], key: str) -> int | None:
    return points[key][1] if key in points else None


def _score(rating: Rating) -> int | None:
    return rating.score if rating.state == 0 else None


def _row(title: str, now: int | None, before: int | None) -> dict[str, str]:
    change = "—" if now is None or before is None else signed(now - before)
    return {
        "title": title,
        "now": "—" if now is None else show.points(now),
        "before": "—" if before is None else show.points(before),
        "change": change,
    }


def signed(thousandths: int) -> str:
    """A difference with its sign: +2.5, -1, 0."""
    return f"+{show.points(thousandths)}" if thousandths > 0 else show.points(thousandths)
