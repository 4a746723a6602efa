"""Architectures: found by name, with the tools they need or the package that has them."""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING

import pytest

from clearfw.errors import MissingToolError, UnknownArchitectureError
from clearfw.toolchain import architectures
from clearfw.toolchain.architectures import ARCHITECTURES, Architecture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def foreign() -> Architecture:
    """An architecture that this computer is not."""
    return next(one for one in ARCHITECTURES.values() if not one.is_native)


def test_each_is_found_once_in_the_order_asked() -> None:
    """A name given twice is one architecture."""
    found = architectures.find(["s390x", "arm", "s390x"])

    assert [one.name for one in found] == ["s390x", "arm"]


def test_a_name_that_none_has_is_refused_with_the_nearest() -> None:
    """A typing error gets a suggestion."""
    with pytest.raises(UnknownArchitectureError, match="arm64"):
        architectures.find(["arm46"])


def test_this_computer_is_at_most_one_of_them() -> None:
    """`uname -m` says one name."""
    native = [one for one in ARCHITECTURES.values() if one.is_native]

    assert len(native) <= 1
    assert all(platform.machine() in one.machines for one in native)


@pytest.mark.parametrize("one", ARCHITECTURES.values(), ids=lambda one: one.name)
def test_tags_need_a_byte_of_an_address(one: Architecture) -> None:
    """No 32-bit kernel has a tag mode, and HIGHMEM is of 32-bit kernels alone."""
    assert one.bits == 64 or not any(mode.endswith("_tags") for mode in one.kasans)
    assert one.highmem == (one.bits == 32)


def test_without_a_compiler_the_package_is_named(
    foreign: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to install is in the message, for compiler, disassembler and emulator alike."""
    monkeypatch.setenv("PATH", str(tmp_path))

    for tool, package in (
        (foreign.compiler, foreign.packages[0]),
        (foreign.objdump, f"binutils-{foreign.triplet}"),
        (foreign.emulator, " ".join(foreign.packages)),
    ):
        with pytest.raises(MissingToolError, match=f"apt-get install {package}"):
            tool()


def test_those_without_a_tool_are_told_beside_those_with_it() -> None:
    """Each with its reason; the others go on."""
    arm, s390x = architectures.find(["arm", "s390x"])

    def tool(one: Architecture) -> None:
        if one is arm:
            msg = "no compiler"
            raise MissingToolError(msg, "gcc-arm")

    present, missing = architectures.having([arm, s390x], tool)

    assert present == [s390x]
    assert {name: error.package for name, error in missing.items()} == {"arm": "gcc-arm"}


def test_if_none_has_it_the_first_reason_is_raised(
    foreign: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to go on with."""
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(MissingToolError, match=foreign.name):
        architectures.having([foreign], Architecture.compiler)
