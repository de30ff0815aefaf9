"""The size of print, kept in a cookie for a year: for those who see badly (适老化)."""

from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme

from applications.pharmacy_lookup.pages.shell import LARGE, home, public_page

_YEAR: Final = 365 * 24 * 3600
#: Django refuses to redirect to longer addresses.
_LONGEST: Final = 2_000


@public_page
def display(request: HttpRequest) -> HttpResponse:
    """Set the size of print (``large_print`` = 1 or 0) and go back to ``next``, within this site only."""
    back = request.GET.get("next", "")
    inside = len(back) <= _LONGEST and url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    response = HttpResponseRedirect(back if inside else home(request))
    response.set_cookie(
        LARGE,
        "1" if request.GET.get(LARGE) == "1" else "0",
        max_age=_YEAR,
        samesite="Lax",
        secure=request.is_secure(),
        httponly=True,
    )
    add_never_cache_headers(response)
    return response
