"""Letters (告知书) by the batch: all asked for at once, then written one by one, by any number of workers.

How a letter looks is no matter of this module: who writes gives the function that issues one.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from ratings.models import District, IssuedDocument, Letter, LetterBatch, Rating, RatingPeriod
from ratings.rules.moves import PERIOD_STATES
from ratings.services.audit import Actor, record
from ratings.services.documents import check_signing
from ratings.services.errors import Refused
from ratings.services.steps import local_day, shown_day

#: States of a period whose grades are published.
PUBLISHED = ("PUBLISHED", "CLOSED")


def is_preliminary(period: RatingPeriod | None, *, at: datetime | None = None) -> bool:
    """Whether letters of a period tell the preliminary result; else they tell the published grade.

    Raises Refused, with what to wait for, where they can tell neither.
    """
    if period is not None and period.state in PUBLISHED:
        return False
    if period is None or period.state != "PUBLIC_NOTICE" or period.notice_until is None:
        shown = PERIOD_STATES[period.state].label if period else "已计算，未进入评价周期"
        raise Refused(f"公示期内签发预评结果告知书，等级发布后签发结果告知书；现为“{shown}”，不签发告知书。")
    if local_day(at) > period.notice_until:
        raise Refused(
            f"公示已于 {shown_day(period.notice_until)}结束，不再签发预评结果告知书；"
            "请在等级发布后签发结果告知书。"
        )
    return True


@transaction.atomic
def start_batch(
    period: RatingPeriod,
    district: District | None,
    *,
    with_links: bool,
    site: str,
    by: Actor,
    at: datetime | None = None,
) -> LetterBatch:
    """Ask for a letter to every pharmacy of a period, or of one of its districts; nothing is written yet.

    ``site`` is this site's address as it was asked for, to which the addresses in the letters lead.
    Raises Refused as ``is_preliminary`` does, for links after public notice, where there is no
    pharmacy, where the key that signs cannot, and while a batch that holds some of the same letters waits to be written.
    """
    moment = at or timezone.now()
    check_signing(moment)
    held = RatingPeriod.objects.select_for_update(no_key=True, of=("self",)).get(pk=period.pk)
    preliminary = is_preliminary(held, at=moment)
    if with_links and not preliminary:
        raise Refused("告知链接只在公示期内签发；结果告知书不附告知链接。")
    _refuse_second(held, district)
    batch = LetterBatch.objects.create(
        period=held, district=district, with_links=with_links, site=site, asked_by=by.name, asked_at=moment
    )
    count = _insert_letters(batch, preliminary)
    if not count:
        raise Refused("该范围内没有可以告知的药店。")
    record(
        "发起告知书批次",
        batch,
        by=by,
        period=held.pk,
        district=district.pk if district else None,
        count=count,
        with_links=with_links,
    )
    return batch


def _refuse_second(period: RatingPeriod, district: District | None) -> None:
    """Raises Refused while letters to some of the same pharmacies wait to be written."""
    waiting = Letter.objects.filter(batch__period=period, document=None, fault="")
    if district is not None:
        waiting = waiting.filter(rating__district=district)
    found = waiting.order_by("batch").values_list("batch", flat=True).first()
    if found is not None:
        raise Refused(f"告知书批次 #{found} 还没有写完，其中有同样的药店：请先继续该批次。")


def _insert_letters(batch: LetterBatch, preliminary: bool) -> int:
    """A row for each letter, in the order of codes; how many.

    Of a published period, only those whose grade it published: a pharmacy that moved has the
    grade that its first district published.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ratings_letter (batch_id, rating_id, fault)
            SELECT %(batch)s, r.id, ''
            FROM ratings_rating r JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
            WHERE r.run_id = %(run)s AND (%(district)s::int IS NULL OR r.district_id = %(district)s)
              AND (%(preliminary)s OR EXISTS (
                  SELECT FROM ratings_publishedgrade g WHERE g.pharmacy_id = r.pharmacy_id AND g.run = r.run_id
              ))
            ORDER BY p.code COLLATE "C"
            """,
            {
                "batch": batch.pk,
                "run": batch.period.run_id,
                "district": batch.district_id,
                "preliminary": preliminary,
            },
        )
        return int(cursor.rowcount)


def write_next(batch: LetterBatch, issue: Callable[[Rating], IssuedDocument]) -> Letter | None:
    """Write the next letter that nobody has in hand, in a transaction of its own; None where none is left.

    ``issue`` makes and registers the letter to one rating; what it refuses is kept with the letter
    as its fault. Whatever else it raises leaves the letter to be written. Raises Refused, and marks
    no letter, where letters such as the batch was asked for cannot be written any more, or none can
    be signed.
    """
    check_signing(timezone.now())
    with transaction.atomic():
        letter = (
            batch.letters.select_for_update(skip_locked=True, of=("self",))
            .select_related(
                "rating__run__scheme", "rating__pharmacy", "rating__district", "rating__run__life"
            )
            .filter(document=None, fault="")
            .order_by("id")
            .first()
        )
        if letter is None:
            return None
        _refuse_other_stage(batch, letter.rating.run.life)
        try:
            with transaction.atomic():
                letter.document = issue(letter.rating)
        except Refused as refused:
            letter.document, letter.fault = None, str(refused)[:500]
        letter.save(update_fields=["document", "fault"])
    return letter


def _refuse_other_stage(batch: LetterBatch, period: RatingPeriod) -> None:
    """Raises Refused where the period has left the stage in which the batch was asked for."""
    asked = period.published_at is None or batch.asked_at < period.published_at
    if is_preliminary(period) != asked:
        raise Refused("本批次是预评结果告知书，等级现已发布，不再续写；请另行发起结果告知书。")


@transaction.atomic
def finish(batch: LetterBatch) -> bool:
    """Say when every letter was issued; False while some are not. Safe to call again."""
    if batch.letters.filter(document=None).exists():
        return False
    now = timezone.now()
    if LetterBatch.objects.filter(pk=batch.pk, finished_at=None).update(finished_at=now):
        record("告知书批次写完", batch, by=Actor(batch.asked_by), count=batch.letters.count())
    return True


@transaction.atomic
def retry_faults(batch: LetterBatch, *, by: Actor) -> int:
    """Let the letters with a fault be written again, once its cause is mended; how many.

    Raises Refused where there is none.
    """
    count = batch.letters.filter(document=None).exclude(fault="").update(fault="")
    if not count:
        raise Refused("本批次没有未签发成功的告知书。")
    record("重试告知书", batch, by=by, count=count)
    return count
