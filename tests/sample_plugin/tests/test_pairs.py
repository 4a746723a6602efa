"""The strategy `pairs`: what every strategy must do, and what this one does."""

import pytest

from clearfw import Machine
from clearfw.testing import StrategyConformance


class TestPairs(StrategyConformance):
    """Every check of `clearfw check`, as a test."""

    strategy = "pairs"


@pytest.mark.clearfw("init_on_alloc=1 highmem=16M", stack="pairs")
def test_lowmem_is_cleared_two_pages_a_call(clearfw_machine: Machine) -> None:
    """A block of order 3 takes four calls."""
    with clearfw_machine.alloc_pages(3) as pages:
        assert pages.first_not(0) is None
        assert not pages.highmem

    assert clearfw_machine.counters.clear_calls == 4


@pytest.mark.clearfw("init_on_alloc=1 highmem=16M", stack="pairs")
def test_highmem_is_mapped_page_by_page(clearfw_machine: Machine) -> None:
    """A block of order 3 takes eight mappings."""
    with clearfw_machine.alloc_pages(3, "GFP_HIGHUSER") as pages:
        assert pages.first_not(0) is None
        assert pages.highmem

    assert clearfw_machine.counters.kmaps == 8
