"""Trying out a changed scheme: the bare reckoning, and the policy lab with all its comparisons. Nothing is stored."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from ratings.admin.insight import lab
from ratings.insight import lab_report
from ratings.insight.trials import try_out
from ratings.models import RatingRun
from ratings.rules import parse_scheme, shipped_schemes
from ratings.rules.periods import Period
from ratings.services.audit import Actor
from ratings.services.runs import simulate, start_run
from ratings.services.schemes import scheme_in_force
from tests.benchmarks.data import PERIOD, SCHEME
from tests.benchmarks.report import Table, megabytes
from tests.benchmarks.scratch import job

#: From this size on the browser refuses, and the command is measured only.
_PAGE_MOST = lab.MAX_PHARMACIES


def _draft(number: int) -> str:
    """The scheme in force with three parts changed, otherwise each time."""
    text = shipped_schemes()[SCHEME].read_text(encoding="utf-8")
    for before, after in (
        ("free = 10", f"free = {11 + number}"),
        ("min = 90", "min = 92"),
        ("lt = 24 }", "lt = 36 }"),
    ):
        assert before in text
        text = text.replace(before, after)
    return text


def changed(cutoff: str, rounds: int) -> dict[str, Any]:
    """Parse a changed document and rate by it, several times in one process."""

    def once(number: int) -> None:
        _, outcomes = simulate(
            Period.parse(PERIOD),
            parse_scheme(_draft(number).encode(), "changed.toml"),
            cutoff=datetime.fromisoformat(cutoff),
        )
        assert len(outcomes)

    return _timed(once, rounds)


def rated(cutoff: str) -> dict[str, int]:
    """A finished run to hold drafts against."""
    period = Period.parse(PERIOD)
    scheme = scheme_in_force(SCHEME, period.last)
    # Told apart from the runs of other benchmarks.
    moment = datetime.fromisoformat(cutoff) + timedelta(days=1)
    return {"run": start_run(period, scheme, cutoff=moment, by=Actor("基准")).pk}


def trial(run: int, rounds: int) -> dict[str, Any]:
    """The lab's figures of one period: two schemes, each changed part alone, every table, the whole list."""
    found: dict[str, int] = {}

    def once(number: int) -> None:
        names = lab_report.district_names()
        runs = [RatingRun.objects.select_related("scheme", "district").get(pk=run)]
        for one in try_out(parse_scheme(_draft(number)), runs):
            assert one.faithful
            assert len(one.effects) == 3
            found["tables"] = len(lab_report.tables(one, names))
            found["moved"] = sum(1 for _ in lab_report.listed(one, names))

    return {**_timed(once, rounds), **found}


def page(run: int, rounds: int) -> dict[str, Any]:
    """The same through the page, with its drawings and the first of those who move."""
    user, _ = User.objects.get_or_create(username="lab", is_staff=True, is_superuser=True)
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)

    def once(number: int) -> None:
        asked = {"document": _draft(number), "runs": [run], "against": "computed", "run": "1"}
        answer = client.post(reverse("insight:lab"), asked)
        assert "家变动（" in answer.content.decode()

    return _timed(once, rounds)


def _timed(once: Callable[[int], None], rounds: int) -> dict[str, Any]:
    taken = []
    for number in range(rounds):
        start = time.perf_counter()
        once(number)
        taken.append(time.perf_counter() - start)
    return {"seconds": median(taken), "first": taken[0]}


def bench(database: str, size: int, rounds: int) -> Table:
    module = "tests.benchmarks.simulation"
    until = job(database, "tests.benchmarks.rating:cutoff")["cutoff"]
    run = job(database, f"{module}:rated", cutoff=until)["run"]
    table = Table(f"simulate a changed scheme, {size:,} pharmacies")
    done = job(database, f"{module}:changed", cutoff=until, rounds=rounds)
    table.add("parse, read and reckon", done["seconds"], _remark(done))
    done = job(database, f"{module}:trial", run=run, rounds=rounds)
    words = f"{done['moved']:,} move, {done['tables']} tables and the whole list; {_remark(done)}"
    table.add("policy lab, one period", done["seconds"], words)
    if size <= _PAGE_MOST:
        done = job(database, f"{module}:page", run=run, rounds=rounds)
        table.add("policy lab, the page", done["seconds"], _remark(done))
    else:
        table.add("policy lab, the page", None, f"refused above {_PAGE_MOST:,}: manage.py simulate")
    return table


def _remark(done: dict[str, Any]) -> str:
    memory = f"peak {megabytes(done['peak'])} ({megabytes(done['idle'])} before it)"
    return f"the first time {done['first']:.3f} s, {memory}"
