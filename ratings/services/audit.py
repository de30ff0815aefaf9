"""Putting acts on record."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from creditsys.addresses import client_address
from ratings.models import AuditEvent
from ratings.services.errors import Refused


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where: a user's name, or the command that was run."""

    name: str
    address: str | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> "Actor":
        """The signed-in user of a request."""
        return cls(request.user.get_username(), client_address(request))


#: The system itself: commands and scheduled tasks without a person.
SYSTEM = Actor("系统")


def record(action: str, subject: object, *, by: Actor, reason: str = "", **detail: Any) -> AuditEvent:
    """Write one audit event, in the transaction of the act that it records.

    ``subject`` is a saved model (kept as "table:id") or a text; ``detail`` is stored as JSON.
    Raises Refused for a reason of more than 500 characters.
    """
    if len(reason) > 500:
        raise Refused(f"理由不超过 500 字，现有 {len(reason)} 字。")
    meta = getattr(subject, "_meta", None)
    name = f"{meta.model_name}:{getattr(subject, 'pk', '')}" if meta else str(subject)
    return AuditEvent.objects.create(
        actor=by.name,
        address=by.address,
        action=action,
        subject=name[:120],
        reason=reason,
        detail=detail,
    )
