"""What strategies cost in code, for each architecture whose compiler is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.errors import CompileError, ConfigError, MissingToolError, StrategyError
from clearfw.size import code_size, model_unit
from clearfw.strategies import NativeStrategy, parse_stack
from clearfw.toolchain.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.size.code_size import Size
    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture

# As CONFIG_HIGHMEM and KASAN of the arm allmodconfig whose growth the review was about.
ALLMODCONFIG = code_size.parse_config("highmem,kasan=generic")


@pytest.fixture(params=ARCHITECTURES.values(), ids=list(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> Architecture:
    """Each architecture that can be compiled for here."""
    one: Architecture = request.param
    try:
        one.compiler()
    except MissingToolError as error:
        pytest.skip(str(error))
    return one


def stack(text: str) -> tuple[Strategy, ...]:
    """Return a stack of installed strategies."""
    return parse_stack(text, registry.default().strategies)


def of(text: str, architecture: Architecture, against: str = "per_page") -> Size:
    """Return the size of a stack on an architecture, with HIGHMEM where it is to be had, and KASAN."""
    return code_size.size(stack(text), stack(against), architecture, ALLMODCONFIG)


def test_inline_grows_every_caller_and_out_of_line_next_to_none(architecture: Architecture) -> None:
    """The review's 330 bytes, in direction: six copies of the clear cost hundreds, one function does not."""
    size = of("batched+highmem_fallback", architecture)
    inline, outlined = size.way("inline"), size.way("out of line")

    assert inline.bloat.net > 200
    assert abs(outlined.bloat.net) < 100
    assert inline.site_bytes > outlined.site_bytes
    assert [change.name for change in inline.bloat.changes if change.delta < 0] == ["kernel_init_pages"]
    assert len([change for change in inline.bloat.changes if change.delta > 0]) == size.sites == 6


def test_the_same_strategy_out_of_line_changes_nothing(architecture: Architecture) -> None:
    """per_page against itself: the model adds nothing of its own."""
    size = of("per_page", architecture)

    assert size.way("compiler's choice").bloat.changes == ()
    assert size.way("out of line").function_bytes > 0


def test_a_vmalloc_strategy_is_measured_at_its_one_caller(architecture: Architecture) -> None:
    """Against vmalloc_per_page, where it is called from."""
    size = of("vmalloc_contiguous", architecture, "vmalloc_per_page")

    assert size.sites == 1
    assert {change.name for change in size.way("out of line").bloat.changes} <= {
        "__kasan_unpoison_vmalloc",
        "init_vmalloc_pages",
    }


def test_more_callers_cost_more(architecture: Architecture) -> None:
    """Twice the callers, twice the copies; a call each is less than a copy each."""
    few, many = (
        code_size.size(stack("batched"), stack("per_page"), architecture, ALLMODCONFIG, sites).way("inline")
        for sites in (2, 12)
    )

    assert many.bloat.net > few.bloat.net


def test_a_size_says_what_it_was_found_with(architecture: Architecture) -> None:
    """Compiler, flags and configuration: what a kernel there cannot have is left out, and named."""
    size = of("batched", architecture)

    assert size.compiler == architecture.compiler().version
    assert {"-O2", "-fno-strict-aliasing", "-ffreestanding"} <= set(size.flags)
    assert ("CONFIG_HIGHMEM=1" in size.config, size.left_out) == (
        (True, "") if architecture.highmem else (False, "highmem")
    )


def test_every_shipped_strategy_has_a_size(architecture: Architecture) -> None:
    """None uses a word that the model lacks, with or without the KASAN mode that changes most there."""
    for strategy in registry.default().strategies.values():
        if isinstance(strategy, NativeStrategy):
            old, new = code_size.units([strategy], [strategy], 1)
            for kasan in {architecture.kasans[0], architecture.kasans[-1]}:
                config = code_size.parse_config(f"kasan={kasan}")
                assert model_unit.compile_unit(new, "inline", architecture, config)
            assert old == new


def test_the_disassembly_is_of_the_function_that_clears(architecture: Architecture) -> None:
    """Whatever the architecture calls its instructions, they are those of the function out of line."""
    text = code_size.disassembly(stack("per_page"), stack("per_page"), architecture, ALLMODCONFIG)

    assert "<kernel_init_pages>:" in text
    assert "post_alloc_hook>:" not in text


def test_what_does_not_compile_there_is_told_in_its_compilers_words(
    architecture: Architecture, c_strategy: Callable[..., NativeStrategy]
) -> None:
    """The error names the strategy's file and what is wrong in it."""
    broken = c_strategy(
        "broken", "static void f(struct page *page, int n) { nosuch(); }", ".kernel_init_pages = f"
    )

    with pytest.raises(CompileError, match=r"broken\.c does not compile:(?s:.*)nosuch"):
        code_size.size([broken], stack("per_page"), architecture, ALLMODCONFIG)


def test_two_without_an_init_point_in_common_are_not_compared() -> None:
    """A vmalloc strategy against per_page would be compared with nothing."""
    with pytest.raises(StrategyError, match="cannot compare vmalloc_runs with per_page"):
        code_size.units(stack("vmalloc_runs"), stack("per_page"), 6)


@pytest.mark.parametrize("text", ["memory=1G", "init_on_alloc=1", "foo"])
def test_a_configuration_that_changes_no_code_is_refused(text: str) -> None:
    """Only what a strategy is compiled with can make a difference."""
    with pytest.raises(ConfigError, match=f"--config {text} does not change code"):
        code_size.parse_config(text)
