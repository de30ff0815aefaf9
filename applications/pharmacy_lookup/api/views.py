"""Addresses of the API; each asks the finder or the published ledger and writes what they give."""

from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from applications.api.addresses import absolute, again_with
from applications.api.negotiation import FORMAT, GeoJson, Json
from applications.api.problems import Problem
from applications.api.views import PublicView
from applications.pharmacy_lookup.api import operations, shapes
from applications.pharmacy_lookup.application import APPLICATION
from applications.pharmacy_lookup.finder import find, get_place
from applications.pharmacy_lookup.query import CODE, DATUMS, PARAMETERS, BadQuery, Query, read_query
from creditsys import geo
from ratings.published import history, penalties, scale

_NAMES: Final = {datum: name for name, datum in DATUMS.items()}
_LONGEST_SHOWN: Final = 40


class Pharmacies(PublicView):
    """Search."""

    renderer_classes = (Json, GeoJson)

    @operations.search
    def get(self, request: Request) -> HttpResponse:
        query, on = _query(request), timezone.localdate()
        page = find(query.search, on)
        next_page = again_with(request._request, cursor=query.cursor(page.last)) if page.last else None
        if request.accepted_renderer.format == GeoJson.format:
            rows = (shapes.pharmacy(row, on, geo.WGS84) for row in page.rows)
            response = self.answer(shapes.features(rows, count=page.total, next=next_page))
        else:
            results = [shapes.pharmacy(row, on, query.datum) for row in page.rows]
            response = self.answer(
                {"count": page.total, "next": next_page, "datum": _NAMES[query.datum], "results": results}
            )
        if next_page:
            response["Link"] = f'<{next_page}>; rel="next"'
        return response


class OnePharmacy(PublicView):
    """One pharmacy."""

    renderer_classes = (Json, GeoJson)

    @operations.detail
    def get(self, request: Request, code: str) -> HttpResponse:
        datum, on = _query(request, ["datum"]).datum, timezone.localdate()
        as_feature = request.accepted_renderer.format == GeoJson.format
        row = _place(code)
        written = shapes.pharmacy(row, on, geo.WGS84 if as_feature else datum)
        del written["distance_m"]
        if written["grade"]:
            written["grade"]["meaning"] = _meaning(row)
        written |= {
            "designated_on": row["designated_on"],
            "designated_until": row["designated_until"],
            "penalties": [shapes.penalty(one) for one in penalties(code, on)],
            "history": absolute(request._request, reverse("pharmacy_lookup_api:history", args=[code])),
        }
        return self.answer(shapes.feature(written) if as_feature else {**written, "datum": _NAMES[datum]})


class History(PublicView):
    """What was published of one pharmacy."""

    @operations.past
    def get(self, request: Request, code: str) -> HttpResponse:
        _query(request, [])
        row = _place(code)
        shown = (APPLICATION.shown(grade) for grade in reversed(history(code)))
        grades = [shapes.grade(one) for one in shown if one is not None]
        return self.answer({"code": row["code"], "name": row["name"], "results": grades})


def _query(request: Request, parameters: Sequence[str] = PARAMETERS) -> Query:
    """What was asked for, with no parameters but these. Raises Problem with all that is wrong."""
    try:
        return read_query(dict(request._request.GET.lists()), parameters=(*parameters, FORMAT))
    except BadQuery as error:
        raise Problem(400, faults=[(one.parameter, one.detail) for one in error.faults]) from None


def _place(code: str) -> dict[str, Any]:
    """The row of a pharmacy. Raises Problem where there is none."""
    row = get_place(code, timezone.localdate()) if CODE.fullmatch(code) else None
    if row is None:
        shown = code if len(code) <= _LONGEST_SHOWN else f"{code[:_LONGEST_SHOWN]}……"
        raise Problem(
            404, format_lazy(_("没有编码为“{code}”的定点药店；编码为 P 加十一位数字。"), code=shown)
        )
    return row


def _meaning(row: dict[str, Any]) -> str:
    """What a grade means in plain words, by its scheme; "" where there is none."""
    return scale(row["scheme"])[row["position"]].meaning if row["position"] >= 0 else ""
