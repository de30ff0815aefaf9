"""Random small cities for hypothesis, and the schemes that properties run on."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from ratings.rules import Scheme, load_scheme, shipped_schemes
from ratings.rules.vocabulary import COMPLAINT_TOPICS, GRAVITIES, TRACKS, VIOLATION_KINDS
from tests.ratings.rules.building import Fact, Shop

DOCUMENTS = Path(__file__).with_name("documents")
LAST = date(2025, 12, 31)


@cache
def all_schemes() -> dict[str, Scheme]:
    """Shipped schemes and the fixtures."""
    paths = [*shipped_schemes().values(), *sorted(DOCUMENTS.glob("*.toml"))]
    return {path.stem: load_scheme(path) for path in paths}


SCHEMES = st.sampled_from(sorted(all_schemes())).map(lambda key: all_schemes()[key])

#: Thousandths, within what every scheme's document allows.
MEASURES = {
    "year_end_assessment": range(40_000, 100_001, 250),
    "veto": (0, 0, 1000),
    "review_demerits": range(0, 16_000, 1000),
    "review_failed": (0, 0, 1000),
    "failed_years": (0, 1000, 2000),
    "grade_held": (1000, 2000, 3000, 4000),
    "years_in_grade": (1000, 2000, 3000),
    "excellent_years": (0, 2000, 3000),
    "hygiene": range(0, 25_001, 5000),
    "structure": (0, 5000, 10_000),
    "management": (0, 5000, 10_000, 20_000, 30_000),
    "satisfaction": (0, 59_999, 60_000, 90_000, 90_001, 100_000),
    "under_investigation": (0, 0, 1000),
    "bonus": range(0, 150_001, 12_345),
    "serious_list": (0, 0, 1000),
    "earned": range(55_000, 100_001, 15),
}
PERIOD = "2025Q4"
_MONTHS = 3


def random_fact(random: Random, complaint: bool = False, fact_id: int = 0) -> Fact:
    """A violation or complaint decided within about three years."""
    day = LAST - timedelta(days=random.choice([random.randint(0, 400), random.randint(0, 1100)]))
    occurred = day - timedelta(days=random.randint(0, 200))
    if complaint:
        kind = random.choice(COMPLAINT_TOPICS.ids)
        return Fact(kind, day, occurred_on=occurred, fact_id=fact_id)
    return Fact(
        kind=random.choice(VIOLATION_KINDS.ids),
        decided_on=day,
        gravity=random.choice(GRAVITIES.ids),
        track=random.choice(TRACKS.ids),
        occurred_on=occurred,
        amount_fen=random.choice([0, 99_999, 100_000, 600_000, 600_001, 10**9]),
        fact_id=fact_id,
    )


def _amount(random: Random) -> int | None:
    usual = random.randint(80, 130)
    return random.choice([usual] * 12 + [None, 0, -20, 100_000])


def random_city(size: int, seed: int) -> list[Shop]:
    """``size`` pharmacies in one to three districts; everything that can differ does."""
    random = Random(seed)
    districts = [330602, 330603, 330604][: random.randint(1, 3)]
    ids = iter(range(1, 100 * size + 1))
    city = []
    for _ in range(size):
        days = [random.randint(0, 250), random.randint(300, 1200), 184, 365, 3000, 3000]
        designated = LAST - timedelta(days=random.choice(days))
        city.append(
            Shop(
                district=random.choice(districts),
                chain=random.random() < 0.5,
                status=random.choice(["IN_SERVICE"] * 20 + ["SUSPENDED", "TERMINATED"]),
                designated_on=designated,
                opened_on=max(designated, LAST - timedelta(days=random.choice([50, 92, 5000]))),
                last_year=[_amount(random) for _ in range(_MONTHS)],
                this_year=[_amount(random) for _ in range(_MONTHS)],
                out_of_service=random.choice([[], [], [], [random.randrange(2 * _MONTHS)]]),
                violations=[
                    random_fact(random, fact_id=next(ids))
                    for _ in range(random.choice([0, 0, 0, 1, 1, 2, 4]))
                ],
                complaints=[
                    random_fact(random, complaint=True, fact_id=next(ids))
                    for _ in range(random.choice([0, 0, 1, 3]))
                ],
                measures={
                    key: random.choice(values)
                    for key, values in MEASURES.items()
                    if key == "earned" or random.random() < 0.8
                },
            )
        )
    return city


def cities(max_size: int = 30) -> st.SearchStrategy[list[Shop]]:
    """Random cities; a failing one shrinks in size."""
    return st.builds(random_city, st.integers(1, max_size), st.integers(0, 2**32))


def facts(complaint: bool = False) -> st.SearchStrategy[Fact]:
    """One more fact, with a number that no city uses."""
    return st.builds(
        lambda seed: random_fact(Random(seed), complaint, fact_id=1_000_000), st.integers(0, 2**32)
    )
