"""Finding pharmacies by what people type."""

from django.db.models import QuerySet
from django.http import HttpRequest

from ratings.admin.scope import visible
from ratings.models import Pharmacy

#: A search stops at so many pharmacies: who means more uses the filters.
_MOST = 500


def matching_pharmacies(request: HttpRequest, term: str) -> list[int]:
    """Ids of visible pharmacies by the start of their code, or by a part of their name.

    Resolved first, so that big tables are then read through their index on the pharmacy.
    """
    pharmacies = visible(request, Pharmacy.objects.all())
    if looks_like_code(term):
        pharmacies = pharmacies.filter(code__startswith=term.upper())
    else:
        pharmacies = pharmacies.filter(name__icontains=term)
    return list(pharmacies.order_by("pk").values_list("pk", flat=True)[:_MOST])


def looks_like_code(term: str) -> bool:
    """P and digits: then the code's index does it alone."""
    return term[:1] in {"P", "p"} and term[1:].isdigit()


class SearchedByPharmacy:
    """Mixed into admins of rows that have a pharmacy: what is typed is its code or a part of its name."""

    #: from a row to its pharmacy
    pharmacy_path = "pharmacy"
    search_help_text = "药店编码或名称"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(**{f"{self.pharmacy_path}__in": matching_pharmacies(request, term)}), False
