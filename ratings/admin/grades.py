"""Grades of stored ratings in words, from the scheme that gave them."""

from django.core.cache import cache
from django.utils.safestring import SafeString

from ratings.admin.show import grade_badge
from ratings.insight.limits import lowering
from ratings.models import Rating, RatingRun, SchemeVersion
from ratings.rules import Scheme
from ratings.services.errors import Refused
from ratings.services.schemes import parsed


def readable(scheme: SchemeVersion) -> Scheme | None:
    """The scheme's rules, None when the stored document cannot be read; read once an instance."""
    known: Scheme | None = scheme.__dict__.get("_rules")
    if known is None:
        try:
            known = scheme.__dict__["_rules"] = parsed(scheme)
        except Refused:
            return None
    return known


def grade_names(scheme: SchemeVersion) -> list[tuple[str, str]]:
    """(name, label) of the scheme's grades, best first."""
    rules = readable(scheme)
    return [(grade.name, grade.label) for grade in rules.document.grades] if rules else []


def rating_badge(rating: Rating) -> SafeString:
    """The rating's grade; needs ``run__scheme``."""
    return grade_badge(rating.grade, grade_names(rating.run.scheme))


def plain_grade(rating: Rating) -> str:
    """The grade's name, for exports; needs ``run__scheme``."""
    names = grade_names(rating.run.scheme)
    return names[rating.grade][0] if 0 <= rating.grade < len(names) else "不予评级"


def reason_not_rated(rating: Rating) -> str:
    """Why there is no grade, "" when there is one."""
    rules = readable(rating.run.scheme)
    if rating.state == 0 or rules is None or rating.state > len(rules.reasons):
        return ""
    return rules.reasons[rating.state - 1].title


def caps_struck(rating: Rating) -> list[str]:
    """Titles of the limits that made the grade worse than the score alone would."""
    rules = readable(rating.run.scheme)
    if rules is None:
        return []
    struck = lowering(rules, rating.caps, rating.grade_before_caps, rating.grade)
    return [rules.document.caps[number].title for number in struck]


def run_scope(run: RatingRun) -> str:
    """The district of a run, or the city; needs ``district``."""
    return run.district.name if run.district else "全市"


def measure_titles() -> dict[str, str]:
    """Keys of imported values to their titles, as the schemes in force call them."""
    known: dict[str, str] | None = cache.get("measure_titles")
    if known is None:
        known = {}
        for scheme in SchemeVersion.objects.filter(activated_at__isnull=False).order_by("-effective_on"):
            rules = readable(scheme)
            for term in rules.document.measures if rules else ():
                known.setdefault(term.key, term.title)
        cache.set("measure_titles", known, 60)
    return known
