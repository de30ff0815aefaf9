"""The pages of figures: what the menu, the start page and the pages themselves call them, and who may see them."""

from typing import Final, NamedTuple

from django.http import HttpRequest


class Page(NamedTuple):
    """One page: its title and sign, its name among the addresses, the permissions (app ``ratings``) that it needs;
    ``whole_city``: and that nothing is hidden from the user for its place."""

    title: str
    icon: str
    name: str
    needs: tuple[str, ...]
    whole_city: bool = False


def may_see(request: HttpRequest, page: Page) -> bool:
    """Whether the user may open the page."""
    from ratings.admin.scope import sees_whole_city  # the menu is read before models can be loaded

    allowed = all(request.user.has_perm(f"ratings.{name}") for name in page.needs)
    return allowed and (not page.whole_city or sees_whole_city(request))


GRADES: Final = Page("等级分布", "stacked_bar_chart", "grades", ("view_publishedgrade",))
MAP: Final = Page("等级地图", "map", "map", ("view_publishedgrade", "view_pharmacy"))
REASONS: Final = Page(
    "扣分原因", "format_list_numbered", "reasons", ("view_rating", "view_violation", "view_complaint")
)
_HANDLED: Final = (
    "view_objection",
    "view_creditrepair",
    "view_adjustment",
    "view_reviewitem",
    "view_complaint",
)
WORK: Final = Page("异议和期限", "timer", "work", _HANDLED)
GROWTH: Final = Page("投诉和支付变化", "trending_down", "growth", ("view_complaint", "view_fundpayment"))
DISCRETION: Final = Page(
    "自由裁量", "balance", "discretion", ("view_adjustment", "view_reviewitem", "view_rating")
)
SUPERVISION: Final = Page("纪检监督", "policy", "supervision", ("view_auditevent", "view_rating", *_HANDLED))
VALIDATION: Final = Page(
    "有效性检验", "rule", "validation", ("view_rating", "view_violation", "view_complaint")
)
QUARTERLY: Final = Page(
    "季度统计表",
    "table_chart",
    "quarterly",
    (
        "view_pharmacy",
        "view_violation",
        "view_complaint",
        "view_publishedgrade",
        "view_objection",
        "view_creditrepair",
    ),
)
LAB: Final = Page("政策实验室", "science", "lab", ("view_schemeversion", "view_rating"), whole_city=True)
#: Pages of figures, in the order of the menu.
PAGES: Final = (
    GRADES,
    MAP,
    REASONS,
    WORK,
    GROWTH,
    DISCRETION,
    SUPERVISION,
    VALIDATION,
    QUARTERLY,
)
#: What the menu and the start page lead to.
EVERY: Final = (*PAGES, LAB)
