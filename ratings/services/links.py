"""One-time links (告知链接) that tell pharmacies their preliminary result. Only hashes of tokens are kept.

A link holds until the last day of public notice ends. It is opened once, by one browser, which is
known by a secret that the page gave it (``ratings/public/link.py``); of that too only the hash is kept.
"""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from ratings.models import District, NoticeLink, Rating, RatingPeriod
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.steps import shown_day

#: Bytes of chance in a token or a browser's secret.
_SECRET_BYTES: Final = 32


class LinkClosed(Refused):
    """A link that shows nothing any more; ``kind`` names the page that says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A link for handing out; the token is nowhere else."""

    code: str
    name: str
    token: str

    @property
    def path(self) -> str:
        """The link's address on this site, without its host."""
        return reverse("public:link", args=(self.token,))


def new_secret() -> str:
    """A secret that nobody guesses, fit for addresses and cookies: 43 letters, digits, "-" and "_"."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def token_hash(token: str) -> str:
    """What is kept of a token, and of a browser's secret."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_issue(period: RatingPeriod | None, *, at: datetime | None = None) -> datetime:
    """Until when links of a period hold: the end of the last day of its public notice.

    Raises Refused before public notice and after it.
    """
    if period is None or period.state != "PUBLIC_NOTICE" or period.notice_until is None:
        shown = period.get_state_display() if period else "已计算，未进入评价周期"
        raise Refused(f"只有公示中的评价结果才签发告知链接；现为“{shown}”。")
    day_after = period.notice_until + timedelta(days=1)
    end = datetime.combine(day_after, time.min, timezone.get_default_timezone())
    if (at or timezone.now()) >= end:
        raise Refused(f"公示已于 {shown_day(period.notice_until)}结束，不再签发告知链接。")
    return end


@transaction.atomic
def issue_link(
    rating: Rating, *, by: Actor, at: datetime | None = None, token: str = "", on_record: bool = True
) -> str:
    """A new one-time link for one rating; one issued before holds no more. The token, kept nowhere.

    ``token`` is one of ``new_secret`` that stands in a letter already; ``on_record=False`` is for those
    who put many on record at once. Raises Refused as ``check_issue`` does.
    """
    moment = at or timezone.now()
    period = RatingPeriod.objects.select_for_update(no_key=True).filter(run_id=rating.run_id).first()
    expires = check_issue(period, at=moment)
    NoticeLink.objects.filter(rating=rating, revoked_at=None).update(revoked_at=moment)
    token = token or new_secret()
    row = NoticeLink.objects.create(
        rating=rating,
        token_sha256=token_hash(token),
        issued_by=by.name,
        issued_at=moment,
        expires_at=expires,
    )
    if on_record:
        record("签发告知链接", row, by=by, pharmacy=rating.pharmacy.code, expires=expires)
    return token


@transaction.atomic
def issue_links(
    period: RatingPeriod, district: District | None, *, by: Actor, at: datetime | None = None
) -> Iterator[IssuedLink]:
    """New one-time links for every pharmacy of a period, or of one of its districts, by code.

    Those issued before hold no more. All are stored before the first is handed out, so that a
    list broken off while it is read can only be issued anew. Raises Refused as ``check_issue``
    does, and when there is no pharmacy.
    """
    moment = at or timezone.now()
    held = RatingPeriod.objects.select_for_update(no_key=True).get(pk=period.pk)
    expires = check_issue(held, at=moment)
    ratings = Rating.objects.filter(run_id=held.run_id)
    if district is not None:
        ratings = ratings.filter(district=district)
    shops = list(ratings.order_by("pharmacy__code").values_list("pk", "pharmacy__code", "pharmacy__name"))
    if not shops:
        raise Refused("该范围内没有参评的药店。")
    live = NoticeLink.objects.filter(revoked_at=None, rating__run_id=held.run_id)
    if district is not None:
        live = live.filter(rating__district=district)
    live.update(revoked_at=moment)
    tokens = [new_secret() for _shop in shops]
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ratings_noticelink"
            " (rating_id, token_sha256, issued_by, issued_at, expires_at, opened_by_sha256) FROM STDIN"
        ) as copy,
    ):
        for (pk, _code, _name), token in zip(shops, tokens, strict=True):
            copy.write_row((pk, token_hash(token), by.name, moment, expires, ""))
    record(
        "签发告知链接",
        held,
        by=by,
        district=district.pk if district else None,
        count=len(shops),
        expires=expires,
    )
    return (IssuedLink(code, name, token) for (_pk, code, name), token in zip(shops, tokens, strict=True))


def find_link(token: str, *, at: datetime | None = None) -> NoticeLink:
    """The link of a token, opened or not, while it holds.

    Raises LinkClosed of kind "unknown", "revoked" or "expired". Only the token's hash is looked
    up, so that how long that takes says nothing about any other token.
    """
    link = (
        NoticeLink.objects.select_related("rating__run__life").filter(token_sha256=token_hash(token)).first()
    )
    return _holding(link, at or timezone.now())


@transaction.atomic
def open_link(token: str, *, browser: str, address: str | None, at: datetime | None = None) -> NoticeLink:
    """Open a link, which can be done once; of two browsers at the same moment, one.

    ``browser`` is the secret by which the browser will be known again. For the one that opened
    the link, opening it again (a button pressed twice) changes nothing. Raises LinkClosed as
    ``find_link`` does, and of kind "opened" for any other browser.
    """
    moment = at or timezone.now()
    found = NoticeLink.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "rating__run__life", "rating__pharmacy"
    )
    link = _holding(found.filter(token_sha256=token_hash(token)).first(), moment)
    if link.opened_at is not None:
        check_browser(link, browser)
        return link
    link.opened_at, link.opened_from, link.opened_by_sha256 = moment, address, token_hash(browser)
    link.save(update_fields=["opened_at", "opened_from", "opened_by_sha256"])
    record("打开告知链接", link, by=visitor(link, address), pharmacy=link.rating.pharmacy.code)
    return link


def check_browser(link: NoticeLink, browser: str) -> None:
    """Raises LinkClosed of kind "opened" for any browser but the one that opened this very link."""
    if not secrets.compare_digest(link.opened_by_sha256, token_hash(browser)):
        raise LinkClosed("opened", "此链接已经打开过，只能在当时的那个浏览器里继续查看。")


def visitor(link: NoticeLink, address: str | None) -> Actor:
    """Who acts through a link: the pharmacy, as far as one can know."""
    return Actor(f"药店 {link.rating.pharmacy.code}（告知链接）", address)


def _holding(link: NoticeLink | None, at: datetime) -> NoticeLink:
    if link is None:
        raise LinkClosed("unknown", "没有这个链接。")
    if link.revoked_at is not None:
        raise LinkClosed("revoked", "此链接已被新的链接取代，不能再用。")
    if at >= link.expires_at or link.rating.run.life.state != "PUBLIC_NOTICE":
        raise LinkClosed("expired", "此链接已经失效。")
    return link
