"""Stores that another CPU sees late: what the machine code did not tell, a race may show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject

_MACHINE = "memory=8M backing=base"
# How long to wait for this CPU to show an unfenced store late, and how many times longer for a strategy's.
_CONTROL_NS = 250_000_000
_PATIENCE = 8


def litmus(subject: Subject) -> None:
    """Two threads: one clears and sets a flag, the other sees the flag and reads: a late store may show."""
    nontemporal = subject.nontemporal()
    if not nontemporal:
        subject.remark("this CPU has no non-temporal primitive to try a litmus test with")
        return
    with subject.boot(_MACHINE) as machine:
        # Whether this CPU shows at all what is looked for: only then does seeing nothing say something.
        began = time.monotonic_ns()
        rounds, shown = machine.litmus("alloc", 1, _CONTROL_NS, nontemporal[0])
        if shown is None:
            subject.remark(f"this CPU showed no unfenced store late in {rounds:,} rounds of a litmus test")
            return
        patience_ns = min(4 * _CONTROL_NS, _PATIENCE * (time.monotonic_ns() - began))
        for point in sorted(subject.points() & {"alloc", "free"}):
            subject.at(point=point, npages=1)
            rounds, late = machine.litmus(point, 1, patience_ns)
            if late is not None:
                raise subject.found(
                    f"another CPU read old data at offset {late:#x} after the init point had returned (round "
                    f"{rounds:,}): fence non-temporal stores before returning",
                    pfn=1,
                    offset=late,
                )
        subject.remark(f"a litmus test of {rounds:,} rounds showed nothing late")
