"""Filters of the list of records: it is read type by type, in the order of an index, however many there are."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from applications.enterprise_credit.admin.scoping import sees_all_departments, viewer
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditRecord
from applications.enterprise_credit.rules.catalogue import Catalogue, RecordType

Match = CreditRecord.Match
_CACHE = "_enterprise_credit_types"


def catalogue(request: HttpRequest) -> Catalogue:
    """The one in force today; one query a request."""
    if not hasattr(request, _CACHE):
        setattr(request, _CACHE, catalogue_on(timezone.localdate()))
    found: Catalogue = getattr(request, _CACHE)
    return found


def supplied_types(request: HttpRequest) -> list[RecordType]:
    """The types whose records the user sees here: those that their department supplies, or all."""
    types = catalogue(request).record_types
    if sees_all_departments(request):
        return list(types)
    who = viewer(request)
    return [one for one in types if who and one.department == who.department.key]


def chosen_type(request: HttpRequest) -> RecordType | None:
    """The type whose records the list shows: the one asked for, else the first; None = of all, as for a search."""
    types = supplied_types(request)
    asked = request.GET.get(TypeFilter.parameter_name)
    if asked:
        return next((one for one in types if one.key == asked), None)
    if request.GET.get("q", "").strip():
        return None
    return next(iter(types), None)


class TypeFilter(DropdownFilter):
    """By type: unless asked otherwise the first; a search looks through all."""

    title = "信用信息类型"
    parameter_name = "type"
    all_option = None

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.known = {one.key: one for one in supplied_types(request)}
        self.chosen = chosen_type(request)
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        departments = {one.key: one.name for one in catalogue(request).departments}
        whole = sees_all_departments(request)
        return [
            (one.key, f"{departments.get(one.department, '')}：{one.title}" if whole else one.title)
            for one in self.known.values()
        ]

    def value(self) -> str:
        asked: str | None = super().value()
        return asked or (self.chosen.key if self.chosen else "")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value():
            return (
                queryset.filter(record_type=self.value()) if self.value() in self.known else queryset.none()
            )
        return queryset.filter(record_type__in=list(self.known))


_STATES: dict[str, tuple[str, Q]] = {
    "live": ("现行", Q(voided_at=None)),
    "waiting": ("现行，待匹配", Q(voided_at=None) & ~Q(match=Match.MATCHED)),
    "objected": ("现行，有异议标注", Q(voided_at=None, objected_on__isnull=False)),
    "corrected": ("已更正的版本", Q(voided_at__isnull=False, ending="CORRECTED")),
    "withdrawn": ("已撤销", Q(voided_at__isnull=False, ending="WITHDRAWN")),
}


class StateFilter(DropdownFilter):
    """How they stand: live unless asked otherwise."""

    title = "状态"
    parameter_name = "state"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, label) for key, (label, _) in _STATES.items()]

    def value(self) -> str:
        asked: str | None = super().value()
        return asked or "live"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        known = _STATES.get(self.value())
        return queryset.filter(known[1]) if known else queryset.none()
