"""What a pharmacy's grade in a period is at this moment: the computed one, or the last approved change.

One adjustment of a rating is open at a time, so the approved ones follow each other; the
newest (by ``decided_at``, then id) holds. Scores come from the newest approved re-rating:
people change grades, never points.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ratings.models import Adjustment, Rating, Rerating

#: For set-based readers, after ``FROM ratings_rating r``: gives ``standing`` with the columns
#: position (-1 = no grade), score (thousandths, null where there is no grade), adjustment_id
#: and rerating_id (null where there is none).
STANDING_JOIN: Final = """
    LEFT JOIN (
        SELECT DISTINCT ON (a.rating_id) a.rating_id, a.id, a.to_grade
        FROM ratings_adjustment a WHERE a.state = 'APPROVED'
        ORDER BY a.rating_id, a.decided_at DESC, a.id DESC
    ) adjusted ON adjusted.rating_id = r.id
    LEFT JOIN (
        SELECT DISTINCT ON (a.rating_id) a.rating_id, a.rerating_id, again.score
        FROM ratings_adjustment a JOIN ratings_rerating again ON again.id = a.rerating_id
        WHERE a.state = 'APPROVED'
        ORDER BY a.rating_id, a.decided_at DESC, a.id DESC
    ) rerated ON rerated.rating_id = r.id
    CROSS JOIN LATERAL (
        SELECT coalesce(adjusted.to_grade, r.grade)::int2 AS position,
               CASE WHEN coalesce(adjusted.to_grade, r.grade) >= 0
                    THEN coalesce(rerated.score, r.score) END AS score,
               adjusted.id AS adjustment_id, rerated.rerating_id
    ) standing
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The grade of one rating as it stands, and what it rests on."""

    #: place in the scheme's grades, -1 = no grade
    position: int
    #: thousandths of a point, None where there is no grade
    score: int | None
    #: the approved adjustment that holds, None for the computed grade
    adjustment: Adjustment | None
    #: the newest re-rating behind an approved adjustment, None for the computed rating
    rerating: Rerating | None
    #: what was reckoned last; ``position`` differs from it only by judgement
    reckoned: int

    @property
    def judged(self) -> bool:
        """Whether an adjustment by judgement is in effect."""
        return self.position != self.reckoned


def standing(rating: Rating) -> Standing:
    """How one rating stands now."""
    return standings([rating])[rating.pk]


def standings(ratings: Iterable[Rating]) -> dict[int, Standing]:
    """How each rating stands now, by its id, in one query."""
    given = list(ratings)
    approved = (
        Adjustment.objects.filter(rating__in=[rating.pk for rating in given], state=Adjustment.State.APPROVED)
        .select_related("rerating")
        .order_by("decided_at", "id")
    )
    last: dict[int, Adjustment] = {}
    reratings: dict[int, Rerating] = {}
    for adjustment in approved:
        last[adjustment.rating_id] = adjustment
        if adjustment.rerating is not None:
            reratings[adjustment.rating_id] = adjustment.rerating
    found = {}
    for rating in given:
        change, rerating = last.get(rating.pk), reratings.get(rating.pk)
        position = change.to_grade if change else rating.grade
        score = rerating.score if rerating else rating.score
        reckoned = rerating.position if rerating else rating.grade
        found[rating.pk] = Standing(position, score if position >= 0 else None, change, rerating, reckoned)
    return found
