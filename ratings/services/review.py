"""The review's work list: which results deserve a look, who has looked, and how far it is.

Everything here is set-based: a nation's results are listed by one read and one write.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from ratings.bulk import read_columns, write_columns
from ratings.models import (
    Adjustment,
    BulkConfirmation,
    District,
    Objection,
    Rating,
    RatingPeriod,
    ReviewItem,
)
from ratings.rules.adjusting import growth_columns, near
from ratings.rules.columns import Int64
from ratings.rules.moves import OPEN_OBJECTION
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.runs import stored_peers
from ratings.services.schemes import parsed

_BITS = ReviewItem.Remark

#: A rating with what was published of its pharmacy: ``kept`` is the last row with a grade (0 none),
#: ``kept_position`` that grade's place in this scheme (-1 when it has none of that name), and
#: ``stands`` tells whether no later row took it back.
_RESULTS = """
    SELECT r.id, r.district_id, v.is_chain::int4 AS chain, r.score, r.grade, r.grade_before_caps,
           coalesce(past.kept, 0) AS kept,
           coalesce(array_position(%(grades)s::text[], g.grade::text), 0) - 1 AS kept_position,
           coalesce(past.kept = past.last, false)::int4 AS stands
           {growth}
    FROM ratings_rating r
    JOIN ratings_pharmacyversion v ON v.pharmacy_id = r.pharmacy_id
        AND v.recorded_at <= %(cutoff)s AND (v.voided_at IS NULL OR v.voided_at > %(cutoff)s)
    LEFT JOIN (
        SELECT pharmacy_id, max(seq) AS last, max(seq) FILTER (WHERE position >= 0) AS kept
        FROM ratings_publishedgrade GROUP BY pharmacy_id
    ) past ON past.pharmacy_id = r.pharmacy_id
    LEFT JOIN ratings_publishedgrade g ON g.seq = past.kept
    WHERE r.run_id = %(run)s
"""


def list_items(period: RatingPeriod) -> int:
    """Put every result that deserves a look on the work list; how many were new.

    Called inside the transaction of the move that begins a review. What is listed already stays.
    Bounds: the scheme's ``[review]``. A grade of a name that this scheme does not know cannot be
    compared, and is only shown.
    """
    run = period.run
    scheme = parsed(run.scheme)
    traced = {
        f"growth_{place}": f"r.trace[{run.trace_columns.index(name) + 1}]"
        for place, name in enumerate(growth_columns(scheme))
    }
    growth = "".join(f", {source} AS {name}" for name, source in traced.items())
    rows = read_columns(
        _RESULTS.format(growth=growth),
        {"run": run.pk, "cutoff": run.cutoff, "grades": [grade.name for grade in scheme.grades]},
        {
            "id": "i8",
            "district": "i4",
            "chain": "i4",
            "score": "i8",
            "grade": "i2",
            "grade_before_caps": "i2",
            "kept": "i8",
            "kept_position": "i4",
            "stands": "i4",
            **dict.fromkeys(traced, "i8"),
        },
    )
    review = scheme.document.review
    rated, published, stands = rows["grade"] >= 0, rows["kept"] > 0, rows["stands"] == 1
    comparable = rated & stands & (rows["kept_position"] >= 0)
    distance = np.abs(rows["grade"].astype(np.int64) - rows["kept_position"])
    grown = np.zeros(len(rated), np.bool_)
    for name in traced:
        grown |= rows[name] >= review.growth_percent
    marks = {
        # A grade that was lost, or came back, is the greatest change of all.
        _BITS.CHANGED: (comparable & (distance >= review.changed_grades))
        | np.where(rated, published & ~stands, stands),
        _BITS.CAPPED: rated & (rows["grade"] > rows["grade_before_caps"]),
        _BITS.NEAR: near(
            scheme, stored_peers(run), rows["score"], rows["district"], rows["chain"] == 1, rated
        ),
        # Where nothing was published before, every rating is a first one, and none is remarkable for it.
        _BITS.FIRST: rated & ~published & published.any(),
        _BITS.GROWTH: rated & grown,
    }
    remarks = np.zeros(len(rated), np.int64)
    for bit, holds in marks.items():
        remarks[holds] |= int(bit)
    found = remarks > 0
    return _store(period, rows["id"][found], remarks[found], rows["kept"][found])


def _store(period: RatingPeriod, ratings: Int64, remarks: Int64, kept: Int64) -> int:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS review_found")
        cursor.execute(
            "CREATE TEMPORARY TABLE review_found (rating_id bigint, remarks smallint, kept bigint) ON COMMIT DROP"
        )
        write_columns(
            "review_found", {"rating_id": ratings, "remarks": remarks.astype(np.int16), "kept": kept}
        )
        cursor.execute(
            """
            INSERT INTO ratings_reviewitem
                (period_id, rating_id, remarks, previous_grade, confirmed_by, confirmed_at, note)
            SELECT %s, f.rating_id, f.remarks, coalesce(g.grade, ''), '', NULL, ''
            FROM review_found f LEFT JOIN ratings_publishedgrade g ON g.seq = f.kept
            ON CONFLICT (rating_id) DO NOTHING
            """,
            [period.pk],
        )
        return int(cursor.rowcount)


# Confirming


@transaction.atomic
def confirm_item(item: ReviewItem, *, note: str = "", by: Actor, at: datetime | None = None) -> ReviewItem:
    """Say that somebody has looked at a result and it stands.

    Raises Refused outside the review, and when it is confirmed already.
    """
    note = _checked_note(note)
    current = (
        ReviewItem.objects.select_for_update(no_key=True, of=("self",))
        .select_related("period")
        .get(pk=item.pk)
    )
    _check_under_review(current.period)
    if current.confirmed_at is not None:
        moment = timezone.localtime(current.confirmed_at)
        raise Refused(f"该审核事项已由 {current.confirmed_by} 于 {moment:%Y-%m-%d %H:%M} 确认。")
    current.confirmed_by, current.confirmed_at, current.note = by.name, at or timezone.now(), note
    current.save(update_fields=["confirmed_by", "confirmed_at", "note"])
    record("确认审核事项", current, by=by, reason=note, rating=current.rating_id)
    return current


@transaction.atomic
def confirm_items(items: Iterable[int], *, note: str = "", by: Actor, at: datetime | None = None) -> int:
    """Confirm those of these items (ids) that are open in a review; how many they were.

    Raises Refused when there is none.
    """
    note = _checked_note(note)
    waiting = ReviewItem.objects.filter(
        pk__in=list(items), confirmed_at=None, period__state="UNDER_REVIEW"
    ).select_for_update(no_key=True, of=("self",))
    chosen = sorted(waiting.values_list("pk", flat=True))
    if not chosen:
        raise Refused("所选事项都已确认，或其评价周期不在审核中。")
    ReviewItem.objects.filter(pk__in=chosen).update(
        confirmed_by=by.name, confirmed_at=at or timezone.now(), note=note
    )
    record("确认审核事项", f"reviewitem:{len(chosen)} 件", by=by, reason=note, items=chosen)
    return len(chosen)


@transaction.atomic
def confirm_rest(
    period: RatingPeriod, district: District, *, by: Actor, at: datetime | None = None
) -> BulkConfirmation:
    """Confirm together all results of a district that are not on the work list.

    Raises Refused outside the review, when it is done already, and where nothing is left.
    """
    # The period's row, so that of two at once the second sees the first.
    locked = RatingPeriod.objects.select_for_update(no_key=True).get(pk=period.pk)
    _check_under_review(locked)
    done = BulkConfirmation.objects.filter(period=locked, district=district).first()
    if done is not None:
        moment = timezone.localtime(done.at)
        raise Refused(
            f"{district}的其余结果（{done.count} 家）已由 {done.by} 于 {moment:%Y-%m-%d %H:%M} 确认。"
        )
    results = Rating.objects.filter(run=locked.run_id, district=district)
    count = results.filter(item=None).count()
    if not count:
        raise Refused(f"{district}在本周期没有需要批量确认的结果。")
    confirmation = BulkConfirmation.objects.create(
        period=locked, district=district, count=count, by=by.name, at=at or timezone.now()
    )
    record("批量确认", locked, by=by, district=district.code, count=count)
    return confirmation


def _checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > 300:
        raise Refused(f"审核意见不超过 300 字，现有 {len(note)} 字。")
    return note


def _check_under_review(period: RatingPeriod) -> None:
    if period.state != "UNDER_REVIEW":
        raise Refused(f"评价周期 {period} 现为“{period.get_state_display()}”，只有审核中的周期可以确认。")


# How far it is


@dataclass(frozen=True, slots=True)
class Progress:
    """The review of one district."""

    district: District
    #: results, those on the work list, and those of them that are confirmed
    results: int
    items: int
    confirmed: int
    #: the confirmation of all others, None while it is missing
    rest_confirmed: BulkConfirmation | None
    open_adjustments: int
    open_objections: int

    @property
    def rest(self) -> int:
        """Results that are not on the work list."""
        return self.results - self.items

    @property
    def done(self) -> bool:
        """Nothing is left to look at."""
        return self.items == self.confirmed and (self.rest_confirmed is not None or not self.rest)


def progress(period: RatingPeriod) -> list[Progress]:
    """The review by district, by code; six queries, however many there are."""
    results = dict(
        Rating.objects.filter(run=period.run_id)
        .order_by()
        .values_list("district_id")
        .annotate(count=Count("pk"))
    )
    items = {
        district: (listed, confirmed)
        # The run is said again, so that the ratings of all other runs are not read.
        for district, listed, confirmed in ReviewItem.objects.filter(period=period, rating__run=period.run_id)
        .order_by()
        .values_list("rating__district_id")
        .annotate(listed=Count("pk"), confirmed=Count("pk", filter=Q(confirmed_at__isnull=False)))
    }
    confirmations = {row.district_id: row for row in BulkConfirmation.objects.filter(period=period)}
    adjustments = Counter(
        Adjustment.objects.filter(period=period, state=Adjustment.State.PROPOSED).values_list(
            "rating__district_id", flat=True
        )
    )
    objections = Counter(
        Objection.objects.filter(period=period, state__in=OPEN_OBJECTION).values_list(
            "rating__district_id", flat=True
        )
    )
    return [
        Progress(
            district=district,
            results=results[district.code],
            items=items.get(district.code, (0, 0))[0],
            confirmed=items.get(district.code, (0, 0))[1],
            rest_confirmed=confirmations.get(district.code),
            open_adjustments=adjustments[district.code],
            open_objections=objections[district.code],
        )
        for district in District.objects.filter(code__in=results)
    ]


def unconfirmed_districts(period: RatingPeriod) -> list[District]:
    """The districts whose results off the work list are not confirmed yet."""
    return [row.district for row in progress(period) if row.rest and row.rest_confirmed is None]
