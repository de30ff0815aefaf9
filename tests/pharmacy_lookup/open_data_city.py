"""A published list with all that is awkward in it, and its files."""

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ratings import published
from ratings.models import Pharmacy, Rating, RatingPeriod
from ratings.services.publication import publish_adjustment, publish_period
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.lives import APPROVER, Result
from tests.ratings.services.test_runs import scheme_in_force

AT = datetime(2026, 2, 10, 4, tzinfo=UTC)
#: Names that one kind of file or the other would not bring back by itself.
AWKWARD = (
    "诚信大药房", "=1+1", "'=1+1", "-店", "@店", "＝店", "+店", "'店", "a,b;\"c\"", "老\t百\\姓\n大药房",
    "回\r车", "_x0041_店", "\x01\x1f", "007", "#N/A", " 两端空格 ", "\\N",
)  # fmt: skip


def shop(**values: Any) -> Pharmacy:
    return factories.pharmacy(**{"recorded_at": desk.NOW, **values})


def out(*results: Result, period: str = "2025H2", at: datetime = AT, **more: Any) -> RatingPeriod:
    """A period that was published then."""
    life = desk.life(lives.run_of(scheme_in_force(), *results, period=period, **more), "FINAL")
    publish_period(life, by=APPROVER, at=at)
    RatingPeriod.objects.filter(pk=life.pk).update(
        state="PUBLISHED", published_by=desk.APPROVER, published_at=at
    )
    return life


def awkward_list() -> RatingPeriod:
    """A list with awkward names, a pharmacy without a grade, and one whose grade has no end."""
    return out(
        *(Result(shop(name=name)) for name in AWKWARD), Result(shop(), grade=-1), Result(shop(), grade=3)
    )


def change(
    life: RatingPeriod,
    this: Pharmacy,
    to_grade: int = 3,
    cause: str = "CORRECTION",
    *,
    days: int = 5,
    at: datetime | None = None,
) -> None:
    """Publish a later grade of one pharmacy, so many days after AT unless told when."""
    rating = Rating.objects.get(run=life.run, pharmacy=this)
    row = desk.adjustment(life, rating, cause=cause, rerating=desk.rerating(rating), to_grade=to_grade)
    publish_adjustment(desk.decided(row), by=APPROVER, at=at or AT + timedelta(days=days))


def statement(number: int = 1) -> published.Statement:
    found = published.publication(number)
    assert found is not None
    return found


def download(client: Any, ending: str, number: int = 1) -> bytes:
    """A file as a browser gets it."""
    answer = client.get(f"/open-data/{number}.{ending}", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200, answer
    return gzip.decompress(b"".join(answer))


def upload(client: Any, content: bytes, name: str = "名单.dat") -> Any:
    file = io.BytesIO(content)
    file.name = name
    return client.post("/verify/", {"file": file})


def ledger_file(number: int = 1) -> bytes:
    file = io.BytesIO()
    published.write_publication(number, file)
    return file.getvalue()


def as_json(content: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(content)
    return told
