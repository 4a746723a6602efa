"""Medians, intervals, disturbed rounds and modes of samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearfw.bench import statistics

TIMES = st.lists(st.floats(min_value=1e-3, max_value=1e3), min_size=1, max_size=40).map(np.array)


@given(TIMES)
def test_a_spread_lies_between_its_ends(times: statistics.Row) -> None:
    """Least, median and greatest, in that order, and both ends are samples."""
    spread = statistics.spread(times)

    assert spread.min <= spread.median <= spread.max
    assert {spread.min, spread.max} <= set(times.tolist())


@given(TIMES, st.floats(min_value=0.01, max_value=100))
def test_a_constant_factor_is_found_whatever_the_rounds(times: statistics.Row, factor: float) -> None:
    """However uneven the rounds, what is so many times as fast in each is so in all, without doubt."""
    ratio = statistics.paired_ratio(times * factor, times)

    assert [ratio.ratio, ratio.min, ratio.max, *ratio.ci95] == pytest.approx([factor] * 5)


@given(TIMES, st.integers(0, 9))
def test_the_interval_holds_the_median_and_no_more_than_the_samples(times: statistics.Row, seed: int) -> None:
    """It is of medians of the ratios drawn again, so it can neither miss it nor leave them."""
    ratio = statistics.paired_ratio(times, np.ones(len(times)), seed)
    low, high = ratio.ci95

    assert ratio.min <= low <= ratio.ratio <= high <= ratio.max


def test_the_median_of_ratios_is_not_the_ratio_of_medians() -> None:
    """One noisy neighbour slows both of a pair: paired, it does no harm."""
    base = np.array([2.0, 2.0, 20.0, 2.0, 20.0])
    this = np.array([1.0, 1.0, 10.0, 10.0, 10.0])

    assert statistics.paired_ratio(base, this).ratio == 2.0


def test_the_interval_repeats_with_its_seed() -> None:
    """The same samples say the same thing tomorrow."""
    times = np.linspace(1, 2, 15)

    first, again = (statistics.paired_ratio(times, times[::-1], seed=7) for _ in range(2))

    assert first == again


def test_the_interval_narrows_with_more_rounds() -> None:
    """Else more rounds would be for nothing."""
    random = np.random.default_rng(0)
    few, many = (random.normal(2, 0.2, count) for count in (10, 1000))

    (low_few, high_few), (low_many, high_many) = (
        statistics.paired_ratio(times, np.ones(len(times))).ci95 for times in (few, many)
    )

    assert high_many - low_many < (high_few - low_few) / 3


@given(TIMES)
def test_less_than_half_of_the_rounds_are_thrown_out(times: statistics.Row) -> None:
    """What is measured against the median cannot condemn the most."""
    assert statistics.disturbed(times).sum() < max(1, len(times) / 2)


def test_rounds_with_a_slow_roofline_are_thrown_out() -> None:
    """Below 0.8 of the median speed, and only those: one that ran faster is none of them."""
    roofline_ns = np.array([10.0, 10.0, 12.4, 12.6, 5.0, 10.0, 30.0])

    assert statistics.disturbed(roofline_ns).tolist() == [False, False, False, True, False, False, True]


@given(st.lists(st.floats(min_value=1.0, max_value=1.29), min_size=1, max_size=40).map(np.array))
def test_samples_close_together_are_one_mode(times: statistics.Row) -> None:
    """Its median is theirs."""
    assert statistics.modes(times) == (float(np.median(times)),)


@given(
    st.lists(st.floats(min_value=1.0, max_value=1.1), min_size=3, max_size=12),
    st.lists(st.floats(min_value=1.5, max_value=1.6), min_size=3, max_size=12),
    st.randoms(use_true_random=False),
)
def test_two_groups_far_apart_are_two_modes(fast: list[float], slow: list[float], random: object) -> None:
    """In whatever order they came, each with its median, the faster first."""
    samples = [*fast, *slow]
    random.shuffle(samples)  # type: ignore[attr-defined]

    assert statistics.modes(np.array(samples)) == (float(np.median(fast)), float(np.median(slow)))


@pytest.mark.parametrize(
    "samples",
    [
        [1.0, 9.0],
        [1.0, 1.0, 1.0, 9.0, 9.0],
        [*[1.0] * 20, 9.0, 9.0, 9.0],
        [9.0],
    ],
    ids=["two samples", "two of five", "three of twenty-three", "one"],
)
def test_a_few_outliers_are_no_mode(samples: list[float]) -> None:
    """It takes three samples, and a fifth of all."""
    assert statistics.modes(np.array(samples)) == (float(np.median(samples)),)
