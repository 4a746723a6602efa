"""Page-clearing strategies on a real page allocator with the kernel's semantics."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clearfw._core import HugetlbPool, PageRange, Pages, VmallocArea, VmallocRange
    from clearfw.config import Config
    from clearfw.errors import ClearfwError
    from clearfw.gfp import Gfp
    from clearfw.machine import Counters, Machine
    from clearfw.markers import hookimpl
    from clearfw.strategies import NativeStrategy, PythonStrategy

    __version__: str

__all__ = [
    "ClearfwError",
    "Config",
    "Counters",
    "Gfp",
    "HugetlbPool",
    "Machine",
    "NativeStrategy",
    "PageRange",
    "Pages",
    "PythonStrategy",
    "VmallocArea",
    "VmallocRange",
    "__version__",
    "hookimpl",
]

# Imported when they are first asked for: the command line must answer Ctrl-C, and a small stack, from its
# first line on, and that line stands in a module below this one.
_HOMES = {
    "_core": ("HugetlbPool", "PageRange", "Pages", "VmallocArea", "VmallocRange"),
    "config": ("Config",),
    "errors": ("ClearfwError",),
    "gfp": ("Gfp",),
    "machine": ("Counters", "Machine"),
    "markers": ("hookimpl",),
    "strategies": ("NativeStrategy", "PythonStrategy"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Return one of __all__, or a module of clearfw that `import clearfw` alone has always brought."""
    if name == "__version__":
        from importlib.metadata import version

        found: object = version("clearfw")
    elif name in _MODULES:
        found = getattr(importlib.import_module(f"clearfw.{_MODULES[name]}"), name)
    elif name in (*_HOMES, "hookspecs", "host", "kernel", "primitives", "registry"):
        return importlib.import_module(f"clearfw.{name}")
    else:
        msg = f"module 'clearfw' has no attribute {name!r}"
        raise AttributeError(msg)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return what there is to ask for."""
    return sorted({*globals(), *__all__})
