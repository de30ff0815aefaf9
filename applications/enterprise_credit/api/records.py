"""The addresses at which a department's program supplies its records."""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from applications.api.bodies import canonical, parse_object, read_body
from applications.api.negotiation import FORMAT
from applications.api.parameters import Parameters
from applications.api.problems import Problem
from applications.clients.models import Organisation
from applications.clients.views import ClientView
from applications.enterprise_credit import intake
from applications.enterprise_credit.api import record_operations
from applications.enterprise_credit.api.record_rows import MOST_BYTES, read_rows
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import RecordBatch
from applications.enterprise_credit.record_store import Counts
from applications.enterprise_credit.rules.catalogue import ALL, Catalogue, RecordType
from applications.enterprise_credit.rules.fields import Fault, json_schema
from creditsys.addresses import client_address
from ratings.services.audit import Actor

#: What the operations are called in the record of calls.
OPERATIONS: Final = {
    "department_record_types": "读取可报送的信用信息类型",
    "department_records": "报送信用信息",
    "department_batch": "读取报送结果",
}
HEADER: Final = "Idempotency-Key"
#: A string of RFC 8941, or the same without its quotation marks; no longer than what is kept.
_KEY: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,80})"|([0-9A-Za-z._:-]{1,80})')


class SupplyView(ClientView):
    """Of the record types that the client's own department supplies; there are no others for it."""

    scope = "department:supply"

    def catalogue(self) -> Catalogue:
        """The one in force today. Raises Problem (404) for a client that is no department's."""
        if self.client.organisation.kind != Organisation.Kind.DEPARTMENT:
            raise _unknown()
        return catalogue_on(timezone.localdate())

    def record_type(self, key: str) -> RecordType:
        """Raises Problem (404)."""
        self.note(subject=key)
        found = self.catalogue().record_type(key)
        if found is None or found.department != self.client.organisation.key:
            raise _unknown()
        return found

    def plain(self) -> None:
        """Nothing but the format may be asked for. Raises Problem (400)."""
        Parameters(dict(self.request._request.GET.lists()), (FORMAT,)).refuse()


def _unknown() -> Problem:
    return Problem(404, _("您的部门没有这种信用信息；可报送的见 /api/v1/department/record-types/。"))


class RecordTypes(SupplyView):
    operation = "department_record_types"
    http_method_names = ["get", "head"]

    @record_operations.record_types
    def get(self, request: Request) -> HttpResponse:
        catalogue = self.catalogue()
        self.plain()
        own = intake.own_types(self.client.organisation, catalogue.record_types)
        return self.answer(
            {
                "catalogue": f"{catalogue.key}@{catalogue.version}",
                "results": [
                    {
                        "key": one.key,
                        "title": one.title,
                        "kind": one.kind,
                        "publicity": one.publicity,
                        "viewers": _viewers(one),
                        "shown_months": one.shown_months,
                        "clause": str(one.clause),
                        "personal": [field.key for field in one.fields if field.personal],
                        "schema": json_schema(one),
                    }
                    for one in own
                ],
            }
        )


def _viewers(record_type: RecordType) -> list[str]:
    """Keys of the departments that may see records of a type, "*" = all."""
    if record_type.publicity == "OPEN" or ALL in record_type.viewers:
        return [ALL]
    others = record_type.viewers if record_type.publicity == "SHARED" else ()
    return sorted({record_type.department, *others})


class Records(SupplyView):
    operation = "department_records"
    http_method_names = ["post"]

    @record_operations.supply
    def post(self, request: Request, record_type: str) -> HttpResponse:
        found = self.record_type(record_type)
        self.plain()
        key = key_of(request)
        body = read_body(request._request, MOST_BYTES)
        content = parse_object(body)
        digest = sha256(canonical(body, content)).hexdigest()
        rows = read_rows(content)
        try:
            batch = self._taken(found, key, rows, digest, len(body))
        except intake.KeyReused:
            raise Problem(409) from None
        self.note(subject=found.key)
        return self.answer(batch.answer)

    def _taken(
        self, record_type: RecordType, key: str, rows: list[dict[str, Any]], digest: str, size: int
    ) -> RecordBatch:
        by = Actor(f"接口客户端 {self.client.client_id}", client_address(self.request._request))
        return intake.take_in(
            self.client, record_type, key, rows, sha256=digest, size=size, by=by, answer=_answer
        )


class Batch(SupplyView):
    operation = "department_batch"
    http_method_names = ["get", "head"]

    @record_operations.batch
    def get(self, request: Request, record_type: str, batch: int) -> HttpResponse:
        found = self.record_type(record_type)
        self.plain()
        batches = RecordBatch.objects.filter(
            department=self.client.organisation, record_type=found.key, source=RecordBatch.Source.API
        )
        known = batches.filter(pk=batch).first()
        if known is None:
            raise Problem(404, _("没有这个批次；批次号见报送时的答复。"))
        self.note(subject=f"{found.key} #{known.pk}")
        return self.answer(known.answer)


def key_of(request: Request) -> str:
    """The idempotency key that was sent. Raises Problem (400)."""
    match = _KEY.fullmatch(request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip())
    if match is None:
        raise Problem(400, faults=[(HEADER, record_operations.NEEDS_KEY)])
    quoted, plain = match.groups()
    return plain or re.sub(r"\\(.)", r"\1", quoted)


def _answer(batch: RecordBatch, results: list[intake.Result]) -> dict[str, Any]:
    """What is answered, and kept to be answered again."""
    told = _told(fault for result in results for fault in result.faults)
    return {
        "batch": batch.pk,
        "record_type": batch.record_type,
        "at": timezone.now().isoformat(),
        "rows": len(results),
        **{name: getattr(batch, name) for name in Counts.__slots__},
        "results": [
            {
                "line": result.line,
                "record_no": result.record_no,
                "outcome": result.outcome,
                **({"match": result.match} if result.match else {}),
                **(
                    {"errors": [{"parameter": one.field, **told[str(one)]} for one in result.faults]}
                    if result.faults
                    else {}
                ),
            }
            for result in results
        ],
    }


def _told(faults: Iterable[Fault]) -> dict[str, dict[str, str]]:
    """Each fault in both languages, by its Chinese text; the language changes once, not for each fault."""
    every = {str(fault): fault for fault in faults}
    with translation.override("en"):
        return {
            text: {
                "detail": text,
                "detail_en": str(translation.gettext(fault.text)).format_map(fault.values),
            }
            for text, fault in every.items()
        }
