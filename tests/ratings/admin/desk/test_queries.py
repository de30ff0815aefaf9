"""Every list of the desk takes as many queries for three rows as for one."""

from collections.abc import Callable
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.models import Adjustment, CreditRepair, LetterBatch, Objection, RatingPeriod, RatingRun
from ratings.reports.letter_batches import write_letters
from ratings.services.evidence import add_evidence
from ratings.services.letters import start_batch
from ratings.services.links import issue_link
from ratings.services.publication import publish_adjustment
from tests import desk as rows
from tests import factories
from tests.ratings.services.uploads import upload

from .conftest import APPROVER, HERE, REVIEWER, Desk, url

#: The lists, each with how to make one more row of it, in the first district; ``number`` counts from 0.
MORE: dict[str, Callable[[Desk, int], object]] = {}


def more(model: str) -> Callable[[Callable[[Desk, int], object]], Callable[[Desk, int], object]]:
    def keep(make: Callable[[Desk, int], object]) -> Callable[[Desk, int], object]:
        MORE[model] = make
        return make

    return keep


@more("ratingperiod")
def _period(desk: Desk, number: int) -> RatingPeriod:
    if not number:
        return desk.to("PUBLISHED")
    run = RatingRun.objects.create(
        period=f"20{number}0",
        period_end=date(2000 + 10 * number, 12, 31),
        scheme=desk.run.scheme,
        scheme_sha256=desk.run.scheme_sha256,
        cutoff=desk.run.cutoff,
        started_by="x",
        district_id=HERE,
    )
    return rows.life(run, "PUBLIC_NOTICE")


@more("adjustment")
def _adjustment(desk: Desk, number: int) -> Adjustment:
    """One in each state."""
    found = rows.adjustment(desk.to("PUBLISHED"), desk.rating(2 * number))
    return (lambda row: row, rows.decided, lambda row: rows.decided(row, "REJECTED"))[number](found)


@more("objection")
def _objection(desk: Desk, number: int) -> Objection:
    desk.to("PUBLISHED")
    return rows.objection(desk.period, desk.rating(2 * number), due_on=date(2026, 2, 12 + number))


@more("creditrepair")
def _repair(desk: Desk, number: int) -> CreditRepair:
    desk.to("PUBLISHED")
    shop = desk.shops[2 * number]
    return rows.repair(
        factories.violation(shop, document_no=f"处〔2025〕{number}号", recorded_at=timezone.now())
    )


@more("evidence")
def _evidence(desk: Desk, number: int) -> object:
    """Of each of the three sorts of subjects."""
    return add_evidence((_adjustment, _objection, _repair)[number](desk, 0), upload(), by=REVIEWER)


@more("noticelink")
def _link(desk: Desk, number: int) -> str:
    desk.to("PUBLIC_NOTICE")
    return issue_link(desk.rating(2 * number), by=REVIEWER)


@more("letterbatch")
def _letters(desk: Desk, number: int) -> LetterBatch:
    """Of the district once more, after the batch before was written."""
    period = desk.to("PUBLIC_NOTICE")
    for batch in LetterBatch.objects.all():
        write_letters(batch)
    return start_batch(
        period, factories.district(HERE), with_links=False, site="http://testserver", by=REVIEWER
    )


@more("publication")
def _publication(desk: Desk, number: int) -> object:
    """The period's own, then corrections."""
    period = desk.to("PUBLISHED")
    if not number:
        return period
    rows.decided(rows.adjustment(period, desk.rating(2 * number)))
    return publish_adjustment(Adjustment.objects.latest("pk"), by=APPROVER)


def queries(client: Client, address: str, **query: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address, query).status_code == 200
    return len(seen)


@pytest.mark.parametrize("who", ["city", "district"])
@pytest.mark.parametrize("model", MORE)
def test_lists_take_a_constant_number_of_queries(desk: Desk, model: str, who: str) -> None:
    client = desk["reviewer"] if who == "city" else desk.local(HERE)
    address = url(model, "changelist")
    MORE[model](desk, 0)
    queries(client, address)
    few = queries(client, address)
    for number in (1, 2):
        MORE[model](desk, number)
    assert queries(client, address) == few
    assert few <= 13


@pytest.mark.parametrize("model", ["reviewitem", "publishedgrade"])
def test_lists_of_whole_periods_take_a_constant_number_of_queries(desk: Desk, model: str) -> None:
    """These are never short; a search leaves one row or all."""
    period = desk.to("PUBLISHED")
    for shop in (1, 2):
        rows.adjustment(period, desk.rating(shop))
    rows.objection(period, desk.rating(3))
    address, code = url(model, "changelist"), desk.shops[1].code
    shown = {
        term: desk["reviewer"].get(address, {"q": term}).context["cl"].result_count for term in (code, "P33")
    }
    assert shown[code] == 1
    assert shown["P33"] >= 3
    assert queries(desk["reviewer"], address, q="P33") == queries(desk["reviewer"], address, q=code)


@pytest.mark.parametrize("who", ["clerk", "reviewer", "approver", "inspector"])
def test_the_start_page_takes_a_constant_number_of_queries(desk: Desk, who: str) -> None:
    _adjustment(desk, 0)
    for make in (_objection, _repair):
        make(desk, 0)
    queries(desk[who], "/admin/")
    few = queries(desk[who], "/admin/")
    for number in (1, 2):
        for make in (_objection, _repair):
            make(desk, number)
    assert queries(desk[who], "/admin/") == few
    assert few <= 32
