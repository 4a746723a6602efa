"""Recording: what it costs a program that does little but fault pages in, and whether it keeps up.

Needs root, tracefs and a C compiler, and is skipped elsewhere. Without asv: python -m benchmarks.recording
"""

from __future__ import annotations

import functools
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .common import ROUNDS, module, skipping

SOURCE = Path(__file__).parent / "programs" / "faults.c"
MIB = 256
PROCESSES = {"one": 1, "all": os.cpu_count() or 1}


class Sitting:
    """Rounds with and without a recorder, in random order within each: the ratios of what they took."""

    def __init__(self, processes: int, rounds: int) -> None:
        self.lost = 0
        self.events_per_s: list[float] = []
        self.elapsed: list[float] = []
        self.processor: list[float] = []
        with tempfile.TemporaryDirectory() as directory:
            self._directory = Path(directory)
            program = self._directory / "faults"
            subprocess.run(["cc", "-O2", "-o", program, SOURCE], check=True)  # noqa: S607
            self._command = (str(program), str(self._directory / "took"), str(processes), str(MIB))
            self._processes = processes
            self._bare()
            order = random.Random(0)  # noqa: S311
            for _ in range(rounds):
                taken = {run: run() for run in order.sample((self._bare, self._recorded), 2)}
                bare, recorded = taken[self._bare], taken[self._recorded]
                self.elapsed.append(recorded[0] / bare[0])
                self.processor.append(recorded[1] / bare[1])

    def _bare(self) -> tuple[float, float]:
        subprocess.run(self._command, check=True)
        return self._took()

    def _recorded(self) -> tuple[float, float]:
        recorder = module("record.recorder", "recording")
        plan = getattr(recorder, "RecordPlan", None) or recorder.Plan

        done = recorder.record(plan(self._command, self._directory / "t.arrow"))
        elapsed, processor = self._took()
        self.lost += done.ending.lost or 0
        self.events_per_s.append(done.events / elapsed / self._processes)
        return elapsed, processor

    def _took(self) -> tuple[float, float]:
        """Return the program's own seconds: elapsed, and of processor time."""
        elapsed, processor = (self._directory / "took").read_text().split()
        return float(elapsed), float(processor)


@functools.cache
def sitting(processes: str) -> Sitting:
    """Return the one sitting of this process; raises NotImplementedError where nothing can be recorded."""
    with skipping():
        from clearfw.errors import TracingError

        try:
            return Sitting(PROCESSES[processes], ROUNDS)
        except (OSError, subprocess.CalledProcessError, TracingError) as error:
            raise NotImplementedError(str(error)) from error


class Recording:
    """A program that faults 512 MiB of 4 KiB pages in, in one process or one for each processor."""

    version = "1"
    params = (("one", "all"),)
    param_names = ("processes",)
    timeout = 300

    def setup(self, processes: str) -> None:
        """Record once a process."""
        sitting(processes)

    def track_slowdown(self, processes: str) -> float:
        """Return how much longer it takes, median of paired rounds: the bar is 15 % with one process."""
        return 100 * (statistics.median(sitting(processes).elapsed) - 1)

    def track_processor_time(self, processes: str) -> float:
        """Return how much more processor time it takes, which neighbours of the machine change less."""
        return 100 * (statistics.median(sitting(processes).processor) - 1)

    def track_rate(self, processes: str) -> float:
        """Return the events of each processor, median: the bar for losing none is 1 M events/s."""
        return statistics.median(sitting(processes).events_per_s) / 1e6

    def track_lost(self, processes: str) -> float:
        """Return the events lost in all rounds: the bar is 0."""
        return sitting(processes).lost


Recording.track_slowdown.unit = "%"  # type: ignore[attr-defined]
Recording.track_processor_time.unit = "%"  # type: ignore[attr-defined]
Recording.track_rate.unit = "M events/s per processor"  # type: ignore[attr-defined]
Recording.track_lost.unit = "events"  # type: ignore[attr-defined]


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f}x [{min(ratios):.3f}-{max(ratios):.3f}]"


def main() -> None:
    """Print what the benchmarks track, with its spread."""
    for name in PROCESSES:
        done = sitting(name)
        sys.stdout.write(
            f"{name}: elapsed {_spread(done.elapsed)}, processor time {_spread(done.processor)}, "
            f"{statistics.median(done.events_per_s) / 1e6:.2f} M events/s per processor, {done.lost} lost, "
            f"{len(done.elapsed)} rounds\n"
        )


if __name__ == "__main__":
    main()
