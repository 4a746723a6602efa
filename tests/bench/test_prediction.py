"""Predictions: arithmetic on clear times, and what stands in the way of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.sample_traces import ENDING, ORIGIN, alloc, events, write

from clearfw.bench.prediction import Recorded, obstacle, predict
from clearfw.bench.statistics import Ratio, Spread
from clearfw.traces import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clearfw.bench.run import Result
    from clearfw.traces import Ending, Origin

BASELINE = ("per_page", "stosb")
ITSELF = Ratio(1.0, 1.0, 1.0, (1.0, 1.0))
# A program of 10 s of system time, 4 of them clears of the recording kernel.
RECORDED = Recorded(system_s=10.0, clears_s=4.0)


@pytest.fixture
def per_page(result: Callable[..., Result]) -> Result:
    """The baseline: its clears take 4 s here."""
    return result(strategy="per_page", ratio=ITSELF, seconds=Spread(4.0, 4.0, 4.0), baseline=BASELINE)


def test_a_strategy_twice_as_fast_takes_half_of_the_clears_off(
    per_page: Result, result: Callable[..., Result]
) -> None:
    """10 s - 4 s + 2 s, and the interval is that of the ratio."""
    faster = result(ratio=Ratio(2.0, 1.6, 2.5, (1.6, 2.5)), baseline=BASELINE)

    slow, fast = predict(RECORDED, [faster, per_page])

    assert (slow.strategy, slow.predicted_s, slow.change) == ("per_page", 10.0, 0.0)
    assert (fast.clears_s, fast.predicted_s) == (2.0, 8.0)
    assert fast.ci95 == (6 + 4 / 2.5, 6 + 4 / 1.6)
    assert (fast.change, fast.change_over_baseline) == pytest.approx((-0.2, -0.2))


def test_the_change_over_the_baseline_is_of_what_the_baseline_would_take(
    per_page: Result, result: Callable[..., Result]
) -> None:
    """Where the replay clears more than the recording kernel did, the two changes differ."""
    more = Recorded(system_s=10.0, clears_s=0.0)
    faster = result(ratio=Ratio(2.0, 2.0, 2.0, (2.0, 2.0)), baseline=BASELINE)

    fast = predict(more, [per_page, faster])[-1]

    assert fast.predicted_s == 12.0
    assert fast.change == pytest.approx(0.2)
    assert fast.change_over_baseline == pytest.approx(12 / 14 - 1)


def test_what_is_interpreted_is_not_predicted(per_page: Result, result: Callable[..., Result]) -> None:
    """Its time is the interpreter's."""
    assert len(predict(RECORDED, [per_page, result(baseline=BASELINE, interpreted=True)])) == 1


def test_clears_longer_than_the_program_give_no_prediction(per_page: Result) -> None:
    """The trace is of a faster machine: a rest below zero means nothing."""
    assert predict(Recorded(system_s=1.0, clears_s=1.5), [per_page]) == []


@pytest.mark.parametrize(
    ("origin", "ending", "touch", "why"),
    [
        ({}, {"system_s": None}, "none", "--system-time"),
        ({"init_on_alloc": None}, {}, "none", "what its kernel cleared"),
        ({}, {}, "all", "--touch all"),
        ({}, {}, "none", None),
    ],
)
def test_what_stands_in_the_way(
    origin: dict[str, object], ending: dict[str, object], touch: str, why: str | None, tmp_path: Path
) -> None:
    """A prediction wants the system time, what the kernel cleared, and clears alone."""
    import attrs

    about: Origin = attrs.evolve(ORIGIN, **{"init_on_free": False, **origin})
    end: Ending = attrs.evolve(ENDING, **{"system_s": 1.0, **ending})
    path = write(tmp_path / "t.trace", events(alloc(1)), origin=about, ending=end)

    found = obstacle(read(path), touch)

    assert (found is None) if why is None else why in str(found)
