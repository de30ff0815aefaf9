"""Runs: done once, safe when two start, repeatable to the byte, and tampering is found."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ratings.models import AuditEvent, District, Pharmacy, Rating, RatingRun, SchemeVersion
from ratings.rules import shipped_schemes
from ratings.rules.periods import Period, months_of
from ratings.services import runs
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.facts import void_fact
from ratings.services.runs import RunInProgress, default_cutoff, latest_run, replay, simulate, start_run
from ratings.services.schemes import activate_scheme, parsed, store_scheme
from ratings.tasks import rate_period
from tests import factories

BY = Actor("测试员", "127.0.0.1")
PERIOD = Period.parse("2025H2")
CUTOFF = factories.KNOWN + timedelta(hours=1)


def scheme_in_force(key: str = "shaoxing-style") -> SchemeVersion:
    stored = store_scheme(shipped_schemes()[key].read_text(), by=BY)
    return activate_scheme(stored, by=BY)


def small_city(shops: int = 6) -> list[Pharmacy]:
    """Two districts; every second shop grows fast; the first has a penalty, the last is new."""
    factories.district()
    factories.district(330603, "柯桥区")
    made = []
    for number in range(shops):
        shop = factories.pharmacy(district_id=330602 + number % 2, designated_on=date(2015, 1, 1))
        for month in [*months_of(date(2024, 7, 1), 6), *months_of(date(2025, 7, 1), 6)]:
            growth = 2 if number % 2 and month.year == 2025 else 1
            factories.payment(shop, month, 10_000_00 * growth + number)
        made.append(shop)
    factories.violation(
        made[0], gravity="SERIOUS", decided_on=date(2025, 12, 1), occurred_on=date(2025, 11, 1)
    )
    factories.pharmacy(designated_on=date(2025, 12, 1))
    return made


def rate_now(**options: Any) -> RatingRun:
    scheme = options.pop("scheme", None) or scheme_in_force()
    return start_run(PERIOD, scheme, **{"cutoff": CUTOFF, "by": BY, **options})


@pytest.mark.django_db
class TestOneRun:
    def test_stores_what_rate_gives(self) -> None:
        small_city()
        run = rate_now()
        signals, outcomes = simulate(PERIOD, parsed(run.scheme), cutoff=CUTOFF)
        stored = Rating.objects.filter(run=run).order_by("pharmacy__code")
        assert [row.pharmacy.code.encode() for row in stored] == signals.code.tolist()
        for name in ("state", "score", "grade", "grade_before_caps", "caps", "rank_district", "rank_city"):
            assert [getattr(row, name) for row in stored] == getattr(outcomes, name).tolist()
        assert [row.trace for row in stored] == outcomes.trace.tolist()
        assert (run.state, run.pharmacies, run.rated) == ("DONE", 7, 6)
        assert sum(run.grade_counts.values()) == 6
        assert len(set(run.grade_counts.values())) > 1
        event = AuditEvent.objects.filter(action="评价").get()
        assert (event.actor, event.address, event.subject) == ("测试员", "127.0.0.1", f"ratingrun:{run.pk}")

    def test_is_done_once(self) -> None:
        small_city()
        run = rate_now()
        with CaptureQueriesContext(connection) as queries:
            again = rate_now()
        assert (again, again.finished_at) == (run, run.finished_at)
        assert not any("fundpayment" in query["sql"] for query in queries)
        assert Rating.objects.count() == 7

    def test_another_cutoff_scheme_or_district_is_another_run(self) -> None:
        small_city()
        first = rate_now()
        assert rate_now(cutoff=CUTOFF + timedelta(seconds=1)) != first
        assert rate_now(scheme=scheme_in_force("neimenggu-style")) != first
        one_district = rate_now(district=District.objects.get(code=330603))
        assert one_district != first
        assert set(one_district.ratings.values_list("rank_city", flat=True)) == {0}
        assert replay(one_district).same
        assert set(one_district.ratings.values_list("district_id", flat=True)) == {330603}

    def test_the_same_moment_in_another_zone_is_the_same_run(self) -> None:
        small_city()
        assert rate_now(cutoff=timezone.localtime(CUTOFF)) == rate_now(cutoff=CUTOFF.astimezone(UTC))

    def test_progress_runs_from_start_to_end(self) -> None:
        small_city()
        seen: list[float] = []
        rate_now(progress=lambda stage, share: seen.append(share))
        assert seen == sorted(seen)
        assert (seen[0], seen[-1]) == (0.0, 1.0)

    def test_constant_number_of_queries(self) -> None:
        counts = []
        scheme = scheme_in_force()
        small_city(1)
        for step in range(2):
            with CaptureQueriesContext(connection) as queries:
                rate_now(scheme=scheme, cutoff=CUTOFF + timedelta(seconds=step))
            counts.append(len(queries))
            for number in range(2):
                later = CUTOFF + timedelta(seconds=step, milliseconds=number + 1)
                factories.violation(factories.pharmacy(recorded_at=later), recorded_at=later)
        assert counts[0] == counts[1]

    def test_facts_after_the_cutoff_do_not_count(self) -> None:
        shop = small_city()[1]
        first = rate_now()
        factories.violation(
            shop, gravity="SERIOUS", decided_on=date(2025, 12, 1), recorded_at=CUTOFF + timedelta(seconds=1)
        )
        later = rate_now(cutoff=CUTOFF + timedelta(seconds=1))
        score = {run.pk: Rating.objects.get(run=run, pharmacy=shop).score for run in (first, later)}
        assert score[later.pk] < score[first.pk]


@pytest.mark.django_db
class TestReplay:
    def test_is_the_same_after_the_world_moved_on(self) -> None:
        shops = small_city()
        run = rate_now()
        void_fact(shops[0].violation_set.get(), reason="处罚被撤销", by=BY)
        factories.violation(shops[2], recorded_at=CUTOFF + timedelta(days=1))
        Pharmacy.objects.filter(pk=shops[3].pk).update(district=330602, designated_on=date(2025, 11, 1))
        report = replay(run)
        assert report.same
        changed = rate_now(cutoff=datetime.now(UTC))
        assert changed.inputs_sha256 != run.inputs_sha256

    @pytest.mark.parametrize("column", ["score", "rank_city", "caps"])
    def test_finds_a_row_changed_by_a_superuser(self, column: str) -> None:
        shop = small_city()[1]
        run = rate_now()
        rows = Rating.objects.filter(run=run, pharmacy=shop)
        was = rows.values_list(column, flat=True).get()
        with laid_aside_guards():
            rows.update(**{column: F(column) + 1})
        report = replay(run)
        assert not report.same
        assert report.same_inputs
        assert report.differences == [(shop.code, column, str(was + 1), str(was))]

    def test_finds_a_changed_trace_and_a_missing_row(self) -> None:
        first, second = small_city()[1:3]
        run = rate_now()
        with laid_aside_guards(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ratings_rating SET trace[1] = trace[1] + 7 WHERE pharmacy_id = %s", [first.pk]
            )
            cursor.execute("DELETE FROM ratings_rating WHERE pharmacy_id = %s", [second.pk])
        codes = {(code, column.startswith("trace:")) for code, column, _, _ in replay(run).differences}
        assert codes == {(first.code, True), (second.code, False)}

    def test_finds_a_fact_changed_by_a_superuser(self) -> None:
        shop = small_city()[1]
        run = rate_now()
        with laid_aside_guards():
            shop.fundpayment_set.filter(month=date(2025, 7, 1)).update(amount_fen=F("amount_fen") * 2)
        assert not replay(run).same_inputs

    def test_needs_a_finished_run(self) -> None:
        scheme = scheme_in_force()
        run = RatingRun.objects.create(
            period="2025H2",
            period_end=PERIOD.last,
            scheme=scheme,
            scheme_sha256=scheme.sha256,
            cutoff=CUTOFF,
            started_by="x",
        )
        with pytest.raises(Refused, match="尚未完成"):
            replay(run)


@contextmanager
def laid_aside_guards() -> Iterator[None]:
    """What only a database superuser can do: change what the triggers protect.

    After an error, the rollback brings the guards back.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


@pytest.mark.django_db
class TestLaidAsideGuards:
    def guarded(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SHOW session_replication_role")
            return cursor.fetchone() == ("origin",)

    def test_are_back_after_it(self) -> None:
        with laid_aside_guards():
            assert not self.guarded()
        assert self.guarded()

    def test_are_back_after_an_error_of_the_database(self) -> None:
        for wrong in ("SELECT 1 / 0", "SELECT nothing"):
            with pytest.raises(DatabaseError), laid_aside_guards(), connection.cursor() as cursor:
                cursor.execute(wrong)
            assert self.guarded()

    def test_are_back_after_an_error_that_was_swallowed(self) -> None:
        with (
            pytest.raises(DatabaseError),
            laid_aside_guards(),
            suppress(DatabaseError),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1 / 0")
        assert self.guarded()


@pytest.mark.django_db
class TestRefused:
    def test_draft_scheme(self) -> None:
        small_city()
        draft = store_scheme(shipped_schemes()["curve"].read_text(), by=BY)
        with pytest.raises(Refused, match="尚未启用"):
            rate_now(scheme=draft)

    def test_period_that_has_not_ended(self) -> None:
        with pytest.raises(Refused, match="尚未结束"):
            start_run(Period.parse("2098"), scheme_in_force(), cutoff=CUTOFF, by=BY)

    def test_scheme_of_a_later_day(self) -> None:
        scheme = scheme_in_force()
        early = Period.parse(str(scheme.effective_on.year - 1))
        with pytest.raises(Refused, match="起施行，不适用于"):
            start_run(early, scheme, cutoff=CUTOFF, by=BY)

    @pytest.mark.parametrize(
        ("cutoff", "message"),
        [
            (datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC), "太早"),  # 23:59:59 in Shanghai
            (datetime(2999, 1, 1, tzinfo=UTC), "还没有到"),
        ],
    )
    def test_cutoff_out_of_place(self, cutoff: datetime, message: str) -> None:
        with pytest.raises(Refused, match=message):
            rate_now(cutoff=cutoff)

    def test_first_moment_after_the_period_is_in_place(self) -> None:
        factories.pharmacy()
        assert rate_now(cutoff=datetime(2025, 12, 31, 16, tzinfo=UTC)).state == "DONE"

    def test_nobody_to_rate_says_what_to_do(self) -> None:
        with pytest.raises(Refused, match="--cutoff now"):
            rate_now()
        assert RatingRun.objects.get().state == "FAILED"

    def test_no_run_yet(self) -> None:
        with pytest.raises(Refused, match=r"manage\.py rate 2025H2"):
            latest_run(PERIOD)


@pytest.mark.django_db
def test_default_cutoff_is_the_end_of_the_schemes_last_day_in_shanghai() -> None:
    scheme = scheme_in_force()
    days = parsed(scheme).document.period.cutoff_days
    assert default_cutoff(PERIOD, scheme) == datetime(2025, 12, 31, 16, tzinfo=UTC) + timedelta(days=days)


@pytest.mark.django_db
def test_a_failed_run_is_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    small_city()
    scheme = scheme_in_force()
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="磁盘满"):
        patch.setattr(runs, "write_columns", lambda *args: (_ for _ in ()).throw(RuntimeError("磁盘满")))
        rate_now(scheme=scheme)
    failed = RatingRun.objects.get()
    assert (failed.state, failed.stage, Rating.objects.count()) == ("FAILED", "磁盘满", 0)
    done = rate_now(scheme=scheme)
    assert (done.pk, done.state, Rating.objects.count()) == (failed.pk, "DONE", 7)


@pytest.mark.django_db
def test_the_task_is_safe_to_run_twice() -> None:
    small_city()
    scheme = scheme_in_force()
    arguments = ("2025H2", scheme.pk, CUTOFF.isoformat(), None, "测试员")
    first = rate_period.delay(*arguments)
    second = rate_period.delay(*arguments)
    assert first.get() == second.get() == RatingRun.objects.get().pk


@pytest.mark.django_db(transaction=True)
def test_of_two_that_start_at_once_one_runs_and_the_other_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    small_city()
    scheme = scheme_in_force()
    reading, both = threading.Event(), threading.Event()
    read = runs.read_signals

    def slow_read(*args: Any, **options: Any) -> Any:
        reading.set()
        both.wait(20)
        return read(*args, **options)

    monkeypatch.setattr(runs, "read_signals", slow_read)
    results: list[RatingRun] = []

    def first() -> None:
        results.append(rate_now(scheme=scheme))
        connections.close_all()

    worker = threading.Thread(target=first)
    worker.start()
    assert reading.wait(20)
    with pytest.raises(RunInProgress, match="正在进行中"):
        rate_now(scheme=scheme)
    both.set()
    worker.join(20)
    assert [run.state for run in results] == ["DONE"]
    assert rate_now(scheme=scheme) == results[0]
    assert Rating.objects.count() == 7
