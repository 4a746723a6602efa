# SPDX-License-Identifier: MIT
# The decoder of trace ring buffers (csrc/trace/ring_buffer.h)

cdef extern from "trace/trace_event.h" nogil:
    enum:
        NR_TRACE_KINDS

cdef extern from "trace/ring_buffer.h" nogil:
    struct rb_field:
        uint32_t offset
        uint32_t size
    struct rb_record:
        bint recorded
        uint16_t id
        rb_field pid, pfn, order, gfp, migratetype
    struct rb_layout:
        uint32_t nbytes
        uint32_t data
        rb_field timestamp, commit, type
        rb_record record[3]
    struct rb_counts:
        uint64_t pages, other, malformed, missed, missed_pages
    struct rb_decoder:
        rb_layout layout
        rb_counts counts
        c_intern gfp
    enum rb_end:
        RB_EMPTY, RB_FULL, RB_NO_MEMORY, RB_FAILED
    bint rb_init(rb_decoder *decoder, const rb_layout *layout)
    void rb_deinit(rb_decoder *decoder)
    uint32_t rb_most_events(const rb_decoder *decoder)
    bint rb_decode(rb_decoder *decoder, const unsigned char *page, uint16_t cpu, trace_events *events)
    rb_end rb_drain(rb_decoder *decoder, int fd, unsigned char *page, uint16_t cpu, trace_events *events)


cdef rb_field _rb_field(object field) except *:
    return rb_field(field.offset, field.size)


cdef rb_record _rb_record(object record) except *:
    return rb_record(
        True, record.id, _rb_field(record.pid), _rb_field(record.pfn), _rb_field(record.order),
        _rb_field(record.gfp), _rb_field(record.migratetype),
    )


cdef rb_layout _rb_layout(object layout) except *:
    cdef rb_layout c
    c_memset(&c, 0, sizeof(c))
    c.nbytes, c.data = layout.nbytes, layout.data
    c.timestamp, c.commit = _rb_field(layout.timestamp), _rb_field(layout.commit)
    c.type = _rb_field(layout.type)
    for kind, record in layout.records.items():
        if not 0 <= kind < NR_TRACE_KINDS:
            raise ValueError(f"no kind of event is {kind}")
        c.record[<int>kind] = _rb_record(record)
    return c


cdef class RingBufferDecoder:
    """Sub-buffers of one kernel's ring buffer into columns; gfp as indices into gfp_flags."""

    cdef rb_decoder *c
    cdef unsigned char *page

    def __cinit__(self, layout):
        cdef rb_layout asked = _rb_layout(layout)
        self.c = <rb_decoder *>PyMem_Malloc(sizeof(rb_decoder))
        if self.c == NULL:
            raise MemoryError
        if not rb_init(self.c, &asked):
            raise ValueError("fields outside of their record or sub-buffer")
        self.page = <unsigned char *>PyMem_Malloc(max(1, asked.nbytes))
        if self.page == NULL:
            raise MemoryError
        # Touched now, and not while allocations are recorded.
        c_memset(self.page, 0, asked.nbytes)

    def __dealloc__(self):
        if self.c != NULL:
            rb_deinit(self.c)
        PyMem_Free(self.c)
        PyMem_Free(self.page)

    @property
    def counts(self) -> dict:
        """Sub-buffers, and what in them is no event of the columns."""
        return self.c.counts

    @property
    def most_events(self) -> int:
        """The most events of one sub-buffer: no column may be shorter."""
        return rb_most_events(self.c)

    @property
    def gfp_flags(self) -> list:
        """The recording kernel's gfp_flags, by the index that the columns have for them."""
        cdef uint32_t i
        return [(<uint64_t *>self.c.gfp.value[i].bytes)[0] for i in range(self.c.gfp.nr)]

    def decode(self, const unsigned char[::1] pages not None, Py_ssize_t start, uint16_t cpu, events, size_t nr):
        """Append to NR events those of PAGES from START, while there is room; return both, moved on."""
        cdef trace_events c = _columns(events)
        cdef Py_ssize_t size = self.c.layout.nbytes, end = pages.shape[0]
        cdef bint decoded = True
        if start < 0 or nr > c.room or size == 0:
            raise ValueError("no such place in the pages or columns")
        c.nr = nr
        with nogil:
            while decoded and end - start >= size and c.room - c.nr >= rb_most_events(self.c):
                decoded = rb_decode(self.c, &pages[start], cpu, &c)
                start += size
        if not decoded:
            raise _too_many_gfp_flags()
        return start, c.nr

    def drain(self, int fd, uint16_t cpu, events, size_t nr):
        """Append to NR events those FD has to give now; return how many it are, and whether the columns are full."""
        cdef trace_events c = _columns(events)
        cdef rb_end end
        if nr > c.room:
            raise ValueError("no such place in the columns")
        c.nr = nr
        with nogil:
            end = rb_drain(self.c, fd, self.page, cpu, &c)
        if end == RB_FAILED:
            raise OSError(errno, strerror(errno).decode())
        if end == RB_NO_MEMORY:
            raise _too_many_gfp_flags()
        return c.nr, end == RB_FULL


cdef object _too_many_gfp_flags():
    return errors.TraceError(
        "the events have more different gfp_flags than a kernel has (or there is no memory for them): "
        "the format files are another kernel's, record again"
    )
