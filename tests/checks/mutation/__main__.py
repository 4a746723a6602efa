"""Make mutants, have them checked, tell: `make mutate`, or python -m checks.mutation in tests/."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from checks.mutation import faults, narrowed, operators, report
from checks.mutation.judge import CAUGHT, ask, judge_all
from checks.mutation.source import Mutant, Source
from rich.console import Console
from rich.progress import track

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).parents[3]
# What must be caught of the mutants that are wrong.
LEAST = 0.99


def strategies() -> list[Path]:
    """Return every strategy in C that is shipped, and every right one of the tests."""
    folders = (ROOT / "plugins" / "clearfw_plugins", ROOT / "tests" / "checks" / "valid")
    return [path for folder in folders for path in sorted(folder.glob("*.c")) if Source.read(path).members()]


def mutants(paths: Iterable[Path]) -> Iterator[Mutant]:
    """Yield each mutant of the strategies in PATHS once."""
    for source in map(Source.read, paths):
        seen = {source.text}
        for mutant in _of(source):
            if mutant.text not in seen:
                seen.add(mutant.text)
                yield mutant


def _of(source: Source) -> Iterator[Mutant]:
    for mutant in operators.mutants(source):
        yield mutant
        yield from narrowed.mutants(source, mutant)
    yield from faults.mutants(source)


def sample(every: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return COUNT of EVERY, as many of each family as it has."""
    families: dict[str, list[Mutant]] = {}
    for mutant in every:
        families.setdefault(mutant.family, []).append(mutant)
    chosen: list[Mutant] = []
    chance = random.Random(seed)
    for left, family in enumerate(sorted(families.values(), key=len)):
        share = (count - len(chosen)) // (len(families) - left)
        chosen += chance.sample(family, min(share, len(family)))
    return sorted(chosen, key=lambda mutant: (mutant.path.name, mutant.line, mutant.operator))


def _as_it_is(path: Path) -> Mutant:
    text = path.read_bytes()
    return Mutant(path, "as it is", 1, text, text)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mutants", "count", default=1200, show_default=True, help="How many to try; 0 for every one.")
@click.option("--seed", default=1, show_default=True, help="Which of them.")
@click.option("--jobs", default=2, show_default=True, help="How many at a time.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write all to this file."
)
def main(files: tuple[Path, ...], count: int, seed: int, jobs: int, json_path: Path | None) -> None:
    """Ask the check of mutants of FILES, or of all that is shipped and all in tests/checks/valid."""
    console = Console(stderr=True)
    paths = list(files) or strategies()
    every = list(mutants(paths))
    chosen = sample(every, count or len(every), seed)
    right = [_as_it_is(path) for path in paths]
    alarms = list(track(judge_all(right, jobs, ask), "right ones", len(right), console=console))
    false_alarms = [verdict for verdict in alarms if verdict.status == CAUGHT]
    verdicts = list(track(judge_all(chosen, jobs), "mutants", len(chosen), console=console))
    for line in report.lines(verdicts, false_alarms):
        click.echo(line)
    if json_path:
        document = report.to_json(verdicts, false_alarms, seed, len(every))
        json_path.write_text(json.dumps(document, indent=1) + "\n")
    sys.exit(bool(false_alarms) or report.share(verdicts) < LEAST)


if __name__ == "__main__":
    main()
