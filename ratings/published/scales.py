"""What the grades of a scheme are called and mean."""

import functools
from dataclasses import dataclass
from datetime import date

from ratings.models import SchemeVersion
from ratings.published.grades import Grade
from ratings.rules import parse_scheme


@dataclass(frozen=True, slots=True)
class Step:
    """One grade of a scheme: its name (A), label (优秀) and meaning in plain words."""

    name: str
    label: str
    meaning: str


@functools.lru_cache(maxsize=64)
def scale(scheme: str) -> tuple[Step, ...]:
    """The grades of ``scheme`` (key@version, as a published grade names it), best first.

    What was published stands under a scheme in force, which never changes. Raises LookupError for a
    scheme that is not stored.
    """
    key, _, version = scheme.partition("@")
    stored = SchemeVersion.objects.filter(key=key, version=int(version)).first() if version else None
    if stored is None:
        raise LookupError(f"no scheme {scheme}")
    grades = parse_scheme(stored.document.encode(), scheme).grades
    return tuple(Step(grade.name, grade.label, grade.meaning) for grade in grades)


def scheme_in_force(key: str, on: date) -> str:
    """The version of a scheme in force on a day, as a published grade names it (key@version); "" = none."""
    rows = SchemeVersion.objects.filter(key=key, activated_at__isnull=False, effective_on__lte=on)
    found = rows.order_by("-effective_on").values_list("version", flat=True).first()
    return "" if found is None else f"{key}@{found}"


def reaches(grade: Grade, minimum: str) -> bool:
    """Whether a grade is as good as the one named ``minimum`` in its own scheme, or better.

    False for no grade, and where the scheme has no grade of that name: what cannot be compared
    does not reach.
    """
    names = [step.name for step in scale(grade.scheme)]
    return minimum in names and 0 <= grade.position <= names.index(minimum)
