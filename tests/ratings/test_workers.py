"""Real processes: a Celery worker on Redis, and one that is killed in the middle."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import redis
from celery import Celery
from django.db import connection

from ratings.models import Rating, RatingRun
from ratings.services.runs import RunInProgress
from tests.conftest import missing
from tests.ratings.services.test_runs import CUTOFF, rate_now, scheme_in_force, small_city

REDIS_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/15"
KILLED_IN_THE_MIDDLE = """
import sys, time, django
django.setup()
from ratings import tasks
from ratings.services import runs
def stuck(*args, **options):
    print("reading", flush=True)
    time.sleep(60)
runs.read_signals = stuck
tasks.rate_period("2025H2", int(sys.argv[1]), sys.argv[2], None, "测试员")
"""


def environment() -> dict[str, str]:
    """For a process that works on the test database."""
    database = connection.settings_dict
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "creditsys.settings",
        "DATABASE_URL": url(database),
        "REDIS_URL": REDIS_URL,
    }


def url(database: dict[str, Any]) -> str:
    """The database as DATABASE_URL; a socket directory stands where the path begins."""
    login = quote(database["USER"])
    if database["PASSWORD"]:
        login += f":{quote(database['PASSWORD'])}"
    host = database["HOST"]
    place = f"/{host}" if host.startswith("/") else f"{host}:{database['PORT'] or 5432}"
    return f"postgres://{login}@{place}/{database['NAME']}"


def until(done: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_loses_nothing() -> None:
    small_city()
    scheme = scheme_in_force()
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(scheme.pk), CUTOFF.isoformat()],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    try:
        assert worker.stdout.readline() == "reading\n"
        assert RatingRun.objects.get().state == "WAITING"
    finally:
        worker.kill()
        worker.wait(20)
        worker.stdout.close()
    # The server frees the dead session's lock as soon as it notices the closed connection.
    done: list[RatingRun] = []

    def taken_up() -> bool:
        try:
            done.append(rate_now(scheme=scheme))
        except RunInProgress:
            return False
        return True

    until(taken_up, 20)
    assert (done[0].state, Rating.objects.count()) == ("DONE", 7)


@pytest.fixture
def broker() -> Iterator[Celery]:
    """The queue on Redis, empty before and after."""
    store = redis.Redis.from_url(REDIS_URL)
    try:
        store.ping()
    except redis.ConnectionError:
        missing("Redis")
    store.flushdb()
    with Celery("sender", broker=REDIS_URL) as app:
        yield app
    store.flushdb()
    store.close()


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_a_worker_on_redis_rates_once_what_is_asked_twice(broker: Celery) -> None:
    small_city()
    scheme = scheme_in_force()
    for _ in range(2):
        broker.send_task("ratings.rate_period", ("2025H2", scheme.pk, CUTOFF.isoformat(), None, "测试员"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "creditsys", "worker", "--pool=solo", "--loglevel=WARNING"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: RatingRun.objects.filter(state="DONE").exists())
        queued = redis.Redis.from_url(REDIS_URL)
        until(lambda: queued.llen("celery") == 0 and queued.hlen("unacked") == 0)
        queued.close()
    finally:
        worker.terminate()
        worker.wait(20)
    assert (RatingRun.objects.count(), Rating.objects.count()) == (1, 7)
