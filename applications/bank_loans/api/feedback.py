"""The address at which a bank reports its loans."""

import re
from typing import Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from applications.api.bodies import read_object
from applications.api.problems import Problem
from applications.bank_loans.api import feedback_operation
from applications.bank_loans.api.views import ProductView
from applications.bank_loans.feedback import KeyReused, take_in
from applications.bank_loans.feedback_lines import BadFeedback

#: Of the body; settings.DATA_UPLOAD_MAX_MEMORY_SIZE is no less.
MOST_BYTES: Final = 5 * 1024 * 1024
#: So many faults of a report are told of.
MOST_FAULTS: Final = 1000
HEADER: Final = "Idempotency-Key"
#: A string of RFC 8941, or the same without its quotation marks.
_KEY: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,100})"|([0-9A-Za-z._:-]{1,100})')


class Feedback(ProductView):
    """Takes in a report, once for each idempotency key."""

    scope = "bank:feedback"
    operation = "bank_feedback"
    http_method_names = ["post"]

    @feedback_operation.feedback
    def post(self, request: Request, product: str) -> HttpResponse:
        found = self.product(product)
        self.parameters().refuse()
        key = _key(request)
        content = read_object(request._request, MOST_BYTES)
        try:
            batch = take_in(self.client, found, key, content, timezone.localdate())
        except KeyReused:
            raise Problem(409) from None
        except BadFeedback as bad:
            more = len(bad.faults) - MOST_FAULTS
            text = _("另有 {more} 处有误未列出。本次没有写入任何内容。")
            detail = format_lazy(text, more=more) if more > 0 else ""
            raise Problem(422, detail, bad.faults[:MOST_FAULTS]) from None
        self.note(subject=found.key)
        return self.answer(
            {
                "batch": batch.pk,
                "product": found.key,
                "at": batch.at,
                "rows": batch.rows,
                "total_fen": batch.total_fen,
            }
        )


def _key(request: Request) -> str:
    """The idempotency key that was sent. Raises Problem (400)."""
    given = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip()
    match = _KEY.fullmatch(given)
    if match is None:
        raise Problem(400, faults=[(HEADER, feedback_operation.NEEDS_KEY)])
    quoted, plain = match.groups()
    return plain or re.sub(r"\\(.)", r"\1", quoted)[:100]
