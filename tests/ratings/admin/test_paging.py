"""Pages of a list: all its rows in its order, each read by its key."""

import pytest
from django.core.paginator import EmptyPage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.admin.paging import CappedPaginator
from ratings.models import Pharmacy
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shops() -> None:
    for name in "丙甲丁甲乙":
        factories.pharmacy(name=name)


@pytest.mark.parametrize("order", [("name", "-pk"), ("-district__code", "pk"), ("-pk",)])
def test_pages_are_the_list_in_its_order(order: tuple[str, ...]) -> None:
    rows = Pharmacy.objects.exclude(name="丁").select_related("district").order_by(*order)
    pages = CappedPaginator(rows, 3)
    assert pages.count == 4
    assert [row.pk for number in (1, 2) for row in pages.page(number)] == [row.pk for row in rows]
    with pytest.raises(EmptyPage):
        pages.page(3)


def test_only_keys_are_sorted_and_skipped() -> None:
    rows = Pharmacy.objects.select_related("district").order_by("name", "pk")
    with CaptureQueriesContext(connection) as seen:
        assert len(list(CappedPaginator(rows, 2).page(2))) == 2
    _counted, keys, shown = (query["sql"] for query in seen)
    assert "LIMIT 2 OFFSET 2" in keys
    assert "address" not in keys
    assert "JOIN" not in keys
    assert "OFFSET" not in shown
