"""The gate of the counts: what is deterministic must not grow, unless CHANGELOG.md says so.

python -m benchmarks.gate             exit status 1 where a count is not as recorded
python -m benchmarks.gate --record    record what is better, new, or said in CHANGELOG.md
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from . import counts, sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# From a benchmark and its parameters to each of its counts.
Counts: TypeAlias = dict[str, dict[str, int]]

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "recorded.json"
CHANGELOG = ROOT / "CHANGELOG.md"
# Whose track_ benchmarks are the same on every run.
_SUITES = (counts.Counts, sizes.CodeBytes)
# Between a case and the compiler that it holds for.
_WITH = " with "
_PREFIX = "track_"


@dataclasses.dataclass(frozen=True)
class Change:
    """A count that is not as it was; None where there is none."""

    case: str
    count: str
    old: int | None
    new: int | None

    @property
    def worse(self) -> bool:
        """Whether it grew."""
        return self.old is not None and self.new is not None and self.new > self.old

    def __str__(self) -> str:
        return f"{self.case} {self.count} {self.old} -> {self.new}"


def measured() -> Counts:
    """Return the counts of this checkout; what the host or its compiler cannot count is as recorded."""
    cases = {
        _case(suite, params): (suite(), params)
        for suite in _SUITES
        for params in itertools.product(*suite.params)
    }
    found = {name: counted for name, counted in recorded().items() if name.partition(_WITH)[0] in cases}
    for case, (benchmark, params) in cases.items():
        try:
            benchmark.setup(*params)
        except NotImplementedError:
            continue
        found[case + _made_with(benchmark)] = _counted(benchmark, params)
    return found


def _case(suite: type, params: tuple[str, ...]) -> str:
    return f"{suite.__module__.rpartition('.')[2]}: {', '.join(params)}"


def _made_with(benchmark: object) -> str:
    compiler = getattr(benchmark, "made_with", None)
    return f"{_WITH}{compiler}" if compiler else ""


def _counted(benchmark: object, params: tuple[str, ...]) -> dict[str, int]:
    names = [name for name in dir(benchmark) if name.startswith(_PREFIX)]
    return {name.removeprefix(_PREFIX): getattr(benchmark, name)(*params) for name in names}


def changes(old: Counts, new: Counts) -> Iterator[Change]:
    """Yield what differs between OLD and NEW."""
    for case in {**old, **new}:
        before, after = old.get(case, {}), new.get(case, {})
        for count in {**before, **after}:
            if before.get(count) != after.get(count):
                yield Change(case, count, before.get(count), after.get(count))


def unsaid(found: Iterable[Change], changelog: str) -> list[Change]:
    """Return the changes for the worse that CHANGELOG does not tell of."""
    return [change for change in found if change.worse and str(change) not in changelog]


def recorded() -> Counts:
    """Return the counts on record."""
    return _parsed(RECORD.read_text()) if RECORD.exists() else {}


def _parsed(text: str) -> Counts:
    record: Counts = json.loads(text)
    return record


def record(new: Counts) -> None:
    """Put NEW on record."""
    RECORD.write_text(json.dumps(new, indent=2) + "\n")


def versions() -> list[Counts]:
    """Return the record as each commit has it, oldest first, as far as the checkout knows; then as it is."""
    name = f"{RECORD.relative_to(ROOT)}"
    log = _git("log", "--reverse", "--diff-filter=AM", "--format=%H", "--", name).split()
    return [*(_parsed(_git("show", f"{commit}:{name}")) for commit in log), recorded()]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout


def problems() -> list[str]:
    """Return why the gate is closed; empty where it is open."""
    changelog = CHANGELOG.read_text()
    now = [change for change in changes(recorded(), measured()) if not _is_of_another_compiler(change)]
    earlier = (change for old, new in itertools.pairwise(versions()) for change in changes(old, new))
    said = [f"worse, and not in CHANGELOG.md: {change}" for change in unsaid([*now, *earlier], changelog)]
    return said or [f"not as recorded, run make counts: {change}" for change in now]


def _is_of_another_compiler(change: Change) -> bool:
    return _WITH in change.case and change.case not in recorded()


def main(arguments: list[str]) -> int:
    """Run it and return the exit status."""
    found = problems()
    if arguments == ["--record"] and not any("CHANGELOG" in problem for problem in found):
        record(measured())
        found = []
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
