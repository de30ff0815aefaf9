"""Who of the staff sees what: the whole city, some districts, or nothing.

Superusers see everything. Everyone else sees what their :class:`StaffScope` names; without
one, nothing. Narrowing happens in the query, so lists, pages, choices, autocomplete and
exports all obey it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.http import HttpRequest

from ratings.models import (
    Adjustment,
    AuditEvent,
    CreditRepair,
    District,
    Enterprise,
    Evidence,
    Fact,
    ImportBatch,
    IssuedDocument,
    NoticeLink,
    Objection,
    Pharmacy,
    Publication,
    PublishedGrade,
    Rating,
    RatingPeriod,
    RatingRun,
    ReviewItem,
    SchemeVersion,
    StaffScope,
)

ModelType = TypeVar("ModelType", bound=Model)
#: District codes, or None for the whole city.
Districts = frozenset[int] | None

_CACHE = "_ratings_districts"


def districts_of(user: AbstractBaseUser | AnonymousUser) -> Districts:
    """The districts that the user works for: None = all, empty = none. One query a request."""
    known = getattr(user, _CACHE, False)
    if known is not False:
        return known  # type: ignore[return-value]
    districts: Districts = frozenset()
    if user.is_active and getattr(user, "is_superuser", False):
        districts = None
    elif user.is_active and user.pk is not None:
        rows = list(StaffScope.objects.filter(user_id=user.pk).values_list("whole_city", "districts"))
        districts = (
            None
            if any(whole_city for whole_city, _ in rows)
            else frozenset(code for _, code in rows if code is not None)
        )
    setattr(user, _CACHE, districts)
    return districts


def sees_whole_city(request: HttpRequest) -> bool:
    """True when nothing is hidden from the user for its place."""
    return districts_of(request.user) is None


def _enterprises(districts: frozenset[int]) -> Q:
    """Those with a pharmacy in the districts, and those that have none yet."""
    pharmacies = Pharmacy.objects.filter(enterprise=OuterRef("pk"))
    return Exists(pharmacies.filter(district__in=districts)) | ~Exists(pharmacies)


_NARROWED: dict[type[Model], Callable[[frozenset[int]], Any]] = {
    District: lambda districts: Q(code__in=districts),
    Pharmacy: lambda districts: Q(district__in=districts),
    Enterprise: _enterprises,
    Rating: lambda districts: Q(district__in=districts),
    RatingRun: lambda districts: Q(district=None) | Q(district__in=districts),
    SchemeVersion: lambda _: Q(),
    RatingPeriod: lambda districts: Q(district=None) | Q(district__in=districts),
    ReviewItem: lambda districts: Q(rating__district__in=districts),
    Adjustment: lambda districts: Q(rating__district__in=districts),
    Objection: lambda districts: Q(rating__district__in=districts),
    CreditRepair: lambda districts: Q(violation__pharmacy__district__in=districts),
    Evidence: lambda districts: (
        Q(adjustment__rating__district__in=districts)
        | Q(objection__rating__district__in=districts)
        | Q(repair__violation__pharmacy__district__in=districts)
    ),
    NoticeLink: lambda districts: Q(rating__district__in=districts),
    PublishedGrade: lambda districts: Q(district__in=districts),
    # unlike a period of the whole city, a document of it says what lies in the other districts
    IssuedDocument: lambda districts: Q(district__in=districts),
    # what was published, when and by whom is public
    Publication: lambda _: Q(),
}


def visible(request: HttpRequest, queryset: QuerySet[ModelType]) -> QuerySet[ModelType]:
    """``queryset`` without the rows that the user may not see.

    What belongs to no district (audit events, import batches) is visible to those who work
    for the whole city; others see what they did themselves.
    """
    districts = districts_of(request.user)
    if districts is None:
        return queryset
    if not districts:
        return queryset.none()
    model = queryset.model
    if issubclass(model, Fact):
        return queryset.filter(pharmacy__district__in=districts)
    if model is AuditEvent:
        return queryset.filter(actor=request.user.get_username())
    if model is ImportBatch:
        return queryset.filter(uploaded_by=request.user.get_username())
    if model not in _NARROWED:
        return queryset.none()
    return queryset.filter(_NARROWED[model](districts))
