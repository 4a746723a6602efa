"""The C core by itself: its own tests, each a program, under AddressSanitizer and UBSan."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CSRC = ROOT / "clearfw" / "csrc"
PROGRAMS = sorted(path.stem for path in (ROOT / "tests" / "native").glob("test_*.c"))


def run(*command: str | Path) -> None:
    """Run COMMAND; what it printed is the message when it fails."""
    # cmake and ninja may be this environment's own, whether or not it was activated.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    done = subprocess.run(
        command, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def built() -> Path:
    """Build the programs where they stay, so that the next run compiles what has changed since."""
    directory = ROOT / "build" / "native"
    run(
        "cmake",
        "-S",
        CSRC,
        "-B",
        directory,
        "-G",
        "Ninja",
        "-DCLEARFW_NATIVE_TESTS=ON",
        "-DCLEARFW_WERROR=ON",
    )
    run("cmake", "--build", directory)
    return directory


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(built: Path, program: str) -> None:
    """The program finds nothing wrong, and neither do the sanitizers."""
    run(built / program)


def test_core_is_plain_c() -> None:
    """Nothing in csrc/ knows of Python."""
    sources = sorted(CSRC.rglob("*.[ch]"))

    assert [path.name for path in sources if "Python.h" in path.read_text()] == []
