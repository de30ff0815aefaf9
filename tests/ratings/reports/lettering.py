"""A city under public notice today, and what its letters say."""

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone

from ratings.models import IssuedDocument, Pharmacy, RatingPeriod
from ratings.services import documents
from tests import pdf_text
from tests.ratings.services.regrading import city_in

SITE = "http://testserver"


def noticed(**options: Any) -> tuple[list[Pharmacy], RatingPeriod]:
    """Seven shops of two districts, their preliminary grades under notice until three days from now."""
    shops, period = city_in("PUBLIC_NOTICE", **options)
    today = timezone.localdate()
    RatingPeriod.objects.filter(pk=period.pk).update(
        notice_from=today - timedelta(days=1), notice_until=today + timedelta(days=3)
    )
    period.refresh_from_db()
    return shops, period


def text_of(document: IssuedDocument) -> str:
    """The text of a document without blanks and line breaks, as it is kept."""
    return plain(pdf_text.text(documents.content(document)))


def plain(text: str) -> str:
    return re.sub(r"\s", "", text)
