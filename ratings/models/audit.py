"""The record of what people did, and the chain of hashes that shows tampering with it.

Rows outlive their subjects: no foreign keys.
"""

import pgtrigger
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from creditsys.guards import append_only

#: What is hashed of an event, as SQL over the row ``{event}``; the trigger that writes links and the
#: verification that reads them share it. A change of it breaks every link written before.
#: JSON keeps the columns apart; the moment is exact in microseconds since 1970 and the address keeps
#: its mask, so that no change of a column leaves the text as it was.
CANONICAL_EVENT = (
    "jsonb_build_array({event}.id, extract(epoch FROM {event}.at), {event}.actor, {event}.action,"
    " {event}.subject, {event}.reason, {event}.address::text, {event}.detail)::text"
)
#: The hash of a link, as SQL: of the previous link's hash ('' for the first), a newline, and the event.
LINK_SHA256 = (
    "encode(sha256(convert_to(coalesce({previous}, '') || E'\\n' || " + CANONICAL_EVENT + ", 'UTF8')), 'hex')"
)


class AuditEvent(models.Model):
    """One act: who did what to what, when, from where and why."""

    at = models.DateTimeField("时间", default=timezone.now)
    actor = models.CharField("经办人", max_length=150)
    action = models.CharField("操作", max_length=60)
    subject = models.CharField("对象", max_length=120)
    reason = models.CharField("理由", max_length=500, blank=True, default="")
    address = models.GenericIPAddressField("来源地址", null=True, blank=True)
    detail = models.JSONField("详情", default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        verbose_name = verbose_name_plural = "操作记录"
        ordering = ("-id",)
        # Newest first: of all, of one person, of one sort; and all that concerns one thing.
        indexes = (
            models.Index(fields=("at", "id"), name="auditevent_at"),
            models.Index(fields=("actor", "at", "id"), name="auditevent_actor"),
            models.Index(fields=("action", "at", "id"), name="auditevent_action"),
            models.Index(fields=("subject",), opclasses=("varchar_pattern_ops",), name="auditevent_subject"),
        )
        constraints = (
            models.CheckConstraint(
                name="audit_who_what", condition=~Q(actor="") & ~Q(action="") & ~Q(subject="")
            ),
        )
        triggers = (
            *append_only(),
            # At commit, so that the lock is held while committing only: two long transactions that
            # each write events neither wait for each other nor deadlock, and a rollback leaves no gap.
            pgtrigger.Trigger(
                name="link",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                declare=[("last", "ratings_auditlink%ROWTYPE")],
                func=f"""
                    PERFORM pg_advisory_xact_lock(hashtextextended('ratings.audit', 0));
                    SELECT * INTO last FROM ratings_auditlink ORDER BY number DESC LIMIT 1;
                    INSERT INTO ratings_auditlink (number, event_id, sha256) VALUES (
                        coalesce(last.number, 0) + 1,
                        NEW.id,
                        {LINK_SHA256.format(previous="last.sha256", event="NEW")}
                    );
                    RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class AuditLink(models.Model):
    """One link of the chain: number n's hash covers event ``event_id`` and the hash of link n - 1.

    Written by the database alone, when an event is committed; numbers run from 1 without gaps, in
    the order of commits (which is not always that of event ids).
    """

    number = models.BigIntegerField("序号", primary_key=True)
    event_id = models.BigIntegerField("操作记录")
    sha256 = models.CharField("SHA-256", max_length=64)

    class Meta:
        verbose_name = verbose_name_plural = "操作记录链"
        default_permissions = ()
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("event_id",),
                name="auditlink_event_once",
                violation_error_message="一条操作记录在链上只有一环。",
            ),
            models.CheckConstraint(
                name="auditlink_form",
                condition=Q(number__gte=1, sha256__regex=r"^[0-9a-f]{64}$"),
                violation_error_message="链的序号从 1 起，SHA-256 须为 64 位小写十六进制。",
            ),
        )
        triggers = (
            *append_only(),
            pgtrigger.Trigger(
                name="only_by_events",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # Depth 1 is this guard on an INSERT of somebody's own; 2 is one from the events' trigger.
                func="""
                    IF pg_trigger_depth() < 2 THEN
                        RAISE EXCEPTION '%: 只由操作记录的触发器写入', TG_TABLE_NAME
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"#{self.number} {self.sha256[:12]}"
