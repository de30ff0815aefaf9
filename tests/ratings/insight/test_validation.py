"""The statistics against independent libraries, and on data built to have a known answer."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ratings.insight import validation
from ratings.insight.validation import MIN_EVENTS, Rate, accuracy, cap_curve, drift, gain, wilson

with warnings.catch_warnings():
    # Only what the library says of itself while it is read in.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    from sklearn.metrics import roc_auc_score

RNG = np.random.default_rng(20260710)
#: Rated worse the higher; and whether an event followed.
SAMPLES = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({event for _, event in rows}) == 2
)


def columns(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    risk, event = zip(*rows, strict=True)
    return np.array(risk), np.array(event)


def by_pairs(risk: np.ndarray, event: np.ndarray) -> Fraction:
    """AR by its definition: pairs won less pairs lost, of all pairs."""
    bad, good = risk[event], risk[~event]
    won = sum(int(a > b) - int(a < b) for a in bad for b in good)
    return Fraction(won, len(bad) * len(good))


# The accuracy ratio on data built to have a known one


def test_perfect_rating() -> None:
    event = np.arange(40) >= 28
    found = accuracy(np.arange(40), event)
    assert found.ratio == 1.0
    # It varies in no sample like this one, so that its interval cannot be estimated.
    assert found.interval is None
    assert not found.too_few


def test_reversed_rating() -> None:
    event = np.arange(40) < 12
    assert accuracy(np.arange(40), event).ratio == -1.0


def test_rating_that_says_nothing() -> None:
    """All rated alike: every pair is a tie."""
    event = np.arange(40) < 12
    assert accuracy(np.zeros(40), event).ratio == 0.0


def test_rating_unrelated_to_events() -> None:
    """In each group of equal ratings the same share has an event."""
    risk = np.repeat(np.arange(5), 8)
    event = np.tile(np.arange(8) < 2, 5)
    found = accuracy(risk, event)
    assert found.ratio == pytest.approx(0, abs=1e-12)
    assert found.interval is not None and 0 in found.interval


def test_two_grades_with_ties() -> None:
    """AR of a rating of two grades is the difference of the two hit rates.

    Of 20 with an event 15 were rated worse, of 80 without one 20: AR = 15/20 - 20/80 = 1/2.
    """
    risk = np.repeat([1, 0, 1, 0], [15, 5, 20, 60])
    event = np.repeat([True, True, False, False], [15, 5, 20, 60])
    assert accuracy(risk, event).ratio == pytest.approx(0.5, abs=1e-12)


def test_rating_built_to_a_known_ratio() -> None:
    """Scores evenly on 0..1, those of pharmacies with an event by the density 2x: AUC = 2/3, AR = 1/3."""
    good = (np.arange(2000) + 0.5) / 2000
    bad = np.sqrt((np.arange(500) + 0.5) / 500)
    risk, event = np.concatenate([good, bad]), np.repeat([False, True], [2000, 500])
    assert accuracy(risk, event).ratio == pytest.approx(1 / 3, abs=1e-3)


def test_binormal_rating() -> None:
    """Normal scores d standard deviations apart: AUC = Phi(d / sqrt 2)."""
    d = 1.2
    event = np.repeat([False, True], [20_000, 4_000])
    risk = RNG.normal(size=24_000) + d * event
    expected = 2 * stats.norm.cdf(d / np.sqrt(2)) - 1
    found = accuracy(risk, event)
    assert found.ratio == pytest.approx(expected, abs=0.02)
    assert found.interval is not None and expected in found.interval


@given(SAMPLES)
def test_ratio_is_that_of_all_pairs(rows: list[tuple[int, bool]]) -> None:
    risk, event = columns(rows)
    found = accuracy(risk, event)
    assert found.ratio == pytest.approx(float(by_pairs(risk, event)), abs=1e-12)
    assert found.auc == pytest.approx(roc_auc_score(event, risk), abs=1e-12)
    # Turned, it is the negative; and only the order counts.
    assert accuracy(-risk, event).ratio == pytest.approx(-found.ratio, abs=1e-12)
    assert accuracy(risk**3 * 7 + 1, event).ratio == pytest.approx(found.ratio, abs=1e-12)


@given(SAMPLES)
def test_ratio_is_somers_d_and_an_area_of_the_cap_curve(rows: list[tuple[int, bool]]) -> None:
    risk, event = columns(rows)
    ratio = accuracy(risk, event).ratio
    # Somers' D of the rating given the event, as scipy reckons it.
    if len(set(risk.tolist())) > 1:
        assert ratio == pytest.approx(stats.somersd(event.astype(int), risk).statistic, abs=1e-9)
    x, y = cap_curve(risk, event)
    area = ((y[1:] + y[:-1]) / 2 * np.diff(x)).sum() - 0.5
    perfect = (1 - event.mean()) / 2
    assert ratio == pytest.approx(area / perfect, abs=1e-9)


@pytest.mark.parametrize("events", [0, 12])
def test_no_ratio_without_both_sorts(events: int) -> None:
    event = np.arange(12) < events
    found = accuracy(np.arange(12), event)
    assert (found.ratio, found.auc, found.interval) == (None, None, None)
    assert found.too_few
    assert gain(np.arange(12), np.zeros(12), event) is None


@pytest.mark.parametrize(("events", "few"), [(MIN_EVENTS - 1, True), (MIN_EVENTS, False)])
def test_few_events_have_no_interval(events: int, few: bool) -> None:
    event = np.arange(200) < events
    risk = RNG.integers(0, 50, 200)
    for found in (accuracy(risk, event), accuracy(risk, ~event)):
        assert found.too_few is few
        assert (found.interval is None) is few
    beyond = gain(risk, RNG.integers(0, 50, 200), event)
    assert beyond is not None and (beyond.interval is None) is few


# DeLong's interval


def delong_by_pairs(risk: np.ndarray, event: np.ndarray) -> float:
    """The variance of the AUC from the whole matrix of pairs, as in the paper of 1988."""
    bad, good = risk[event], risk[~event]
    kernel = (bad[:, None] > good[None, :]) + 0.5 * (bad[:, None] == good[None, :])
    of_bad, of_good = kernel.mean(axis=1), kernel.mean(axis=0)
    return float(np.cov(of_bad) / len(bad) + np.cov(of_good) / len(good))


@pytest.mark.parametrize("levels", [3, 20, 10_000])
def test_interval_is_delongs(levels: int) -> None:
    event = RNG.random(400) < 0.2
    risk = RNG.integers(0, levels, 400) + np.where(event, levels // 3, 0)
    found = accuracy(risk, event)
    half = 2 * stats.norm.ppf(0.975) * np.sqrt(delong_by_pairs(risk, event))
    assert found.interval is not None and found.ratio is not None
    assert found.interval.low == pytest.approx(found.ratio - half, abs=1e-9)
    assert found.interval.high == pytest.approx(min(1.0, found.ratio + half), abs=1e-9)


def test_interval_is_near_the_bootstraps() -> None:
    event = RNG.random(1500) < 0.15
    risk = np.round(RNG.normal(size=1500) + event, 1)
    found = accuracy(risk, event)
    rows = RNG.integers(0, 1500, (400, 1500))
    again = [2 * roc_auc_score(event[row], risk[row]) - 1 for row in rows]
    low, high = np.percentile(again, [2.5, 97.5])
    assert found.interval is not None
    assert found.interval.low == pytest.approx(low, abs=0.03)
    assert found.interval.high == pytest.approx(high, abs=0.03)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """400 samples with a known ratio: 95 % of the intervals hold it, within four deviations."""
    truth = 2 * stats.norm.cdf(0.8 / np.sqrt(2)) - 1
    event = np.repeat([False, True], [300, 60])
    inside = 0
    for _ in range(400):
        interval = accuracy(RNG.normal(size=360) + 0.8 * event, event).interval
        inside += interval is not None and truth in interval
    assert 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400) < inside / 400


def test_interval_stays_within_the_scale() -> None:
    event = np.repeat([True, False], [12, 12])
    risk = np.concatenate([np.arange(12) + 10.5, np.arange(12)])
    interval = accuracy(risk, event).interval
    assert interval is not None and 0.9 < interval.low < interval.high == 1


# What one rating adds to another


def test_gain_is_the_difference_with_a_paired_interval() -> None:
    event = RNG.random(900) < 0.2
    one = RNG.normal(size=900) + event
    other = one + RNG.normal(size=900)
    found = gain(one, other, event)
    first, second = accuracy(one, event), accuracy(other, event)
    assert found is not None and found.interval is not None
    assert first.ratio is not None and second.ratio is not None
    assert found.difference == pytest.approx(first.ratio - second.ratio)
    # Covariances of the pair, from the matrices of pairs.
    bad_one, good_one = one[event][:, None] > one[~event], one[event][:, None] > one[~event]
    bad_two = other[event][:, None] > other[~event]
    parts = (bad_one.mean(axis=1) - bad_two.mean(axis=1), good_one.mean(axis=0) - bad_two.mean(axis=0))
    half = 2 * stats.norm.ppf(0.975) * np.sqrt(sum(np.cov(part) / len(part) for part in parts))
    assert found.interval.high - found.interval.low == pytest.approx(2 * half)
    # Noise was added: the first is better, and the pairing shows it.
    assert found.interval.low > 0


def test_gain_of_the_same_order_is_nothing() -> None:
    event = RNG.random(200) < 0.3
    risk = RNG.integers(0, 9, 200)
    found = gain(risk, risk * 3, event)
    assert found is not None and (found.difference, found.interval) == (0, None)


# The CAP curve


def test_cap_curve_by_hand() -> None:
    """Two rated worst (one event), three in the middle (two events), five best (one event)."""
    risk = np.repeat([9, 5, 1], [2, 3, 5])
    event = np.array([True, False, True, True, False, True, False, False, False, False])
    x, y = cap_curve(risk, event)
    assert x.tolist() == [0, 0.2, 0.5, 1]
    assert y.tolist() == [0, 0.25, 0.75, 1]
    # Within a group of equal ratings the line is straight.
    assert validation.captured((x, y), 0.1) == pytest.approx(0.125)
    assert validation.captured((x, y), 1.0) == 1.0


# Rates


@given(st.integers(0, 400), st.integers(1, 400))
def test_wilson_is_scipys(events: int, count: int) -> None:
    events = min(events, count)
    found = wilson(events, count)
    other = stats.binomtest(events, count).proportion_ci(0.95, method="wilson")
    assert found is not None
    assert found.low == pytest.approx(other.low, abs=1e-12)
    assert found.high == pytest.approx(other.high, abs=1e-12)
    assert events / count in found


def test_wilson_of_nothing() -> None:
    assert wilson(0, 0) is None
    assert Rate(0, 0).share is None


def test_rates_by_grade() -> None:
    found = validation.rates(np.array([0, 0, 2, 2, 2]), np.array([0, 1, 1, 1, 0], bool), 4)
    assert [(rate.pharmacies, rate.events) for rate in found] == [(2, 1), (0, 0), (3, 2), (0, 0)]


def test_rates_that_rise_are_monotonic() -> None:
    assert validation.reversals([Rate(100, 1), Rate(100, 1), Rate(0, 0), Rate(100, 9)]) == []


def test_reversals_pass_over_empty_grades_and_tell_chance() -> None:
    """A has more than C: by chance among few, hardly among many."""
    few = validation.reversals([Rate(100, 3), Rate(0, 0), Rate(100, 2)])
    many = validation.reversals([Rate(100_000, 3000), Rate(0, 0), Rate(100_000, 2000)])
    assert [(one.better, one.worse, one.may_be_chance) for one in few] == [(0, 2, True)]
    assert [(one.better, one.worse, one.may_be_chance) for one in many] == [(0, 2, False)]


# Stability


def test_stability_by_hand() -> None:
    # the grades 0, 0, 0, 1, 2, 2 became 0, 0, 2, 1, 1, 0
    found = validation.Stability(np.array([[2, 0, 1], [0, 1, 0], [1, 1, 0]]))
    assert (found.pharmacies, found.unchanged, found.better, found.worse) == (6, 3, 2, 1)
    # |0-2| + |2-1| + |2-0| = 5 steps of six pharmacies
    assert found.mean_steps == pytest.approx(5 / 6)


def test_stability_of_nobody() -> None:
    found = validation.Stability(np.zeros((3, 3), int))
    assert (found.pharmacies, found.mean_steps) == (0, None)


# Drift


def test_psi_by_hand() -> None:
    """Shares 0.5, 0.3, 0.2 become 0.4, 0.4, 0.2.

    (0.4-0.5) ln(0.4/0.5) + (0.4-0.3) ln(0.4/0.3) + 0 = 0.0223143551 + 0.0287682072
    """
    found = drift([50, 30, 20], [80, 80, 40])
    assert found is not None
    assert found.psi == pytest.approx(0.0510825624, abs=1e-9)


def test_psi_of_the_same_population_is_zero() -> None:
    found = drift([5, 7, 9], [10, 14, 18])
    assert found is not None and found.psi == pytest.approx(0, abs=1e-12)
    assert not found.beyond_chance


def test_psi_where_a_sort_is_empty() -> None:
    """Half a pharmacy stands for none: shares 0.5/100 and 10/100; empty in both is no sort."""
    found = drift([90, 0, 0, 10], [80, 10, 0, 10])
    expected = (0.8 - 0.9) * np.log(0.8 / 0.9) + (0.1 - 0.005) * np.log(0.1 / 0.005)
    assert found is not None and found.psi == pytest.approx(expected)
    assert found.by_chance == pytest.approx(stats.chi2.ppf(0.95, 2) * 2 / 100, rel=0.02)
    assert found.beyond_chance


def test_psi_of_nobody() -> None:
    assert drift([0, 0], [1, 2]) is None


def test_psi_by_chance_holds() -> None:
    """Samples of one population drift beyond the bound in about one of twenty pairs."""
    shares = [0.1] * 10
    pairs = [(RNG.multinomial(500, shares), RNG.multinomial(700, shares)) for _ in range(800)]
    beyond = sum(drift(*pair).beyond_chance for pair in pairs)  # type: ignore[union-attr]
    assert beyond / 800 == pytest.approx(0.05, abs=0.035)


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 60])
def test_chi_square_points(freedom: int) -> None:
    assert validation.chi_square_95(freedom) == pytest.approx(stats.chi2.ppf(0.95, freedom), rel=0.01)
    assert validation.chi_square_95(0) == 0


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(1, 12))
def test_bins_take_everything_and_keep_equals_together(values: list[int], bins: int) -> None:
    column = np.array(values)
    bounds = validation.cuts(column, bins)
    place = validation.bin_of(column, bounds)
    assert len(bounds) < bins or bins == 1
    assert place.max() <= len(bounds)
    assert all(np.bincount(place, minlength=len(bounds) + 1) > 0)
    for value in set(values):
        assert len(set(place[column == value])) == 1
    # A bound belongs to the bin below it.
    assert validation.bin_of(bounds, bounds).tolist() == list(range(len(bounds)))


def test_bins_of_nothing() -> None:
    assert len(validation.cuts(np.array([], int))) == 0


def test_bins_are_equally_filled_without_ties() -> None:
    place = validation.bin_of(np.arange(100), validation.cuts(np.arange(100), 10))
    assert np.bincount(place).tolist() == [10] * 10


# Ranks


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=2, max_size=50))
def test_rank_correlation_is_scipys(rows: list[tuple[int, int]]) -> None:
    one, two = (np.array(column) for column in zip(*rows, strict=True))
    found = validation.rank_correlation(one, two)
    if len(set(one)) == 1 or len(set(two)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(one, two).statistic, abs=1e-12)
    assert validation.midranks(one).tolist() == stats.rankdata(one).tolist()


def test_rank_correlation_of_nothing() -> None:
    assert validation.rank_correlation(np.array([]), np.array([])) is None
