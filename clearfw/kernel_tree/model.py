"""What clearfw's own machine says of the two shapes, in the same rounds as the kernels."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Self

import attrs

from clearfw import primitives
from clearfw.config import Config
from clearfw.errors import CompileError, MissingExtraError, PatchError
from clearfw.kernel_tree import extract
from clearfw.machine import Machine
from clearfw.workloads import Options, Orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from clearfw.kernel_tree.build import Variant
    from clearfw.kernel_tree.tree import Tree
    from clearfw.kernel_tree.variants import Variants
    from clearfw.strategies import Strategy

_PAGE_ALLOC = "mm/page_alloc.c"


@attrs.frozen
class Model:
    """A booted machine, and the strategies that stand for "before" and "after".

    `dirty` counts by label the samples that a strategy left dirty.
    """

    machine: Machine
    stacks: Mapping[str, tuple[Strategy, ...]]
    options: Options
    dirty: dict[str, int] = attrs.field(factory=dict, init=False)

    @classmethod
    def boot(
        cls, stacks: Mapping[str, tuple[Strategy, ...]], primitive: str, *, free: bool, hot: bool, seed: int
    ) -> Self:
        """Boot it with memory that is there, and with the guest's instruction."""
        options = Options(memory=1 << 30, init_on_free=free, hot=hot, seed=seed)
        config = Orders().scenes(options)[0].config
        machine = Machine(config, ())
        try:
            machine.populate()
            machine.set_primitives(primitives.by_size(primitive, config))
        except BaseException:
            machine.close()
            raise
        return cls(machine, stacks, options)

    @property
    def config(self) -> Config:
        """The machine's configuration."""
        return self.machine.config

    def round(self, orders: Sequence[int], turn: int) -> dict[tuple[str, int], float]:
        """Return the nanoseconds of a block, by label and order."""
        bench = Orders().open(Orders().scenes(self.options)[0], self.machine, self.options)
        found = {}
        try:
            for order in orders:
                for place, (label, stack) in enumerate(self.stacks.items()):
                    self.machine.set_stack(stack)
                    timing = bench.run(order, turn * len(self.stacks) + place)[order]
                    if timing.dirty is not None:
                        self.dirty[label] = self.dirty.get(label, 0) + 1
                    found[label, order] = timing.ns * (self.config.page_size << order) / timing.nbytes
        finally:
            bench.close()
        return found

    def close(self) -> None:
        """Give its memory back."""
        self.machine.close()


@contextlib.contextmanager
def booted(
    stacks: Mapping[str, tuple[Strategy, ...]], primitive: str, *, free: bool, hot: bool, seed: int
) -> Iterator[Model | None]:
    """Give the model of STACKS, or None where there are none."""
    if not stacks:
        yield None
        return
    model = Model.boot(stacks, primitive, free=free, hot=hot, seed=seed)
    try:
        yield model
    finally:
        model.close()


def as_they_clear(
    tree: Tree, variants: Variants, folder: Path, known: Mapping[str, Strategy]
) -> dict[str, tuple[Strategy, ...]]:
    """Return the trees' own functions as strategies, whose files go to FOLDER.

    Where these cannot be taken, or do not compile, the shipped ones of their shape.
    """
    try:
        taken = extract.at_allocation(tree, variants, folder)
        for strategy in taken.values():
            strategy.load(Config())
    except (PatchError, MissingExtraError, CompileError):
        return {variant.label: (known[_shape(tree, variant)],) for variant in variants.all}
    return {label: (strategy,) for label, strategy in taken.items()}


def _shape(tree: Tree, variant: Variant) -> str:
    changed = variant.files.get(_PAGE_ALLOC)
    text = tree.read(_PAGE_ALLOC) if changed is None else changed.decode(errors="replace")
    return "batched" if re.search(r"\bclear_pages\(", text) else "per_page"
