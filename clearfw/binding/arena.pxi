# SPDX-License-Identifier: MIT


cdef class Arena:
    """All free memory of a machine, in chunks that are measured one at a time (csrc/bench/arena.h)."""

    cdef CoreMachine machine
    cdef arena c
    cdef bint ready

    def __init__(self, CoreMachine machine not None, size_t chunk_bytes, unsigned int dirty=100):
        cdef clearfw_error error
        cdef c_machine *c = machine.require()
        cdef int status
        if self.ready:
            raise errors.ConfigError("the arena is made already: make another")
        if not 0 < chunk_bytes <= c.config.memory:
            raise errors.ConfigError(f"chunks of {chunk_bytes} bytes: give 1 to {c.config.memory}, the machine's memory")
        c_memset(&error, 0, sizeof(error))
        machine.calls += 1
        with nogil:
            status = arena_init(&self.c, c, chunk_bytes, &error)
        machine.calls -= 1
        if status:
            raise _core_error(&error, machine.stack_name)
        self.c.dirty = dirty
        self.machine = machine
        self.ready = True

    def __dealloc__(self):
        if self.ready and self.machine is not None and self.machine.c != NULL:
            arena_deinit(&self.c)

    def close(self):
        """Give the memory back to the machine. Raises PagesInUseError while another thread measures on it."""
        if self.ready:
            self.machine.require()
            self._check_idle()
            arena_deinit(&self.c)
            self.ready = False

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        _end(self.close, error)

    cdef int _check_idle(self) except -1:
        if self.machine.calls:
            raise errors.PagesInUseError("another thread is inside the arena's machine: let it return first")
        return 0

    cdef int _check_chunk(self, unsigned int chunk) except -1:
        self.machine.require()
        if not self.ready or chunk >= self.c.nr_chunks:
            raise IndexError(f"chunk {chunk} of {self.c.nr_chunks}")
        return 0

    cdef arena_pass _pass(self, unsigned int order, gfp, str touch, bint hot, int bulk, int threads, bint verify) \
            except *:
        cdef arena_pass run
        if not 1 <= threads <= 64:
            raise errors.ConfigError(f"{threads} threads: give 1 to 64")
        if order > MAX_CONTIG_ORDER or (1u << order) > self.c.chunk_pages:
            raise errors.OrderError(f"a block of order {order} is larger than a chunk", order)
        run.order = order
        run.gfp = _gfp(gfp)
        run.touch = <consumer_touch><int>_TOUCHES.index(touch)
        run.hot = hot
        run.bulk = bulk
        run.threads = threads
        run.verify = verify
        return run

    @property
    def nchunks(self) -> int:
        """Number of chunks."""
        return self.c.nr_chunks

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk."""
        return <size_t>self.c.chunk_pages << self.machine.require().page_shift

    def run(self, unsigned int chunk, unsigned int order, gfp=GFP_KERNEL, *, str touch="none", bint hot=False,
            int bulk=0, int threads=1, bint verify=True):
        """Allocate and free all of CHUNK: (blocks, alloc_ns, free_ns, offset of the first dirty byte or None)."""
        self._check_chunk(chunk)
        cdef arena_pass run = self._pass(order, gfp, touch, hot, bulk, threads, verify)
        cdef arena_times times
        cdef int status
        self.machine.calls += 1
        with nogil:
            status = arena_run(&self.c, chunk, &run, &times)
        self.machine.leave(status)
        dirty = None if times.dirty_offset == <uint64_t>-1 else times.dirty_offset
        return times.blocks, times.alloc_ns, times.free_ns, dirty

    def latencies(self, unsigned int chunk, unsigned int order, gfp, uint32_t[::1] into not None) -> int:
        """Write the nanoseconds of every single allocation of CHUNK into INTO; return how many."""
        self._check_chunk(chunk)
        cdef arena_pass run = self._pass(order, gfp, "none", False, 0, 1, False)
        cdef uint64_t count = 0
        cdef int status
        if into.shape[0] < self.c.chunk_pages >> order:
            raise errors.ConfigError(f"room for {into.shape[0]} latencies, {self.c.chunk_pages >> order} wanted")
        self.machine.calls += 1
        with nogil:
            status = arena_latency(&self.c, chunk, &run, &into[0], &count)
        self.machine.leave(status)
        return count

    def roofline(self, unsigned int chunk, str primitive, size_t call_bytes) -> int:
        """Return the nanoseconds to zero CHUNK with PRIMITIVE, CALL_BYTES a call, and no allocator in the way."""
        self._check_chunk(chunk)
        cdef const clearfw_primitive *found = _primitive(primitive)
        cdef uint64_t ns
        if not call_bytes:
            raise errors.ConfigError("calls of 0 bytes: give at least 1")
        self.machine.calls += 1
        with nogil:
            ns = arena_roofline(&self.c, chunk, found, call_bytes)
        self.machine.calls -= 1
        return ns

    def dirty(self, unsigned int chunk):
        """Fill the dirty share of the chunk with garbage, and leave no line of it in a cache."""
        self._check_chunk(chunk)
        self.machine.calls += 1
        with nogil:
            arena_dirty(&self.c, chunk)
        self.machine.calls -= 1

    def view(self, unsigned int chunk):
        """Return the chunk's bytes as a writable memoryview, for what clears it by other means."""
        self._check_chunk(chunk)
        return memoryview(_ChunkBuffer(self, chunk))

    def fragment(self, uint64_t seed):
        """Let go of every other page, in random order: nothing left is contiguous. The chunks are gone then."""
        self._check_chunk(0)
        self._check_idle()
        arena_fragment(&self.c, seed)


cdef class _ChunkBuffer(_Buffer):
    """A chunk's bytes."""

    cdef Arena arena
    cdef unsigned int chunk

    def __init__(self, Arena arena, unsigned int chunk):
        self.arena = arena
        self.machine = arena.machine
        self.chunk = chunk

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        self._export(buffer, arena_chunk_bytes(&self.arena.c, self.chunk), self.arena.chunk_bytes, flags)
