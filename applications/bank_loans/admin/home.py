"""What the start page shows of loans: what the user may do, what waits, and how the lists stand."""

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from applications.bank_loans.models import Authorisation, Delivery, Endpoint, FeedbackBatch, LoanProduct
from ratings.admin import show
from ratings.admin.home import Card, Home, Waiting, give_home

#: Authorisations that end within so many days are told of; so many products are listed.
_SOON: Final = timedelta(days=30)
_SHOWN: Final = 6


def home(request: HttpRequest) -> Home:
    """For those who see loan products for the whole city; five queries at most."""
    products: Any = admin.site.get_model_admin(LoanProduct)
    if not products.has_view_permission(request):
        return Home()
    wanted = (
        ("新增贷款产品", "loanproduct_add", "add_loanproduct"),
        ("登记授权", "authorisation_add", "add_authorisation"),
        ("查询名单", "standing_changelist", "view_standing"),
        ("贷款成效", "feedbackbatch_outcomes", "view_feedbackbatch"),
    )
    tasks = [
        (title, reverse(f"admin:bank_loans_{name}"))
        for title, name, permission in wanted
        if products.may(request, permission)
    ]
    cards = [_lists(products, request)]
    if products.may(request, "view_feedbackbatch"):
        cards.append(_reports())
    return Home(tasks=tasks, work=_work(products, request), cards=cards)


def _work(products: Any, request: HttpRequest) -> list[Waiting] | None:
    """For those who can do something about it."""
    today = timezone.localdate()
    duties: tuple[tuple[str, str, QuerySet[Any], dict[str, str]], ...] = (
        (
            "授权将在 30 日内到期",
            "add_authorisation",
            Authorisation.objects.filter(
                withdrawn_on=None, valid_until__gt=today, valid_until__lte=today + _SOON
            ),
            {},
        ),
        (
            "通知地址待验证",
            "change_endpoint",
            Endpoint.objects.filter(state=Endpoint.State.UNVERIFIED),
            {"state__exact": "UNVERIFIED"},
        ),
        (
            "消息未能送达",
            "change_delivery",
            Delivery.objects.filter(state=Delivery.State.DEAD),
            {"state__exact": "DEAD"},
        ),
    )
    mine = [duty for duty in duties if products.may(request, duty[1])]
    if not mine:
        return None
    found = [
        Waiting(title, show.list_url(rows.model, **filters), rows.count()) for title, _, rows, filters in mine
    ]
    return [one for one in found if one.count]


def _lists(products: Any, request: HttpRequest) -> Card:
    rows = products.get_queryset(request).filter(is_sandbox=False)[:_SHOWN]
    told = [
        (row.name, show.change_url(row), f"{row.bank}　名单 {row.size:,} 家　{show.day(row.reckoned_on)}")
        for row in rows.select_related("bank")
    ]
    return Card("贷款产品", told, show.list_url(LoanProduct))


def _reports() -> Card:
    rows = FeedbackBatch.objects.select_related("product").order_by("-id")[:_SHOWN]
    told = [
        (str(row.product), show.change_url(row), f"{row.rows:,} 行　{show.moment(row.at)}") for row in rows
    ]
    return Card("银行最近的反馈", told, show.list_url(FeedbackBatch))


give_home("bank_loans", home)
