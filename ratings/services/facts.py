"""Recording and voiding single facts, and keeping the registry, from the admin."""

from typing import Any, Final, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.forms.models import model_to_dict
from django.utils import timezone

from ratings.models import (
    Complaint,
    CreditRepair,
    District,
    Enterprise,
    Fact,
    Objection,
    ObjectionFact,
    Pharmacy,
    Violation,
)
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.services.moments import recording_moment

FactType = TypeVar("FactType", bound=Fact)


@transaction.atomic
def record_fact(model: type[FactType], *, by: Actor, **values: Any) -> FactType:
    """Record one fact, known from now on.

    ``values`` are the model's own fields. Raises ValidationError, by field, when a value or a
    constraint is broken; a live fact with the same key must be voided first, and what a decision
    took off the record is not recorded again.
    """
    fact = model(**values, recorded_by=by.name, recorded_at=recording_moment(model._meta.db_table))
    fact.full_clean()
    refuse_taken_off(fact)
    fact.save(force_insert=True)
    record("记录事实", fact, by=by, after=model_to_dict(fact))
    return fact


def refuse_taken_off(fact: Fact) -> None:
    """Raises ValidationError for what a granted repair or an upheld objection voided.

    A repaired decision stays off the record whatever it says; one found wrong may come back with
    other content. Imports refuse the same (``imports/rowchecks.py``).
    """
    if not isinstance(fact, Violation | Complaint):
        return
    gone = type(fact)._default_manager.filter(
        voided_at__isnull=False, **{name: getattr(fact, name) for name in fact.KEY}
    )
    same = {name: getattr(fact, name) for name in _READ[type(fact)]}
    link = "violation" if isinstance(fact, Violation) else "complaint"
    upheld = ObjectionFact.objects.filter(
        objection__state__in=("UPHELD", "REVIEW_UPHELD"), objection__remedy=Objection.Remedy.VOID_FACTS
    )
    found = gone.filter(**same, pk__in=upheld.filter(**{f"{link}__isnull": False}).values(link)).exists()
    if isinstance(fact, Violation):
        granted = CreditRepair.objects.filter(state="GRANTED")
        found = found or gone.filter(pk__in=granted.values("violation")).exists()
    if found:
        raise ValidationError("该记录已经信用修复，或异议成立而作废，不再计入评价，不能重新记录。")


#: What a rating reads of a decision beside its key.
_READ: Final[dict[type[Fact], tuple[str, ...]]] = {
    Violation: ("gravity", "track", "amount_fen", "occurred_on", "decided_on"),
    Complaint: ("pharmacy", "topic", "finding", "occurred_on", "decided_on"),
}


@transaction.atomic
def void_fact(fact: FactType, *, reason: str, by: Actor) -> FactType:
    """Void a live fact: it counts no more at cutoffs from now on; earlier ratings keep it.

    Raises Refused when it is voided already or no reason is given.
    """
    reason = reason.strip()
    if not reason:
        raise Refused("作废须写明原因。")
    if len(reason) > 300:
        raise Refused(f"作废原因不超过 300 字，现有 {len(reason)} 字。")
    moment = recording_moment(fact._meta.db_table)
    # No key changes: who lists the fact in an objection at this moment need not wait for us, which
    # could end in a deadlock when we then wait for the period that he holds.
    current = type(fact)._default_manager.select_for_update(no_key=True).get(pk=fact.pk)
    if current.voided_at is not None:
        raise Refused(
            f"该记录已于 {timezone.localtime(current.voided_at):%Y-%m-%d %H:%M} 由 {current.voided_by} 作废。"
        )
    before = model_to_dict(current)
    current.voided_at, current.void_reason, current.voided_by = moment, reason, by.name
    current.save(update_fields=["voided_at", "void_reason", "voided_by"])
    record("作废事实", current, by=by, reason=reason, before=before)
    return current


@transaction.atomic
def save_registry(instance: Model, *, by: Actor, reason: str = "") -> None:
    """Save a district, an enterprise or a pharmacy, with what it was before on record.

    Raises ValidationError, by field, when a value or a constraint is broken.
    """
    if not isinstance(instance, District | Enterprise | Pharmacy):
        raise TypeError(f"{type(instance).__name__} is no registry record")
    moment = recording_moment(instance._meta.db_table)
    known = type(instance)._default_manager.select_for_update().filter(pk=instance.pk).first()
    before = model_to_dict(known) if known else None
    if known is None and not isinstance(instance, District):
        instance.recorded_at = moment
    instance.full_clean()
    if isinstance(instance, Pharmacy):
        refuse_running_predecessor(instance)
    instance.save()
    record("登记", instance, by=by, reason=reason, before=before, after=model_to_dict(instance))


def refuse_running_predecessor(pharmacy: Pharmacy) -> None:
    """Raises ValidationError, by field, unless a predecessor ends before its successor begins.

    So no pharmacy can be among its own predecessors, and no month counts for two shops.
    """
    before = pharmacy.predecessor
    if before is not None and before.pk == pharmacy.pk:
        raise ValidationError({"predecessor": "药店不能是自己的前身。"})
    if before is not None and _overlap(before, pharmacy):
        raise ValidationError(
            {
                "predecessor": f"前身 {before.code} 须在本店定点起始日（{pharmacy.designated_on}）或之前终止定点："
                "请先登记前身的定点终止日，并核对两店的先后。"
            }
        )
    heir = Pharmacy.objects.filter(predecessor_id=pharmacy.pk).first() if pharmacy.pk else None
    if heir is not None and _overlap(pharmacy, heir):
        raise ValidationError(
            {
                "designated_until": f"本店是 {heir.code} 的前身，定点终止日不得空缺，也不得晚于 {heir.designated_on}。"
            }
        )


def _overlap(before: Pharmacy, heir: Pharmacy) -> bool:
    return before.designated_until is None or before.designated_until > heir.designated_on
