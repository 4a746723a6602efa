"""`clearfw kernel`: a kernel tree and patches, built and booted as User-Mode Linux."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from clearfw.cli.measuring import pin
from clearfw.cli.options import INTERRUPTED, console_for, examples, json_option, size, write_json
from clearfw.config import format_size
from clearfw.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console

    from clearfw.kernel_tree.bench import Plan, Run
    from clearfw.kernel_tree.build import Recipe
    from clearfw.kernel_tree.check import Answer
    from clearfw.kernel_tree.store import Build, Store
    from clearfw.kernel_tree.tree import Tree
    from clearfw.kernel_tree.variants import Variants
    from clearfw.strategies import Strategy

_PATH = click.Path(path_type=Path)
_MAX_ORDER = 10
_SHOWN = 60  # characters of a line of make's


@click.group(
    epilog=examples(
        "clearfw kernel bench ~/linux --patch batch.patch",
        "clearfw kernel check ~/linux --patch batch.patch",
        "clearfw kernel builds",
    )
)
def kernel() -> None:
    """Ask a kernel tree itself, before and after patches.

    They are booted as User-Mode Linux, without root and without a virtual machine. The tree is only read;
    builds are kept and used again.
    """


def _tree_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add TREE, its patches, and how kernels of it are built and booted."""
    options = (
        click.argument("tree", type=_PATH),
        click.option(
            "--patch", type=_PATH, multiple=True, metavar="FILE", help="A patch or mailbox; may be repeated."
        ),
        click.option("-R", "--reverse", is_flag=True, help="Take the patches back instead."),
        click.option(
            "--config",
            type=_PATH,
            multiple=True,
            metavar="FRAGMENT",
            help="A file with more options, as CONFIG_X=y.",
        ),
        click.option(
            "--primitive",
            default="",
            metavar="NAME",
            help="What clears: movq, stosq, stosb, movnti or clzero.  [default: the kernel's]",
        ),
        click.option("--cpu", type=int, help="Boot on this processor.  [default: the last allowed]"),
        click.option(
            "--timeout",
            type=click.FloatRange(min=1),
            default=60.0,
            show_default=True,
            help="Seconds for each boot.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@kernel.command(
    epilog=examples(
        "clearfw kernel bench ~/linux",
        "clearfw kernel bench ~/linux --patch batch.patch",
        "clearfw kernel bench ~/linux --patch v3.mbx --boot init_on_free=1 --orders 0,9",
    )
)
@_tree_options
@click.option("--boot", default="", metavar="ARGUMENTS", help="More of the kernels' command line.")
@click.option("--orders", default="0-10", show_default=True, metavar="LIST", help="As 0-10, or 0,3,9.")
@click.option(
    "--memory", type=size, default="512M", show_default=True, help="What a sample fills with blocks."
)
@click.option(
    "--rounds", type=click.IntRange(min=2), default=15, show_default=True, help="Boots of each kernel."
)
@click.option("--hot", is_flag=True, help="Allocate and free the same block again and again.")
@click.option(
    "--model",
    metavar="STRATEGY[,STRATEGY]",
    help="What stands for the tree before and after.  [default: as the trees clear]",
)
@click.option("--no-model", is_flag=True, help="Boot the kernels alone.")
@click.option("--seed", type=int, default=0, help="Of the order of boots and samples.")
@json_option
def bench(
    tree: Path,
    patch: tuple[Path, ...],
    reverse: bool,
    config: tuple[Path, ...],
    primitive: str,
    cpu: int | None,
    timeout: float,
    boot: str,
    orders: str,
    memory: int,
    rounds: int,
    hot: bool,
    model: str | None,
    no_model: bool,
    seed: int,
    json_path: str | None,
) -> int:
    """Time a tree's page allocator, before and after patches.

    The model takes its samples in the same rounds.

    Exit status: 0 done, 1 a kernel failed, 2 cannot, 130 interrupted.
    """
    from clearfw import registry
    from clearfw.host import cpu_model
    from clearfw.kernel_tree.bench import Plan
    from clearfw.reports.tables import kernel as table
    from clearfw.results import environment
    from clearfw.results import kernel as results

    asked = parse_orders(orders)
    _check_memory(memory, asked)
    pinned = _checked(cpu)
    console = console_for(json_path)
    prepared = prepare(tree, patch, config, primitive, reverse=reverse)
    stacks = {} if no_model else _stacks(prepared, model)
    builds = build_all(prepared, console)
    os.sched_setaffinity(0, {pinned})
    plan = Plan(
        builds=builds,
        arguments=tuple(boot.split()),
        orders=asked,
        working_set=memory,
        rounds=rounds,
        hot=hot,
        seed=seed,
        timeout_s=timeout,
    )
    run = _measure(plan, stacks, prepared.recipe.primitive, console)
    named = {label: "+".join(one.name for one in stack) for label, stack in stacks.items()}
    console.print(table.bench(run, plan, cpu_model(), named))
    if json_path:
        strategies = {one.name: one for stack in stacks.values() for one in stack}
        config_ = {"cpu": pinned, "primitive": prepared.recipe.primitive, "model": named, **plan.asked}
        about = environment.describe(registry.default(), strategies.values())
        write_json(json_path, results.to_json(run, builds, about, config_, prepared.variants.notes))
    if run.interrupted:
        return INTERRUPTED
    return 1 if run.dirty else 0


@kernel.command(
    epilog=examples(
        "clearfw kernel check ~/linux --patch batch.patch",
        "clearfw kernel check ~/linux --patch v3.mbx --boot slub_debug=FZ --json check.json",
    )
)
@_tree_options
@click.option("--boot", default="", metavar="ARGUMENTS", help="More of the kernels' command line.")
@json_option
def check(
    tree: Path,
    patch: tuple[Path, ...],
    reverse: bool,
    config: tuple[Path, ...],
    primitive: str,
    cpu: int | None,
    timeout: float,
    boot: str,
    json_path: str | None,
) -> int:
    """Ask the kernel's own checkers, and look at what it hands out.

    test_meminit, generic KASAN, DEBUG_VM and page poisoning, before and after patches.
    Exit status: 0 the kernel with the patches passes, 1 it fails, 2 cannot, 130 interrupted.
    """
    from clearfw import registry
    from clearfw.reports.tables import kernel as table
    from clearfw.results import environment
    from clearfw.results import kernel as results

    console = console_for(json_path)
    pinned = _checked(cpu)
    prepared = prepare(tree, patch, config, primitive, reverse=reverse, check=True)
    kernels = build_all(prepared, console)
    os.sched_setaffinity(0, {pinned})
    answers: list[Answer] = []
    interrupted = _ask(kernels, boot.split(), timeout, console, answers)
    console.print(table.check(answers))
    if json_path:
        asked = {"cpu": pinned, "primitive": prepared.recipe.primitive, "boot": boot}
        about = environment.describe(registry.default(), ())
        write_json(json_path, results.check_to_json(answers, kernels, about, asked, prepared.variants.notes))
    if interrupted:
        return INTERRUPTED
    return 1 if table.failed_in_the_end(answers) else 0


def _ask(
    kernels: Mapping[str, Build],
    arguments: Sequence[str],
    timeout: float,
    console: Console,
    answers: list[Answer],
) -> bool:
    """Put the answers of all kernels into ANSWERS; return whether an interrupt ended it, or raise that."""
    from clearfw.kernel_tree.check import check

    try:
        with _status(console, "booting") as progress:
            answers += check(kernels, arguments, timeout, progress)
    except KeyboardInterrupt:
        if not answers:
            raise
        return True
    return False


@kernel.command(epilog=examples("clearfw kernel builds", "clearfw kernel builds --clean"))
@click.option("--clean", is_flag=True, help="Remove them all, and the folders in which make works.")
def builds(clean: bool) -> int:
    """List the kernels that are kept, or remove them."""
    from clearfw.kernel_tree.store import default_store
    from clearfw.reports.tables import kernel as table

    store = default_store()
    console = console_for(None)
    if clean:
        console.print(f"{store.clean() >> 20} MiB removed from {store.root}")
        return 0
    console.print(table.builds(store.kept()))
    console.print(
        f"{store.usage() >> 20} MiB in {store.root}, with the folders in which make works", style="dim"
    )
    return 0


def parse_orders(text: str) -> list[int]:
    """Return the orders of a list such as "0-10" or "0,3,9"."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            msg = f"--orders {text} asked for: give orders from 0 to {_MAX_ORDER}, as 0-10 or 0,3,9"
            raise ConfigError(msg)
        found += range(int(first), int(last or first) + 1)
    if not found or max(found) > _MAX_ORDER:
        msg = f"--orders {text} asked for: give orders from 0 to {_MAX_ORDER}, as 0-10 or 0,3,9"
        raise ConfigError(msg)
    return sorted(set(found))


def _check_memory(memory: int, orders: Sequence[int]) -> None:
    """Raise unless MEMORY holds a block of each order, and the host has what the guest and the model take."""
    from clearfw.host import check_memory
    from clearfw.kernel_tree.boot import guest_nbytes

    block = 4096 << max(orders)
    if memory < block:
        asked = format_size(memory)
        msg = f"--memory {asked} asked for, a block of order {max(orders)} is {format_size(block)}: give more"
        raise ConfigError(msg)
    check_memory(guest_nbytes(memory))


def _checked(cpu: int | None) -> int:
    """Return the processor to boot on; builds still run on all of them."""
    allowed = os.sched_getaffinity(0)
    pinned = pin(cpu, 1)
    os.sched_setaffinity(0, allowed)
    return max(allowed) if pinned is None else pinned


@attrs.frozen
class Prepared:
    """What is to be built, read and found sound before anything is."""

    store: Store
    tree: Tree
    variants: Variants
    recipe: Recipe


def prepare(
    tree: Path,
    patch: Sequence[Path],
    config: Sequence[Path],
    primitive: str,
    *,
    reverse: bool,
    check: bool = False,
) -> Prepared:
    """Return what TREE, its patches and the other options ask for."""
    from clearfw import primitives
    from clearfw.kernel_tree import build, variants
    from clearfw.kernel_tree import config as configs
    from clearfw.kernel_tree import primitive as instructions
    from clearfw.kernel_tree import tree as trees
    from clearfw.kernel_tree.store import default_store

    build.check_tools()
    store = default_store()
    store.prepare()
    chosen = instructions.check(primitives.load(primitive or "kernel", {}))
    fragments = [*([configs.CHECK] if check else []), *map(configs.fragment, config)]
    found = trees.find(tree, store.unpacked)
    return Prepared(
        store, found, variants.read(found, patch, reverse=reverse), build.Recipe(chosen, tuple(fragments))
    )


def build_all(prepared: Prepared, console: Console) -> dict[str, Build]:
    """Return the kernels by label, built where they are not kept already."""
    from clearfw.kernel_tree.build import build

    found = {}
    for variant in prepared.variants.all:
        with _status(console, f"building {variant.label}") as progress:
            found[variant.label] = build(prepared.tree, variant, prepared.recipe, prepared.store, progress)
    for note in prepared.variants.notes:
        console.print(note, style="dim")
    return found


@contextlib.contextmanager
def _status(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Show WHAT is being done, with the lines that are told."""
    if not console.is_interactive:
        yield lambda _: None
        return
    with console.status(what) as status:
        yield lambda line: status.update(f"{what}: {line[:_SHOWN]}")


def _stacks(prepared: Prepared, asked: str | None) -> dict[str, tuple[Strategy, ...]]:
    """Return the strategies that stand for each kernel."""
    from clearfw import registry
    from clearfw.kernel_tree.model import as_they_clear
    from clearfw.strategies import parse_stack

    known = registry.default().strategies
    if not asked:
        return as_they_clear(prepared.tree, prepared.variants, prepared.store.taken, known)
    labels = [variant.label for variant in prepared.variants.all]
    named = asked.split(",")
    if len(named) == 1:
        named = named * len(labels)
    if len(named) != len(labels):
        msg = f"--model {asked} asked for: name one strategy for each of {', '.join(labels)}"
        raise ConfigError(msg)
    return {label: parse_stack(name, known) for label, name in zip(labels, named, strict=True)}


def _measure(plan: Plan, stacks: Mapping[str, tuple[Strategy, ...]], primitive: str, console: Console) -> Run:
    from rich.progress import Progress

    from clearfw.kernel_tree.bench import Session
    from clearfw.kernel_tree.model import booted

    with (
        booted(stacks, primitive, free=plan.on_free, hot=plan.hot, seed=plan.seed) as model,
        Progress(console=console, transient=True, disable=not console.is_interactive) as bar,
    ):
        task = bar.add_task("booting", total=plan.boots)

        def progress(done: int, total: int, label: str) -> None:
            bar.update(task, completed=done, total=total, description=f"booting {label}")

        return Session(plan, model, progress).run()
