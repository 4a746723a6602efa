"""Refuse to add figures to the history of another processor: python benchmarks/same_machine.py MACHINE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from clearfw.host import cpu_model

RESULTS = Path(__file__).parent / "results"


def refusal(machine: str, results: Path = RESULTS) -> str:
    """Return why figures measured here do not belong into MACHINE's history; "" where they do."""
    path = results / machine / "machine.json"
    if not path.exists():
        return ""
    known, here = json.loads(path.read_text())["cpu"], cpu_model()
    if known == here:
        return ""
    return (
        f"the history of {machine} is of {known}, and this is {here}: name another, make history MACHINE=..."
    )


if __name__ == "__main__":
    if said := refusal(sys.argv[1]):
        sys.exit(said)
