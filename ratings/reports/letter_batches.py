"""The job that writes a batch of letters, and what the font lacks for them, found before any is asked for."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection

from creditsys import pdf
from ratings.models import District, IssuedDocument, LetterBatch, Rating, RatingPeriod
from ratings.reports.letter import issue_letter
from ratings.services.audit import Actor
from ratings.services.letters import finish, write_next
from ratings.services.schemes import parsed

#: Called after each letter: whether it was issued.
Progress = Callable[[bool], object]


def write_letters(
    batch: LetterBatch, *, seconds: float | None = None, progress: Progress | None = None
) -> int:
    """Write the letters of a batch that nobody has written, each in a transaction of its own; how many.

    Any number of workers may do so at once, and one that is killed loses the letter that it had in
    hand; started again, it goes on. With ``seconds``, none is begun after so long. Raises Refused as
    ``services.letters.write_next`` does.
    """
    by = Actor(batch.asked_by)

    def issue(rating: Rating) -> IssuedDocument:
        return issue_letter(rating, with_link=batch.with_links, by=by, site=batch.site, on_record=False)

    end = None if seconds is None else time.monotonic() + seconds
    written = 0
    while (end is None or time.monotonic() < end) and (letter := write_next(batch, issue)):
        written += 1
        if progress:
            progress(not letter.fault)
    finish(batch)
    return written


# What the font lacks


@dataclass(frozen=True, slots=True)
class Gap:
    """Characters that the font lacks, in one text that a letter says."""

    #: "" where it concerns every letter
    code: str
    name: str
    #: such as 药店名称
    field: str
    characters: str
    #: whose letter, None where it concerns every one
    rating: int | None

    @property
    def shown(self) -> str:
        """The characters with their code points."""
        return "、".join(f"U+{ord(one):04X}（{one}）" for one in self.characters)


#: (rating, code, name, field, text): what letters say of each pharmacy that somebody typed. Facts are those that
#: the run counted, or a re-rating since; those of predecessors too. Some may weigh nothing and not be told.
_TEXTS: Final = """
    WITH RECURSIVE shops AS (
        SELECT r.id AS rating, p.id AS pharmacy, p.code, p.name, d.name AS district
        FROM ratings_rating r
        JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
        JOIN ratings_district d ON d.code = r.district_id
        WHERE r.run_id = %(run)s AND (%(district)s::int IS NULL OR r.district_id = %(district)s)
    ), line (rating, code, name, member, path) AS (
        SELECT rating, code, name, pharmacy, ARRAY[pharmacy] FROM shops
        UNION ALL
        SELECT line.rating, line.code, line.name, p.predecessor_id, line.path || p.predecessor_id
        FROM line JOIN ratings_pharmacy p ON p.id = line.member
        WHERE p.predecessor_id IS NOT NULL AND NOT p.predecessor_id = ANY(line.path)
    ), texts AS (
        SELECT rating, code, name, '药店名称' AS field, name AS text FROM shops
        UNION ALL SELECT rating, code, name, '区县名称', district FROM shops
        UNION ALL
        SELECT line.rating, line.code, line.name, '违法违规 #' || f.id || ' 的机关和文号', f.body || f.document_no
        FROM line JOIN ratings_violation f ON f.pharmacy_id = line.member
        WHERE f.decided_on <= %(last)s AND (f.voided_at IS NULL OR f.voided_at > %(cutoff)s)
        UNION ALL
        SELECT line.rating, line.code, line.name, '举报投诉 #' || f.id || ' 的编号', f.reference_no
        FROM line JOIN ratings_complaint f ON f.pharmacy_id = line.member
        WHERE f.decided_on <= %(last)s AND (f.voided_at IS NULL OR f.voided_at > %(cutoff)s)
        UNION ALL
        SELECT shops.rating, shops.code, shops.name, '等级调整 #' || a.id || ' 的理由和条款', a.text || a.clause
        FROM shops JOIN ratings_adjustment a ON a.rating_id = shops.rating WHERE a.state = 'APPROVED'
    )
"""


def find_gaps(period: RatingPeriod, district: District | None) -> list[Gap]:
    """Every text that letters of a period, or of one of its districts, say and the font cannot draw in full.

    Set-based: which characters there are is asked of the database, those that are lacking of the font,
    and only then who has them.
    """
    run = period.run
    params = {
        "run": run.pk,
        "district": district.pk if district else None,
        "last": run.period_end,
        "cutoff": run.cutoff,
    }
    shared = "".join(
        (settings.OFFICE_NAME, settings.OBJECTION_CONTACT, parsed(run.scheme).document.model_dump_json())
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_TEXTS} SELECT DISTINCT one FROM texts, regexp_split_to_table(texts.text, '') one", params
        )
        lacking = "".join(pdf.lacking(one for (text,) in cursor.fetchall() for one in text))
        missing = "".join(pdf.lacking(shared))
        gaps = [Gap("", "", "评价规则、机构名称或受理异议的联系方式", missing, None)] if missing else []
        if lacking:
            cursor.execute(
                f"""{_TEXTS} SELECT code, name, field, text, rating FROM texts
                    WHERE translate(text, %(lacking)s, '') <> text ORDER BY code COLLATE "C", field""",
                {**params, "lacking": lacking},
            )
            gaps += [
                Gap(code, name, field, "".join(pdf.lacking(text)), rating)
                for code, name, field, text, rating in cursor.fetchall()
            ]
    return gaps
