"""Publishing: whole or not at all, one after another, and saying what may be said."""

import hashlib
import io
import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from ratings import published
from ratings.models import (
    Adjustment,
    AuditEvent,
    District,
    Pharmacy,
    Publication,
    PublishedGrade,
    Rating,
    RatingPeriod,
)
from ratings.published import COLUMNS, write_publication
from ratings.rules import shipped_schemes
from ratings.services import publication as publishing
from ratings.services import signing
from ratings.services.errors import Refused
from ratings.services.publication import publish_adjustment, publish_period
from ratings.services.schemes import activate_scheme, store_scheme
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.lives import APPROVER, Result
from tests.ratings.services.test_runs import rate_now, scheme_in_force, small_city


def shop(**values: Any) -> Pharmacy:
    """A pharmacy registered after the runs made here read the registry."""
    return factories.pharmacy(**{"recorded_at": desk.NOW, **values})


def settled(*results: Result, **options: Any) -> RatingPeriod:
    """A period ready to be published."""
    run = lives.run_of(scheme_in_force(), *(results or [Result(shop())]), **options)
    return desk.life(run, "FINAL")


def in_force(*results: Result) -> RatingPeriod:
    """A period that is published."""
    return lives.published(lives.run_of(scheme_in_force(), *(results or [Result(shop())])))


def approved(period: RatingPeriod, rating: Rating | None = None, **values: Any) -> Adjustment:
    """An adjustment past the services; by judgement unless a cause is given."""
    rating = rating or Rating.objects.get(run=period.run)
    if values.get("cause", "JUDGEMENT") != "JUDGEMENT" and "reverses" not in values:
        values.setdefault("rerating", desk.rerating(rating))
    return desk.decided(desk.adjustment(period, rating, **values))


@pytest.mark.django_db
class TestPeriod:
    def test_every_rating_has_its_row_by_code(self) -> None:
        small_city()
        period = desk.life(rate_now(), "FINAL")
        done = publish_period(period, by=APPROVER)
        ratings = list(
            Rating.objects.filter(run=period.run).select_related("pharmacy").order_by("pharmacy__code")
        )
        rows = list(PublishedGrade.objects.order_by("seq"))
        grades = (("A", "优秀"), ("B", "良好"), ("C", "较差"), ("D", "差"))
        assert [row.seq for row in rows] == [*range(1, len(ratings) + 1)]
        for row, rating in zip(rows, ratings, strict=True):
            rated = rating.state == 0
            kept = rating.pharmacy
            assert (row.pharmacy_id, row.code, row.name) == (kept.pk, kept.code, kept.name)
            assert (row.position, row.score) == (rating.grade, rating.score if rated else None)
            assert (row.rank_district, row.rank_city) == (rating.rank_district, rating.rank_city)
            assert (row.grade, row.grade_label) == (grades[rating.grade] if rated else ("", ""))
            assert row.reason == ("" if rated else "定点未满六个月（第三条第二项）")
            assert (row.event, row.period, row.scheme, row.run, row.district) == (
                "PERIODIC",
                "2025H2",
                "shaoxing-style@1",
                period.run_id,
                rating.district_id,
            )
        assert len({row.rank_city for row in rows}) > 2
        assert (done.number, done.first_seq, done.last_seq, done.rows, done.previous) == (1, 1, 7, 7, "")
        event = AuditEvent.objects.get(action="发布")
        assert (event.actor, event.detail["statement_sha256"]) == (APPROVER.name, done.statement_sha256)

    def test_the_canonical_row_leaves_nothing_out(self) -> None:
        fields = {field.column for field in PublishedGrade._meta.concrete_fields}
        assert fields - set(COLUMNS) == {"publication_id", "pharmacy_id"}

    def test_the_statement_is_what_third_parties_reckon(self) -> None:
        """Hashes by RFC 6962, from nothing but the published lines."""
        done = publish_period(settled(*(Result(shop()) for _ in range(3))), by=APPROVER)
        out = io.BytesIO()
        write_publication(done.number, out)
        lines = out.getvalue().split(b"\n")[4:7]
        leaves = [hashlib.sha256(b"\0" + line).digest() for line in lines]
        pair = hashlib.sha256(b"\1" + leaves[0] + leaves[1]).digest()
        statement = json.loads(done.statement)
        assert statement["merkle_root"] == hashlib.sha256(b"\1" + pair + leaves[2]).hexdigest()
        assert bytes(done.fingerprints) == b"".join(leaf[:8] for leaf in leaves)
        assert hashlib.sha256(done.statement.encode()).hexdigest() == done.statement_sha256
        assert statement["columns"] == list(COLUMNS)
        assert (statement["city"], statement["period"], statement["rows"]) == ("绍兴市", "2025H2", 3)
        assert statement["public_key"] == signing.public_key().hex()

    @pytest.mark.parametrize(
        ("at", "begins", "ends"),
        [
            (datetime(2028, 2, 28, 15, 59, 59, tzinfo=UTC), date(2028, 2, 28), date(2029, 2, 28)),
            (datetime(2028, 2, 28, 16, tzinfo=UTC), date(2028, 2, 29), date(2029, 2, 28)),
        ],
    )
    def test_holds_from_the_day_in_shanghai_as_long_as_the_scheme_says(
        self, at: datetime, begins: date, ends: date
    ) -> None:
        publish_period(settled(), by=APPROVER, at=at)
        row = PublishedGrade.objects.get()
        assert (row.valid_from, row.valid_until) == (begins, ends)

    def test_a_scheme_without_an_end_gives_none(self) -> None:
        text = shipped_schemes()["shaoxing-style"].read_text().replace("valid_months = 12\n", "", 1)
        scheme = activate_scheme(store_scheme(text, by=APPROVER), by=APPROVER)
        run = lives.run_of(scheme, Result(shop()), Result(shop(), grade=1))
        publish_period(desk.life(run, "FINAL"), by=APPROVER)
        ends = PublishedGrade.objects.order_by("seq").values_list("valid_until", flat=True)
        assert [end is None for end in ends] == [True, False]

    def test_the_longest_texts_of_a_scheme_go_out_whole(self) -> None:
        text = shipped_schemes()["shaoxing-style"].read_text()
        for old, new in (
            ('label = "优秀"', f'label = "{"优" * 100}"'),
            ('title = "服务协议已解除"', f'title = "{"解" * 200}"'),
            ('clause = "第三条第一项"', f'clause = "{"条" * 500}"'),
        ):
            assert text.count(old) == 1
            text = text.replace(old, new)
        scheme = activate_scheme(store_scheme(text, by=APPROVER), by=APPROVER)
        run = lives.run_of(scheme, Result(shop()), Result(shop(), grade=-1), Result(shop()))
        period = desk.life(run, "FINAL")
        withdrawn = Rating.objects.filter(run=run).order_by("pharmacy__code").last()
        approved(period, withdrawn, cause="WITHDRAWAL", to_grade=-1, clause="条" * 500)
        publish_period(period, by=APPROVER)
        best, absent, gone = PublishedGrade.objects.order_by("seq")
        assert best.grade_label == "优" * 100
        assert absent.reason == f"{'解' * 200}（{'条' * 500}）"
        assert gone.reason == f"撤回等级：{'条' * 500}"

    def test_an_adjusted_grade_goes_out_with_cause_and_clause_only(self) -> None:
        period = settled(Result(shop(), grade=0, score=95_000))
        approved(period, to_grade=2, text="内部意见", clause="第十二条第一项")
        publish_period(period, by=APPROVER)
        row = PublishedGrade.objects.get()
        assert (row.grade, row.position, row.score) == ("C", 2, 95_000)
        assert (row.rank_district, row.rank_city) == (0, 0)
        assert (row.event, row.reason) == ("PERIODIC", "依规调整：第十二条第一项")

    def test_names_with_the_marks_of_the_format_stay_one_row(self) -> None:
        named = shop(name="老\t百\\姓\n大药房")
        done = publish_period(settled(Result(named)), by=APPROVER)
        out = io.BytesIO()
        write_publication(done.number, out)
        assert out.getvalue().count(b"\n") == 5
        assert PublishedGrade.objects.get().name == named.name

    def test_constant_number_of_queries(self) -> None:
        counts = []
        for number, rows in enumerate((1, 3)):
            period = settled(*(Result(shop()) for _ in range(rows)), period=f"202{number}H1")
            with CaptureQueriesContext(connection) as queries:
                publish_period(period, by=APPROVER)
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.django_db
class TestAdjustment:
    @pytest.mark.parametrize(
        ("cause", "event"),
        [
            ("OBJECTION", "CORRECTION"),
            ("CORRECTION", "CORRECTION"),
            ("REPAIR", "REPAIR"),
            ("INTERIM", "INTERIM"),
        ],
    )
    def test_is_one_more_row(self, cause: str, event: str) -> None:
        this = shop()
        period = in_force(Result(this), Result(shop()))
        rating = Rating.objects.get(run=period.run, pharmacy=this)
        again = desk.rerating(rating, score=61_000, grade=2)
        sources = {
            "OBJECTION": lambda: {"objection": desk.objection(period, rating)},
            "REPAIR": lambda: {
                "repair": desk.repair(factories.violation(this, recorded_at=desk.NOW + timedelta(hours=1)))
            },
        }
        values = sources.get(cause, dict)()
        change = approved(period, rating, cause=cause, rerating=again, to_grade=2, clause="某条", **values)
        done = publish_adjustment(change, by=APPROVER)
        first = Publication.objects.get(number=1)
        assert (done.number, done.first_seq, done.last_seq, done.event) == (2, 3, 3, event)
        assert done.previous == first.statement_sha256
        row = PublishedGrade.objects.get(seq=3)
        assert (row.code, row.grade, row.score, row.rank_city) == (this.code, "C", 61_000, 0)
        assert row.reason == f"{change.get_cause_display()}：某条"

    def test_a_withdrawal_leaves_no_grade_but_a_reason(self) -> None:
        period = in_force()
        change = approved(period, cause="WITHDRAWAL", to_grade=-1, clause="第三条第一项")
        assert publish_adjustment(change, by=APPROVER).event == "WITHDRAWAL"
        row = PublishedGrade.objects.get(seq=2)
        assert (row.grade, row.position, row.score, row.valid_until) == ("", -1, None, None)
        assert row.reason == "撤回等级：第三条第一项"

    def test_a_reversal_is_a_correction(self) -> None:
        period = in_force()
        first = approved(period, cause="WITHDRAWAL", to_grade=-1)
        publish_adjustment(first, by=APPROVER)
        back = approved(period, cause="WITHDRAWAL", from_grade=-1, to_grade=0, reverses=first, clause="某条")
        assert publish_adjustment(back, by=APPROVER).event == "CORRECTION"
        row = PublishedGrade.objects.get(seq=3)
        assert (row.grade, row.reason) == ("A", "撤销此前的调整：某条")


@pytest.mark.django_db
class TestRefused:
    @pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "PUBLIC_NOTICE", "CLOSED", "ABANDONED"])
    def test_period_that_is_not_settled(self, state: str) -> None:
        period = desk.life(lives.run_of(scheme_in_force(), Result(shop())), state)
        with pytest.raises(Refused, match="尚未审定"):
            publish_period(period, by=APPROVER)

    def test_period_published_twice(self) -> None:
        period = settled()
        publish_period(period, by=APPROVER)
        with pytest.raises(Refused, match="已经发布"):
            publish_period(period, by=APPROVER)

    def test_period_without_results(self) -> None:
        period = desk.life(lives.run_of(scheme_in_force()), "FINAL")
        with pytest.raises(Refused, match="无可发布"):
            publish_period(period, by=APPROVER)

    @pytest.mark.parametrize("state", ["FINAL", "CLOSED"])
    def test_adjustment_of_a_period_that_is_not_published(self, state: str) -> None:
        period = desk.life(lives.run_of(scheme_in_force(), Result(shop())), state)
        change = approved(period)
        with pytest.raises(Refused, match="不在已发布状态"):
            publish_adjustment(change, by=APPROVER)

    def test_adjustment_not_approved_published_or_overtaken(self) -> None:
        period = in_force()
        rating = Rating.objects.get()
        change = desk.adjustment(period, rating)
        with pytest.raises(Refused, match="尚未批准"):
            publish_adjustment(change, by=APPROVER)
        desk.decided(change)
        newer = approved(period, to_grade=2)
        with pytest.raises(Refused, match="发布最后一件"):
            publish_adjustment(change, by=APPROVER)
        publish_adjustment(newer, by=APPROVER)
        with pytest.raises(Refused, match="已经发布"):
            publish_adjustment(newer, by=APPROVER)

    def test_a_clock_that_went_back(self) -> None:
        first = publish_period(settled(period="2025H1"), by=APPROVER, at=desk.NOW)
        period = settled()
        with pytest.raises(Refused, match="早于上一发布"):
            publish_period(period, by=APPROVER, at=desk.NOW - timedelta(seconds=61))
        waited = publish_period(period, by=APPROVER, at=desk.NOW - timedelta(seconds=60))
        assert waited.at == first.at


def counts() -> tuple[int, int, int]:
    return (
        Publication.objects.count(),
        PublishedGrade.objects.count(),
        AuditEvent.objects.filter(action="发布").count(),
    )


def _failing(*args: object, **options: object) -> Any:
    raise RuntimeError("crash")


@pytest.mark.django_db(transaction=True)
class TestWholeOrNothing:
    @pytest.mark.parametrize(
        "step",
        [
            "_moment",
            "_draw_up",
            "canonical_lines",
            "leaf",
            "chain_head",
            "stated",
            "_store",
            "record",
            "partial",
        ],
    )
    def test_a_crash_leaves_nothing(self, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        period = settled()
        with monkeypatch.context() as broken, pytest.raises(RuntimeError, match="crash"):
            broken.setattr(publishing, step, _failing)
            publish_period(period, by=APPROVER)
        assert counts() == (0, 0, 0)
        done = publish_period(period, by=APPROVER)
        assert (done.number, done.first_seq) == (1, 1)

    def test_a_crash_of_the_caller_leaves_nothing_and_announces_nothing(self) -> None:
        period, heard = settled(), []
        with listening(heard.append), pytest.raises(RuntimeError), transaction.atomic():
            publish_period(period, by=APPROVER)
            _failing()
        assert (counts(), heard) == ((0, 0, 0), [])

    @pytest.mark.parametrize("step", ["chain_head", "_store", "record"])
    def test_a_lost_connection_leaves_nothing(self, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        period = settled()
        done: Callable[..., Any] = getattr(publishing, step)

        def killed(*args: Any, **options: Any) -> Any:
            result = done(*args, **options)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return result

        with monkeypatch.context() as broken, pytest.raises(DatabaseError):
            broken.setattr(publishing, step, killed)
            publish_period(period, by=APPROVER)
        connection.close()
        assert counts() == (0, 0, 0)
        assert publish_period(period, by=APPROVER).number == 1

    def test_a_pharmacy_that_moved_keeps_the_grade_of_its_first_district(self) -> None:
        other = District.objects.get_or_create(code=330603, defaults={"name": "柯桥区"})[0]
        moved = shop()
        first = settled(Result(moved, 0), district=moved.district_id)
        publish_period(first, by=APPROVER)
        Pharmacy.objects.filter(pk=moved.pk).update(district=other)
        moved.refresh_from_db()
        stayed = shop(district_id=other.code)
        publish_period(settled(Result(moved, 2), Result(stayed, 1), district=other.code), by=APPROVER)
        rows = PublishedGrade.objects.order_by("seq").values_list("pharmacy", "grade")
        assert list(rows) == [(moved.pk, "A"), (stayed.pk, "B")]

    def test_two_in_one_transaction(self) -> None:
        first, second = settled(period="2025H1"), settled()
        with transaction.atomic():
            publish_period(first, by=APPROVER)
            publish_period(second, by=APPROVER)
        assert counts() == (2, 2, 2)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_publications_follow_each_other(self) -> None:
        District.objects.get_or_create(code=330603, defaults={"name": "柯桥区"})
        periods = [
            settled(*(Result(shop(district_id=code)) for _ in range(3)), district=code)
            for code in (factories.district().code, 330603)
        ]
        gate = threading.Barrier(2)
        failed: list[BaseException] = []

        def publish(period: RatingPeriod) -> None:
            try:
                gate.wait()
                publish_period(period, by=APPROVER)
            except BaseException as error:
                failed.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=publish, args=[period]) for period in periods]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        one, two = Publication.objects.order_by("number")
        assert (one.number, one.first_seq, two.number, two.first_seq) == (1, 1, 2, 4)
        assert two.previous == one.statement_sha256
        assert list(PublishedGrade.objects.order_by("seq").values_list("seq", flat=True)) == [
            1,
            2,
            3,
            4,
            5,
            6,
        ]

    def test_the_same_period_twice(self) -> None:
        period, refused = settled(), []
        gate = threading.Barrier(2)

        def publish() -> None:
            try:
                gate.wait()
                publish_period(period, by=APPROVER)
            except Refused as error:
                refused.append(str(error))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=publish) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts() == (1, 1, 1)
        assert len(refused) == 1
        assert "已经发布" in refused[0]


class listening:
    """Hear of publications."""

    def __init__(self, hear: Callable[[int], None]) -> None:
        self.hear = lambda sender, number, **more: hear(number)

    def __enter__(self) -> None:
        published.announced.connect(self.hear)

    def __exit__(self, *error: object) -> None:
        published.announced.disconnect(self.hear)


@pytest.mark.django_db(transaction=True)
class TestAnnounced:
    def test_once_and_after_the_commit(self) -> None:
        period, heard = settled(), []
        with listening(heard.append):
            with transaction.atomic():
                publish_period(period, by=APPROVER)
                assert heard == []
            assert heard == [1]

    def test_a_receiver_that_fails_changes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        period, heard = settled(), []
        with listening(_failing), listening(heard.append):
            publish_period(period, by=APPROVER)
        assert (counts(), heard) == ((1, 1, 1), [1])
        assert "crash" in caplog.text
