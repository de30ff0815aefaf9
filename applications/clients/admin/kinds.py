"""Banks and departments are served by different people: each sees and registers those of the own kind only."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter

from applications.clients.models import Organisation
from ratings.admin.base import ScopedAdmin


def kinds_of(request: HttpRequest) -> list[str]:
    """The kinds of organisation that the user works with, by permission."""
    may = request.user.has_perm
    return [kind for kind in Organisation.Kind.values if may(f"clients.view_{kind.lower()}_organisation")]


class OfKindsAdmin(ScopedAdmin):
    """Its rows are those of organisations of the kinds that the user works with."""

    #: lookup from a row to the kind of its organisation
    kind_path = "organisation__kind"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return self.of_kinds(request, super().get_queryset(request))

    def of_kinds(self, request: HttpRequest, rows: QuerySet) -> QuerySet:
        """``rows`` of this model without those of other kinds."""
        kinds = kinds_of(request)
        return (
            rows if len(kinds) == len(Organisation.Kind) else rows.filter(**{f"{self.kind_path}__in": kinds})
        )


class OfKindsFilter(RelatedDropdownFilter):
    """By a row that belongs to an organisation: offers those of the kinds that the user works with."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        related = model_admin.admin_site.get_model_admin(field.related_model)
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={f"{related.kind_path}__in": kinds_of(request)},
        )
