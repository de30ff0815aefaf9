"""Issued documents for tests."""

from datetime import datetime
from typing import Any

from creditsys import pdf
from ratings.models import IssuedDocument
from ratings.services.audit import Actor
from ratings.services.documents import About, Stamp, issue
from tests import desk

BY = Actor(desk.CLERK, "127.0.0.1")
SITE = "https://credit.example.org"
KIND = IssuedDocument.Kind


def draw(stamp: Stamp, words: str = "某某大药房") -> bytes:
    """A page with what a document bears."""
    story = [pdf.paragraph(f"{words} {stamp.number} {stamp.code} {stamp.address}")]
    return pdf.render("题", "页眉", story, sheet=pdf.PORTRAIT, made_at=stamp.at)


def issued(
    kind: IssuedDocument.Kind = KIND.LETTER,
    *,
    at: datetime | None = None,
    words: str = "某某大药房",
    **about: Any,
) -> IssuedDocument:
    """One document, drawn and kept."""
    values = {"title": "信用评价结果告知书", **about}
    return issue(About(kind, **values), lambda stamp: draw(stamp, words), by=BY, site=SITE, at=at)
