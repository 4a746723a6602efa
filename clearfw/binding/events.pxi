# SPDX-License-Identifier: MIT
# Columns of trace events (csrc/trace/trace_event.h), as clearfw.traces.Events holds them

cdef extern from "trace/trace_event.h" nogil:
    struct trace_events:
        uint64_t *ts
        uint64_t *pfn
        uint32_t *gfp
        int32_t *pid
        uint16_t *cpu
        int8_t *migratetype
        uint8_t *order
        uint8_t *kind
        size_t nr
        size_t room

cdef extern from "trace/intern.h" nogil:
    struct interned:
        char *bytes
        uint32_t nbytes
    struct c_intern "intern":
        uint32_t nr
        interned value[4096]
    void intern_deinit(c_intern *intern)


cdef trace_events _columns(object events) except *:
    """Return pointers into EVENTS; the arrays must outlive the pointers."""
    cdef trace_events c
    cdef const uint64_t[::1] ts = events.ts, pfn = events.pfn
    cdef const uint32_t[::1] gfp = events.gfp
    cdef const int32_t[::1] pid = events.pid
    cdef const uint16_t[::1] cpu = events.cpu
    cdef const int8_t[::1] migratetype = events.migratetype
    cdef const uint8_t[::1] order = events.order, kind = events.kind
    cdef Py_ssize_t n = ts.shape[0]
    if not n == pfn.shape[0] == gfp.shape[0] == pid.shape[0] == cpu.shape[0] == migratetype.shape[0] \
            == order.shape[0] == kind.shape[0]:
        raise ValueError("columns of different lengths")
    c_memset(&c, 0, sizeof(c))
    c.nr = c.room = n
    if n:
        c.ts, c.pfn, c.gfp, c.pid = <uint64_t *>&ts[0], <uint64_t *>&pfn[0], <uint32_t *>&gfp[0], <int32_t *>&pid[0]
        c.cpu, c.migratetype = <uint16_t *>&cpu[0], <int8_t *>&migratetype[0]
        c.order, c.kind = <uint8_t *>&order[0], <uint8_t *>&kind[0]
    return c
