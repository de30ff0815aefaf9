"""Results on their way that what happened since their cutoff has overtaken.

A period is rated as of its cutoff and published weeks later. A decision voided meanwhile (an
objection upheld, a credit repair, an annulled penalty) must not count in a grade that begins after
it, and what applied to the public grade at once must not be undone by the next publication.
"""

from typing import Final

from django.db import connection

from ratings.models import RatingPeriod

#: Decisions that the run read and that are void since, unless the same one was recorded anew with
#: nothing changed that a rating reads; approved interim changes of any of the pharmacy's grades.
#: They touch the pharmacy and those that took it over, until it is reckoned again.
_OVERTAKEN: Final = """
    WITH RECURSIVE happened(pharmacy_id, moment) AS (
        SELECT v.pharmacy_id, v.voided_at FROM ratings_violation v
        WHERE v.voided_at > %(cutoff)s AND v.recorded_at <= %(cutoff)s AND v.decided_on <= %(end)s
          AND NOT EXISTS (
              SELECT FROM ratings_violation n
              WHERE n.pharmacy_id = v.pharmacy_id AND n.voided_at IS NULL AND n.recorded_at >= v.voided_at
                AND (n.document_no, n.kind, n.gravity, n.track, n.amount_fen, n.occurred_on, n.decided_on)
                  = (v.document_no, v.kind, v.gravity, v.track, v.amount_fen, v.occurred_on, v.decided_on)
          )
        UNION ALL
        SELECT c.pharmacy_id, c.voided_at FROM ratings_complaint c
        WHERE c.voided_at > %(cutoff)s AND c.recorded_at <= %(cutoff)s AND c.decided_on <= %(end)s
          AND c.finding = 'VERIFIED'
          AND NOT EXISTS (
              SELECT FROM ratings_complaint n
              WHERE n.pharmacy_id = c.pharmacy_id AND n.voided_at IS NULL AND n.recorded_at >= c.voided_at
                AND (n.reference_no, n.topic, n.finding, n.occurred_on, n.decided_on)
                  = (c.reference_no, c.topic, c.finding, c.occurred_on, c.decided_on)
          )
        UNION ALL
        SELECT other.pharmacy_id, again.cutoff
        FROM ratings_adjustment a
        JOIN ratings_rerating again ON again.id = a.rerating_id
        JOIN ratings_rating other ON other.id = a.rating_id
        WHERE a.state = 'APPROVED' AND a.cause IN ('INTERIM', 'WITHDRAWAL') AND again.cutoff > %(cutoff)s
    ), touched AS (
        SELECT pharmacy_id, moment FROM happened
        UNION
        SELECT heir.id, touched.moment
        FROM touched JOIN ratings_pharmacy heir ON heir.predecessor_id = touched.pharmacy_id
    )
    SELECT DISTINCT p.code
    FROM touched
    JOIN ratings_rating r ON r.run_id = %(run)s AND r.pharmacy_id = touched.pharmacy_id
    JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
    WHERE NOT EXISTS (
        SELECT FROM ratings_rerating again WHERE again.rating_id = r.id AND again.cutoff >= touched.moment
    )
    ORDER BY p.code
"""


def overtaken(period: RatingPeriod) -> list[str]:
    """Codes of the pharmacies of a period that must be reckoned again before their grades go out."""
    run = period.run
    with connection.cursor() as cursor:
        cursor.execute(_OVERTAKEN, {"run": run.pk, "cutoff": run.cutoff, "end": run.period_end})
        return [code for (code,) in cursor.fetchall()]
