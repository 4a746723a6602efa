"""Compare two commits with enough samples, and distinguish "slower" from "nothing measured".

    python benchmarks/compare.py BASE HEAD [BENCH]

Exit status: 0 none slower, 1 slower or lost, 2 nothing measured on both.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".asv" / "compare"
MACHINE = "compare"
# Mann-Whitney at asv's p < 0.002 wants six samples a side: these are sixteen.
SAMPLES = ("--interleave-rounds", "-a", "rounds=4", "-a", "repeat=4")


def main(base: str, head: str, bench: str = "") -> int:
    """Measure both, print what asv makes of it, and return the exit status."""
    commits = [_git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") for name in (base, head)]
    for name, commit in zip((base, head), commits, strict=True):
        if not commit:
            return _end(2, f"nothing measured: there is no commit {name}")
    if commits[0] == commits[1]:
        return _end(
            2, f"nothing measured: {base} and {head} are one commit, and what is not committed has no part"
        )
    config = _config()
    asv = [sys.executable, "-P", "-m", "asv", "--config", str(config)]
    subprocess.run([*asv, "machine", "--yes", "--machine", MACHINE], check=False, stdout=subprocess.DEVNULL)
    chosen = ("--bench", bench) if bench else ()
    pinned = ("--cpu-affinity", str(max(os.sched_getaffinity(0))))
    command = [*asv, "continuous", "--machine", MACHINE, *SAMPLES, *pinned, *chosen, *commits]
    status = subprocess.run(command, check=False).returncode
    return _end(*verdict(status, *(set(_measured(commit)) for commit in commits)))


def verdict(status: int, before: set[str], after: set[str]) -> tuple[int, str]:
    """Return the exit status and what to say: asv's own STATUS, and what was measured of each commit."""
    both, lost = before & after, sorted(before - after)
    if not both:
        return 2, "nothing measured on both commits, which says nothing of either: see why above"
    if lost:
        return 1, f"measured before and not any more: {', '.join(lost)}"
    if status:
        return 1, f"slower: of {len(both)} benchmarks measured on both commits, see which above"
    return 0, f"none slower, of {len(both)} benchmarks measured on both commits"


def _end(status: int, said: str) -> int:
    sys.stderr.write(f"compare: {said}\n")
    return status


def _config() -> Path:
    """Return asv's configuration for results of their own, and for the interpreter this runs in."""
    config: dict[str, Any] = json.loads((ROOT / "asv.conf.json").read_text())
    config |= {
        "repo": str(ROOT),
        "benchmark_dir": str(ROOT / config["benchmark_dir"]),
        "env_dir": str(ROOT / config["env_dir"]),
        "results_dir": str(WORK / "results"),
        "pythons": [".".join(map(str, sys.version_info[:2]))],
    }
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / "asv.conf.json"
    path.write_text(json.dumps(config))
    return path


def _measured(commit: str) -> Iterator[str]:
    """Yield the names of the benchmarks, with their parameters, that have a number for COMMIT."""
    for path in (WORK / "results" / MACHINE).glob(f"{commit[:8]}-*.json"):
        saved = json.loads(path.read_text())
        where = saved["result_columns"].index("result")
        for name, columns in saved["results"].items():
            for place, value in enumerate(columns[where] or ()):
                if value is not None and not math.isnan(value):
                    yield f"{name}[{place}]" if len(columns[where]) > 1 else name


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
