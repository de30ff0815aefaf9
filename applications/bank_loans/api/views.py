"""Addresses of banks' programs: each brings the list of a product up to date and gives what ``reading`` gives."""

from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from applications.api.addresses import again_with
from applications.api.negotiation import FORMAT
from applications.api.parameters import Parameters, write_cursor
from applications.api.problems import Problem, both
from applications.bank_loans import reading
from applications.bank_loans.api import operations
from applications.bank_loans.api.asking import CODE, Asked, Purpose, code_fault, read_batch, read_check
from applications.bank_loans.api.limits import (
    CHANGES,
    MOST_CHANGES,
    MOST_PHARMACIES,
    PHARMACIES,
    RETRY_AFTER,
)
from applications.bank_loans.api.schema import Outcome
from applications.bank_loans.eligibility import Busy, bring_up_to_date
from applications.bank_loans.models import LoanProduct, Standing
from applications.bank_loans.streams import FORMATS, stream
from applications.clients.models import Organisation
from applications.clients.views import ClientView

_TERMS: Final = (
    "key", "name", "minimum_grade", "credit_line_fen", "loan_limit_fen", "districts", "minimum_months",
    "minimum_periods", "authorisation_required", "valid_from", "valid_until",
)  # fmt: skip
#: Before any number that a product may have.
_GREATEST: Final = 10**18 - 1


class ProductView(ClientView):
    """Of the loan products of the client's own bank; there are no others for it."""

    scope = "bank:read"

    def products(self) -> QuerySet[LoanProduct]:
        """Raises Problem (404) for a client that is no bank's."""
        bank = self.client.organisation
        if bank.kind != Organisation.Kind.BANK:
            raise _unknown()
        return LoanProduct.objects.filter(bank=bank)

    def product(self, key: str) -> LoanProduct:
        """Raises Problem (404)."""
        self.note(subject=key)
        found = self.products().filter(key=key).first()
        if found is None:
            raise _unknown()
        return found

    def parameters(self, *known: str) -> Parameters:
        """What was given beside the format; nothing but ``known`` may be."""
        return Parameters(dict(self.request._request.GET.lists()), (*known, FORMAT))


def _unknown() -> Problem:
    return Problem(404, _("您的银行没有这个贷款产品；产品见 /api/v1/bank/products/。"))


def _current(product: LoanProduct) -> LoanProduct:
    """Its list brought up to date. Raises Problem (503)."""
    try:
        return bring_up_to_date(product, timezone.localdate(), patience=2)
    except Busy:
        raise Problem(503, headers={"Retry-After": str(RETRY_AFTER)}) from None


class Products(ProductView):
    operation = "bank_products"

    @operations.products
    def get(self, request: Request) -> HttpResponse:
        self.parameters().refuse()
        own = [_current(product).pk for product in self.products()]
        return self.answer({"results": [*_described(own)]})


class OneProduct(ProductView):
    operation = "bank_product"

    @operations.product
    def get(self, request: Request, product: str) -> HttpResponse:
        found = self.product(product)
        self.parameters().refuse()
        (described,) = _described([_current(found).pk])
        return self.answer(described)


class _PagedView(ProductView):
    def page(
        self, product: LoanProduct, page: reading.Page, onward: dict[str, Any], **more: Any
    ) -> HttpResponse:
        """A page, with the address of the next where there is more."""
        self.note(rows=len(page.rows), subject=product.key, purpose=Purpose.LIST_SYNC)
        following = again_with(self.request._request, **onward) if page.more else None
        response = self.answer(
            {
                "product": product.key,
                "position": page.position,
                "ledger_seq": page.ledger_seq,
                **more,
                "next": following,
                "results": page.rows,
            }
        )
        if following:
            response["Link"] = f'<{following}>; rel="next"'
        return response


class Pharmacies(_PagedView):
    operation = "bank_pharmacies"

    @operations.pharmacies
    def get(self, request: Request, product: str) -> HttpResponse:
        found = self.product(product)
        asked = self.parameters("limit", "cursor")
        limit = asked.whole("limit", PHARMACIES, 1, MOST_PHARMACIES)
        _key, after, began = asked.cursor("cursor", lambda values: _is_cursor(values, found)) or (0, "", None)
        asked.refuse()
        page = reading.eligible_page(_current(found), after, limit)
        began = page.position if began is None else began
        cursor = write_cursor([found.key, page.rows[-1]["code"], began]) if page.more else ""
        return self.page(found, page, {"cursor": cursor} if cursor else {}, changes_since=began)


class Changes(_PagedView):
    operation = "bank_changes"

    @operations.changes
    def get(self, request: Request, product: str) -> HttpResponse:
        found = self.product(product)
        asked = self.parameters("since", "limit")
        since = asked.whole("since", 0, 0, _GREATEST)
        limit = asked.whole("limit", CHANGES, 1, MOST_CHANGES)
        asked.refuse()
        page = reading.changes_page(_current(found), since, limit)
        if since > page.position:
            asked.wrong(
                "since",
                _("“{value}”大于名单现在的序号 {position}；请从 0 重新读起。"),
                value=since,
                position=page.position,
            )
            asked.refuse()
        last = page.rows[-1]["number"] if page.rows else since
        return self.page(found, page, {"since": last}, since=since, last=last)


class Ndjson(BaseRenderer):
    media_type, format = FORMATS["ndjson"], "ndjson"


class Csv(BaseRenderer):
    media_type, format = FORMATS["csv"].partition(";")[0], "csv"


class Stream(ProductView):
    operation = "bank_stream"
    renderer_classes = (Ndjson, Csv)

    @operations.whole
    def get(self, request: Request, product: str) -> HttpResponseBase:
        found = self.product(product)
        self.parameters().refuse()
        current = _current(found)
        self.note(subject=found.key, purpose=Purpose.LIST_SYNC)
        form = request.accepted_renderer.format
        headings = 1 if form == Csv.format else 0
        return self.answer_stream(
            stream(current, form), FORMATS[form], f"{found.key}.{form}", headings=headings
        )


class Check(ProductView):
    scope = "bank:check"
    operation = "bank_check"

    @operations.check
    def get(self, request: Request, product: str) -> HttpResponse:
        found = self.product(product)
        return self._checked(found, read_check(self.parameters("code", "social_credit_code", "purpose")))

    @operations.check_batch
    def post(self, request: Request, product: str) -> HttpResponse:
        self.operation = "bank_check_batch"
        found = self.product(product)
        self.parameters().refuse()
        return self._checked(found, read_batch(request._request))

    def _checked(self, product: LoanProduct, asked: Asked) -> HttpResponse:
        current = _current(product)
        faults = {code: code_fault(code) for code in asked.codes}
        try:
            found = reading.check(current, [code for code, fault in faults.items() if fault is None])
        except reading.TooMany:
            raise Problem(413, _("这些编码所指的药店太多；请分几次查询。")) from None
        self.note(rows=sum(map(len, found.values())), subject=product.key, purpose=asked.purpose)
        told = {fault: both("detail", fault) for fault in {*faults.values()} - {None} if fault}
        return self.answer(
            {
                "product": product.key,
                "position": current.position,
                "ledger_seq": current.ledger_seq,
                "purpose": asked.purpose,
                "results": [
                    {"code": code, "outcome": _outcome(found[code]), "pharmacies": found[code]}
                    if fault is None
                    else {"code": code, "outcome": Outcome.MALFORMED, "pharmacies": [], **told[fault]}
                    for code, fault in faults.items()
                ],
            }
        )


def _outcome(pharmacies: list[dict[str, Any]]) -> Outcome:
    if not pharmacies:
        return Outcome.UNKNOWN
    eligible = any(pharmacy["eligible"] for pharmacy in pharmacies)
    return Outcome.ELIGIBLE if eligible else Outcome.NOT_ELIGIBLE


def _described(products: list[int]) -> Iterable[dict[str, Any]]:
    """Terms, position and count of products, of one moment."""
    listed = Standing.objects.filter(product=OuterRef("pk"), reasons=[]).order_by().values("product")
    counted = LoanProduct.objects.filter(pk__in=products).annotate(
        count=Coalesce(Subquery(listed.annotate(rows=Count("*")).values("rows")), 0)
    )
    for one in counted:
        yield {
            **{name: getattr(one, name) for name in _TERMS},
            "sandbox": one.is_sandbox,
            "count": one.count,
            "position": one.position,
            "ledger_seq": one.ledger_seq,
            "as_of": one.reckoned_on,
        }


def _is_cursor(values: list[Any], product: LoanProduct) -> bool:
    match values:
        case [product.key, str(code), int(began)]:
            return bool(CODE.fullmatch(code)) and 0 <= began <= _GREATEST
    return False
