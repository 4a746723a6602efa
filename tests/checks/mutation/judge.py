"""What `clearfw check` says of a mutant."""

from __future__ import annotations

import inspect
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from checks.mutation import equivalent

from clearfw import isolation
from clearfw.checks import conformance
from clearfw.errors import ClearfwError, CompileError, StrategyError
from clearfw.strategies import from_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checks.mutation.source import Mutant

CAUGHT, SURVIVED, EQUIVALENT, STILLBORN = "caught", "survived", "equivalent", "does not compile"

# For all checks of one mutant, where others work as well.
_DEADLINE_S = 600.0


@attrs.frozen
class Verdict:
    """What became of a mutant: the check that caught it and its words, or why nothing is wrong with it."""

    mutant: Mutant
    status: str
    check: str = ""
    said: str = ""


def judge(mutant: Mutant) -> Verdict:
    """Return what is known of MUTANT, or else what the check says of it."""
    try:
        reason = equivalent.why(mutant, equivalent.recorded())
    except equivalent.NotCompiledError as error:
        return Verdict(mutant, STILLBORN, said=str(error).strip())
    return Verdict(mutant, EQUIVALENT, said=reason) if reason else ask(mutant)


def ask(mutant: Mutant) -> Verdict:
    """Return what the check says of MUTANT: the first failure is enough."""
    with tempfile.TemporaryDirectory(prefix="clearfw-mutant-") as scratch:
        path = Path(scratch) / mutant.path.name
        path.write_bytes(mutant.text)
        outcome = isolation.run(lambda tell: _ask(path, tell), _DEADLINE_S)
    for told in outcome.told:
        if told.get("caught"):
            return Verdict(mutant, CAUGHT, told["check"], told["said"])
        if told.get("refused"):
            return Verdict(mutant, STILLBORN, said=told["refused"])
    if outcome.end:
        return Verdict(mutant, SURVIVED, said=f"the check itself {outcome.end}")
    return Verdict(mutant, SURVIVED, said="; ".join(told["left"] for told in outcome.told if "left" in told))


def judge_all(
    mutants: Sequence[Mutant], jobs: int, how: Callable[[Mutant], Verdict] = judge
) -> Iterator[Verdict]:
    """Yield the verdict on each of MUTANTS in their order, JOBS at a time: HOW is judge or ask."""
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(how, mutants)


def _ask(path: Path, tell: isolation.Tell) -> None:
    # What is compiled of a mutant is of no use to anybody after it.
    os.environ["CLEARFW_CACHE_DIR"] = str(path.parent)
    try:
        _tell_answers(path, tell)
    except (CompileError, StrategyError) as error:
        tell({"refused": str(error)})
    except ClearfwError as error:
        tell({"left": f"no answer: {error}"})


def _tell_answers(path: Path, tell: isolation.Tell) -> None:
    fast = {"fail_fast": True} if "fail_fast" in inspect.signature(conformance.run).parameters else {}
    for answer in conformance.run(from_file(path), workers=1, **fast):
        said: Any = answer.evidence.message if answer.evidence else ""
        if not answer.passed:
            tell({"caught": True, "check": answer.check.name, "said": said})
            os._exit(0)  # the checks still at work end with this process
        if answer.status not in {"pass", "not asked"}:
            tell({"left": f"{answer.check.name} {answer.status}: {said}"})
