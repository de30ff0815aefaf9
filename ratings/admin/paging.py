"""Pages of lists that may hold millions of rows."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property


class CappedPaginator(Paginator):
    """Counts no further than ``cap`` rows, so that no list waits for a full count."""

    cap = 10_000
    template_name = "ratings/admin/pages.html"

    @cached_property
    def found(self) -> int:
        """Rows found, at most one more than the cap."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: self.cap + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self.found, self.cap)

    @property
    def capped(self) -> bool:
        """True when there are more rows than are paged through."""
        return self.found > self.cap

    def page(self, number: int | str) -> Page:
        """One page, its keys found first: what is sorted and skipped are keys, not rows with all
        that is joined to them."""
        number = self.validate_number(number)
        rows: Any = self.object_list
        first = (number - 1) * self.per_page
        keys = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(rows.filter(pk__in=keys), number, self)
