"""gfp flags by the kernel's names (include/linux/gfp_types.h and include/trace/events/mmflags.h, 7.3)."""

import enum
import re
from typing import TYPE_CHECKING, ClassVar, Self

from clearfw.errors import GfpError, nearest

# Every name, in the order in which show_gfp_flags() tries them.
KERNEL_NAMES = (
    "GFP_TRANSHUGE",
    "GFP_TRANSHUGE_LIGHT",
    "GFP_HIGHUSER_MOVABLE",
    "GFP_HIGHUSER",
    "GFP_USER",
    "GFP_KERNEL_ACCOUNT",
    "GFP_KERNEL",
    "GFP_NOFS",
    "GFP_ATOMIC",
    "GFP_NOIO",
    "GFP_NOWAIT",
    "GFP_DMA",
    "GFP_DMA32",
    "__GFP_RECLAIM",
    "__GFP_DMA",
    "__GFP_HIGHMEM",
    "__GFP_DMA32",
    "__GFP_MOVABLE",
    "__GFP_RECLAIMABLE",
    "__GFP_HIGH",
    "__GFP_IO",
    "__GFP_FS",
    "__GFP_ZERO",
    "__GFP_DIRECT_RECLAIM",
    "__GFP_KSWAPD_RECLAIM",
    "__GFP_WRITE",
    "__GFP_NOWARN",
    "__GFP_RETRY_MAYFAIL",
    "__GFP_NOFAIL",
    "__GFP_NORETRY",
    "__GFP_MEMALLOC",
    "__GFP_COMP",
    "__GFP_NOMEMALLOC",
    "__GFP_HARDWALL",
    "__GFP_THISNODE",
    "__GFP_ACCOUNT",
    "__GFP_ZEROTAGS",
    "__GFP_SKIP_ZERO",
    "__GFP_SKIP_KASAN",
    "__GFP_NOLOCKDEP",
    "__GFP_NO_OBJ_EXT",
)


class Gfp(enum.IntFlag):
    """Flags of an allocation: `Gfp.KERNEL | Gfp.ZERO`, or by the kernel's names `Gfp["__GFP_ZERO"]`."""

    _ignore_ = "kernel_name"

    DMA = 1 << 0
    HIGHMEM = 1 << 1
    DMA32 = 1 << 2
    MOVABLE = 1 << 3
    RECLAIMABLE = 1 << 4
    HIGH = 1 << 5
    IO = 1 << 6
    FS = 1 << 7
    ZERO = 1 << 8
    DIRECT_RECLAIM = 1 << 10
    KSWAPD_RECLAIM = 1 << 11
    WRITE = 1 << 12
    NOWARN = 1 << 13
    RETRY_MAYFAIL = 1 << 14
    NOFAIL = 1 << 15
    NORETRY = 1 << 16
    MEMALLOC = 1 << 17
    COMP = 1 << 18
    NOMEMALLOC = 1 << 19
    HARDWALL = 1 << 20
    THISNODE = 1 << 21
    ACCOUNT = 1 << 22
    ZEROTAGS = 1 << 23
    SKIP_ZERO = 1 << 24
    SKIP_KASAN = 1 << 25
    NOLOCKDEP = 1 << 26
    NO_OBJ_EXT = 1 << 27

    RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM
    ATOMIC = HIGH | KSWAPD_RECLAIM
    NOWAIT = KSWAPD_RECLAIM | NOWARN
    NOIO = RECLAIM
    NOFS = RECLAIM | IO
    KERNEL = NOFS | FS
    KERNEL_ACCOUNT = KERNEL | ACCOUNT
    USER = KERNEL | HARDWALL
    HIGHUSER = USER | HIGHMEM
    HIGHUSER_MOVABLE = HIGHUSER | MOVABLE | SKIP_KASAN
    TRANSHUGE_LIGHT = (HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & ~RECLAIM
    TRANSHUGE = TRANSHUGE_LIGHT | DIRECT_RECLAIM

    # For type checkers; at run time a name with two underscores, written out here, would be mangled.
    if TYPE_CHECKING:
        GFP_TRANSHUGE: ClassVar["Gfp"]
        GFP_TRANSHUGE_LIGHT: ClassVar["Gfp"]
        GFP_HIGHUSER_MOVABLE: ClassVar["Gfp"]
        GFP_HIGHUSER: ClassVar["Gfp"]
        GFP_USER: ClassVar["Gfp"]
        GFP_KERNEL_ACCOUNT: ClassVar["Gfp"]
        GFP_KERNEL: ClassVar["Gfp"]
        GFP_NOFS: ClassVar["Gfp"]
        GFP_ATOMIC: ClassVar["Gfp"]
        GFP_NOIO: ClassVar["Gfp"]
        GFP_NOWAIT: ClassVar["Gfp"]
        GFP_DMA: ClassVar["Gfp"]
        GFP_DMA32: ClassVar["Gfp"]
        __GFP_RECLAIM: ClassVar["Gfp"]
        __GFP_DMA: ClassVar["Gfp"]
        __GFP_HIGHMEM: ClassVar["Gfp"]
        __GFP_DMA32: ClassVar["Gfp"]
        __GFP_MOVABLE: ClassVar["Gfp"]
        __GFP_RECLAIMABLE: ClassVar["Gfp"]
        __GFP_HIGH: ClassVar["Gfp"]
        __GFP_IO: ClassVar["Gfp"]
        __GFP_FS: ClassVar["Gfp"]
        __GFP_ZERO: ClassVar["Gfp"]
        __GFP_DIRECT_RECLAIM: ClassVar["Gfp"]
        __GFP_KSWAPD_RECLAIM: ClassVar["Gfp"]
        __GFP_WRITE: ClassVar["Gfp"]
        __GFP_NOWARN: ClassVar["Gfp"]
        __GFP_RETRY_MAYFAIL: ClassVar["Gfp"]
        __GFP_NOFAIL: ClassVar["Gfp"]
        __GFP_NORETRY: ClassVar["Gfp"]
        __GFP_MEMALLOC: ClassVar["Gfp"]
        __GFP_COMP: ClassVar["Gfp"]
        __GFP_NOMEMALLOC: ClassVar["Gfp"]
        __GFP_HARDWALL: ClassVar["Gfp"]
        __GFP_THISNODE: ClassVar["Gfp"]
        __GFP_ACCOUNT: ClassVar["Gfp"]
        __GFP_ZEROTAGS: ClassVar["Gfp"]
        __GFP_SKIP_ZERO: ClassVar["Gfp"]
        __GFP_SKIP_KASAN: ClassVar["Gfp"]
        __GFP_NOLOCKDEP: ClassVar["Gfp"]
        __GFP_NO_OBJ_EXT: ClassVar["Gfp"]

    for kernel_name in KERNEL_NAMES:
        vars()[kernel_name] = vars()[kernel_name.removeprefix("__").removeprefix("GFP_")]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the flags of `text`, as ftrace prints them: "GFP_KERNEL|__GFP_ZERO"; raises GfpError."""
        gfp = cls(0)
        if text.strip() == "none":
            return gfp
        for flag in text.split("|"):
            gfp |= _read_flag(flag.strip())
        return gfp

    def __repr__(self) -> str:
        return f"Gfp.parse({show(self)!r})"


_MASKS = {name: int(Gfp[name]) for name in KERNEL_NAMES}

# Traces of 6.x still carry these three. Two have no meaning for a 7.3 allocator: an allocation is atomic
# without __GFP_DIRECT_RECLAIM, and the tag of a freed page decides whether to poison it.
_READABLE = _MASKS | {
    "__GFP_ATOMIC": 0,
    "__GFP_SKIP_KASAN_POISON": 0,
    "__GFP_SKIP_KASAN_UNPOISON": int(Gfp.SKIP_KASAN),
}

# These bits move with the recording kernel's configuration: 1 << 24 is the first of them that it has, so the
# number does not say which is meant. (A kernel prints as a number only what it has no name for.)
_MOVING = int(Gfp.SKIP_ZERO | Gfp.SKIP_KASAN | Gfp.NOLOCKDEP | Gfp.NO_OBJ_EXT)

_HEX = re.compile(r"0x0*[0-9a-fA-F]{1,8}")  # gfp_t has 32 bits


def _read_flag(flag: str) -> int:
    if _HEX.fullmatch(flag):
        return int(flag, 16) & ~_MOVING
    if flag not in _READABLE:
        msg = (
            f"unknown gfp flag {flag!r}{nearest(flag, _READABLE)}: write flags as in 'GFP_KERNEL|__GFP_ZERO'"
        )
        raise GfpError(msg)
    return _READABLE[flag]


def show(gfp: int) -> str:
    """Return the text that the kernel's show_gfp_flags() prints for `gfp`, unnamed bits last in hex."""
    names, left = [], int(gfp)
    for name, mask in _MASKS.items():
        if left & mask == mask:
            names.append(name)
            left &= ~mask
    if left:
        names.append(hex(left))
    return "|".join(names) or "none"
