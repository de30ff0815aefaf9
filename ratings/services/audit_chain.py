"""Verifying the audit record: every event under its link, every link upon the one before.

The database writes the links (ratings.models.audit). Whoever can lay the triggers aside can still
change events, but not without breaking the chain from there on; and whoever reckons the whole chain
anew cannot change the heads that were written down elsewhere (anchors), as each publication does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from ratings.models import AuditLink
from ratings.models.audit import LINK_SHA256

#: The first link that does not hold, and how many there are. A link whose own hash was changed breaks
#: the next one too; a changed event breaks its own link only, for the next rests on the stored hash.
_FIRST_BROKEN_LINK = f"""
    WITH chain AS (
        SELECT link.number, link.event_id, link.sha256, event.id IS NOT NULL AS found,
               (event.at AT TIME ZONE 'Asia/Shanghai')::text AS at,
               link.number - lag(link.number, 1, 0::bigint) OVER numbers AS step,
               {LINK_SHA256.format(previous="lag(link.sha256) OVER numbers", event="event")} AS expected
        FROM ratings_auditlink AS link
        LEFT JOIN ratings_auditevent AS event ON event.id = link.event_id
        WINDOW numbers AS (ORDER BY link.number)
    ), judged AS (
        SELECT number, event_id, at,
               CASE WHEN step <> 1 THEN 'gap'
                    WHEN NOT found THEN 'event gone'
                    WHEN expected <> sha256 THEN 'altered' END AS fault,
               lead(expected = sha256) OVER (ORDER BY number) AS next_holds
        FROM chain
    )
    SELECT number, event_id, at, fault, next_holds, count(*) OVER ()
    FROM judged WHERE fault IS NOT NULL ORDER BY number LIMIT 1
"""
_FIRST_UNLINKED_EVENT = """
    SELECT event.id, (event.at AT TIME ZONE 'Asia/Shanghai')::text, count(*) OVER ()
    FROM ratings_auditevent AS event
    LEFT JOIN ratings_auditlink AS link ON link.event_id = event.id
    WHERE link.number IS NULL ORDER BY event.id LIMIT 1
"""
#: What a broken link tells, by its fault and whether the next link holds (None: there is no next).
_TOLD = {
    ("altered", True): "操作记录的内容与链上的指纹不符：这条记录在写入后被改动，或是后来插入的",
    ("altered", False): "从这一环起指纹前后不符：链上的指纹、序号或次序被改动",
    ("altered", None): "最末一环与其操作记录不符：记录或链上的指纹被改动",
    "event gone": "链上有这一环，操作记录却已不在：记录被删除或改了编号",
    "gap": "序号不连续：此前的链环被删除或改了序号",
}


@dataclass(frozen=True, slots=True)
class AuditFault:
    """One sign of tampering: the link and event that it shows at (as far as known), and what is wrong.

    ``at`` is the event's time in Shanghai as PostgreSQL writes it: a forged one may be none that
    Python knows.
    """

    number: int | None
    event_id: int | None
    at: str | None
    text: str

    def __str__(self) -> str:
        where = [
            f"链第 {self.number} 环" if self.number is not None else "",
            f"操作记录 #{self.event_id}" if self.event_id is not None else "",
            self.at or "",
        ]
        return f"{'，'.join(part for part in where if part)}：{self.text}。"


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """The chain's head as verified, and the first fault of each sort, first things first."""

    number: int
    sha256: str
    faults: tuple[AuditFault, ...]

    @property
    def intact(self) -> bool:
        return not self.faults


def chain_head() -> tuple[int, str]:
    """Number and hash of the last link; (0, "") where nothing is on record yet.

    Covers what is committed: the events of the running transaction join the chain when it commits.
    """
    return AuditLink.objects.order_by("-number").values_list("number", "sha256").first() or (0, "")


def verify_audit(anchors: Iterable[tuple[int, str]] = ()) -> AuditVerdict:
    """Reckon the whole chain again and compare it with the stored one and with ``anchors``.

    ``anchors`` are heads (number, SHA-256) kept outside the audit record. Without one, the removal of
    the latest events together with their links, or a chain reckoned anew, cannot be seen. Not to be
    called in a transaction that has written events: they have no links before it commits.
    """
    head = chain_head()
    faults = sorted((*_broken_links(), *_broken_anchors(anchors)), key=lambda fault: fault.number or 0)
    return AuditVerdict(*head, faults=(*faults, *_unlinked_events()))


def _broken_links() -> Iterable[AuditFault]:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_BROKEN_LINK)
        row = cursor.fetchone()
    if row:
        number, event_id, at, fault, next_holds, count = row
        text = _TOLD[("altered", next_holds) if fault == "altered" else fault]
        yield AuditFault(number, event_id, at, text + (f"（不符的链环共 {count} 处）" if count > 1 else ""))


def _broken_anchors(anchors: Iterable[tuple[int, str]]) -> Iterable[AuditFault]:
    kept = sorted(set(anchors))
    links = AuditLink.objects.in_bulk([number for number, _sha256 in kept])
    for number, sha256 in kept:
        link = links.get(number)
        if number == 0 and not sha256:
            continue
        if link is None:
            yield AuditFault(number, None, None, "另处存有这一环的指纹，链上却没有：末尾的记录被删除")
            return
        if link.sha256 != sha256:
            text = "与另处存下的指纹不符：这一环或此前的记录被改动，链被重新计算"
            yield AuditFault(number, link.event_id, None, text)
            return


def _unlinked_events() -> Iterable[AuditFault]:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_UNLINKED_EVENT)
        row = cursor.fetchone()
    if row:
        event_id, at, count = row
        more = f"（共 {count} 条）" if count > 1 else ""
        yield AuditFault(None, event_id, at, f"操作记录不在链上：绕过触发器写入，或其链环被删除{more}")
