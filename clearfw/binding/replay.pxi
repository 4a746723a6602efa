# SPDX-License-Identifier: MIT
# Replay (csrc/trace/replay_script.h, csrc/trace/replay.h)

cdef extern from "bench/latency.h" nogil:
    struct latency:
        uint64_t nr, total_ns, max_ns
    void latency_merge(latency *into, const latency *other)
    uint64_t latency_percentile(const latency *latency, double share)

cdef extern from "trace/replay_script.h" nogil:
    struct replay_op:
        pass
    struct replay_census:
        uint64_t events, allocs, frees, batched, failed, unmatched, untraced, mismatched, reallocated, oversized
        uint64_t misaligned, backwards, peak_pages, live_pages
        uint64_t alloc_blocks[11]
        uint64_t zero_blocks[11]
        uint64_t fault_blocks[11]
        uint64_t free_blocks[11]
    struct replay_moment:
        uint64_t ts, pages
    struct c_replay_script "replay_script":
        size_t nr
        uint32_t nr_slots
        replay_census census
        replay_moment course[1000]
        uint32_t nr_moments
    struct replay_batch:
        trace_events events
        uint32_t lane
    int replay_script_init(c_replay_script *script, const replay_batch *batches, size_t nr_batches,
                           uint32_t nr_lanes, clearfw_error *err)
    void replay_script_deinit(c_replay_script *script)

cdef extern from "trace/replay.h" nogil:
    struct replay_pass:
        bint clear
        bint faults
        bint unseen
        bint verify
        consumer_touch touch
        latency *latency
    struct replay_result:
        uint64_t ns, nomem, checked, dirty, dirty_op, dirty_offset
    struct c_replay "replay":
        size_t next
        replay_result result
    int replay_init(c_replay *replay, c_machine *machine, const c_replay_script *script, const replay_pass *run)
    int replay_run(c_replay *replay, size_t nr)
    void replay_deinit(c_replay *replay)

# Operations between two looks for signals: a tenth of a second, where most of them clear a page.
cdef size_t _SLICE = 1 << 18


cdef class ReplayScript:
    """A trace made ready for replay: what to allocate, split and free, and the census of its events."""

    cdef c_replay_script c

    def __init__(self, list batches not None, list lanes not None):
        cdef clearfw_error error
        cdef uint32_t nr_lanes = len(set(lanes))
        cdef size_t nr = len(batches), i
        cdef int status
        cdef replay_batch *c = <replay_batch *>PyMem_Malloc((nr + 1) * sizeof(replay_batch))
        if c == NULL:
            raise MemoryError
        c_memset(&error, 0, sizeof(error))
        number = {lane: at for at, lane in enumerate(sorted(set(lanes)))}
        try:
            for i in range(nr):
                c[i].events = _columns(batches[i])
                c[i].lane = number[lanes[i]]
            with nogil:
                status = replay_script_init(&self.c, c, nr, nr_lanes, &error)
        finally:
            PyMem_Free(c)
        if status:
            raise _no_memory_for("a trace made ready for replay")

    def __dealloc__(self):
        replay_script_deinit(&self.c)

    @property
    def nops(self) -> int:
        """Number of operations."""
        return self.c.nr

    @property
    def nbytes(self) -> int:
        """Bytes of memory that they take."""
        return self.c.nr * sizeof(replay_op)

    @property
    def census(self) -> dict:
        """Counts of the events by class: csrc/trace/replay_script.h, struct replay_census."""
        cdef replay_census *census = &self.c.census
        counts = dict(census[0])
        for name in ("alloc_blocks", "zero_blocks", "fault_blocks", "free_blocks"):
            counts[name] = tuple(counts[name])
        return counts

    @property
    def course(self) -> list:
        """Live pages over time: (time stamp, most of them since the one before), a thousand at most."""
        return [(self.c.course[i].ts, self.c.course[i].pages) for i in range(self.c.nr_moments)]

    def run(self, CoreMachine machine not None, *, bint clear=True, bint faults=False, bint unseen=False, bint verify=False,
            str touch="none", bint latency=False) -> dict:
        """Replay everything on MACHINE, free the blocks that are still allocated, and return the counts.

        With LATENCY, by_order holds (count, total_ns, p50_ns, p99_ns, max_ns) of what may clear. Raises what
        allocating and freeing raise.
        """
        cdef c_machine *c = machine.require()
        cdef c_replay replay
        cdef replay_pass how
        cdef int status
        how.clear, how.faults, how.unseen, how.verify = clear, faults, unseen, verify
        how.touch = <consumer_touch><int>_TOUCHES.index(touch)
        how.latency = NULL
        by_order = _Latencies() if latency else None
        if by_order is not None:
            how.latency = (<_Latencies>by_order).c
        machine.check(replay_init(&replay, c, &self.c, &how))
        machine.calls += 1
        try:
            while replay.next < self.c.nr:
                machine.calls += 1
                with nogil:
                    status = replay_run(&replay, _SLICE)
                machine.leave(status)
                PyErr_CheckSignals()
        finally:
            with nogil:
                replay_deinit(&replay)
            machine.calls -= 1
        return {**replay.result, "by_order": by_order and by_order.summary()}


cdef class _Latencies:
    """One histogram for each order, and after them that of all."""

    cdef latency *c

    def __cinit__(self):
        self.c = <latency *>PyMem_Calloc(MAX_PAGE_ORDER + 2, sizeof(latency))
        if self.c == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.c)

    cdef tuple _one(self, int at):
        cdef latency *one = &self.c[at]
        return one.nr, one.total_ns, latency_percentile(one, 0.5), latency_percentile(one, 0.99), one.max_ns

    def summary(self) -> dict:
        """Return by order, and of all under None: count, total, median, 99th percentile, maximum, in nanoseconds."""
        for order in range(MAX_PAGE_ORDER + 1):
            latency_merge(&self.c[MAX_PAGE_ORDER + 1], &self.c[order])
        found = {order: self._one(order) for order in range(MAX_PAGE_ORDER + 1) if self.c[order].nr}
        return {**found, None: self._one(MAX_PAGE_ORDER + 1)}
