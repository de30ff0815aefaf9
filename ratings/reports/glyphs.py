"""What the documents' font cannot draw of what the database holds: which character, where, of which pharmacy."""

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection, models

from creditsys import pdf
from ratings.models import (
    Adjustment,
    Complaint,
    District,
    Enterprise,
    Pharmacy,
    PublishedGrade,
    SchemeVersion,
    ServiceStatus,
    Violation,
)
from ratings.rules import vocabulary
from ratings.services.terms import terms

#: Characters of the text that are shown on each side of one that is lacking.
_AROUND: Final = 20


@dataclass(frozen=True, slots=True)
class Missing:
    """One character that the font lacks, in one text."""

    character: str
    #: table and column in Chinese, as the admin names them: ``违法违规：作出机关``
    where: str
    #: of the pharmacy, or of the scheme or district; with it the admin finds the row
    code: str
    #: the text around it
    text: str


_FACT: Final = (
    "FROM {table} t JOIN ratings_pharmacy shop ON shop.id = t.pharmacy_id WHERE t.voided_at IS NULL"
)
#: Every text that documents print: model, its columns, and the rows ``t`` with the code that finds them.
_TEXTS: Final[tuple[tuple[type[models.Model], tuple[str, ...], str, str], ...]] = (
    (Pharmacy, ("name", "street", "address", "contact"), "t.code", "FROM {table} t"),
    (
        Enterprise,
        ("name",),
        "shop.code",
        "FROM {table} t JOIN ratings_pharmacy shop ON shop.enterprise_id = t.id",
    ),
    (Violation, ("document_no", "body", "measures"), "shop.code", _FACT),
    (Complaint, ("reference_no",), "shop.code", _FACT),
    (ServiceStatus, ("document_no",), "shop.code", _FACT),
    (
        Adjustment,
        ("clause", "text"),
        "shop.code",
        """FROM {table} t JOIN ratings_rating r ON r.id = t.rating_id
           JOIN ratings_pharmacy shop ON shop.id = r.pharmacy_id WHERE t.state IN ('PROPOSED', 'APPROVED')""",
    ),
    (PublishedGrade, ("name", "grade", "grade_label", "reason"), "t.code", "FROM {table} t"),
    (SchemeVersion, ("title", "document"), "t.key || '@' || t.version", "FROM {table} t"),
    (District, ("name",), "t.code::text", "FROM {table} t"),
)
#: One column of one table each.
_PLACES: Final = tuple(
    (model, column, code, rows) for model, columns, code, rows in _TEXTS for column in columns
)


def missing_in_registry() -> list[Missing]:
    """What the font (settings.PDF_FONT) lacks of all that documents print of the registry, by place and code.

    One query where nothing is lacking, else two.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT DISTINCT one FROM ({_every_text()}) texts,
                unnest(string_to_array(texts.said, NULL)) one"""
        )
        gaps = "".join(pdf.lacking(sorted(one for (one,) in cursor)))
        if not gaps:
            return []
        cursor.execute(
            f"""SELECT place, code, said FROM ({_every_text()}) texts
                WHERE said <> translate(said, %s, '') ORDER BY place, code, said""",
            [gaps],
        )
        return [
            Missing(one, _named(place), code, _around(said, one))
            for place, code, said in cursor
            for one in pdf.lacking(said)
        ]


def missing_in_fixed_texts() -> list[Missing]:
    """What the font lacks of the settings that documents print, of the legal terms and of the word lists.

    Raises Refused where the terms cannot be read.
    """
    texts = [
        *(
            (f"设置 {name}", str(getattr(settings, name)))
            for name in ("CITY_NAME", "OFFICE_NAME", "OBJECTION_CONTACT")
        ),
        *(("办理期限", f"{term.title}{term.source}{term.length_text}") for term in terms().rows),
        *(
            (words.title, "、".join(word.label for word in words))
            for words in vars(vocabulary).values()
            if isinstance(words, vocabulary.Vocabulary)
        ),
    ]
    return [Missing(one, where, "", _around(said, one)) for where, said in texts for one in pdf.lacking(said)]


def _every_text() -> str:
    """SQL of all texts: place in ``_PLACES``, code, text."""
    parts = (
        f"SELECT {number} AS place, {code} AS code, t.{column} AS said {rows.format(table=model._meta.db_table)}"
        for number, (model, column, code, rows) in enumerate(_PLACES)
    )
    return " UNION ALL ".join(parts)


def _named(place: int) -> str:
    model, column, _, _ = _PLACES[place]
    field: Any = model._meta.get_field(column)
    return f"{model._meta.verbose_name}：{field.verbose_name}"


def _around(text: str, character: str) -> str:
    """The text near a character, on one line."""
    at = text.index(character)
    return " ".join(text[max(0, at - _AROUND) : at + _AROUND + 1].split())
