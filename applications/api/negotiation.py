"""In which format an answer is given: by ``?format=``, else by ``Accept``."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from applications.api.problems import Problem

#: The parameter that names a format; it belongs to every address.
FORMAT: Final = "format"


class Json(BaseRenderer):
    """Plain dicts as JSON; dates are written as ISO 8601."""

    media_type = "application/json"
    format = "json"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return orjson.dumps(data)


class GeoJson(Json):
    """RFC 7946; whoever answers gives data of that shape."""

    media_type = "application/geo+json"
    format = "geojson"


class Negotiation(BaseContentNegotiation):
    """Picks one of a view's renderers, the first where any will do. Raises Problem (400, 406)."""

    def select_renderer(
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        asked = request.GET.getlist(FORMAT)
        if asked:
            chosen = [one for one in renderers if {one.format} == set(asked)]
            if not chosen:
                choices = " ".join(one.format for one in renderers)
                fault = format_lazy(_("没有这种格式；请用 {choices}。"), choices=choices)
                raise Problem(400, faults=[(FORMAT, fault)])
            return chosen[0], chosen[0].media_type
        if request.META.get("HTTP_ACCEPT", "*/*") == "*/*":
            return renderers[0], renderers[0].media_type
        media_type = request._request.get_preferred_type([one.media_type for one in renderers])
        for renderer in renderers:
            if renderer.media_type == media_type:
                return renderer, media_type
        choices = " ".join(one.media_type for one in renderers)
        raise Problem(406, format_lazy(_("这里可以给出的格式有：{choices}。"), choices=choices))
