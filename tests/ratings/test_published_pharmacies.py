"""What the door says of pharmacies: entries, penalties, and that it tells of changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ratings import published
from ratings.models import District, Pharmacy, Rating, ServiceStatus, Violation
from ratings.rules.terms import SHIPPED_TERMS
from ratings.services.audit import Actor
from ratings.services.facts import record_fact, save_registry, void_fact
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.lives import Result
from tests.ratings.services.test_runs import scheme_in_force
from tests.ratings.test_published import DAY, START, change, out, shop

pytestmark = pytest.mark.django_db
BY = Actor("经办甲")


class TestEntries:
    def test_every_pharmacy_rated_or_not_by_code(self) -> None:
        rated, unrated, drafted = shop(), shop(), shop()
        out(Result(rated, grade=1))
        desk.life(lives.run_of(scheme_in_force(), Result(drafted, grade=3), period="2025"), "PUBLIC_NOTICE")
        found = list(published.entries(DAY))
        assert [one.code for one in found] == sorted(one.code for one in (rated, unrated, drafted))
        grades = {one.code: one.grade.grade if one.grade else None for one in found}
        assert grades == {rated.code: "B", unrated.code: None, drafted.code: None}

    def test_the_grade_is_that_of_current_even_when_it_has_run_out(self) -> None:
        one = shop()
        life = out(Result(one))
        change(life, one, 2, START + timedelta(days=3))
        for days in (0, 3, 400):
            day = DAY + timedelta(days=days)
            (entry,) = published.entries(day)
            assert entry.grade is not None
            held = published.current([one.code], day)
            assert held == ({one.code: entry.grade} if entry.grade.holds(day) else {})
        assert next(published.entries(DAY - timedelta(days=1))).grade is None

    def test_statuses_that_are_live_in_the_order_of_days(self) -> None:
        one = shop()
        for status, day in (("IN_SERVICE", 20), ("SUSPENDED", 10)):
            factories.service_status(one, status=status, occurred_on=date(2025, 3, day))
        gone = factories.service_status(one, status="TERMINATED", occurred_on=date(2025, 4, 1))
        void_fact(gone, reason="误录", by=BY)
        (entry,) = published.entries(DAY)
        assert entry.statuses == ((date(2025, 3, 10), "SUSPENDED"), (date(2025, 3, 20), "IN_SERVICE"))

    def test_some_by_code(self) -> None:
        codes = [shop().code for _ in range(3)]
        assert [one.code for one in published.entries(DAY, codes[1:])] == sorted(codes[1:])
        assert list(published.entries(DAY, [])) == []

    def test_neither_telephone_nor_owner(self) -> None:
        told = {field.name for field in fields(published.Entry)}
        own = {field.attname for field in Pharmacy._meta.concrete_fields}
        assert own - told == {
            *("id", "enterprise_id", "is_chain", "district_id", "source_datum", "contact", "predecessor_id"),
            "recorded_at",
        }

    def test_one_query_for_one_and_for_three(self) -> None:
        for _ in range(2):
            shop()
            with CaptureQueriesContext(connection) as queries:
                assert list(published.entries(DAY))
            assert len(queries) == 1
            shop()


class TestPenalties:
    """Terms of the shipped file: from 2026-04-01 轻微 not shown, 一般 a year, 严重 three years."""

    DECIDED = date(2026, 4, 10)
    AFTER = factories.KNOWN + timedelta(days=200)

    def penalty(self, one: Pharmacy, **values: Any) -> Violation:
        values = {"track": "PENALTY", "occurred_on": self.DECIDED, "decided_on": self.DECIDED, **values}
        return factories.violation(one, **{"recorded_at": self.AFTER, **values})

    @pytest.mark.parametrize(
        ("gravity", "last"), [("GENERAL", date(2027, 4, 9)), ("SERIOUS", date(2029, 4, 9))]
    )
    def test_shown_until_its_term_ends(self, gravity: str, last: date) -> None:
        one = shop()
        row = self.penalty(one, gravity=gravity, measures="责令退回，罚款", document_no="绍医保罚〔2026〕1号")
        assert published.penalties(one.code, self.DECIDED - timedelta(days=1)) == []
        for day in (self.DECIDED, last):
            (shown,) = published.penalties(one.code, day)
            assert (shown.document_no, shown.body, shown.measures, shown.decided_on) == (
                "绍医保罚〔2026〕1号", row.body, "责令退回，罚款", self.DECIDED,
            )  # fmt: skip
            assert (shown.kind_label, shown.shown_until) == (row.get_kind_display(), last + timedelta(days=1))
        assert published.penalties(one.code, last + timedelta(days=1)) == []

    def test_a_minor_one_is_not_shown(self) -> None:
        one = shop()
        self.penalty(one, gravity="MINOR")
        assert published.penalties(one.code, self.DECIDED) == []

    def test_the_term_of_the_day_that_asks(self) -> None:
        """Before April 2026 a general one was shown for three years; the shorter term helps it too."""
        one = shop()
        self.penalty(one, occurred_on=date(2025, 3, 1), decided_on=date(2025, 3, 1))
        assert len(published.penalties(one.code, date(2026, 3, 31))) == 1
        assert published.penalties(one.code, date(2026, 4, 1)) == []

    def test_no_agreement_measure_and_nothing_voided(self) -> None:
        one = shop()
        self.penalty(one, track="AGREEMENT")
        assert published.penalties(one.code, self.DECIDED) == []
        annulled = self.penalty(one)
        assert len(published.penalties(one.code, self.DECIDED)) == 1
        void_fact(annulled, reason="复议撤销", by=BY)
        assert published.penalties(one.code, self.DECIDED) == []

    def test_only_its_own_newest_first(self) -> None:
        one, other = shop(), shop()
        self.penalty(other)
        for day in (1, 3, 2):
            self.penalty(one, decided_on=date(2026, 4, 10 + day), document_no=f"第{day}号")
        assert [row.document_no for row in published.penalties(one.code, date(2026, 5, 1))] == [
            "第3号", "第2号", "第1号",
        ]  # fmt: skip

    def test_a_city_shortens_it_in_a_document(self, settings: Any, tmp_path: Path) -> None:
        one = shop()
        self.penalty(one)
        text = SHIPPED_TERMS.read_text(encoding="utf-8")
        file = tmp_path / "terms.toml"
        file.write_text(text.replace('length = 12\nunit = "months"\nsource = "《信用修复管理办法》（国家发展和改革委员会令第36号）：一般的最长一年"',
                                     'length = 3\nunit = "months"\nsource = "示例"'))  # fmt: skip
        settings.TERMS_FILE = file
        assert published.penalties(one.code, date(2026, 7, 9))
        assert published.penalties(one.code, date(2026, 7, 10)) == []


@pytest.fixture
def told(django_capture_on_commit_callbacks: Callable[..., Any]) -> Callable[[], Any]:
    """Runs what follows as if it were committed; gives the codes that receivers were told."""

    @contextmanager
    def listening() -> Iterator[list[frozenset[str] | None]]:
        heard: list[frozenset[str] | None] = []

        def hear(codes: frozenset[str] | None, **_: Any) -> None:
            heard.append(codes)

        published.changed.connect(hear)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                yield heard
        finally:
            published.changed.disconnect(hear)

    return listening


class TestChanged:
    def test_registry(self, told: Callable[[], Any]) -> None:
        one = shop()
        with told() as heard:
            one.name = "新名大药房"
            save_registry(one, by=BY, reason="更名")
        assert heard == [frozenset({one.code})]
        with told() as heard:
            save_registry(District(code=330603, name="柯桥区"), by=BY)
        assert heard == [None]

    def test_service_status_recorded_and_voided(self, told: Callable[[], Any]) -> None:
        one = shop()
        with told() as heard:
            fact = record_fact(
                ServiceStatus, by=BY, pharmacy=one, status="SUSPENDED",
                occurred_on=date(2026, 1, 1), decided_on=date(2026, 1, 1),
            )  # fmt: skip
        assert heard == [frozenset({one.code})]
        with told() as heard:
            void_fact(fact, reason="误录", by=BY)
        assert heard == [frozenset({one.code})]

    def test_publication_of_a_period_and_of_one(self, told: Callable[[], Any]) -> None:
        one = shop()
        with told() as heard:
            life = out(Result(one))
        assert heard == [None]
        with told() as heard:
            change(life, one, 3, START)
        assert heard == [frozenset({one.code})]

    def test_objection(self, told: Callable[[], Any]) -> None:
        one = shop()
        life = out(Result(one))
        with told() as heard:
            row = desk.objection(life, Rating.objects.get(pharmacy=one), against="PUBLISHED")
        assert heard == [frozenset({one.code})]
        with told() as heard:
            row.state = "WITHDRAWN"
            row.save()
        assert heard == [frozenset({one.code})]

    def test_nothing_where_nothing_public_changes(self, told: Callable[[], Any]) -> None:
        one = shop()
        with told() as heard:
            factories.violation(one)
            factories.complaint(one)
            factories.measure(one)
        assert heard == []

    def test_nothing_when_it_is_rolled_back(self, told: Callable[[], Any]) -> None:
        one = shop()
        with told() as heard, pytest.raises(RuntimeError), transaction.atomic():
            save_registry(one, by=BY, reason="更名")
            raise RuntimeError
        assert heard == []
