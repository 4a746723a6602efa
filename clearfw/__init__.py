"""Page-clearing strategies on a real page allocator with the kernel's semantics."""

from clearfw._core import HugetlbPool, PageRange, Pages, VmallocArea, VmallocRange
from clearfw.config import Config
from clearfw.errors import ClearfwError
from clearfw.gfp import Gfp
from clearfw.machine import Counters, Machine
from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy, PythonStrategy

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
    "hookimpl",
]
