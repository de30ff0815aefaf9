"""Charts of an enterprise: shape and text say everything, colour only helps; a table beside each has the numbers."""

from collections.abc import Mapping, Sequence
from typing import Final

from django.utils.safestring import SafeString

from applications.enterprise_credit.profiles import Score
from creditsys import charts
from creditsys.chart_plans import ScorePoint

TITLE: Final = "历次企业信用分"


def score_points(scores: Sequence[Score]) -> list[ScorePoint]:
    """The enterprise's scores as charts take them."""
    return [ScorePoint(one.on, "", one.score, one.grade, one.position) for one in scores]


def score_chart(scores: Sequence[Score], grades: int) -> SafeString:
    """The enterprise's scores over time; "" where there are none. ``grades`` is how many its rule has."""
    return charts.score_line(TITLE, score_points(scores), grades)


def grade_chart(grades: Mapping[str, int]) -> SafeString:
    """How many pharmacies have which grade; "" = without. "" where there are none."""
    rows = [(name or "无等级", [count]) for name, count in grades.items()]
    return charts.bars("药店等级分布", charts.plain("药店（家）"), rows)
