"""Who is looked at, what counts as an event and when, and every figure against direct SQL."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ratings.insight import cohort
from ratings.insight.cohort import Window, read_ratings
from ratings.insight.evaluation import Evaluation, Question, evaluate
from ratings.models import Pharmacy, RatingRun, SchemeVersion
from ratings.rules import shipped_schemes
from ratings.rules.periods import Period
from ratings.rules.rating import score_of
from ratings.services.audit import SYSTEM
from ratings.services.facts import void_fact
from ratings.services.runs import start_run
from ratings.services.schemes import parsed
from tests import factories
from tests.ratings.services import lives

from .building import CUTOFF, KNOWN, PERIOD, TODAY, Result, complaint, run_of, scheme_in_force, violation

pytestmark = pytest.mark.django_db
FIRST, LAST = date(2025, 1, 1), date(2025, 6, 30)
DAY = timedelta(days=1)


@pytest.fixture
def scheme() -> SchemeVersion:
    return scheme_in_force()


def asked(run: RatingRun, outcome: str = "EITHER", **values: Any) -> Evaluation:
    return evaluate(Question(**{"run": run, "months": 6, "outcome": outcome, **values}), TODAY)


def events(run: RatingRun, outcome: str = "EITHER", **values: Any) -> int:
    return asked(run, outcome, **values).rate.events


def sql(text: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.fetchall()


# The window


@pytest.mark.parametrize(
    ("end", "months", "first", "last"),
    [
        (date(2024, 12, 31), 6, FIRST, LAST),
        (date(2024, 6, 30), 3, date(2024, 7, 1), date(2024, 9, 30)),
        (date(2023, 12, 31), 2, date(2024, 1, 1), date(2024, 2, 29)),
        (date(2024, 12, 31), 24, FIRST, date(2026, 12, 31)),
    ],
)
def test_window_is_the_months_after_the_period(end: date, months: int, first: date, last: date) -> None:
    assert Window.after(end, months) == Window(first, last)


@pytest.mark.parametrize(
    ("day", "counts"), [(FIRST - DAY, 0), (FIRST, 1), (LAST, 1), (LAST + DAY, 0)], ids=str
)
@pytest.mark.parametrize("make", [violation, complaint])
def test_edges_of_the_window(scheme: SchemeVersion, make: Any, day: date, counts: int) -> None:
    shop = factories.pharmacy()
    run = run_of(scheme, Result(shop))
    make(shop, decided_on=day)
    assert events(run) == counts


@pytest.mark.parametrize("make", [violation, complaint])
def test_either_date_can_be_asked_for(scheme: SchemeVersion, make: Any) -> None:
    """Done before the window, decided in it."""
    shop = factories.pharmacy()
    run = run_of(scheme, Result(shop))
    make(shop, decided_on=FIRST, occurred_on=FIRST - DAY)
    assert events(run) == 1
    assert events(run, dated="occurred_on") == 0


@pytest.mark.parametrize(("today", "over"), [(LAST, False), (LAST + DAY, True)])
def test_says_whether_the_window_is_over(scheme: SchemeVersion, today: date, over: bool) -> None:
    run = run_of(scheme, Result(factories.pharmacy()))
    assert evaluate(Question(run, 6), today).over is over


# What counts


def test_outcomes_are_told_apart(scheme: SchemeVersion) -> None:
    shops = [factories.pharmacy() for _ in range(4)]
    run = run_of(scheme, *(Result(shop) for shop in shops))
    violation(shops[0])
    violation(shops[1], gravity="SERIOUS")
    violation(shops[1])
    complaint(shops[1])
    complaint(shops[2])
    counted = {name: events(run, name) for name in ("VIOLATION", "SERIOUS", "COMPLAINT", "EITHER")}
    assert counted == {"VIOLATION": 2, "SERIOUS": 1, "COMPLAINT": 2, "EITHER": 3}
    assert {name: one.events for name, one in asked(run).outcomes.items()} == counted


def test_only_what_is_confirmed_and_stands(scheme: SchemeVersion) -> None:
    shop = factories.pharmacy()
    run = run_of(scheme, Result(shop))
    complaint(shop, finding="UNFOUNDED")
    complaint(shop, finding="PENDING", state="VERIFYING", decided_on=None, occurred_on=FIRST)
    void_fact(violation(shop), reason="撤销", by=SYSTEM)
    found = asked(run)
    assert (found.rate.events, found.curve, found.score.ratio) == (0, None, None)
    violation(shop)
    assert events(run) == 1


# Who is looked at


def test_not_rated_and_not_designated_are_left_out(scheme: SchemeVersion) -> None:
    """Ended on the window's first day: gone. Ended a day later, or in the middle: looked at."""
    ends = (FIRST, FIRST + DAY, LAST, LAST + DAY, None)
    shops = [factories.pharmacy() for _ in ends]
    run = run_of(scheme, *(Result(shop) for shop in shops), Result(factories.pharmacy(), grade=-1))
    for shop, end in zip(shops, ends, strict=True):
        Pharmacy.objects.filter(pk=shop.pk).update(designated_until=end)
        violation(shop)
    people = asked(run).people
    assert (people.in_run, people.not_rated, people.gone, people.looked_at, people.ended) == (6, 1, 1, 4, 2)
    assert events(run) == 4


def heir_of(shop: Pharmacy, began: date, **values: Any) -> Pharmacy:
    Pharmacy.objects.filter(pk=shop.pk).update(designated_until=began)
    return factories.pharmacy(designated_on=began, predecessor=shop, **{"recorded_at": KNOWN, **values})


def test_successor_answers_for_its_predecessor(scheme: SchemeVersion) -> None:
    """Taken over twice, the first time as the window began; the second heir offends."""
    shop = factories.pharmacy()
    run = run_of(scheme, Result(shop))
    second = heir_of(heir_of(shop, FIRST), date(2025, 3, 1))
    violation(second, decided_on=date(2025, 4, 1))
    found = asked(run)
    assert (found.people.looked_at, found.people.gone, found.rate.events) == (1, 0, 1)


@pytest.mark.parametrize(("began", "looked_at"), [(LAST, 1), (LAST + DAY, 0)])
def test_successor_after_the_window_saves_nobody(scheme: SchemeVersion, began: date, looked_at: int) -> None:
    shop = factories.pharmacy()
    run = run_of(scheme, Result(shop))
    Pharmacy.objects.filter(pk=shop.pk).update(designated_until=FIRST)
    factories.pharmacy(designated_on=began, predecessor=shop, recorded_at=KNOWN)
    assert asked(run).people.looked_at == looked_at


def test_successor_that_was_rated_answers_for_itself(scheme: SchemeVersion) -> None:
    shop = factories.pharmacy()
    heir = heir_of(shop, FIRST + DAY, recorded_at=CUTOFF - DAY)
    run = run_of(scheme, Result(shop), Result(heir))
    violation(heir)
    assert events(run) == 1


def test_only_the_districts_asked_for(scheme: SchemeVersion) -> None:
    there = factories.district(330603, "柯桥区")
    shops = [factories.pharmacy(), factories.pharmacy(district=there)]
    run, before = (
        run_of(scheme, *(Result(shop) for shop in shops), period=code) for code in (PERIOD, "2024H1")
    )
    for shop in shops:
        violation(shop)
    found = asked(run, districts={330603}, before=before, others=[before])
    assert (found.people.in_run, found.rate.events) == (1, 1)
    assert [one.code for one in found.districts] == [330603]
    assert [one.accuracy.pharmacies for one in found.over_time] == [1, 1]
    assert found.comparison is not None and found.comparison.stability is not None
    assert found.comparison.stability.pharmacies == 1
    assert asked(run, districts=()).people.in_run == 0
    assert [one.code for one in asked(run).districts] == [330602, 330603]


# The figures


def city(scheme: SchemeVersion, size: int = 60) -> tuple[RatingRun, RatingRun]:
    """Two runs of shops in two districts, and events that follow the score by chance."""
    rng = np.random.default_rng(7)
    districts = [factories.district(), factories.district(330603, "柯桥区")]
    now, then = [], []
    for number in range(size):
        shop = factories.pharmacy(district=districts[number % 2])
        grade = int(rng.integers(0, 4))
        lost = {"violations": -int(rng.integers(0, 12)), "complaints": -int(rng.integers(0, 3))}
        paid = (int(rng.integers(1, 9)) * 1_000_000, int(rng.integers(0, 7)))
        values = {"shop": shop, "paid": paid, "chain": bool(number % 3)}
        now.append(Result(grade=grade, score=100 + sum(lost.values()), points=lost, **values))
        then.append(Result(grade=int(rng.integers(-1, 4)), score=int(rng.integers(60, 101)), **values))
        if rng.random() < 0.2 + 0.15 * grade:
            (violation, complaint)[number % 2](shop)
    return run_of(scheme, *now), run_of(scheme, *then, period="2024H1")


#: Pharmacy, score, grade, district and whether an event followed, as one would write it by hand.
_AFTER = """
WITH after AS (
    SELECT r.score, r.grade, r.district_id,
           EXISTS (SELECT 1 FROM ratings_violation v WHERE v.pharmacy_id = r.pharmacy_id AND v.voided_at IS NULL
                   AND v.decided_on BETWEEN '2025-01-01' AND '2025-06-30')
           OR EXISTS (SELECT 1 FROM ratings_complaint c WHERE c.pharmacy_id = r.pharmacy_id AND c.voided_at IS NULL
                      AND c.finding = 'VERIFIED' AND c.decided_on BETWEEN '2025-01-01' AND '2025-06-30') AS event
    FROM ratings_rating r WHERE r.run_id = %s AND r.state = 0
)
"""


def test_whoever_works_for_many_districts_asks_like_anybody(scheme: SchemeVersion) -> None:
    """What is kept is kept under a short key: a long one is a warning, and so an error here."""
    run = run_of(scheme, Result(factories.pharmacy()))
    many = frozenset(range(330602, 330702))
    for _ in range(2):
        assert [one.accuracy.pharmacies for one in asked(run, districts=many).over_time] == [1]
    assert [one.accuracy.pharmacies for one in asked(run, districts=many - {330602}).over_time] == [0]


def test_figures_equal_direct_sql(scheme: SchemeVersion) -> None:
    run, before = city(scheme)
    found = asked(run, before=before)
    ratio = sql(
        _AFTER + "SELECT avg(sign(good.score - bad.score))::float8 FROM after bad, after good"
        " WHERE bad.event AND NOT good.event",
        run.pk,
    )
    assert found.score.ratio == pytest.approx(ratio[0][0], abs=1e-12)
    by_grade = sql(
        _AFTER + "SELECT grade, count(*), count(*) FILTER (WHERE event) FROM after GROUP BY 1 ORDER BY 1",
        run.pk,
    )
    assert [(at, one.pharmacies, one.events) for at, one in enumerate(found.by_grade)] == by_grade
    places = sql(
        _AFTER
        + "SELECT district_id, count(*), count(*) FILTER (WHERE event) FROM after GROUP BY 1 ORDER BY 1",
        run.pk,
    )
    assert [(one.code, one.rate.pharmacies, one.rate.events) for one in found.districts] == places
    moves = sql(
        "SELECT b.grade, a.grade, count(*) FROM ratings_rating a JOIN ratings_rating b USING (pharmacy_id)"
        " WHERE a.run_id = %s AND b.run_id = %s AND a.state = 0 AND b.state = 0 GROUP BY 1, 2",
        run.pk,
        before.pk,
    )
    assert found.comparison is not None and found.comparison.stability is not None
    matrix = found.comparison.stability.matrix
    assert {(one, two): count for one, two, count in moves} == {
        (int(one), int(two)): int(matrix[one, two]) for one, two in zip(*np.nonzero(matrix), strict=True)
    }
    assert sum(one.matrix.sum() for one in found.comparison.stability_of.values()) == matrix.sum()


def test_drift_is_that_of_the_counts(scheme: SchemeVersion) -> None:
    run, before = city(scheme)
    comparison = asked(run, before=before).comparison
    assert comparison is not None
    drifts = {one.id: one for one in comparison.drifts}
    for key, one in (("before", before), ("now", run)):
        counts = {name: getattr(drift.drift, key) for name, drift in drifts.items()}
        assert all(sum(count) == one.rated for count in counts.values())
        districts = sql(
            "SELECT district_id, count(*) FROM ratings_rating WHERE run_id = %s AND state = 0 GROUP BY 1 ORDER BY 1",
            one.pk,
        )
        assert counts["district"] == tuple(count for _, count in districts)
        chains = sql(
            "SELECT trace[1], count(*) FROM ratings_rating WHERE run_id = %s AND state = 0 GROUP BY 1 ORDER BY 1",
            one.pk,
        )
        assert counts["chain"] == tuple(count for _, count in chains)
        unknown = sql(
            "SELECT count(*) FROM ratings_rating WHERE run_id = %s AND state = 0 AND trace[5] = 0", one.pk
        )
        assert counts["size"][-1] == unknown[0][0]
    # District by district they add up to the whole.
    for name, of in comparison.drift_of.items():
        whole = drifts[name].drift
        assert whole is not None
        parts = [one for one in of.values() if one is not None]
        assert tuple(map(sum, zip(*(one.now for one in parts), strict=True))) == whole.now


def test_known_ratio_end_to_end(scheme: SchemeVersion) -> None:
    """Of 20 with an event 15 have 60 points, of 80 without one 20 have: AR = 15/20 - 20/80 = 0.5."""
    results = []
    for bad, event, count in ((1, 1, 15), (0, 1, 5), (1, 0, 20), (0, 0, 60)):
        for _ in range(count):
            shop = factories.pharmacy()
            results.append(Result(shop, grade=3 * bad, score=60 if bad else 95))
            if event:
                violation(shop)
    found = asked(run_of(scheme, *results))
    assert found.score.ratio == pytest.approx(0.5)
    assert found.grade.ratio == pytest.approx(0.5)
    assert found.reversals == []


def test_demerits_count_the_other_way(db: None) -> None:
    """Where a lower score is better, the higher one is the worse."""
    results = [Result(factories.pharmacy(), score=number) for number in range(20)]
    scheme = scheme_in_force("nantong")
    assert parsed(scheme).better_sign == -1
    run = run_of(scheme, *results)
    for one in results[10:]:
        violation(one.shop)
    assert asked(run).score.ratio == 1


# Indicators


def test_indicator_that_decides_and_one_that_says_nothing(scheme: SchemeVersion) -> None:
    """All points lost for violations come before an event, those for complaints say nothing."""
    results = []
    for number in range(120):
        shop = factories.pharmacy()
        lost = {"violations": -5 if number < 40 else 0, "complaints": -2 if number % 2 else 0}
        results.append(Result(shop, score=100 + sum(lost.values()), points=lost))
        if number < 30 or number >= 110:
            violation(shop)
    found = {one.id: one for one in asked(run_of(scheme, *results)).indicators}
    assert found["violations"].verdict == "adds"
    assert found["violations"].touched == 40
    assert found["complaints"].verdict == "nothing"
    assert found["growth"].verdict == "same"
    assert (found["growth"].touched, found["growth"].correlation) == (0, None)
    assert (found["violations"].correlation or 0) > 0.5


def test_indicator_that_harms(scheme: SchemeVersion) -> None:
    """Points are lost by those who behave."""
    results = []
    for number in range(100):
        shop = factories.pharmacy()
        lost = {"violations": -1 if number % 3 else 0, "complaints": -20 if number >= 50 else 0}
        results.append(Result(shop, score=100 + sum(lost.values()), points=lost))
        if number < 30 and number % 3:
            violation(shop)
    found = {one.id: one for one in asked(run_of(scheme, *results)).indicators}
    assert found["complaints"].verdict == "harms"


def test_few_events_judge_no_indicator(scheme: SchemeVersion) -> None:
    shop = factories.pharmacy()
    run = run_of(scheme, Result(shop), Result(factories.pharmacy()))
    assert {one.verdict for one in asked(run).indicators} == {"few"}
    violation(shop)
    assert {one.verdict for one in asked(run).indicators} == {"few"}


@pytest.mark.parametrize("key", sorted(shipped_schemes()))
def test_points_of_the_trace_sum_up_to_the_stored_score(key: str) -> None:
    """What is reckoned without an indicator starts from the very score that was stored."""
    stored = scheme_in_force(key)
    rules = parsed(stored)
    for number in range(5):
        shop = factories.pharmacy(recorded_at=CUTOFF - timedelta(days=900))
        for _ in range(number):
            factories.violation(
                shop,
                decided_on=date(2024, 11, 1),
                occurred_on=date(2024, 10, 1),
                recorded_at=CUTOFF - timedelta(days=30),
            )
        for term in rules.document.measures:
            factories.measure(
                shop,
                key=term.key,
                period=PERIOD,
                value=min(max(1 + number, term.min / 1000), term.max / 1000),
                recorded_at=CUTOFF - timedelta(days=5),
            )
    run = start_run(Period.parse(PERIOD), stored, cutoff=CUTOFF, by=SYSTEM)
    found = read_ratings(run, rules, None)
    _, _, score = score_of(rules, found.points, len(found.score))
    assert found.rated.any()
    assert score[found.rated].tolist() == found.score[found.rated].tolist()


# Beside other runs


def test_published_grades_stand_beside_the_computed_ones(scheme: SchemeVersion) -> None:
    results = [Result(factories.pharmacy(), grade=number % 4) for number in range(24)]
    run = run_of(scheme, *results, Result(factories.pharmacy(), grade=-1))
    for one in results[::2]:
        violation(one.shop)
    assert asked(run).published is None
    lives.published(run)
    found = asked(run)
    assert found.published is not None
    assert (found.published.pharmacies, found.published.events) == (24, 12)
    assert found.published.ratio == found.grade.ratio


def test_other_grades_are_not_compared(scheme: SchemeVersion) -> None:
    shop = factories.pharmacy()
    other = scheme_in_force("nantong")
    before = run_of(other, Result(shop), period="2024H1")
    comparison = asked(run_of(scheme, Result(shop)), before=before).comparison
    assert comparison is not None
    assert comparison.stability is None and comparison.other_scheme
    assert comparison.stability_of == {}
    # That scheme has no growth indicator, so that sizes are not known of both.
    assert [one.id for one in comparison.drifts] == ["score", "chain", "district"]


def test_runs_over_time_have_windows_of_their_own(scheme: SchemeVersion) -> None:
    shop = factories.pharmacy()
    earlier, run = (run_of(scheme, Result(shop), period=code) for code in ("2024H1", PERIOD))
    violation(shop, decided_on=date(2024, 12, 31), recorded_at=KNOWN)
    found = asked(run, others=[earlier])
    assert [(one.run, one.accuracy.events) for one in found.over_time] == [(earlier, 1), (run, 0)]


@pytest.mark.parametrize("shops", [1, 3])
def test_number_of_queries_is_fixed(scheme: SchemeVersion, shops: int) -> None:
    results = [Result(factories.pharmacy()) for _ in range(shops)]
    before = [run_of(scheme, *results, period=code) for code in ("2023H1", "2023H2", "2024H1")[-shops:]]
    run = run_of(scheme, *results)
    for one in results:
        violation(one.shop)
        heir_of(one.shop, date(2025, 3, 1))
    with CaptureQueriesContext(connection) as queries:
        asked(run, before=before[-1], others=before)
    assert len(queries) == 7


def test_nothing_is_written(scheme: SchemeVersion) -> None:
    shop = factories.pharmacy()
    run = run_of(scheme, Result(shop))
    with CaptureQueriesContext(connection) as queries:
        asked(run)
    assert not [one for one in queries if not one["sql"].startswith(("SELECT", "COPY (SELECT"))]


def test_unknown_outcome_is_an_error(scheme: SchemeVersion) -> None:
    with pytest.raises(KeyError):
        cohort.made(np.zeros(1, np.int32), "NO_SUCH")
