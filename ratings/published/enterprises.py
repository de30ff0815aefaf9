"""What is public of an enterprise: which designated pharmacies it runs, and in which districts."""

from collections.abc import Collection

from ratings.models import Pharmacy


def enterprise_codes(uscc: str) -> list[str]:
    """Designated codes of the pharmacies of an enterprise (unified social credit code), ended ones too, in their order."""
    rows = Pharmacy.objects.filter(enterprise__uscc=uscc).order_by("code")
    return list(rows.values_list("code", flat=True))


def enterprise_districts(usccs: Collection[str]) -> dict[str, set[int]]:
    """By unified social credit code, the districts (GB/T 2260) of an enterprise's pharmacies, ended ones too. One query;
    enterprises without any are left out."""
    rows = Pharmacy.objects.filter(enterprise__uscc__in=usccs).order_by()
    found: dict[str, set[int]] = {}
    for uscc, district in rows.values_list("enterprise__uscc", "district_id").distinct():
        found.setdefault(uscc, set()).add(district)
    return found
