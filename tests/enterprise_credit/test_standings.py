"""From a publication to assessments, standings and ranks; what is written, and what is not."""

import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from applications.enterprise_credit import documents, standings, tasks
from applications.enterprise_credit.models import Assessment, CreditSubject, RuleDocument, Standing
from applications.enterprise_credit.rules.figures import restored
from ratings.models import Enterprise, Pharmacy, PublishedGrade
from ratings.services.audit import Actor
from tests import factories
from tests.bank_loans.building import D, regrade, shop
from tests.enterprise_credit import building
from tests.enterprise_credit.standing import START, TODAY, chain, city, of, rated

MOVE = TODAY + timedelta(days=5)


def newest(one: Enterprise) -> Assessment:
    return Standing.objects.get(subject_id=one.uscc).assessment


@pytest.mark.django_db
class TestSubjects:
    def test_come_from_the_registry(self) -> None:
        one, _shops = chain(3, name="绍兴（越城）康泰医药有限公司")
        factories.pharmacy()
        assert standings.sync_subjects() == 1
        subject = of(one)
        assert (subject.name, subject.name_key, subject.origin) == (
            "绍兴（越城）康泰医药有限公司",
            "绍兴越城康泰医药有限公司",
            "REGISTRY",
        )
        assert (subject.district, subject.recorded_by, bool(subject.grams)) == (330602, "定点药店登记", True)
        assert standings.sync_subjects() == 0

    def test_district_of_most_stores_or_the_lowest_code(self) -> None:
        one = factories.enterprise()
        other = factories.district(330604, "上虞区")
        shops = [shop(enterprise=one, district=other) for _ in range(2)]
        shop(enterprise=one)
        standings.sync_subjects([shops[0].code])
        assert of(one).district == 330604
        shop(enterprise=one)
        standings.sync_subjects([shops[0].code])
        assert of(one).district == 330602

    def test_are_corrected_and_lose_their_district(self) -> None:
        one, shops = chain(1)
        standings.sync_subjects()
        Enterprise.objects.filter(pk=one.pk).update(name="新名称有限公司")
        assert standings.sync_subjects([shops[0].code]) == 1
        assert (of(one).name, of(one).name_key) == ("新名称有限公司", "新名称有限公司")
        Pharmacy.objects.update(enterprise=None)
        assert standings.sync_subjects([shops[0].code]) == 0
        assert standings.sync_subjects() == 1
        assert of(one).district is None

    def test_what_waited_for_them_matches_and_counts(self) -> None:
        one, _shops, _life = rated(95_000)
        about = CreditSubject(uscc=one.uscc, name=one.name)
        waits = building.record(about, match="NO_SUBJECT", subject=None)
        renamed = building.record(about, match="NAME_DIFFERS", subject=None, name="新名称有限公司")
        standings.refresh([one.uscc], TODAY)
        waits.refresh_from_db()
        assert (waits.match, waits.subject_id, sum(newest(one).figures["records"]) > 0) == (
            "MATCHED",
            one.uscc,
            True,
        )
        Enterprise.objects.filter(pk=one.pk).update(name="新名称有限公司")
        standings.sync_subjects()
        renamed.refresh_from_db()
        assert renamed.match == "MATCHED"

    def test_a_name_of_marks_keeps_out_none_of_the_others(self) -> None:
        chain(1, name="——")
        chain(1)
        assert standings.sync_subjects() == 2

    def test_one_that_a_department_named_becomes_the_registrys(self) -> None:
        one, _ = chain(1)
        building.subject(uscc=one.uscc, origin="DEPARTMENT", district=None, name="部门所称")
        assert standings.sync_subjects() == 1
        assert (of(one).origin, of(one).name, of(one).district) == ("REGISTRY", one.name, 330602)


@pytest.mark.django_db
class TestDerive:
    def test_each_names_the_last_row_of_the_ledger_about_itself(self) -> None:
        """Whatever is published of others meanwhile."""
        made, _life = city([95_000, 85_000], [70_000])
        standings.refresh(None, TODAY)
        for one, shops in made:
            rows = PublishedGrade.objects.filter(pharmacy__in=shops).values_list("seq", flat=True)
            assert newest(one).ledger_seq == max(rows)

    def test_assessed_once_and_again_when_figures_change(self) -> None:
        one, _shops, _life = rated(95_000, 85_000)
        assert standings.refresh(None, TODAY) == 1
        first = newest(one)
        assert (first.score, first.grade, first.label, first.position) == (90_000, "A", "信用优秀", 0)
        assert (first.rule, first.on, first.figures["stores"]) == ("shaoxing-style-enterprise@1", TODAY, 2)
        assert first.ledger_seq > 0
        assert standings.refresh(None, TODAY) == 0
        building.record(of(one))
        assert standings.derive([one.uscc], TODAY) == 1
        second = newest(one)
        assert (second.score, second.grade, second.figures["records"][0]) == (88_000, "B", 1)
        assert Assessment.objects.filter(subject_id=one.uscc).count() == 2
        standing = Standing.objects.get(subject_id=one.uscc)
        assert (standing.score, standing.grade, standing.position, standing.stores) == (88_000, "B", 1, 2)

    def test_stored_figures_are_those_counted(self) -> None:
        one, _, _ = rated(95_000, 85_000)
        standings.refresh(None, TODAY)
        stored = newest(one)
        assert restored(one.uscc, stored.figures).stored() == stored.figures

    def test_a_new_rule_assesses_anew(self) -> None:
        one, _, _ = rated(95_000)
        standings.refresh(None, TODAY)
        text = (documents.SHIPPED / "enterprise-rule.toml").read_text()
        text = text.replace("version = 1", "version = 2").replace("2024-01-01", str(MOVE))
        draft = documents.store(RuleDocument.Kind.ENTERPRISE_RULE, text, by=Actor("甲"))
        documents.activate(draft, by=Actor("乙"))
        assert standings.refresh(None, TODAY) == 0
        assert standings.refresh(None, MOVE) == 1
        assert newest(one).rule == "shaoxing-style-enterprise@2"
        # Each is explained by the rule that it was made with.
        assert [standings.explain(row).score for row in Assessment.objects.order_by("id")] == [95_000, 95_000]

    def test_one_that_only_moves_keeps_its_assessment(self) -> None:
        one, shops, _ = rated(95_000)
        standings.refresh(None, TODAY)
        Pharmacy.objects.filter(pk=shops[0].pk).update(district=factories.district(330604, "上虞区"))
        assert standings.refresh([one.uscc], TODAY) == 0
        standing = Standing.objects.get(subject_id=one.uscc)
        assert (standing.district, standing.rank_district) == (330604, 1)

    def test_a_subject_without_stores_is_not_rated(self) -> None:
        bare = building.subject(district=None)
        standings.refresh(None, TODAY)
        standing = Standing.objects.get(subject=bare)
        assert (standing.score, standing.grade, standing.position, standing.rank_city) == (None, "", -1, 0)
        assert standing.assessment.reason == "没有已评定等级的药店"

    def test_grades_run_out_of_themselves(self) -> None:
        one, _, _ = rated(95_000)
        standings.refresh(None, TODAY)
        assert standings.refresh(None, date(2027, 2, 10)) == 1
        assert newest(one).grade == ""
        assert Standing.objects.get(subject_id=one.uscc).rank_city == 0

    def test_without_a_rule(self) -> None:
        with pytest.raises(documents.NoDocument):
            standings.derive(None, date(2000, 1, 1))


@pytest.mark.django_db
class TestExplained:
    def test_replay_finds_what_does_not_follow(self) -> None:
        rated(95_000, 85_000)
        standings.refresh(None, TODAY)
        assert list(standings.replay(Assessment.objects.iterator())) == []
        sound = Assessment.objects.get()
        sound.score = 1
        assert list(standings.replay(iter([sound]))) == [sound]

    def test_a_rule_that_is_not_there(self) -> None:
        rated(95_000)
        standings.refresh(None, TODAY)
        row = Assessment.objects.get()
        row.rule = "shaoxing-style-enterprise@9"
        with pytest.raises(documents.NoDocument):
            standings.explain(row)


def naive(scores: dict[str, tuple[int | None, int | None]]) -> dict[str, tuple[int, int, int, int]]:
    """By code: rank and number in the city, and in the district, of (score, district)."""
    ranks = {}
    for code, (score, district) in scores.items():
        city = [one for one, _ in scores.values() if one is not None]
        peers = [one for one, where in scores.values() if one is not None and where == district]
        place = 0 if score is None else 1 + sum(one > score for one in city)
        near = 0 if score is None or district is None else 1 + sum(one > score for one in peers)
        ranks[code] = (place, len(city), near, len(peers) if district is not None else 0)
    return ranks


@pytest.mark.django_db
class TestRanks:
    def test_of_the_same_score_share_a_rank(self) -> None:
        made, _ = city([90_000], [95_000], [90_000], [80_000])
        standings.refresh(None, TODAY)
        ranks = [
            (row.rank_city, row.ranked_city, row.rank_district)
            for row in (Standing.objects.get(subject_id=one.uscc) for one, _ in made)
        ]
        assert ranks == [(2, 4, 2), (1, 4, 1), (2, 4, 2), (4, 4, 4)]
        assert Standing.objects.filter(ranked_at=None).count() == 0

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
    @given(
        rows=st.lists(
            st.tuples(st.none() | st.integers(0, 5), st.sampled_from([330602, 330604, 330681, None])),
            min_size=1,
            max_size=12,
        )
    )
    def test_agree_with_naive_ones(self, rows: Sequence[tuple[int | None, int | None]]) -> None:
        Standing.objects.all().delete()
        given = {}
        for score, district in rows:
            subject = building.subject()
            assessment = assessed(subject, score)
            Standing.objects.create(
                subject=subject,
                assessment=assessment,
                score=score,
                grade=assessment.grade,
                position=assessment.position,
                district=district,
                stores=1,
            )
            given[subject.uscc] = (score, district)
        standings.rerank(TODAY)
        found = Standing.objects.values_list(
            "subject_id", "rank_city", "ranked_city", "rank_district", "ranked_district"
        )
        assert {code: tuple(ranks) for code, *ranks in found} == naive(given)
        assert standings.rerank(TODAY) == 0

    def test_none_where_too_few_are_rated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = (documents.SHIPPED / "enterprise-rule.toml").read_text()
        text = text.replace("min_ranked = 1", "min_ranked = 2").replace("version = 1", "version = 2")
        draft = documents.store(
            RuleDocument.Kind.ENTERPRISE_RULE, text.replace("2024-01-01", "2025-01-01"), by=Actor("甲")
        )
        documents.activate(draft, by=Actor("乙"))
        made, _ = city([90_000], [95_000], [80_000])
        Pharmacy.objects.filter(pk=made[2][1][0].pk).update(district=factories.district(330604, "上虞区"))
        standings.refresh(None, TODAY)
        alone = Standing.objects.get(subject_id=made[2][0].uscc)
        assert (alone.rank_city, alone.rank_district, alone.ranked_district) == (3, 0, 0)
        assert Standing.objects.get(subject_id=made[0][0].uscc).rank_district == 2


def assessed(subject: CreditSubject, score: int | None) -> Assessment:
    values: dict[str, Any] = {"grade": "A", "label": "甲", "position": 0}
    if score is None:
        values = {"grade": "", "label": "", "position": -1, "reason": "没有"}
    return Assessment.objects.create(
        subject=subject, on=TODAY, rule="r@1", ledger_seq=0, figures={}, score=score, **values
    )


@pytest.mark.django_db
class TestFollowing:
    def test_a_publication_and_a_change(self, django_capture_on_commit_callbacks: Any) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            one, shops, life = rated(95_000, 85_000)
        assert newest(one).grade == "A"
        with django_capture_on_commit_callbacks(execute=True):
            regrade(life, shops[0], D, START + timedelta(days=5))
        assert newest(one).figures["grades"] == {"A": 1, "D": 1}
        assert newest(one).grade == "C"

    def test_the_registry(self, django_capture_on_commit_callbacks: Any) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            one, shops, _ = rated(95_000)
        shops[0].designated_until = TODAY
        with django_capture_on_commit_callbacks(execute=True):
            shops[0].save()
        assert (newest(one).grade, newest(one).figures["stores"]) == ("", 0)

    def test_a_pharmacy_that_changes_hands_counts_for_the_new_owner_alone(
        self, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            made, _ = city([95_000, 85_000], [90_000])
        (one, shops), (other, _others) = made
        moved = Pharmacy.objects.get(pk=shops[1].pk)
        moved.enterprise = other
        with django_capture_on_commit_callbacks(execute=True):
            moved.save()
        assert [newest(who).figures["stores"] for who in (one, other)] == [1, 2]
        with django_capture_on_commit_callbacks(execute=True):
            moved.save()
        assert moved.former_enterprise_id == other.pk

    def test_all_where_they_are_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made, _life = city([90_000], [95_000])
        asked: list[Any] = []
        monkeypatch.setattr(standings, "refresh", lambda usccs, on: asked.append(usccs) or 0)
        tasks.on_announced(1)
        tasks.on_announced(99)
        tasks.on_change(frozenset({made[0][1][0].code}))
        tasks.on_change(None)
        monkeypatch.setattr(tasks, "MANY", 1)
        tasks.on_announced(1)
        tasks.refresh(["a", "b"])
        tasks.on_change(frozenset({"a", "b"}))
        tasks.refresh_pharmacies(["a", "b"])
        both, first = sorted(one.uscc for one, _ in made), [made[0][0].uscc]
        assert asked == [both, first, None, None, None, None, None]


@pytest.mark.django_db
def test_cost_does_not_grow_with_the_number() -> None:
    costs = []
    for number, period in ((1, "2025H1"), (3, "2025H2")):
        made, _ = city(*([[90_000, 60_000]] * number), period=period)
        standings.sync_subjects()
        for one, _ in made:
            building.record(of(one))
        with CaptureQueriesContext(connection) as captured:
            assert standings.refresh([one.uscc for one, _ in made], TODAY) == number
        costs.append(len(captured))
    assert costs[0] == costs[1]


@pytest.mark.django_db(transaction=True)
def test_one_writes_at_a_time() -> None:
    """Four at once, over all and over one: each enterprise is assessed once, and ranks are whole."""
    made, _ = city([90_000], [80_000], [70_000])
    first = made[0][0].uscc
    for one, _ in made:
        building.record(of(one))
    before = Assessment.objects.count()
    faults: list[BaseException] = []

    def act(usccs: list[str] | None) -> Callable[[], None]:
        def run() -> None:
            try:
                standings.refresh(usccs, TODAY)
            except BaseException as fault:
                faults.append(fault)
            finally:
                connections.close_all()

        return run

    threads = [threading.Thread(target=act(usccs)) for usccs in (None, [first], None, [first])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert Assessment.objects.count() == before + CreditSubject.objects.count() == before + 3
    assert sorted(Standing.objects.values_list("rank_city", flat=True)) == [1, 2, 3]
