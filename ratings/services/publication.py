"""Publishing: the one writer of the ledger.

A publication is one transaction: its rows are put together in a temporary table, hashed line by
line as the database writes them out, stated, signed, and stored. Rows never pass through memory as
a whole; publications follow one another under a lock, so numbers have no gaps and what has a lower
number was there first.
"""

import json
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from ratings import published
from ratings.models import Adjustment, Event, Publication, PublishedGrade, RatingPeriod
from ratings.published.files import COLUMNS, canonical_lines
from ratings.rules.periods import add_months
from ratings.rules.scheme import Scheme
from ratings.services import signing
from ratings.services.audit import Actor, record
from ratings.services.audit_chain import chain_head
from ratings.services.errors import Refused
from ratings.services.schemes import parsed
from ratings.services.standing import STANDING_JOIN
from ratings.verifier import FORMAT, MerkleTree, fingerprint, leaf

#: Moments of those who wait for one another differ a little; a clock that is wrong, by more.
_CLOCKS = timedelta(minutes=1)
_EVENTS = {
    Adjustment.Cause.JUDGEMENT: Event.CORRECTION,
    Adjustment.Cause.OBJECTION: Event.CORRECTION,
    Adjustment.Cause.CORRECTION: Event.CORRECTION,
    Adjustment.Cause.REPAIR: Event.REPAIR,
    Adjustment.Cause.INTERIM: Event.INTERIM,
    Adjustment.Cause.WITHDRAWAL: Event.WITHDRAWAL,
}


@transaction.atomic
def publish_period(period: RatingPeriod, *, by: Actor, at: datetime | None = None) -> Publication:
    """Publish the standing grade of every pharmacy of a period that is settled (审定).

    Those without a grade get a row that says why. To be called in the transaction that moves the
    period; ``announced`` is sent once that is committed. Raises Refused when the period is not
    settled or was published before, or ``at`` lies before the last publication.
    """
    last = _take_turn()
    period = RatingPeriod.objects.select_related("run__scheme").get(pk=period.pk)
    if period.state not in {"FINAL", "PUBLISHED"}:
        raise Refused(f"评价周期 {period} 尚未审定（{period.get_state_display()}），不能发布；请先审定。")
    if period.publications.filter(event=Event.PERIODIC).exists():
        raise Refused(f"评价周期 {period} 已经发布；以后的变动请通过等级调整发布。")
    return _publish(Event.PERIODIC, period, None, last, by=by, at=at)


@transaction.atomic
def publish_adjustment(adjustment: Adjustment, *, by: Actor, at: datetime | None = None) -> Publication:
    """Publish the grade that an approved adjustment gives one pharmacy of a published period.

    To be called in the transaction that approves it; ``announced`` is sent once that is committed.
    Raises Refused when it is not approved or not the latest, its period is not published, or it was
    published before.
    """
    last = _take_turn()
    adjustment = Adjustment.objects.select_related("period__run__scheme", "rating").get(pk=adjustment.pk)
    period = adjustment.period
    if adjustment.state != Adjustment.State.APPROVED:
        raise Refused(f"{adjustment}尚未批准（{adjustment.get_state_display()}），不能发布。")
    if period.state != "PUBLISHED":
        raise Refused(
            f"评价周期 {period} 不在已发布状态（{period.get_state_display()}），不能发布其等级调整。"
        )
    if Publication.objects.filter(adjustment=adjustment).exists():
        raise Refused(f"{adjustment}已经发布。")
    newer = Adjustment.objects.filter(rating=adjustment.rating, state=Adjustment.State.APPROVED)
    if newer.latest("decided_at", "id") != adjustment:
        raise Refused(f"{adjustment}之后又批准了别的调整，请发布最后一件。")
    event = Event.CORRECTION if adjustment.reverses_id else _EVENTS[Adjustment.Cause(adjustment.cause)]
    return _publish(event, period, adjustment, last, by=by, at=at)


def _take_turn() -> Publication | None:
    """The last publication, once no other can follow it before this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ratings.publication', 0))")
    return Publication.objects.defer("fingerprints", "statement").order_by("-number").first()


def _publish(
    event: Event,
    period: RatingPeriod,
    adjustment: Adjustment | None,
    last: Publication | None,
    *,
    by: Actor,
    at: datetime | None,
) -> Publication:
    at = _moment(at, last)
    first_seq = last.last_seq + 1 if last else 1
    _draw_up(event, period, adjustment, first_seq, at)
    tree, fingerprints = MerkleTree(), bytearray()
    for line in canonical_lines(COLUMNS, "publishing", {}):
        hashed = leaf(line)
        tree.append(hashed)
        fingerprints += fingerprint(hashed)
    rows = len(fingerprints) // 8
    if not rows:
        raise Refused(f"评价周期 {period} 没有任何评价结果，无可发布。")
    audit_number, audit_sha256 = chain_head()
    publication = Publication(
        number=last.number + 1 if last else 1,
        event=event,
        period=period,
        adjustment=adjustment,
        at=at,
        published_by=by.name,
        first_seq=first_seq,
        last_seq=first_seq + rows - 1,
        rows=rows,
        merkle_root=tree.root().hex(),
        previous=last.statement_sha256 if last else "",
        fingerprints=bytes(fingerprints),
        public_key=signing.public_key().hex(),
    )
    statement = {
        **stated(publication),
        "format": FORMAT,
        "city": settings.CITY_NAME,
        "period": period.period,
        "columns": list(COLUMNS),
        "audit": {"number": audit_number, "sha256": audit_sha256},
    }
    publication.statement = json.dumps(statement, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    signed = publication.statement.encode()
    publication.statement_sha256 = sha256(signed).hexdigest()
    publication.signature = signing.sign(signed).hex()
    publication.save(force_insert=True)
    _store(publication)
    record("发布", publication, by=by, **on_record(publication))
    transaction.on_commit(partial(published.announced.send_robust, None, number=publication.number))
    published.tell([adjustment.rating.pharmacy.code] if adjustment else None)
    return publication


def stated(publication: Publication) -> dict[str, Any]:
    """What a publication's statement must say of the publication's own columns."""
    return {
        "number": publication.number,
        "event": str(publication.event),
        "at": publication.at.astimezone(UTC).isoformat(),
        "rows": publication.rows,
        "first_seq": publication.first_seq,
        "last_seq": publication.last_seq,
        "merkle_root": publication.merkle_root,
        "fingerprints_sha256": sha256(bytes(publication.fingerprints)).hexdigest(),
        "previous": publication.previous,
        "public_key": publication.public_key,
    }


def on_record(publication: Publication) -> dict[str, Any]:
    """The details of a publication's audit event; they hold also what is not told outside."""
    return {
        "number": publication.number,
        "event": str(publication.event),
        "period": publication.period_id,
        "adjustment": publication.adjustment_id,
        "rows": publication.rows,
        "statement_sha256": publication.statement_sha256,
    }


def _moment(at: datetime | None, last: Publication | None) -> datetime:
    """When it is published: never before the publication that it follows."""
    moment = at or timezone.now()
    if last is None or moment >= last.at:
        return moment
    if last.at - moment > _CLOCKS:
        shown = timezone.localtime(last.at).strftime("%Y-%m-%d %H:%M:%S")
        raise Refused(f"发布时间早于上一发布（{last.number} 号，{shown}）；请核对服务器的时钟。")
    return last.at


def _draw_up(
    event: Event, period: RatingPeriod, adjustment: Adjustment | None, first_seq: int, at: datetime
) -> None:
    """The rows of a publication as temporary table ``publishing``.

    The score is the one that the standing grade rests on. Ranks compare computed scores, so a
    pharmacy whose grade was adjusted has none (0). What people wrote of an adjustment stays
    inside: outside, it has its cause and clause. A correction that keeps the grade keeps its end
    too, so that nobody bears a bad grade longer for having been heard.
    """
    scheme = parsed(period.run.scheme)
    day = timezone.localtime(at).date()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.publishing")
        cursor.execute(
            f"""
            CREATE TEMP TABLE publishing ON COMMIT DROP AS
            SELECT %(before)s + row_number() OVER (ORDER BY one.code COLLATE "C") AS seq, one.*
            FROM (
                SELECT r.pharmacy_id, p.code, p.name, r.district_id AS district,
                       %(event)s::text AS event, %(period)s::text AS period, %(scheme)s::text AS scheme,
                       r.run_id AS run,
                       coalesce((%(names)s::text[])[standing.position + 1], '') AS grade,
                       coalesce((%(labels)s::text[])[standing.position + 1], '') AS grade_label,
                       standing.position, standing.score,
                       CASE WHEN a.id IS NULL THEN r.rank_district ELSE 0 END AS rank_district,
                       CASE WHEN a.id IS NULL THEN r.rank_city ELSE 0 END AS rank_city,
                       %(day)s::date AS valid_from,
                       CASE WHEN before.position = standing.position
                            THEN CASE WHEN before.valid_until IS NOT NULL
                                      THEN greatest(before.valid_until, %(day)s::date + 1) END
                            ELSE (%(until)s::date[])[standing.position + 1] END AS valid_until,
                       CASE WHEN a.reverses_id IS NOT NULL THEN '撤销此前的调整：' || a.clause
                            WHEN a.id IS NOT NULL THEN (%(causes)s::jsonb ->> a.cause) || '：' || a.clause
                            WHEN r.state > 0 THEN (%(reasons)s::text[])[r.state]
                            ELSE '' END AS reason
                FROM ratings_rating r
                JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
                {STANDING_JOIN}
                LEFT JOIN ratings_adjustment a ON a.id = standing.adjustment_id
                LEFT JOIN LATERAL (
                    SELECT g.position, g.valid_until FROM ratings_publishedgrade g
                    WHERE %(rating)s::bigint IS NOT NULL AND g.pharmacy_id = r.pharmacy_id
                      AND g.run = r.run_id
                    ORDER BY g.seq DESC LIMIT 1
                ) before ON true
                WHERE r.run_id = %(run)s AND (%(rating)s::bigint IS NULL OR r.id = %(rating)s)
                  -- A pharmacy that moved has the grade that its first district published.
                  AND (%(rating)s::bigint IS NOT NULL OR NOT EXISTS (
                      SELECT FROM ratings_publishedgrade had
                      WHERE had.pharmacy_id = r.pharmacy_id AND had.event = 'PERIODIC'
                        AND had.period = %(period)s
                  ))
            ) one
            """,
            {
                "before": first_seq - 1,
                "event": event,
                "period": period.period,
                "scheme": f"{scheme.key}@{scheme.version}",
                "run": period.run_id,
                "rating": adjustment.rating_id if adjustment else None,
                "day": day,
                **_words(scheme, day),
            },
        )


def _words(scheme: Scheme, day: date) -> dict[str, Any]:
    """What a scheme calls its grades and reasons, and until when grades given on ``day`` hold."""
    return {
        "names": [grade.name for grade in scheme.grades],
        "labels": [grade.label for grade in scheme.grades],
        "until": [
            None if grade.valid_months is None else add_months(day, grade.valid_months)
            for grade in scheme.grades
        ],
        "reasons": [f"{reason.title}（{reason.clause}）" for reason in scheme.reasons],
        "causes": json.dumps(dict(Adjustment.Cause.choices)),
    }


def _store(publication: Publication) -> None:
    """The rows of ``publishing`` into the ledger, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {PublishedGrade._meta.db_table} (publication_id, pharmacy_id, {', '.join(COLUMNS)})"
            f" SELECT %s, pharmacy_id, {', '.join(COLUMNS)} FROM publishing ORDER BY seq",
            [publication.number],
        )
        cursor.execute("DROP TABLE publishing")
