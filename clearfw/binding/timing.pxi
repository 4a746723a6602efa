# SPDX-License-Identifier: MIT
# What benchmarks time: whole loops in C (csrc/bench/timing.h, csrc/bench/churn.h)


def time_dispatch(CoreMachine machine not None, uint64_t rounds) -> int:
    """Return the nanoseconds of asking the alloc init point ROUNDS times for the same page."""
    cdef c_machine *c = machine.require()
    cdef uint64_t ns = 0
    cdef int status
    machine.calls += 1
    with nogil:
        status = dispatch_time(c, rounds, &ns)
    machine.leave(status)
    return ns


def time_pairs(CoreMachine machine not None, uint64_t rounds, unsigned int order=0, gfp=GFP_KERNEL) -> int:
    """Return the nanoseconds of ROUNDS allocations, each freed at once."""
    cdef c_machine *c = machine.require()
    cdef gfp_t flags = _gfp(gfp)
    cdef uint64_t ns = 0
    cdef int status
    machine.calls += 1
    with nogil:
        status = pairs_time(c, order, flags, rounds, &ns)
    machine.leave(status)
    return ns


def time_churn(CoreMachine machine not None, const uint32_t[::1] ops not None, size_t nslots, gfp=GFP_KERNEL, *, bint by_order=False):
    """Run a churn of OPS (csrc/bench/churn.c): (nanoseconds, {order: (nanoseconds, operations)})."""
    cdef c_machine *c = machine.require()
    cdef gfp_t flags = _gfp(gfp)
    cdef churn_times times
    cdef size_t nops = ops.shape[0]
    cdef const uint32_t *first = &ops[0] if nops else NULL
    cdef int status
    machine.calls += 1
    with nogil:
        status = churn_run(c, first, nops, nslots, flags, by_order, &times)
    machine.leave(status)
    orders = {i: (times.order_ns[i], times.order_ops[i]) for i in range(11) if times.order_ops[i]}
    return times.total_ns, orders
