"""Tells applications, after commit, that something public has changed."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import Signal, receiver

from ratings.models import District, Enterprise, Objection, Pharmacy, ServiceStatus

#: Sent once for each publication, after it is committed, with ``number``. What a receiver raises is
#: logged and changes nothing; one that missed a signal finds the rows by :func:`changes_since`.
announced: Final = Signal()

#: Sent after commit whenever what :func:`entries` hands out may have changed, with ``codes``: the
#: designated codes of the pharmacies concerned, None = any of them, and with ``enterprises``: the unified social
#: credit codes of those to which one of them belonged until now.
changed: Final = Signal()


def tell(codes: Iterable[str] | None, enterprises: Iterable[str] = ()) -> None:
    """Send ``changed`` once the transaction at hand is committed; for those who write in bulk."""
    told = None if codes is None else frozenset(codes)
    transaction.on_commit(partial(changed.send_robust, None, codes=told, enterprises=frozenset(enterprises)))


@receiver(post_save, sender=Pharmacy)
def _registered(instance: Pharmacy, **_: Any) -> None:
    former = instance.former_enterprise_id
    left = () if former in (None, instance.enterprise_id) else Enterprise.objects.filter(pk=former)
    tell([instance.code], [one.uscc for one in left])
    instance.former_enterprise_id = instance.enterprise_id


@receiver(post_save, sender=Enterprise)
def _enterprise_corrected(instance: Enterprise, **_: Any) -> None:
    tell(instance.pharmacies.values_list("code", flat=True))


@receiver(post_save, sender=District)
def _renamed(**_: Any) -> None:
    tell(None)


@receiver(post_save, sender=ServiceStatus)
def _service_changed(instance: ServiceStatus, **_: Any) -> None:
    tell([instance.pharmacy.code])


@receiver(post_save, sender=Objection)
def _objection_moved(instance: Objection, **_: Any) -> None:
    tell([instance.rating.pharmacy.code])
