"""How often an address or a client may ask: so many requests in each minute of the clock, counted in Django's cache.

The headers are those of the IETF draft "RateLimit header fields for HTTP". HEAD costs what GET costs;
OPTIONS, which browsers send of themselves and which reads nothing, costs nothing.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from creditsys.addresses import client_network

WINDOW: Final = 60
#: How long a cache that failed is left alone, seconds: an API must not wait for it at each request.
PAUSE: Final = 30
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Budget:
    """What an address or a client has used of the window at hand; ``resets_in`` are seconds."""

    limit: int
    used: int
    resets_in: int
    #: whose it is, in the headers
    partition: str = "address"

    @property
    def spent(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        found = {
            "RateLimit-Policy": f'"{self.partition}";q={self.limit};w={WINDOW}',
            "RateLimit": f'"{self.partition}";r={max(self.limit - self.used, 0)};t={self.resets_in}',
        }
        return {**found, "Retry-After": str(self.resets_in)} if self.spent else found


class _Counter:
    """Counts in the cache; while that is out of order, not at all."""

    def __init__(self) -> None:
        self.paused_until = 0.0

    def count(self, key: str) -> int | None:
        """How often ``key`` was counted, this time included; None where the cache does not serve."""
        if time.monotonic() < self.paused_until:
            return None
        try:
            return self._count(key)
        except Exception:  # whatever the cache's backend raises
            self.paused_until = time.monotonic() + PAUSE
            _log.exception("The cache does not serve: for %s seconds requests are not limited", PAUSE)
            return None

    @staticmethod
    def _count(key: str) -> int:
        for _attempt in range(2):
            try:
                return int(cache.incr(key))
            except ValueError:
                # The first of its window, unless another process was quicker.
                if cache.add(key, 1, timeout=2 * WINDOW):
                    return 1
        return 1


counter: Final = _Counter()


def spend(request: HttpRequest, purpose: str, limit: int) -> Budget | None:
    """Count a request of a purpose for its address, of which ``limit`` are free in each window.

    None where nothing is limited, as the cache does not serve.
    """
    return spend_of(f"{purpose}:{client_network(request)}", limit)


def spend_of(who: str, limit: int, partition: str = "address") -> Budget | None:
    """The same for whomever ``who`` names; ``partition`` is what the headers call it."""
    window, gone = divmod(int(time.time()), WINDOW)
    used = counter.count(f"{who}:{window}")
    return None if used is None else Budget(limit, used, WINDOW - gone, partition)


class PerAddress(BaseThrottle):
    """Of one view's request; leaves the budget with the view (``ApiView.budget``)."""

    _resets_in = WINDOW

    def allow_request(self, request: Request, view: APIView) -> bool:
        if request.method == "OPTIONS":
            return True
        budget = self.spend(request, view)
        view.budget = budget
        if budget is None or not budget.spent:
            return True
        self._resets_in = budget.resets_in
        return False

    def spend(self, request: Request, view: APIView) -> Budget | None:
        return spend(request._request, "api", settings.API_REQUESTS_A_MINUTE)

    def wait(self) -> int:
        """Seconds until an address that was refused may ask again."""
        return self._resets_in
