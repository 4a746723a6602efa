"""The running kernel: init_on_alloc and init_on_free, by whoever tells of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from clearfw.record import host_kernel


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have /proc and /boot of a kernel that tells nothing, under the directory that is returned."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "boot").mkdir()
    (tmp_path / "proc" / "cmdline").write_text("quiet\n")
    monkeypatch.setattr(host_kernel, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    monkeypatch.setattr(host_kernel, "_DMESG", ("false",))
    monkeypatch.setattr(host_kernel.platform, "release", lambda: "7.3")
    return tmp_path


@pytest.mark.parametrize(
    ("cmdline", "expected"),
    [
        ("init_on_alloc=1", True),
        ("init_on_alloc=0 quiet init_on_alloc=Y", True),
        ("init_on_alloc=1 init_on_alloc=off", False),
        ("init_on_alloc=on", True),
        ("init_on_alloc=n", False),
        ("init_on_alloc=what", None),
        ("init_on_alloc", None),
        ("init_on_free=1", None),
    ],
)
def test_the_command_line_decides(told: Path, cmdline: str, expected: bool | None) -> None:  # noqa: FBT001
    """Its last word counts, read as kstrtobool() reads it."""
    (told / "proc" / "cmdline").write_text(f"quiet {cmdline}\n")

    assert host_kernel.init_on("alloc") == expected


def test_then_the_configuration(told: Path) -> None:
    """/proc/config.gz, or the file in /boot: what is not set there is off."""
    (told / "boot" / "config-7.3").write_text("CONFIG_INIT_ON_FREE_DEFAULT_ON=y\n")

    assert (host_kernel.init_on("alloc"), host_kernel.init_on("free")) == (False, True)

    config = b"CONFIG_INIT_ON_ALLOC_DEFAULT_ON=y\n# CONFIG_INIT_ON_FREE_DEFAULT_ON is not set\n"
    (told / "proc" / "config.gz").write_bytes(gzip.compress(config))

    assert (host_kernel.init_on("alloc"), host_kernel.init_on("free")) == (True, False)


def test_then_the_kernel_log(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said at boot, where it is still there; else it is not known."""
    assert host_kernel.init_on("alloc") is None

    line = "[0.1] mem auto-init: stack:all(zero), heap alloc:on, heap free:off"
    monkeypatch.setattr(host_kernel, "_DMESG", ("echo", line))

    assert (host_kernel.init_on("alloc"), host_kernel.init_on("free")) == (True, False)

    monkeypatch.setattr(host_kernel, "_DMESG", ("no-such-program",))

    assert host_kernel.init_on("alloc") is None


def test_this_kernel_can_be_asked() -> None:
    """Whatever it says, it is an answer."""
    assert host_kernel.init_on("free") in {True, False, None}
    assert Path is host_kernel.Path
