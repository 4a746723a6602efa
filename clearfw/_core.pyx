# SPDX-License-Identifier: MIT
# cython: language_level=3, binding=False, embedsignature=False, freethreading_compatible=False
"""The binding over the C core: one class per C structure, and nothing clever."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from libc.errno cimport errno
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset as c_memset, strerror
from posix.unistd cimport usleep

import operator
import os
import threading

from clearfw import errors
from clearfw.gfp import Gfp

include "binding/csrc.pxi"


ABI = CLEARFW_ABI
MAX_ORDER = MAX_PAGE_ORDER
MAX_GIGANTIC_ORDER = MAX_CONTIG_ORDER
PRIMITIVE_SIZES = NR_PRIMITIVE_SIZES
GARBAGE_BYTE = C_GARBAGE_BYTE
ZONES = ("NORMAL", "HIGHMEM")
POINTS = ("alloc", "free", "vmalloc")

cdef tuple _BACKINGS = ("auto", "hugetlb", "thp", "base")
cdef tuple _KASANS = ("off", "generic", "sw_tags", "hw_tags")
cdef tuple _KMAPS = ("strict", "priced")
cdef tuple _PREEMPTS = ("lazy", "full", "voluntary", "none")
cdef tuple _TOUCHES = ("none", "first", "all")

# gfp text is parsed once: the same few strings come again and again.
cdef dict _parsed_gfp = {}


cdef gfp_t _gfp(object gfp) except? 0:
    if isinstance(gfp, str):
        found = _parsed_gfp.get(gfp)
        if found is None:
            found = _parsed_gfp[gfp] = int(Gfp.parse(gfp))
        return <gfp_t>found
    return _gfp_bits(gfp)


cdef gfp_t _gfp_bits(object gfp) except? 0:
    if not isinstance(gfp, int) or gfp & ~_KNOWN_GFP:
        shown = f"{gfp:#x}" if isinstance(gfp, int) else repr(gfp)
        raise errors.GfpError(
            f"gfp {shown} asked for, it has bits that no flag has: give names, as 'GFP_KERNEL|__GFP_ZERO', "
            "or a clearfw.Gfp"
        )
    return <gfp_t>gfp


cdef unsigned int _order(object order) except? 0xFFFFFFFF:
    cdef Py_ssize_t value = -1
    try:
        value = order  # by __index__, which a float has not
    except (TypeError, OverflowError):
        pass
    if value < 0:
        raise errors.OrderError(f"order {order!r} asked for: give an integer, 0 to {MAX_PAGE_ORDER}", -1)
    return min(value, 0xFFFFFFFE)


cdef Py_ssize_t _count(object n, str what, kind) except? -1:
    cdef Py_ssize_t value = 0
    try:
        value = n
    except (TypeError, OverflowError):
        pass
    if value < 1:
        raise kind(f"{what} asked for {n!r}: give an integer, at least 1")
    return value


cdef object _core_error(clearfw_error *error, str stack):
    return errors.from_core(
        error.code, pfn=error.pfn, wanted=error.wanted, found=error.found, zone=error.zone,
        sys_errno=error.sys_errno, detail=error.detail.decode(), stack=stack,
    )


cdef object _no_memory_for(str what):
    return errors.MemoryLimitError(
        f"the host gave no memory for {what}: free some, or raise RLIMIT_AS"
    )


cdef c_cpu *_cpu(c_machine *machine) except NULL:
    cdef c_cpu *cpu = this_cpu(machine)
    if cpu == NULL:
        raise _no_memory_for("this thread's page lists")
    return cpu


def fail_after(uint64_t n):
    """Make the N-th request from now for memory, a mapping, a file or a thread fail; 0: none."""
    fault_inject_after(n)


def injected_calls() -> int:
    """Return how many such calls the core has made so far."""
    return fault_inject_calls()


def gfp_bits() -> dict:
    """Return the core's own table of gfp bits, by the kernel's names."""
    cdef uint32_t bit
    cdef int index = 0
    cdef const char *name
    names = {}
    while (name := core_gfp_name(index, &bit)) != NULL:
        names[name.decode()] = bit
        index += 1
    return names


_KNOWN_GFP = 0
for _bit in gfp_bits().values():
    _KNOWN_GFP |= _bit


include "binding/strategies.pxi"
include "binding/ranges.pxi"
include "binding/buffers.pxi"
include "binding/machine.pxi"
include "binding/hugetlb.pxi"
include "binding/arena.pxi"
include "binding/examiner.pxi"
include "binding/timing.pxi"
include "binding/strategy_api.pxi"
include "binding/events.pxi"
include "binding/replay.pxi"
include "binding/trace_text.pxi"
include "binding/ring_buffer.pxi"
include "binding/command.pxi"
