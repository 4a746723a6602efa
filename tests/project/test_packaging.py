"""The wheel: what is in it, and that it works where nothing of the build is left."""

from __future__ import annotations

import configparser
import itertools
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import attrs
import numpy as np
import pluggy
import pytest

from clearfw import registry
from clearfw.config import Config, Kasan
from clearfw.strategies import NativeStrategy
from clearfw.toolchain import prebuilt as built_before
from clearfw.toolchain.compiler import identity

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins" / "clearfw_plugins"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
KASANS: tuple[Kasan, ...] = ("off", "generic", "sw_tags", "hw_tags")
CONFIGS = [Config(highmem=highmem, kasan=kasan) for highmem, kasan in itertools.product((0, 1 << 20), KASANS)]

# Boots one machine of each configuration with the default stack, and has dirty memory cleared.
CLEAR = """
import sys
import clearfw
from clearfw import errors
from clearfw.toolchain import compiler

try:
    sys.exit(f"found {compiler.find_compiler()}")
except errors.NoCompilerError:
    pass
for cmdline in sys.argv[1:]:
    with clearfw.Machine.boot(f"memory=16M backing=thp init_on_alloc=1 {cmdline}") as machine:
        for attempt in range(2):
            pages = machine.alloc_pages(3, "GFP_HIGHUSER")
            assert pages.first_not(0) is None
            pages.fill(0x5A)
            pages.free()
print(clearfw.__file__)
"""


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Return what COMMAND printed; fails with all of it unless it ends well."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def members(wheel: Path) -> set[str]:
    """Return the wheel's files."""
    return set(zipfile.ZipFile(wheel).namelist())


def sources() -> set[str]:
    """Return the files of both packages that are installed as they are."""
    return {
        str(path.relative_to(package.parent))
        for package in (ROOT / "clearfw", PLUGINS)
        for path in package.rglob("*")
        if path.is_file()
        and not {"binding", "__pycache__", "prebuilt"} & set(path.parts)
        and path.suffix != ".pyx"
        and path.name != "CMakeLists.txt"
    }


def prebuilt() -> set[str]:
    """Return the names clearfw looks for, for every shipped C file and configuration of 4 KiB pages."""
    shipped = registry.default()
    strategies = [
        strategy for strategy in shipped.strategies.values() if isinstance(strategy, NativeStrategy)
    ]
    wanted = [(one.source, config.kernel_options()) for one in strategies for config in CONFIGS]
    wanted += [(primitive.source, []) for primitive in shipped.primitives.values()]
    paths = [built_before.path(source, identity(source, options)) for source, options in wanted]
    return {str(path.relative_to(PLUGINS.parent)) for path in paths if path.is_relative_to(PLUGINS)}


def test_wheel_holds_all_it_needs_and_no_more(members: set[str]) -> None:
    """Python files, headers, the plugins' C files, what was compiled of them, and the core.

    The core's C is there too: another architecture's is built of it (clearfw/checks/server.py).
    """
    core = f"clearfw/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
    needed = {
        "clearfw/include/clearfw/strategy.h",
        "clearfw_plugins/batched.c",
        "clearfw_plugins/py.typed",
        "clearfw/csrc/check/server/server.c",
    }

    assert needed <= sources()
    assert {name for name in members if ".dist-info/" not in name} == sources() | prebuilt() | {core}


def test_the_sdist_holds_all_of_the_package(tmp_path: Path) -> None:
    """Sources in C and Cython, and templates whose names begin with a dot."""
    build = f"from scikit_build_core.build import build_sdist; print(build_sdist({str(tmp_path)!r}))"
    name = run(sys.executable, "-c", build, **os.environ).splitlines()[-1]
    with tarfile.open(tmp_path / name) as sdist:
        held = {path.partition("/")[2] for path in sdist.getnames()}
    files = (path for path in (ROOT / "clearfw").rglob("*") if path.is_file())

    assert {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts} <= held


def test_every_c_file_is_prebuilt() -> None:
    """Each C file of the plugins is a strategy's or a primitive's, and so compiled beforehand."""
    assert {Path(name).name.rpartition("-")[0] for name in prebuilt()} == {
        path.stem for path in PLUGINS.glob("*.c")
    }


def test_every_plugin_is_an_entry_point() -> None:
    """pyproject.toml names each module of the shipped plugins, by its name."""
    modules = {path.stem for path in PLUGINS.glob("*.py")} - {"__init__"}

    assert PROJECT["entry-points"]["clearfw"] == {name: f"clearfw_plugins.{name}" for name in modules}


def test_entry_points_are_in_the_wheel(wheel: Path, members: set[str]) -> None:
    """The wheel says which plugins it brings, and the command."""
    (name,) = (name for name in members if name.endswith(".dist-info/entry_points.txt"))
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(zipfile.ZipFile(wheel).read(name).decode())

    assert dict(parser["clearfw"]) == PROJECT["entry-points"]["clearfw"]
    assert dict(parser["console_scripts"]) == PROJECT["scripts"]


def test_installed_wheel_clears_without_a_compiler(wheel: Path, tmp_path: Path) -> None:
    """Installed alone, the shipped strategies clear in every configuration with no compiler to be found."""
    target, nothing = tmp_path / "target", tmp_path / "nothing"
    nothing.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target]
    run(*pip, wheel, **os.environ)
    dependencies = {str(Path(str(module.__file__)).parents[1]) for module in (attrs, np, pluggy)}
    # -S: an editable install of clearfw here must not get in the way.
    printed = run(
        *(sys.executable, "-S", "-c", CLEAR, *map(str, CONFIGS)),
        cwd=Path("/"),
        PATH=str(nothing),
        PYTHONPATH=os.pathsep.join([str(target), *dependencies]),
        CLEARFW_CACHE_DIR=str(nothing),
    )

    assert printed.strip() == str(target / "clearfw" / "__init__.py")
    assert list(nothing.iterdir()) == []
