"""Statistics of rounds on a shared machine: medians of paired ratios, never means."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Samples: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float64]]"

_RESAMPLES = 2000
# A round whose roofline falls below this share of the median was disturbed from outside.
ROOFLINE_FLOOR = 0.8
# Two groups of samples this far apart, each with this share of them and so many, are two modes.
_MODE_GAP = 1.3
_MODE_SHARE = 0.2
_MODE_SAMPLES = 3


@attrs.frozen
class Spread:
    """Median, least and greatest of some samples."""

    median: float
    min: float
    max: float


@attrs.frozen
class Ratio:
    """A median of ratios taken round by round, with a bootstrap 95 % interval."""

    ratio: float
    min: float
    max: float
    ci95: tuple[float, float]


def spread(samples: Sequence[float] | Samples) -> Spread:
    """Return the spread of at least one sample."""
    return Spread(float(np.median(samples)), float(np.min(samples)), float(np.max(samples)))


def paired_ratio(numerators: Samples, denominators: Samples, seed: int = 0) -> Ratio:
    """Return numerator / denominator, round by round: at least one round, both in the same order."""
    ratios = numerators / denominators
    random = np.random.default_rng(seed)
    resampled = np.median(random.choice(ratios, size=(_RESAMPLES, len(ratios))), axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Ratio(
        float(np.median(ratios)), float(ratios.min()), float(ratios.max()), (float(low), float(high))
    )


def disturbed(roofline_ns: Samples) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which rounds to throw out: their roofline fell below ROOFLINE_FLOOR of its median speed."""
    flags: np.ndarray[tuple[int], np.dtype[np.bool_]] = roofline_ns > np.median(roofline_ns) / ROOFLINE_FLOOR
    return flags


def modes(samples: Samples) -> tuple[float, ...]:
    """Return the median of each mode, least first: one as a rule, two where groups lie far apart."""
    ordered = np.sort(samples)
    if len(ordered) < 2 * _MODE_SAMPLES:
        return (float(np.median(ordered)),)
    split = int(np.argmax(ordered[1:] / ordered[:-1])) + 1
    fewest = min(split, len(ordered) - split)
    apart = ordered[split] >= _MODE_GAP * ordered[split - 1]
    if not apart or fewest < max(_MODE_SAMPLES, _MODE_SHARE * len(ordered)):
        return (float(np.median(ordered)),)
    return float(np.median(ordered[:split])), float(np.median(ordered[split:]))
