"""The table of places follows what is public: after every act of a service, for one and for all alike."""

import threading
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications.pharmacy_lookup import refresh, tasks
from applications.pharmacy_lookup.application import APPLICATION
from applications.pharmacy_lookup.models import Directory, Place
from applications.pharmacy_lookup.refresh import refresh_places
from creditsys.spelling import spell
from ratings import published
from ratings.models import District, Objection, Pharmacy, PublishedGrade, Rating, ServiceStatus
from ratings.published import pharmacies
from ratings.services.audit import Actor
from ratings.services.facts import record_fact, save_registry, void_fact
from ratings.services.objections import receive_objection, withdraw_objection
from ratings.services.publication import publish_adjustment
from tests import desk, factories
from tests.ratings.services import lives
from tests.ratings.services.lives import APPROVER, Result
from tests.ratings.services.test_runs import scheme_in_force
from tests.ratings.services.uploads import upload
from tests.ratings.test_published import DAY, START, change, out, shop

pytestmark = pytest.mark.django_db
BY = Actor("经办甲")
LATER = START + timedelta(days=3)
Act = Callable[[], Any]


@pytest.fixture(autouse=True)
def _on_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some days after what the tests publish; open data is not written here."""
    day = DAY + timedelta(days=10)
    monkeypatch.setattr(refresh, "timezone", SimpleNamespace(localdate=lambda: day, now=timezone.now))
    monkeypatch.setattr(tasks.write_open_data, "delay", lambda number: None)


@pytest.fixture
def after(django_capture_on_commit_callbacks: Callable[..., Any]) -> Callable[[Act], Any]:
    """Does something, and what follows its commit."""

    def done(act: Act) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return act()

    return done


def expected(entry: published.Entry) -> dict[str, Any]:
    values = {field.name: getattr(entry, field.name) for field in fields(entry) if field.name != "grade"}
    values["statuses"] = [[day.isoformat(), status] for day, status in entry.statuses] or None
    shown = APPLICATION.shown(entry.grade) if entry.grade else None
    one = spell(entry.name, entry.address)
    return {
        **values,
        **(shown or dict.fromkeys(APPLICATION.fields)),
        "text": one.text,
        "spelled": one.spelled,
        "grams": one.grams,
    }


def agrees() -> bool:
    """Whether the places are what is public now, no more and no less."""
    entries = published.entries(refresh.timezone.localdate())
    return list(Place.objects.order_by("code").values()) == [
        {field.attname: expected(entry)[field.attname] for field in Place._meta.concrete_fields}
        for entry in entries
    ]


def current(this: Pharmacy) -> published.Grade | None:
    return published.current([this.code], refresh.timezone.localdate()).get(this.code)


def versions() -> dict[str, Any]:
    """Which transaction wrote each place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, xmin::text, ctid::text FROM pharmacy_lookup_place")
        return {code: rest for code, *rest in cursor.fetchall()}


class TestAfterEachAct:
    def test_a_pharmacy_registered_and_renamed(self, after: Callable[[Act], Any]) -> None:
        this = Pharmacy(
            code="P33060200001",
            name="震元大药房",
            district=factories.district(),
            designated_on=date(2015, 1, 1),
        )
        after(lambda: save_registry(this, by=BY))
        assert agrees()
        this.name, this.address = "老百姓大药房", "解放北路1号"
        this.latitude, this.longitude, this.source_datum = 30.0, 120.5, "WGS-84"
        after(lambda: save_registry(this, by=BY))
        assert agrees()
        place = Place.objects.get()
        assert (place.name, place.latitude) == ("老百姓大药房", 30.0)
        assert "laobaixing" in place.spelled

    def test_a_designation_that_ends(self, after: Callable[[Act], Any]) -> None:
        this = shop()
        this.designated_until = date(2026, 6, 1)
        after(lambda: save_registry(this, by=BY))
        assert agrees()
        assert Place.objects.get().designated_until == date(2026, 6, 1)

    def test_a_district_renamed(self, after: Callable[[Act], Any]) -> None:
        shops = [shop(), shop()]
        refresh_places()
        district = District.objects.get(code=shops[0].district_id)
        district.name = "越城新区"
        after(lambda: save_registry(district, by=BY))
        assert agrees()
        assert set(Place.objects.values_list("district_name", flat=True)) == {"越城新区"}
        assert [one["name"] for one in Directory.objects.get().districts] == ["越城新区"]

    def test_service_suspended_and_that_voided(self, after: Callable[[Act], Any]) -> None:
        this = shop()
        values = {"pharmacy": this, "status": "SUSPENDED", "document_no": "某停〔2026〕1号"}
        days = {"occurred_on": date(2026, 1, 5), "decided_on": date(2026, 1, 4)}
        fact = after(lambda: record_fact(ServiceStatus, by=BY, **values, **days))
        assert agrees()
        assert Place.objects.get().statuses == [["2026-01-05", "SUSPENDED"]]
        after(lambda: void_fact(fact, reason="误录", by=BY))
        assert agrees()
        assert Place.objects.get().statuses is None

    def test_a_period_published(self, after: Callable[[Act], Any]) -> None:
        best, worst, refused, unrated = shop(), shop(), shop(), shop()
        after(lambda: out(Result(best), Result(worst, grade=3), Result(refused, grade=-1)))
        assert agrees()
        assert dict(Place.objects.values_list("code", "grade")) == {
            best.code: "A",
            worst.code: "D",
            refused.code: "",
            unrated.code: None,
        }
        assert [one["grade"] for one in Directory.objects.get().grades] == ["A", "D"]

    @pytest.mark.parametrize(
        ("cause", "to_grade"),
        [("INTERIM", 3), ("CORRECTION", 1), ("REPAIR", 0), ("WITHDRAWAL", -1)],
    )
    def test_a_grade_changed(self, cause: str, to_grade: int, after: Callable[[Act], Any]) -> None:
        this, other = shop(), shop()
        life = out(Result(this, grade=2), Result(other))
        refresh_places()
        before = versions()
        source = {}
        if cause == "REPAIR":
            source["repair"] = desk.repair(factories.violation(this, recorded_at=timezone.now()))
        rating = Rating.objects.get(run=life.run, pharmacy=this)
        row = desk.adjustment(
            life, rating, cause=cause, rerating=desk.rerating(rating), to_grade=to_grade, **source
        )
        desk.decided(row)
        after(lambda: publish_adjustment(row, by=APPROVER, at=LATER))
        assert agrees()
        place, grade = Place.objects.get(code=this.code), current(this)
        assert grade and (place.seq, place.event, place.grade) == (grade.seq, cause, grade.grade)
        assert versions()[other.code] == before[other.code]

    def test_a_grade_that_has_run_out_stays_with_its_day(self, monkeypatch: pytest.MonkeyPatch) -> None:
        this = shop()
        out(Result(this))
        late = date(2027, 2, 10)
        monkeypatch.setattr(refresh, "timezone", SimpleNamespace(localdate=lambda: late, now=timezone.now))
        refresh_places()
        assert current(this) is None
        assert (Place.objects.get().grade, Place.objects.get().valid_until) == ("A", late)
        assert agrees()

    def test_a_grade_under_notice_is_not_copied(self, after: Callable[[Act], Any]) -> None:
        this = shop()
        after(lambda: desk.life(lives.run_of(scheme_in_force(), Result(this, grade=3)), "PUBLIC_NOTICE"))
        refresh_places()
        assert Place.objects.get().grade is None
        assert agrees()

    def test_an_objection_marks_the_grade_until_it_is_over(
        self, after: Callable[[Act], Any], settings: Any, tmp_path: Path
    ) -> None:
        settings.MEDIA_ROOT = tmp_path
        this = shop()
        after(lambda: out(Result(this)))
        rating = Rating.objects.get(pharmacy=this)
        row = after(
            lambda: receive_objection(
                rating, ground="FACT", statement="有误", channel="CLERK", by=BY, at=START + timedelta(days=1)
            )
        )
        assert agrees() and Place.objects.get().under_objection is True
        after(lambda: withdraw_objection(row, text="撤回", uploads=[upload()], by=BY))
        assert Objection.objects.get().state == "WITHDRAWN"
        assert agrees() and Place.objects.get().under_objection is False


class TestOneAndAll:
    def test_agree(self) -> None:
        shops = [shop(name=name) for name in ("震元药房", "老百姓药房", "仁和药店")]
        life = out(*map(Result, shops))
        factories.service_status(shops[1], recorded_at=timezone.now())
        for this in shops:
            refresh_places([this.code])
        assert agrees()
        assert refresh_places() == 0
        change(life, shops[2], 3, LATER)
        assert refresh_places([shops[0].code]) == 0
        assert not agrees()
        assert refresh_places([shops[2].code]) == 1
        assert agrees()
        assert refresh_places() == 0

    def test_what_did_not_change_is_not_written(self) -> None:
        shops = [shop(name="震元药房"), shop(name="老百姓药房")]
        assert refresh_places() == 2
        before, at = versions(), Directory.objects.get().refreshed_at
        assert refresh_places() == 0
        assert (versions(), Directory.objects.get().refreshed_at) == (before, at)
        Pharmacy.objects.filter(pk=shops[0].pk).update(street="府山街道")
        assert refresh_places() == 1
        assert versions()[shops[1].code] == before[shops[1].code]
        assert versions()[shops[0].code] != before[shops[0].code]
        assert Directory.objects.get().refreshed_at > at

    def test_only_what_was_renamed_is_spelled_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        moved, renamed = shop(name="震元药房"), shop(name="老百姓药房")
        refresh_places()
        spelled = []
        monkeypatch.setattr(
            refresh, "spell", lambda name, address: spelled.append(name) or spell(name, address)
        )
        Pharmacy.objects.filter(pk=moved.pk).update(latitude=30, longitude=120, source_datum="WGS-84")
        Pharmacy.objects.filter(pk=renamed.pk).update(name="仁和药房")
        assert refresh_places() == 2
        assert spelled == ["仁和药房"]
        assert agrees()

    def test_what_is_no_pharmacy_any_more_goes(self) -> None:
        shop()
        refresh_places()
        Place.objects.create(**{**Place.objects.values().get(), "code": "P33060299999"})
        assert refresh_places(["P33060299999"]) == 0
        assert refresh_places() == 1
        assert agrees()

    def test_none_at_all(self) -> None:
        assert refresh_places() == 0
        assert refresh_places([]) == 0
        assert (Directory.objects.get().districts, Directory.objects.get().grades) == ([], [])

    def test_more_than_are_read_or_written_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # A cursor on the server hands out a hundred at a time by itself.
        monkeypatch.setattr(pharmacies, "_CHUNK", 50)
        monkeypatch.setattr(refresh, "_CHUNK", 30)
        for number in range(120):
            shop(name=f"第{number}药房")
        assert refresh_places() == 120
        assert agrees()

    @pytest.mark.parametrize("count", [1, 3])
    def test_the_number_of_statements_does_not_grow(self, count: int) -> None:
        for _ in range(count):
            shop()
        with CaptureQueriesContext(connection) as first:
            refresh_places()
        with CaptureQueriesContext(connection) as again:
            refresh_places()
        assert (len(first), len(again)) == (17, 15)


class TestDirectory:
    def test_districts_streets_bounds_and_grades(self) -> None:
        factories.district(330603, "柯桥区")
        out(
            Result(shop(street="府山街道", latitude=30.0, longitude=120.5, source_datum="WGS-84"), grade=3),
            Result(shop(street="城南街道", latitude=30.1, longitude=120.4, source_datum="WGS-84"), grade=0),
            Result(shop(), grade=-1),
        )
        shop(district_id=330603, street="柯岩街道")
        refresh_places()
        directory = Directory.objects.get()
        assert directory.districts == [
            {
                "code": 330602,
                "name": "越城区",
                "streets": sorted(("府山街道", "城南街道")),
                "south": 30.0,
                "north": 30.1,
                "west": 120.4,
                "east": 120.5,
            },
            {
                "code": 330603,
                "name": "柯桥区",
                "streets": ["柯岩街道"],
                **dict.fromkeys(("south", "north", "west", "east")),
            },
        ]
        assert directory.grades == [
            {"grade": "A", "label": "优秀", "scheme": "shaoxing-style@1"},
            {"grade": "D", "label": "差", "scheme": "shaoxing-style@1"},
        ]


def test_places_have_what_is_declared_and_no_more() -> None:
    """Ranks, the publication's number and its moment stay behind, as do telephone and owner."""
    columns = {field.attname for field in Place._meta.concrete_fields}
    entry = {field.name for field in fields(published.Entry)}
    assert columns == entry - {"grade"} | APPLICATION.fields | {"text", "spelled", "grams"}


def test_a_receiver_that_fails_hurts_no_publication(
    monkeypatch: pytest.MonkeyPatch, after: Callable[[Act], Any], caplog: pytest.LogCaptureFixture
) -> None:
    this = shop()

    def fail(codes: list[str] | None) -> None:
        raise OSError("no broker")

    with monkeypatch.context() as broken:
        broken.setattr(tasks.refresh, "delay", fail)
        after(lambda: out(Result(this)))
    assert PublishedGrade.objects.count() == 1
    assert "no broker" in caplog.text
    assert not Place.objects.exists()
    tasks.refresh()
    assert agrees()


def test_nothing_follows_what_is_rolled_back(after: Callable[[Act], Any]) -> None:
    this = shop()
    refresh_places()

    def given_up() -> None:
        with pytest.raises(RuntimeError), transaction.atomic():
            this.name = "老百姓药房"
            save_registry(this, by=BY)
            raise RuntimeError

    after(given_up)
    assert Place.objects.get().name == "某某大药房"


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_the_second_waits_and_reads_what_was_committed_meanwhile(self) -> None:
        this = factories.pharmacy()
        other = threading.Thread(target=_and_close, args=[lambda: refresh_places([this.code])])
        with transaction.atomic():
            refresh_places([this.code])
            other.start()
            _wait_for_a_waiting_one()
            Pharmacy.objects.filter(pk=this.pk).update(name="老百姓药房")
        other.join(timeout=20)
        assert not other.is_alive()
        assert Place.objects.get().name == "老百姓药房"

    def test_one_and_all_at_once(self) -> None:
        shops = [factories.pharmacy(name=f"第{number}药房") for number in range(20)]
        acts: list[Act] = [refresh_places, refresh_places, *(_refresher(this) for this in shops)]
        threads = [threading.Thread(target=_and_close, args=[act]) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert agrees()
        assert Directory.objects.count() == 1


def _refresher(this: Pharmacy) -> Act:
    return lambda: refresh_places([this.code])


def _and_close(act: Act) -> None:
    try:
        act()
    finally:
        connection.close()


def _wait_for_a_waiting_one() -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.05)")
    raise AssertionError("nobody waits")
