"""What is public of an enterprise: which designated pharmacies it runs."""

from ratings.models import Pharmacy


def enterprise_codes(uscc: str) -> list[str]:
    """Designated codes of the pharmacies of an enterprise (unified social credit code), ended ones too, in their order."""
    rows = Pharmacy.objects.filter(enterprise__uscc=uscc).order_by("code")
    return list(rows.values_list("code", flat=True))
