"""How often an address may ask, and that the headers tell the truth about it."""

import logging
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from applications.api import throttle
from creditsys.addresses import client_network

SCHEMA = "/api/v1/schema/"


class Clock:
    now = 1_800_000_000.0 + 15  # a quarter into a minute


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Clock]:
    settings.API_REQUESTS_A_MINUTE = 3
    settings.TRUSTED_PROXIES = 0
    cache.clear()
    found = Clock()
    monkeypatch.setattr(throttle.time, "time", lambda: found.now)
    monkeypatch.setattr(throttle.counter, "paused_until", 0.0)
    yield found
    cache.clear()


def get(address: str = "192.0.2.1", method: str = "get", **headers: str) -> HttpResponse:
    asked = getattr(Client(REMOTE_ADDR=address), method)
    response: HttpResponse = asked(SCHEMA, headers=headers)
    return response


def test_both_sides_of_the_limit(clock: Clock) -> None:
    for left in (2, 1, 0):
        response = get()
        assert response.status_code == 200
        assert response["RateLimit-Policy"] == '"address";q=3;w=60'
        assert response["RateLimit"] == f'"address";r={left};t=45'
        assert "Retry-After" not in response
    refused = get()
    assert (refused.status_code, refused["Content-Type"]) == (429, "application/problem+json")
    assert (refused["RateLimit"], refused["Retry-After"]) == ('"address";r=0;t=45', "45")
    assert refused["Access-Control-Allow-Origin"] == "*"
    assert "try again in 45 seconds" in refused.json()["detail_en"]
    assert get("192.0.2.2").status_code == 200


def test_the_next_minute_begins_anew(clock: Clock) -> None:
    for _ in range(4):
        get()
    clock.now += 44.9
    assert (get().status_code, get()["Retry-After"]) == (429, "1")
    clock.now += 0.1
    response = get()
    assert (response.status_code, response["RateLimit"]) == (200, '"address";r=2;t=60')


def test_head_and_unchanged_answers_count_and_preflight_does_not() -> None:
    tag = get()["ETag"]
    for _ in range(5):
        preflight = get(method="options")
        assert (preflight.status_code, "RateLimit" in preflight) == (204, False)
    assert get(method="head")["RateLimit"].startswith('"address";r=1;')
    assert get(**{"if-none-match": tag}).status_code == 304
    assert get(method="head").status_code == 429
    assert get(method="post").status_code == 429


def test_no_header_of_the_asker_changes_who_it_is() -> None:
    for number in range(3):
        get(**{"x-forwarded-for": f"198.51.100.{number}"})
    assert get(**{"x-forwarded-for": "198.51.100.9", "forwarded": "for=198.51.100.9"}).status_code == 429


def test_behind_a_trusted_proxy_its_word_counts(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(4):
        assert get(**{"x-forwarded-for": f"10.0.0.{number}, 198.51.100.{number}"}).status_code == 200
    for _ in range(2):
        get(**{"x-forwarded-for": "10.9.9.9, 198.51.100.1"})
    assert get(**{"x-forwarded-for": "10.8.8.8, 198.51.100.1"}).status_code == 429


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_whom_a_limit_counts_as_one(address: str, network: str) -> None:
    assert client_network(RequestFactory().get("/", REMOTE_ADDR=address)) == network


def test_a_neighbour_in_the_same_ipv6_network_shares_the_budget() -> None:
    for number in range(3):
        get(f"2001:db8::{number + 1}")
    assert get("2001:db8::ffff").status_code == 429
    assert get("2001:db8:0:1::1").status_code == 200


def test_two_processes_at_once_lose_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another has made the counter between our two attempts."""
    monkeypatch.setattr(throttle, "cache", cache)
    add = cache.add

    def late(key: str, value: int, timeout: int) -> bool:
        add(key, 1, timeout=timeout)
        return add(key, value, timeout=timeout)

    monkeypatch.setattr(cache, "add", late)
    assert get()["RateLimit"].startswith('"address";r=1;')


class TestWithoutCache:
    def test_serves_without_a_limit_tries_again_later_and_logs_once(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        calls = []

        def broken(key: str) -> int:
            calls.append(key)
            raise ConnectionError("no cache")

        monkeypatch.setattr(cache, "incr", broken)
        with caplog.at_level(logging.ERROR):
            for _ in range(9):
                response = get()
                assert (response.status_code, "RateLimit" in response) == (200, False)
        assert (len(calls), len(caplog.records)) == (1, 1)
        monkeypatch.undo()
        monkeypatch.setattr(throttle.counter, "paused_until", 0.0)
        assert "RateLimit" in get()
