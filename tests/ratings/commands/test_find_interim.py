"""manage.py find_interim: what it proposes, and for whom."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from ratings.models import Adjustment
from tests.ratings.services.regrading import AT, GOOD, city_in, convict

pytestmark = pytest.mark.django_db


def output() -> str:
    out = StringIO()
    call_command("find_interim", stdout=out)
    return out.getvalue()


def test_names_each_pharmacy_with_both_grades_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: AT)
    shops, _period = city_in("PUBLISHED")
    convict(shops[GOOD])
    text = output()
    assert f"{shops[GOOD].code}　A → D" in text
    assert "一票否决" in text
    assert "提出 1 件" in text
    assert "find_interim" in Adjustment.objects.get().proposed_by
    assert "提出 0 件" in output()
